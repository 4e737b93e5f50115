# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries of the catalogue that several packages use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from typing import NamedTuple

from graphxfer.catalogue import omero_model
from graphxfer.catalogue.declare import DETAILS
from graphxfer.catalogue.entries import OMERO, Class, Counted, Edge, Maker, NotCovered, Via
from graphxfer.catalogue.table import CLASSES, NOT_COVERED


@cache
def subclasses(name: str) -> tuple[Class, ...]:
    """Return the concrete classes of a class name: the class itself and its subclasses.

    Parameters
    ----------
    name : str
        A class of the catalogue or an abstract one that entries name as their parent.
    """
    return tuple(entry for entry in CLASSES.values() if name in (entry.name, entry.parent))


def link_edges() -> Iterator[tuple[Class, Edge]]:
    """Iterate over every edge that is stored as a link, with the class of its subject."""
    for entry in CLASSES.values():
        for edge in entry.edges:
            if edge.via is Via.LINK:
                yield entry, edge


@cache
def link_classes() -> dict[str, Edge]:
    """Return the link classes (``ImageAnnotationLink``), each with its edge.

    A link whose owner is not the parent's is a node of such a class, with the edges
    ``parent``, ``child`` and ``owner``.
    """
    return {edge.attribute: edge for _, edge in link_edges()}


@cache
def link_node(name: str) -> Class | None:
    """Return the entry for nodes of a link class: the edges ``parent``, ``child`` and details.

    Parameters
    ----------
    name : str
        A link class, such as ``ImageAnnotationLink``.
    """
    edge = link_classes().get(name)
    if edge is None:
        return None
    subjects = [entry for entry, starting in link_edges() if starting.attribute == name]
    parent = subjects[0].name if len(subjects) == 1 else subjects[0].parent
    ends = (
        Edge("parent", parent, Via.REFERENCE, "parent", OMERO + "parent", required=True),
        Edge("child", edge.target, Via.REFERENCE, "child", OMERO + "child", required=True),
    )
    return Class(name, (), (*ends, *DETAILS), iri=OMERO + name)


class LinkBeyond(NamedTuple):
    """A link class from outside of the catalogue.

    Parameters
    ----------
    name, parent, child : str
        The link class; the class of its parents, and of its children.
    several : bool
        Whether the parents are of several classes.
    """

    name: str
    parent: str
    child: str
    several: bool


@cache
def links_beyond() -> tuple[LinkBeyond, ...]:
    """Return the link classes that lead from classes outside of the catalogue to ours.

    People use them as they use those of the catalogue: they put an image into a folder, or a tag on
    a microscope. The links of jobs belong to the server.
    """
    model = omero_model.classes()
    ours = CLASSES.keys() | {entry.parent for entry in CLASSES.values() if entry.parent}
    found = []
    for link in model.values():
        if link.is_link and not link.is_global and link.name not in link_classes():
            parent, child = (link.own[end].of for end in ("parent", "child"))
            if parent not in ours and child in ours and model[parent].package != _JOBS:
                found.append(LinkBeyond(link.name, parent, child, model[parent].is_abstract))
    return tuple(found)


@cache
def part_lists() -> tuple[tuple[Class, Edge], ...]:
    """Return the lists of parts that apply creates with their owner: the shapes of a ROI."""
    return tuple(
        (owner, edge)
        for owner in CLASSES.values()
        for edge in owner.edges
        if edge.via is Via.LIST and owner.maker is not Maker.IMPORT
    )


@cache
def of_people() -> frozenset[str]:
    """Return the classes and link classes whose objects are people's work, moved or not.

    Others' objects of these classes are never deleted with ours. The server makes the rest again:
    thumbnails, rendering settings.
    """
    moved = (entry.name for entry in CLASSES.values() if entry.maker is not Maker.SERVER)
    return frozenset({*moved, *link_classes(), *(link.name for link in links_beyond())})


def has_owner(name: str) -> bool:
    """Tell whether a name is that of an OMERO class whose objects have owners."""
    return name in omero_model.classes() and not omero_model.classes()[name].is_global


def link_ends(name: str) -> tuple[tuple[str, bool], ...]:
    """Return the classes of a link's parent and child, and whether they are abstract.

    Parameters
    ----------
    name : str
        A link class; for another class the result is empty.
    """
    model = omero_model.classes()
    if name not in model or not model[name].is_link:
        return ()
    ends = (model[name].own[end].of for end in ("parent", "child"))
    return tuple((end, any(end in each.lineage[1:] for each in model.values())) for end in ends)


_JOBS = "jobs"
"""The package of the classes that the server works with."""


def roots() -> tuple[str, ...]:
    """Return the names of the classes that can be selected on the command line."""
    return tuple(entry.name for entry in CLASSES.values() if entry.root)


def not_covered() -> tuple[NotCovered, ...]:
    """Return the classes that refer to classes of the catalogue, and are not moved yet."""
    moved = CLASSES.keys() | link_classes().keys()
    return tuple(each for each in NOT_COVERED if each.name not in moved)


def target(name: str, edge: str) -> str:
    """Return the target class of an edge.

    Examples
    --------
    >>> target("FilesetEntry", "originalFile")
    'OriginalFile'
    """
    return next(each.target for each in CLASSES[name].edges if each.name == edge)


def units(dimension: str) -> frozenset[str]:
    """Return OMERO's names of the units of a dimension (``Length``); empty if it has no units."""
    return omero_model.units().get(dimension, frozenset())


def counted_as(what: Counted) -> tuple[Class, ...]:
    """Return the classes whose objects a summary counts as images, or as ROIs."""
    return tuple(entry for entry in CLASSES.values() if entry.counts_as is what)


def apply_order() -> list[list[str]]:
    """Return the class names in topological layers: each layer needs only earlier layers.

    A reference needs its target. A part needs the object that it is saved with, and this object
    needs all targets of the part. Links are created when both ends exist, so they do not affect the
    order. A class that refers to itself is not a cycle here.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for entry in CLASSES.values():
        sorter.add(entry.name)
        for needed, name in _order(entry):
            if needed != name:
                sorter.add(name, needed)
    sorter.prepare()
    layers = []
    while layer := sorter.get_ready():
        layers.append(sorted(layer))
        sorter.done(*layer)
    return layers


def _order(entry: Class) -> Iterator[tuple[str, str]]:
    """Iterate over the order that a class's edges require: the earlier and the later class."""
    for edge in entry.edges:
        for object_ in subclasses(edge.target):
            if edge.via is Via.REFERENCE:
                yield object_.name, entry.name
            elif edge.via is Via.LIST:
                yield entry.name, object_.name
                yield from ((needed, entry.name) for needed in _referred(object_))


def _referred(entry: Class) -> Iterator[str]:
    """Iterate over the classes that a class refers to."""
    for edge in entry.edges:
        if edge.via is Via.REFERENCE:
            yield from (target.name for target in subclasses(edge.target))
