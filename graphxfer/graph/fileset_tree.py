# SPDX-License-Identifier: GPL-2.0-or-later
"""The objects that an import created, as a tree of nodes under its fileset.

There are two such trees: one in the source's graph, one read from the destination. Their nodes are
counterparts of each other. The tree follows edges in both directions: from the fileset to its
images, their pixels and channels, from the images' WellSamples to the Wells and the Plate. Objects
of classes that users also create (`Maker.EITHER`) are included only if they have the creation time
of the node that leads to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Follow, Maker, Value, Via
from graphxfer.graph.transfer_graph import Node, TransferGraph, class_of

FILESET = catalogue.FILESET
"""The class of a fileset: the files of one import, in order."""
ENTRIES, FILE = "usedFiles", "originalFile"
"""The edges from a fileset to its entries, and from an entry to its file."""
ENTRY = catalogue.target(FILESET, ENTRIES)
"""The class of an entry: it has the path that the file was imported from."""


class Siblings(NamedTuple):
    """The children of a node by one edge, outgoing or incoming.

    Parameters
    ----------
    edge : str
        Name of the edge; for an incoming edge with the class of its subject: ``Image.fileset``.
    children : tuple of str
        IRIs, in order; by their places if they have some.
    places : tuple
        The values of the place fields of each child; empty if its position identifies it.
    identified : bool
        Whether their places or their order identify them.
    editable : bool
        Whether users may make the edge lead to another object.
    """

    edge: str
    children: tuple[str, ...]
    places: tuple[tuple[object, ...], ...] = ()
    identified: bool = True
    editable: bool = False


@cache
def imported(name: str) -> bool:
    """Tell whether an import can create objects of a class."""
    return any(entry.maker in (Maker.IMPORT, Maker.EITHER) for entry in catalogue.subclasses(name))


@cache
def incoming(name: str) -> tuple[tuple[Class, Edge], ...]:
    """Return the classes and edges by which imported objects refer to their parent of a class.

    The Images of a Fileset refer to it by Image.fileset, the WellSamples of an Image by
    WellSample.image.
    """
    return tuple(
        (entry, edge)
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
        if edge.follow is not Follow.OUT and edge.target == name and imported(entry.name)
    )


@cache
def _outgoing(name: str) -> tuple[Edge, ...]:
    """Return the edges of a class to objects of the same import, except those to its parent."""
    return tuple(
        edge
        for edge in catalogue.CLASSES[name].edges
        if imported(edge.target)
        and not (edge.follow is not Follow.OUT and always_imported(edge.target))
    )


@cache
def always_imported(name: str) -> bool:
    """Tell whether only imports create objects of a class."""
    return {entry.maker for entry in catalogue.subclasses(name)} == {Maker.IMPORT}


@cache
def embedded() -> frozenset[str]:
    """Return the classes of what files themselves contain and users change: ROIs, annotations.

    An import creates such objects beside its images. A user may as well: the class does not tell.
    """
    found = set[str]()
    for entry in catalogue.CLASSES.values():
        for edge in entry.edges:
            if edge.via is Via.REFERENCE and always_imported(edge.target):
                found |= {entry.name} if entry.maker is Maker.USER else set()
            elif edge.via is Via.LINK and imported(entry.name):
                targets = catalogue.subclasses(edge.target)
                found |= {one.name for one in targets if one.maker is Maker.USER}
    parts = (entry for entry in catalogue.CLASSES.values() if entry.part_of in found)
    return frozenset(found | {part.name for part in parts})


def survives_fileset(entry: Class) -> bool:
    """Tell whether OMERO does not delete imported objects of a class with their fileset: Plates."""
    return entry.maker is Maker.EITHER and not entry.part_of and not entry.bytes


class Tree:
    """The nodes that imports created, under their filesets.

    Parameters
    ----------
    graph : TransferGraph
        The graph of the source or the destination.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self.graph = graph
        self._leading: dict[tuple[str, str, str], list[Node]] = {}
        self._members: dict[str, str] | None = None
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
            # The target of a reference was created with the node, or before it (a file).
            may_be_later = edge.via is not Via.REFERENCE
            children = tuple(
                iri
                for iri in node.edges.get(edge.name, ())
                if not (may_be_later and self._is_later(node, self.graph.get(iri)))
            )
            identified = edge.via is not Via.LINK
            yield Siblings(edge.name, children, identified=identified, editable=edge.editable)

    def _coming(self, node: Node, source: Class, edge: Edge) -> Siblings:
        """Return the children that refer to a node by an edge."""
        place = _place(source)
        found = [
            one
            for one in self._leading.get((source.name, edge.name, node.iri), ())
            if not self._is_later(node, one)
        ]
        found.sort(key=place)
        places = tuple(map(place, found)) if source.place else ()
        iris = tuple(one.iri for one in found)
        return Siblings(f"{source.name}.{edge.name}", iris, places, identified=bool(source.place))

    @staticmethod
    def _is_later(node: Node, other: Node | None) -> bool:
        """Tell whether a user created another node: its creation time is not that of the import."""
        if other is None or class_of(other).maker is not Maker.EITHER:
            return False
        created = catalogue.CREATED.name
        return other.fields.get(created) != node.fields.get(created)

    def under(self, fileset: str) -> list[str]:
        """Return the IRIs of a fileset and of all nodes under it that are in the graph."""
        found, seen = [fileset], {fileset}
        for iri in found:  # grows in the loop
            for branch in self.branches(self.graph[iri]):
                more = [c for c in branch.children if c in self.graph and c not in seen]
                found += more
                seen.update(more)
        return found

    def members(self) -> dict[str, str]:
        """Return the fileset of each node that an import created; it is computed only once."""
        if self._members is None:
            self._members = {
                iri: fileset.iri
                for fileset in self.graph.of_type(FILESET)
                for iri in self.under(fileset.iri)
            }
        return self._members


def _place(entry: Class) -> Callable[[Node], tuple[object, ...]]:
    """Return a function from a node to the values of its place fields: ``(series,)``."""
    # OMERO's own default is 0 (Image.series), which some documents leave out.
    return lambda node: tuple(node.fields.get(name) or 0 for name in entry.place)


def edits(entry: Class, node: Node, *, clearing: bool = True) -> list[tuple[Field, Value | None]]:
    """Return the fields that users may have changed after the import, and their values.

    Parameters
    ----------
    entry : Class
        The class of the node.
    node : Node
        A node of the source.
    clearing : bool
        Whether an absent field means null at the source. A document of another program may omit
        the field for another reason.
    """
    return [
        (field, node.fields.get(field.name))
        for field in entry.fields
        if field.editable and (field.name in node.fields or (clearing and not field.required))
    ]


def edited_references(node: Node) -> list[tuple[Edge, str]]:
    """Return the references that users may have changed after the import, and their targets."""
    return [
        (edge, target)
        for edge in class_of(node).edges
        if edge.editable
        for target in node.edges.get(edge.name, ())
    ]


def files(graph: TransferGraph, fileset: Node) -> list[tuple[Node, Node]]:
    """Return those entries of a fileset that are in the graph, in order, each with its file."""
    entries = [graph[iri] for iri in fileset.edges.get(ENTRIES, ()) if iri in graph]
    return [
        (entry, graph[iri])
        for entry in entries
        if (iri := entry.target(FILE)) is not None and iri in graph
    ]


def client_paths(graph: TransferGraph, fileset: Node) -> list[str]:
    """Return the client paths of a fileset's files for an import, in order.

    These are the client paths of the source, if they form the same tree of folders as the files in
    the source's repository; otherwise the paths in the repository. (A server keeps the tree below
    the common folder of the paths.)

    Parameters
    ----------
    graph : TransferGraph
        The graph of the source.
    fileset : Node
        The fileset.
    """
    found = files(graph, fileset)
    recorded = [str(entry.fields.get("clientPath") or "") for entry, _ in found]
    stored = [
        "/".join(str(file.fields.get(f) or "") for f in ("path", "name")) for _, file in found
    ]
    real = _below_common(stored)
    if all(recorded) and "://" not in "".join(recorded) and _below_common(recorded) == real:
        return ["/" * path.startswith("/") + "/".join(_parts(path)) for path in recorded]
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
