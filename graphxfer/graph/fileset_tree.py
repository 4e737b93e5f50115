# SPDX-License-Identifier: GPL-2.0-or-later
"""What an import makes, seen in a graph: all that hangs together with a fileset.

Both ends have it, one in the source's graph, one read from the destination; node by node they are
each other's counterparts. From the fileset all is reached that imports make, along edges in either
direction: its images, their pixels and channels; through the images' WellSamples the Wells, and
through these the Plate. Of classes that people make as well, only what was made together with what
it is reached from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Follow, Maker, Value, Via
from graphxfer.graph.transfer_graph import Node, TransferGraph, class_of

FILESET = catalogue.FILESET
"""What is imported: its files, in order."""
ENTRIES, FILE = "usedFiles", "originalFile"
"""The edges from it to its files."""
ENTRY = catalogue.target(FILESET, ENTRIES)
"""The class between a fileset and a file, with the path that the file was imported from."""


class Siblings(NamedTuple):
    """The children of a node by one edge; by an incoming edge, too.

    Parameters
    ----------
    edge : str
        Name of the edge, with the class that it comes from: ``Image.fileset``.
    children : tuple of str
        IRIs, in their order, or that of their places.
    places : tuple
        What tells them from each other, where it is not their order.
    told : bool
        Whether their order or places tell them from each other.
    """

    edge: str
    children: tuple[str, ...]
    places: tuple[tuple[object, ...], ...] = ()
    told: bool = True


@cache
def imported(name: str) -> bool:
    """Whether objects of a class can be made by an import."""
    return any(entry.maker in (Maker.IMPORT, Maker.EITHER) for entry in catalogue.subclasses(name))


@cache
def incoming(name: str) -> tuple[tuple[Class, Edge], ...]:
    """Return what an import makes that leads to one of a class, and belongs to it.

    A Fileset has its Images by Image.fileset, an Image its WellSamples by WellSample.image.
    """
    return tuple(
        (entry, edge)
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
        if edge.follow is not Follow.OUT and edge.target == name and imported(entry.name)
    )


@cache
def _outgoing(name: str) -> tuple[Edge, ...]:
    """Return the edges of a class to what an import makes with it, but for those back to it."""
    return tuple(
        edge
        for edge in catalogue.CLASSES[name].edges
        if imported(edge.target)
        and not (edge.follow is not Follow.OUT and always_imported(edge.target))
    )


@cache
def always_imported(name: str) -> bool:
    """Whether only imports make objects of a class."""
    return {entry.maker for entry in catalogue.subclasses(name)} == {Maker.IMPORT}


def goes_by_itself(entry: Class) -> bool:
    """Whether what an import made of a class does not go when its fileset is deleted: Plates."""
    return entry.maker is Maker.EITHER and not entry.part_of and not entry.bytes


class Tree:
    """The nodes that imports make, under their filesets.

    Parameters
    ----------
    graph : TransferGraph
        Either end's.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self.graph = graph
        self._leading: dict[tuple[str, str, str], list[Node]] = {}
        for name in catalogue.CLASSES:
            for entry, edge in incoming(name):
                self._note(entry, edge)

    def _note(self, entry: Class, edge: Edge) -> None:
        for node in self.graph.of_type(entry.name):
            for target in node.edges.get(edge.name, ()):
                self._leading.setdefault((entry.name, edge.name, target), []).append(node)

    def branches(self, node: Node) -> Iterator[Siblings]:
        """Iterate over a node's children, edge by edge."""
        entry = class_of(node)
        if not imported(entry.name):
            return
        for source, edge in incoming(entry.name):
            yield self._coming(node, source, edge)
        for edge in _outgoing(entry.name):
            # What an imported node refers to was made with it, or before it (a file).
            chosen = edge.via is not Via.REFERENCE
            children = tuple(
                iri
                for iri in node.edges.get(edge.name, ())
                if not (chosen and self._is_later(node, self.graph.get(iri)))
            )
            yield Siblings(edge.name, children, told=edge.via is not Via.LINK)

    def _coming(self, node: Node, source: Class, edge: Edge) -> Siblings:
        """Return the branch of what leads to a node."""
        place = _place(source)
        found = [
            one
            for one in self._leading.get((source.name, edge.name, node.iri), ())
            if not self._is_later(node, one)
        ]
        found.sort(key=place)
        places = tuple(map(place, found)) if source.place else ()
        iris = tuple(one.iri for one in found)
        return Siblings(f"{source.name}.{edge.name}", iris, places, told=bool(source.place))

    @staticmethod
    def _is_later(node: Node, other: Node | None) -> bool:
        """Tell whether another node was made at another time than its import, so by a person."""
        if other is None or class_of(other).maker is not Maker.EITHER:
            return False
        created = catalogue.CREATED.name
        return other.fields.get(created) != node.fields.get(created)

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
