# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's model as it is checked in is omero-py's, and can be relied on."""

from __future__ import annotations

import omero
import omero.all
import pytest

from graphxfer.catalogue import omero_model
from graphxfer.omero import model_facts

CLASSES = omero_model.classes()


def test_the_model_is_up_to_date() -> None:
    checked_in = omero_model.PATH.read_text("utf-8")
    assert checked_in == model_facts.text(), "run `make generate` and commit what it wrote"


def test_every_class_that_omero_py_can_make_is_there() -> None:
    known = vars(omero.model).items()
    made = {
        name.removesuffix("I")
        for name, cls in known
        if name.endswith("I") and isinstance(cls, type) and issubclass(cls, omero.model.IObject)
    }
    concrete = {name for name, each in CLASSES.items() if not each.is_abstract}
    assert made == concrete - {omero_model.TOP, omero_model.DETAILS}


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_of_omero_py_is_there(name: str) -> None:
    cls = getattr(omero.model, f"{name}I", None)
    if information := getattr(cls, "_field_info", None):
        attributes = {**CLASSES[name].attributes}
        attributes.pop("id")
        assert attributes.keys() == set(information._fields)


@pytest.mark.parametrize("name", CLASSES)
def test_what_a_field_leads_to_is_there_and_leads_back(name: str) -> None:
    for attribute in CLASSES[name].own.values():
        if attribute.kind in ("list", "set"):
            back = CLASSES[attribute.of].attributes[attribute.inverse]
            assert back.of in CLASSES[name].lineage
        elif attribute.kind == "quantity":
            assert omero_model.units()[attribute.of]
        elif attribute.kind in ("reference", "enumeration"):
            assert CLASSES[attribute.of].is_enumeration == (attribute.kind == "enumeration")


def test_what_the_model_says_of_well_known_classes() -> None:
    assert CLASSES["TagAnnotation"].lineage[1:] == ("TextAnnotation", "Annotation", "IObject")
    assert omero_model.attribute("Project", "name") == ("string", "", True, "")
    assert omero_model.attribute("Roi", "shapes") == ("list", "Shape", False, "roi")
    assert omero_model.attribute("Image", "datasetLinks").inverse == "child"
    assert omero_model.attribute("Well", "details.owner").of == "Experimenter"
    assert CLASSES["Experimenter"].is_global
    assert CLASSES["Rectangle"].is_annotatable
    assert not CLASSES["WellSample"].is_annotatable
    assert sum("annotationLinks" in each.own for each in CLASSES.values()) == 28
    with pytest.raises(LookupError, match="OMERO's Image has no colour"):
        omero_model.attribute("Image", "colour")
