# SPDX-License-Identifier: GPL-2.0-or-later
"""Find what an earlier run created, and the graph does not have any more: a newer export."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from graphxfer import catalogue
from graphxfer.catalogue import Maker, Via
from graphxfer.graph import TransferGraph, class_of
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.journal import Counterpart, How, Journal, LinkKey


@dataclass(frozen=True, slots=True)
class Removed:
    """What the journal has, and the graph has not.

    Parameters
    ----------
    nodes : dict
        Nodes that an apply created, with their counterparts.
    links : dict
        Links that an apply created, with their ids.
    """

    nodes: dict[str, Counterpart]
    links: dict[LinkKey, int]

    def named(self) -> Iterator[tuple[str, Counterpart]]:
        """Iterate over the nodes to name: not those that are removed with a fileset."""
        filesets = any(found.type == FILESET for found in self.nodes.values())
        for node, found in self.nodes.items():
            if not (filesets and with_fileset(found)):
                yield node, found

    def named_links(self) -> Iterator[tuple[LinkKey, int]]:
        """Iterate over the links to name: not those that are removed with one of their ends."""
        for key, number in self.links.items():
            if key.parent not in self.nodes and key.child not in self.nodes:
                yield key, number


def with_fileset(found: Counterpart) -> bool:
    """Tell whether an object is removed only with the fileset of its import: an Image."""
    maker = catalogue.CLASSES[found.type].maker
    if found.type == FILESET or maker is Maker.USER:
        return False
    return maker is Maker.IMPORT or found.how is How.MATCHED


def find(graph: TransferGraph, journal: Journal) -> Removed:
    """Find what the journal has, and the graph has not.

    Parameters
    ----------
    graph : TransferGraph
        The source's graph.
    journal : Journal
        The journal, without the objects that do not exist any more.
    """
    nodes = {
        node: found
        for node, found in journal.nodes().items()
        if node not in graph and found.how.ours
    }
    by_parent: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for key, number in journal.links():
        by_parent[key.type, key.parent][key.child] = number
    links = {
        LinkKey(type_, parent, child): number
        for (type_, parent), children in by_parent.items()
        for child, number in _without(graph, type_, parent, children)
    }
    return Removed(nodes, links)


def _without(
    graph: TransferGraph, type_: str, parent: str, children: dict[str, int]
) -> Iterator[tuple[str, int]]:
    """Iterate over the children that the graph does not link to a parent."""
    node = graph.get(parent)
    edges = class_of(node).edges if node is not None else ()
    linked = {
        target
        for edge in edges
        if node is not None and edge.via is Via.LINK and edge.attribute == type_
        for target in node.edges.get(edge.name, ())
    }
    return ((child, number) for child, number in children.items() if child not in linked)
