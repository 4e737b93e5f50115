# SPDX-License-Identifier: GPL-2.0-or-later
"""What an import makes, seen in a graph: the tree of nodes under a fileset.

Both ends have such a tree, one in the source's graph, one read from the destination; node by node
they are each other's counterparts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from graphxfer import model
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.model import Class, Edge, Field, Made, Value, Via

FILESET = "Fileset"
"""What is imported: its files, in order."""
ENTRIES, FILE = "usedFiles", "originalFile"
"""The edges from it to its files."""


class Branch(NamedTuple):
    """The children of a node by one edge, in order; by an incoming edge, too.

    Parameters
    ----------
    edge : str
        Name of the edge, with the class that it comes from: ``Image.fileset``.
    children : tuple of str
        IRIs, in the order in which they are told from each other.
    places : tuple
        What tells them from each other, where it is not their order alone.
    """

    edge: str
    children: tuple[str, ...]
    places: tuple[tuple[object, ...], ...] = ()


@cache
def imported(name: str) -> bool:
    """Whether objects of a class can be made by an import: images, or the files themselves."""
    return any(entry.made is Made.IMPORT or entry.bytes for entry in model.subclasses(name))


@cache
def incoming(name: str) -> tuple[tuple[Class, Edge], ...]:
    """Return the classes of imported objects that refer to one of a class (Image.fileset)."""
    return tuple(
        (entry, edge)
        for entry in model.CLASSES.values()
        for edge in entry.edges
        if entry.place and edge.via is Via.REFERENCE and edge.target == name
    )


class Tree:
    """The nodes that imports make, under their filesets.

    Parameters
    ----------
    graph : TransferGraph
        Either end's.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self.graph = graph
        self._referring: dict[tuple[str, str], list[Node]] = {}
        for name in model.CLASSES:
            for entry, edge in incoming(name):
                self._note(entry, edge)

    def _note(self, entry: Class, edge: Edge) -> None:
        for node in self.graph.of_type(entry.name):
            if target := node.target(edge.name):
                self._referring.setdefault((target, edge.name), []).append(node)

    def branches(self, node: Node) -> Iterator[Branch]:
        """Iterate over a node's children, edge by edge."""
        entry = class_of(node)
        if entry.made is not Made.IMPORT:
            return
        for source, edge in incoming(entry.name):
            place = _place(source)
            children = sorted(self._referring.get((node.iri, edge.name), ()), key=place)
            iris = tuple(child.iri for child in children)
            yield Branch(f"{source.name}.{edge.name}", iris, tuple(map(place, children)))
        for edge in entry.edges:
            back = any(starting == edge for _, starting in incoming(edge.target))
            if edge.via is not Via.LINK and imported(edge.target) and not back:
                yield Branch(edge.name, node.edges.get(edge.name, ()))

    def under(self, fileset: str) -> list[str]:
        """Return the IRIs of all nodes under a fileset that are in the graph, itself first."""
        found, seen = [fileset], {fileset}
        for iri in found:  # grows as we go
            for branch in self.branches(self.graph[iri]):
                more = [c for c in branch.children if c in self.graph and c not in seen]
                found += more
                seen.update(more)
        return found

    def members(self) -> dict[str, str]:
        """Return the fileset of each node that an import makes."""
        return {
            iri: fileset.iri
            for fileset in self.graph.of_type(FILESET)
            for iri in self.under(fileset.iri)
        }


def _place(entry: Class) -> Callable[[Node], tuple[object, ...]]:
    """Return what tells an object from its siblings, : ``(series,)``."""
    # OMERO's own default is 0 (Image.series), which some documents leave out.
    return lambda node: tuple(node.fields.get(name) or 0 for name in entry.place)


def edits(entry: Class, node: Node, *, clearing: bool = True) -> list[tuple[Field, Value | None]]:
    """Return the fields that users may have changed after the import, and their values.

    Parameters
    ----------
    entry : Class
        The node's.
    node : Node
        The source's.
    clearing : bool
        Whether an absent field was null there; a document that is not OMERO's own may lack it for
        another reason.
    """
    return [
        (field, node.fields.get(field.name))
        for field in entry.fields
        if field.editable and (clearing or field.name in node.fields)
    ]


def files(graph: TransferGraph, fileset: Node) -> list[tuple[Node, Node]]:
    """Return a fileset's entries in order, each with its file; those that the graph has."""
    entries = [graph[iri] for iri in fileset.edges.get(ENTRIES, ()) if iri in graph]
    return [
        (entry, graph[iri])
        for entry in entries
        if (iri := entry.target(FILE)) is not None and iri in graph
    ]


def client_paths(graph: TransferGraph, fileset: Node) -> list[str]:
    """Return the paths by which a fileset's files are told to a server, in order.

    The paths that they were once imported from, if these lie to each other as the files do on the
    source's disk; else those. (A server keeps the tree below the paths' common folder.)

    Parameters
    ----------
    graph : TransferGraph
        The source's.
    fileset : Node
        The fileset.
    """
    found = files(graph, fileset)
    told = [str(entry.fields.get("clientPath") or "") for entry, _ in found]
    stored = [
        "/".join(str(file.fields.get(f) or "") for f in ("path", "name")) for _, file in found
    ]
    real = _below_common(stored)
    if all(told) and "://" not in "".join(told) and _below_common(told) == real:
        return ["/".join(_parts(path)) for path in told]
    return ["/".join(parts) for parts in real]


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def _below_common(paths: list[str]) -> list[list[str]]:
    """Return the parts of each path below the folder that all of them share."""
    split = [_parts(path) for path in paths]
    folders = [parts[:-1] for parts in split]
    shared = 0
    while folders and all(len(f) > shared and f[shared] == folders[0][shared] for f in folders):
        shared += 1
    return [parts[shared:] for parts in split]
