# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue says nothing twice and nothing that contradicts itself."""

from __future__ import annotations

from collections import Counter

import pytest

from graphxfer import catalogue
from graphxfer.catalogue import Class, Type, Via
from graphxfer.graph import jsonld
from graphxfer.graph.jsonld.values import HEADER, PREFIXES, classes, members

EVERY = {entry.name: entry for entry in classes()}


def doubled(things: list[str]) -> list[str]:
    return [thing for thing, count in Counter(things).items() if count > 1]


def test_every_class_has_an_iri_of_its_own() -> None:
    assert doubled([entry.iri for entry in EVERY.values()]) == []


@pytest.mark.parametrize("entry", [*EVERY.values(), HEADER], ids=lambda entry: entry.name)
def test_members_of_a_class_are_told_apart_by_name_and_by_iri(entry: Class) -> None:
    assert doubled([member.name for member in members(entry)]) == []
    assert doubled([member.iri for member in members(entry)]) == []


def test_names_of_classes_members_and_prefixes_are_told_apart() -> None:
    names = {member.name for entry in (*EVERY.values(), HEADER) for member in members(entry)}
    # A field whose name is one of these needs another term: term="...".
    assert names & EVERY.keys() == set()
    assert names & PREFIXES.keys() == set()
    assert PREFIXES.keys() & EVERY.keys() == set()


def test_the_header_means_the_same_beside_any_class() -> None:
    terms = jsonld.context()
    assert {member.name for member in members(HEADER)} <= terms.keys()


@pytest.mark.parametrize("entry", EVERY.values(), ids=lambda entry: entry.name)
def test_what_a_class_names_is_there(entry: Class) -> None:
    for edge in entry.edges:
        targets = catalogue.subclasses(edge.target)
        assert targets, f"{edge.target} is no class"
        assert bool(edge.inverse) == (edge.via is Via.LIST)
    for field in entry.fields:
        assert bool(field.of) == (field.type in (Type.ENUM, Type.QUANTITY, Type.TRANSFORM)), (
            f"{field.name} names what it is of, or nothing"
        )
        if field.when_same:
            assert entry.field(field.when_same)
    for name in (*entry.identity, *entry.place):
        assert entry.field(name)


def test_a_class_is_applied_after_all_that_it_needs() -> None:
    layer = {name: place for place, names in enumerate(catalogue.apply_order()) for name in names}
    assert layer.keys() == catalogue.CLASSES.keys()
    for entry in catalogue.CLASSES.values():
        for edge in entry.edges:
            for target in catalogue.subclasses(edge.target):
                if edge.via is Via.REFERENCE and target.name != entry.name:
                    assert layer[target.name] < layer[entry.name]
                if edge.via is Via.LIST and target.name != entry.name:
                    assert layer[target.name] > layer[entry.name]


def test_a_link_is_a_node_with_two_ends() -> None:
    link = catalogue.link_node("ShapeAnnotationLink")
    assert link is not None
    assert [(edge.name, edge.target) for edge in link.edges[:2]] == [
        ("parent", "Shape"),
        ("child", "Annotation"),
    ]
    assert catalogue.link_node("Image") is None
