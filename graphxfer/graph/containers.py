# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers and their contents: Datasets in Projects, Images in Datasets, Wells in Plates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Follow, Maker, Via
from graphxfer.graph.transfer_graph import Node, TransferGraph, class_of


@cache
def holding(name: str) -> tuple[Edge, ...]:
    """Return the edges from objects of a class to their contents: Project.datasets."""
    return tuple(
        edge
        for edge in catalogue.CLASSES[name].edges
        if edge.follow is Follow.IMPORT
        or (edge.via is Via.LIST and edge.follow is Follow.BOTH)
        or (edge.via is Via.LINK and any(t.root for t in catalogue.subclasses(edge.target)))
    )


@cache
def held_by(name: str) -> tuple[tuple[Class, Edge], ...]:
    """Return the classes whose objects refer to their container, and the edges: Well.plate.

    They require it, or it is of the same class: then they form a tree, with tops in no container.
    """
    return tuple(
        (entry, edge)
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
        if edge.target == name and edge.via is Via.REFERENCE
        if edge.required or edge.target == entry.name
        if edge.follow is Follow.BOTH and not edge.alone
    )


class Containers:
    """The containers of a graph, and their contents.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self._graph = graph
        self._inside: defaultdict[str, list[Node]] = defaultdict(list)
        for name in catalogue.CLASSES:
            for entry, edge in held_by(name):
                for node in graph.of_type(entry.name):
                    self._inside[node.target(edge.name) or ""].append(node)
        for nodes in self._inside.values():
            nodes.sort(key=lambda node: [node.fields.get(f) or 0 for f in class_of(node).place])

    def contents(self, node: Node) -> Iterator[Node]:
        """Iterate over a node's contents; a Well's are those of its samples."""
        for edge in holding(node.type) if node.type in catalogue.CLASSES else ():
            for iri in node.edges.get(edge.name, ()):
                if child := self._graph.get(iri):
                    yield from self.contents(child) if class_of(child).part_of else (child,)
        yield from self._inside.get(node.iri, ())

    def all_in(self, iris: Iterable[str]) -> set[str]:
        """Return the IRIs of nodes, of their contents, and of all contents of those."""
        found, todo = set[str](), list(iris)
        while todo:
            if (iri := todo.pop()) not in found and (node := self._graph.get(iri)):
                found.add(iri)
                todo += (child.iri for child in self.contents(node))
        return found


def included(graph: TransferGraph) -> tuple[str, ...]:
    """Return the images that were not selected, but share a fileset with a selected image."""
    selected = Containers(graph).all_in(graph.header.roots)
    return tuple(
        node.iri
        for entry in catalogue.CLASSES.values()
        if entry.root and entry.maker is Maker.IMPORT
        for node in graph.of_type(entry.name)
        if node.iri not in selected
    )
