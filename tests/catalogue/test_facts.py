# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tables state agrees with OMERO's model, but for what is listed here with its reason."""

from __future__ import annotations

import pytest

from graphxfer import catalogue
from graphxfer.catalogue import Class, Maker, Type, Via, omero_model
from omero_sandbox import model as sandbox

NOT_ASKED_FOR = {
    "Pixels.sha1": "servers compute it in their own time, and an import makes it",
    "Fileset.templatePrefix": "each server's import makes its own",
}
"""Fields that OMERO requires and a graph may lack."""
KINDS = {Type.ENUM: "enumeration", Type.TRANSFORM: "reference"}

ENTRIES = pytest.mark.parametrize("entry", catalogue.CLASSES.values(), ids=lambda each: each.name)


@ENTRIES
def test_a_class_is_one_that_has_objects(entry: Class) -> None:
    known = omero_model.classes()[entry.name]
    assert not known.is_abstract
    assert known.is_global == (entry.maker is Maker.SERVER)
    assert not entry.parent or entry.parent in known.lineage[1:]


@ENTRIES
def test_the_fields_are_those_of_the_model(entry: Class) -> None:
    for field in entry.fields:
        fact = omero_model.attribute(entry.name, field.attribute)
        assert fact.kind == KINDS.get(field.type, field.type.value)
        assert fact.of == field.of
        is_asked_for = f"{entry.name}.{field.name}" not in NOT_ASKED_FOR
        assert field.required == (fact.required and is_asked_for), field


@ENTRIES
def test_the_edges_are_those_of_the_model(entry: Class) -> None:
    for edge in entry.edges:
        if edge.via is Via.LINK:
            parent = omero_model.attribute(edge.attribute, "parent")
            assert parent.of in omero_model.classes()[entry.name].lineage
            assert omero_model.attribute(edge.attribute, "child").of == edge.target
            continue
        fact = omero_model.attribute(entry.name, edge.attribute)
        kind = "list" if edge.via is Via.LIST else "reference"
        assert fact == (kind, edge.target, edge.required, edge.inverse)


@ENTRIES
def test_a_part_is_held_by_the_class_that_it_is_a_part_of(entry: Class) -> None:
    if entry.part_of:
        edges = catalogue.CLASSES[entry.part_of].edges
        (holding,) = (edge for edge in edges if edge.target in (entry.name, entry.parent))
        assert holding.via is Via.LIST


@ENTRIES
def test_texts_are_as_long_as_the_server_stores_them(entry: Class) -> None:
    for field in entry.fields:
        if field.type is Type.STRING and not field.varies:  # what varies, a server writes itself
            limit = sandbox.TYPES[entry.name].fields[field.attribute].limit
            assert field.length == (limit or 0), field
