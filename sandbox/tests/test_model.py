# SPDX-License-Identifier: GPL-2.0-or-later
"""The model table against what omero-py itself says of its classes.

Source: ``_field_info`` of each class, which OMERO's code generator writes from the mappings.
"""

from __future__ import annotations

import inspect

import omero.all
import omero.model
import pytest

from omero_sandbox import model
from omero_sandbox.model import TYPES, find

CLASSES = sorted(
    name.removesuffix("I")
    for name, cls in inspect.getmembers(omero.model, inspect.isclass)
    if name.endswith("I") and hasattr(cls, "_field_info")
)


def test_every_class_of_omero_py_is_there():
    assert {name for name, type_ in TYPES.items() if type_.cls} == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_fields_are_those_of_the_stub(name):
    stub = getattr(omero.model, f"{name}I")._field_info
    assert set(TYPES[name].fields) == set(stub._fields) - {"details", "version"}
    values = [f for f in TYPES[name].fields.values() if f.kind not in ("many", "map")]
    assert {f.name for f in values if f.required} == {
        f.name for f in values if not getattr(stub, f.name).nullable
    }


def test_every_collection_has_the_reference_back():
    for type_ in TYPES.values():
        for made in type_.fields.values():
            if made.kind == "many":
                back = TYPES[made.target or ""].fields[made.inverse or ""]
                assert back.target in type_.lineage or TYPES[back.target or ""].is_a(type_.name)


def test_data_beside_the_stubs_names_what_exists():
    for name in [*model.VARCHAR, *model.CHECK, *model.ORDERED]:
        class_name, _, attribute = name.partition(".")
        assert TYPES[class_name].fields[attribute].owner == class_name
    assert set(model.DISCRIMINATOR) | set(model.UNIQUE) | set(model.ENUMERATIONS) <= set(TYPES)


def test_every_enumeration_has_values():
    empty = [t.name for t in TYPES.values() if set(t.fields) == {"value"} and not t.is_enum]
    assert empty == []


def test_abstract_classes():
    abstract = {name for name, type_ in TYPES.items() if type_.cls is None}
    assert abstract == {
        "Annotation", "BasicAnnotation", "NumericAnnotation", "TextAnnotation", "TypeAnnotation",
        "Shape", "Job", "LightSource", "CodomainMapContext",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["Image", "ImageI", "ome.model.core.Image", "omero.model.Image", "omero.model.ImageI",
     "::omero::model::Image"],
)  # fmt: skip
def test_names_that_clients_use(name):
    assert find(name) is TYPES["Image"]


def test_server_names():
    # omero-py's own constants say where a class is (ImageI.NAME, TagAnnotationI.NS ...)
    for name in CLASSES:
        cls = getattr(omero.model, f"{name}I")
        assert TYPES[name].fqn == cls.DETAILS.removesuffix("_details")
    assert TYPES["Annotation"].fqn == "ome.model.annotations.Annotation"


def test_unknown_name():
    assert find("Picture") is None
