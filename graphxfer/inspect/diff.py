# SPDX-License-Identifier: GPL-2.0-or-later
"""Which nodes were added, removed and changed between two graphs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Maker
from graphxfer.graph import Node, TransferGraph, class_of, differences
from graphxfer.graph.differences import Difference
from graphxfer.inspect.summary import label


class NamedNode(NamedTuple):
    """A node with the name that people know it by."""

    iri: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two graphs.

    Parameters
    ----------
    added, removed : tuple of NamedNode
        Nodes that only the second graph has, and that only the first has.
    changed : tuple of Difference
        Fields and edges that are not the same; the first graph's is the expected side.
    """

    added: tuple[NamedNode, ...]
    removed: tuple[NamedNode, ...]
    changed: tuple[Difference, ...]

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.added or self.removed or self.changed)


def diff(one: TransferGraph, other: TransferGraph) -> Diff:
    """Compare two graphs by identity.

    Of one server, a node is itself by its IRI. Of two servers, the roots are matched by what they
    are called, and what hangs on a matched pair by what it holds; where there are several alike,
    in their order. Users, groups and what differs between servers anyway are not compared.

    Parameters
    ----------
    one, other : TransferGraph
        The earlier and the later, or the source's and the destination's.
    """
    same = _same(one, other)
    found = list(differences.compare(one, other, same))
    there = set(same.values())
    return Diff(
        added=tuple(_named(node) for node in _compared(other) if node.iri not in there),
        removed=tuple(_named(one[it.node]) for it in found if it.kind == "missing"),
        changed=tuple(it for it in found if it.kind != "missing" and not _leads_out(it, one)),
    )


def _named(node: Node) -> NamedNode:
    return NamedNode(node.iri, node.type, label(node))


def _compared(graph: TransferGraph) -> Iterable[Node]:
    """Iterate over the nodes that are compared: no users and groups, no nodes of links."""
    for entry in catalogue.CLASSES.values():
        if entry.maker is not Maker.SERVER:
            yield from graph.of_type(entry.name)


def _leads_out(difference: Difference, one: TransferGraph) -> bool:
    """Tell whether an edge is new only because its object is in no graph: both have it."""
    had = one[difference.node].edges.get(difference.name, ())
    actual = difference.actual
    return difference.kind == "extra" and isinstance(actual, tuple) and set(actual) <= set(had)


# -- who is who ---------------------------------------------------------------------------------


def _same(one: TransferGraph, other: TransferGraph) -> dict[str, str]:
    """Return for nodes of one graph their counterparts in the other."""
    if one.header.database_uuid == other.header.database_uuid:
        return {node.iri: node.iri for node in one if _type(other, node.iri) == node.type}
    ours, theirs = _subjects(one), _subjects(other)
    waiting = _matched(one, one.header.roots, other, other.header.roots)
    same = dict(waiting)
    taken = set(same.values())
    while waiting:
        here, there = waiting.pop()
        # A ROI leads to its image, and not the image to it: look both ways.
        found = _matched(one, ours.get(here, ()), other, theirs.get(there, ()))
        for name, targets in one[here].edges.items():
            found += _matched(one, targets, other, other[there].edges.get(name, ()))
        for pair in found:
            if pair[0] not in same and pair[1] not in taken:
                same[pair[0]] = pair[1]
                taken.add(pair[1])
                waiting.append(pair)
    return same


def _subjects(graph: TransferGraph) -> dict[str, list[str]]:
    subjects: defaultdict[str, list[str]] = defaultdict(list)
    for node in _compared(graph):
        for edge in class_of(node).edges:
            if not edge.varies:
                for target in node.edges.get(edge.name, ()):
                    subjects[target].append(node.iri)
    return subjects


def _matched(
    one: TransferGraph, iris: Iterable[str], other: TransferGraph, others: Iterable[str]
) -> list[tuple[str, str]]:
    """Match nodes with their likes: those of equal identity, in their order."""
    likes: defaultdict[object, list[str]] = defaultdict(list)
    for iri in others:
        if node := other.get(iri):
            likes[_identity(node)].append(iri)
    pairs = []
    for iri in iris:
        node = one.get(iri)
        if node and (found := likes.get(_identity(node))):
            pairs.append((iri, found.pop(0)))
    return pairs


def _identity(node: Node) -> object:
    """Return what tells a node from its siblings: what the catalogue says, else all it holds."""
    entry = class_of(node)
    names = entry.place or entry.identity
    if not names:
        names = tuple(field.name for field in entry.fields if not (field.varies or field.editable))
    return node.type, *(repr(node.fields.get(name)) for name in names)


def _type(graph: TransferGraph, iri: str) -> str:
    node = graph.get(iri)
    return node.type if node else ""
