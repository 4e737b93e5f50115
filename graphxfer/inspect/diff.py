# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the nodes that were added, removed and changed between two graphs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Maker
from graphxfer.graph import Node, TransferGraph, class_of, differences
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import Difference
from graphxfer.inspect.summary import label


class NamedNode(NamedTuple):
    """A node with its label."""

    iri: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two graphs.

    Parameters
    ----------
    added, removed : tuple of NamedNode
        Nodes that are only in the second graph, and only in the first.
    changed : tuple of Difference
        Fields and edges that differ; the first graph has the expected values.
    """

    added: tuple[NamedNode, ...]
    removed: tuple[NamedNode, ...]
    changed: tuple[Difference, ...]

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.added or self.removed or self.changed)


def diff(one: TransferGraph, other: TransferGraph) -> Diff:
    """Compare two graphs.

    In graphs of one server, nodes are matched by their IRIs. In graphs of two servers, roots are
    matched by their names, and nodes that are linked to a matched pair by their fields; equal nodes
    in their order. Users, groups and fields that may differ between servers are not compared.

    Parameters
    ----------
    one, other : TransferGraph
        The earlier and the later graph, or the source's and the destination's.
    """
    same = _same(one, other)
    matched = set(same.values())
    both = Correspondence({node: There.of(counterpart) for node, counterpart in same.items()})
    found = list(differences.compare(one, GraphThere(other), both))
    return Diff(
        added=tuple(_named(node) for node in _compared(other) if node.iri not in matched),
        removed=tuple(_named(one[it.node]) for it in found if it.kind == "missing"),
        changed=tuple(
            it
            for it in found
            if it.kind != "missing" and not (_is_one_server(one, other) and _leads_out(it, one))
        ),
    )


def _named(node: Node) -> NamedNode:
    return NamedNode(node.iri, node.type, label(node))


def _compared(graph: TransferGraph) -> Iterable[Node]:
    """Iterate over the nodes to compare: all except users, groups and links."""
    for entry in catalogue.CLASSES.values():
        if entry.maker is not Maker.SERVER:
            yield from graph.of_type(entry.name)


def _is_one_server(one: TransferGraph, other: TransferGraph) -> bool:
    return one.header.database_uuid == other.header.database_uuid


def _leads_out(difference: Difference, one: TransferGraph) -> bool:
    """Tell whether both graphs of a server have an edge, but its object is in neither."""
    had = {There.of(target) for target in one[difference.node].edges.get(difference.name, ())}
    actual = difference.actual
    return difference.kind == "extra" and isinstance(actual, tuple) and set(actual) <= had


# -- counterparts -------------------------------------------------------------------------------


def _same(one: TransferGraph, other: TransferGraph) -> dict[str, str]:
    """Return the counterparts of nodes in the other graph."""
    if _is_one_server(one, other):
        # Also those that are gone: the other graph may still have edges to them.
        return {n.iri: n.iri for n in one if _type(other, n.iri) in (n.type, "")}
    subjects, other_subjects = _subjects(one), _subjects(other)
    waiting = _matched(one, one.header.roots, other, other.header.roots)
    same = dict(waiting)
    taken = set(same.values())
    while waiting:
        iri, counterpart = waiting.pop()
        # Some edges lead to the container (a ROI to its image): follow both directions.
        found = _matched(one, subjects.get(iri, ()), other, other_subjects.get(counterpart, ()))
        for name, targets in one[iri].edges.items():
            found += _matched(one, targets, other, other[counterpart].edges.get(name, ()))
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
    """Match nodes of equal identity, in their order."""
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
    """Return what identifies a node: its place or identity in the catalogue, or all fields."""
    entry = class_of(node)
    names = entry.place or entry.identity
    if not names:
        names = tuple(field.name for field in entry.fields if not (field.varies or field.editable))
    return node.type, *(repr(node.fields.get(name)) for name in names)


def _type(graph: TransferGraph, iri: str) -> str:
    node = graph.get(iri)
    return node.type if node else ""
