# SPDX-License-Identifier: GPL-2.0-or-later
"""The transfer graph: typed nodes with fields, typed edges between them, and a header.

A graph is created once, by an export or from a file, and no later step changes it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import networkx as nx

from graphxfer import catalogue
from graphxfer.catalogue import Class, Value
from graphxfer.errors import BadDocument, counted


@dataclass(slots=True)
class Node:
    """One object.

    Parameters
    ----------
    iri : str
        Relative to the graph's base: ``Image/51``.
    type : str
        A class of the catalogue, or a link class.
    fields : dict
        Values by the field's name in the catalogue; an absent field is null.
    edges : dict
        Target IRIs by the edge's name; in order, if the edge is ordered.
    """

    iri: str
    type: str
    fields: dict[str, Value] = field(default_factory=dict)
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def target(self, name: str) -> str | None:
        """Return the first target of an edge, or None if it has none."""
        targets = self.edges.get(name)
        return targets[0] if targets else None

    @property
    def id(self) -> int:
        """The object's id at the source."""
        return id_of(self.iri)


class Statement(NamedTuple):
    """One edge: IRIs of subject and object, name of the predicate, place in the order."""

    subject: str
    predicate: str
    object: str
    order: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Objects of a class that are linked to the graph's objects, but not in the graph.

    Examples
    --------
    >>> print(LeftOut("RenderingDef", 10, "graphxfer does not cover this class yet"))
    Not covered: 10 rendering settings (RenderingDef)
    >>> print(LeftOut("TagAnnotation", 1, "it could not be read"))
    Left out: 1 TagAnnotation (it could not be read)
    """

    type: str
    number: int
    why: str

    def __str__(self) -> str:
        """Return the line that reports them to a person."""
        for each in catalogue.not_covered():
            if each.name == self.type:
                return f"Not covered: {counted(self.number, each.label)} ({self.type})"
        return f"Left out: {self.number:,} {self.type} ({self.why})"


@dataclass(slots=True)
class Header:
    """The source of a graph, and what was selected there.

    Parameters
    ----------
    base : str
        The base of the nodes' relative IRIs; ends with a slash.
    database_uuid : str
        UUID of the source's database: its identity, whatever its host name.
    server_version, made_by, made_at : str
        OMERO's version; graphxfer's name and version; time of the export (ISO 8601, UTC).
    roots : tuple of str
        IRIs of the selected objects.
    included : tuple of str
        IRIs of images that were not selected, but share a fileset with a selected image.
    left_out : tuple of LeftOut
        Linked objects that are not in the graph.
    """

    base: str
    database_uuid: str = ""
    server_version: str = ""
    made_by: str = ""
    made_at: str = ""
    roots: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def iri(type_: str, id_: int) -> str:
    """Return the relative IRI of an object: ``Image/51``."""
    return f"{type_}/{id_}"


def id_of(node_iri: str) -> int:
    """Return the OMERO id in a relative IRI.

    Raises
    ------
    BadDocument
        If it does not end in a number.

    Examples
    --------
    >>> id_of("Image/51")
    51
    """
    try:
        return int(node_iri.rpartition("/")[2])
    except ValueError:
        raise BadDocument(
            f"{node_iri!r} is not a valid IRI of a node: it does not end in an id",
            do=f"write Type/id: {iri(catalogue.IMAGE, 51)}",
        ) from None


def class_of(node: Node) -> Class:
    """Return a node's entry in the catalogue; for a link node, that of its link class.

    Raises
    ------
    BadDocument
        If the catalogue does not have its type.
    """
    entry = catalogue.CLASSES.get(node.type) or catalogue.link_node(node.type)
    if entry is None:
        raise BadDocument(
            f"the type {node.type!r} is unknown",
            where=node.iri,
            do="contexts/graphxfer.jsonld lists the known types",
        )
    return entry


class TransferGraph:
    """Nodes by IRI, and the header.

    Parameters
    ----------
    header : Header
        The header.
    nodes : iterable of Node, optional
        The nodes.

    Examples
    --------
    >>> graph = TransferGraph(Header("https://omero.example.org/"))
    >>> graph.add(Node("Project/51", "Project", {"name": "Mitosis"}, {"datasets": ("Dataset/1",)}))
    >>> graph.add(Node("Dataset/1", "Dataset", {"name": "2026-03-14"}))
    >>> [edge.predicate for edge in graph.edges()]
    ['datasets']
    """

    def __init__(self, header: Header, nodes: Iterable[Node] = ()) -> None:
        self.header = header
        self._nodes: dict[str, Node] = {}
        self._by_type: dict[str, dict[str, Node]] = {}
        for node in nodes:
            self.add(node)

    def add(self, node: Node) -> None:
        """Add a node.

        Raises
        ------
        BadDocument
            If the graph already has a node of that IRI.
        """
        if node.iri in self._nodes:
            raise BadDocument(f"the node {node.iri} appears twice")
        self._nodes[node.iri] = node
        self._by_type.setdefault(node.type, {})[node.iri] = node

    def __getitem__(self, node_iri: str) -> Node:
        return self._nodes[node_iri]

    def get(self, node_iri: str) -> Node | None:
        """Return the node of that IRI, or None."""
        return self._nodes.get(node_iri)

    def __contains__(self, node_iri: object) -> bool:
        return node_iri in self._nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def of_type(self, name: str) -> Iterator[Node]:
        """Iterate over the nodes of a class, or of all subclasses of an abstract one."""
        for entry in catalogue.subclasses(name) or (Class(name),):
            yield from self._by_type.get(entry.name, {}).values()

    def without(self, nodes: Container[str]) -> TransferGraph:
        """Return a graph that does not have some nodes; edges to them lead out of it."""
        return TransferGraph(self.header, (node for node in self if node.iri not in nodes))

    def types(self) -> dict[str, int]:
        """Return the count of nodes by type."""
        return {name: len(nodes) for name, nodes in self._by_type.items() if nodes}

    def edges(self) -> Iterator[Statement]:
        """Iterate over all edges, also those whose object is not in the graph."""
        for node in self:
            for name, targets in node.edges.items():
                for order, target in enumerate(targets):
                    yield Statement(node.iri, name, target, order)

    def to_networkx(self, without: Set[str] = frozenset()) -> nx.MultiDiGraph[str]:
        """Return a networkx graph: fields as node attributes, predicates as edge keys.

        Edges whose object is not in the graph are left out.

        Parameters
        ----------
        without : set of str
            IRIs of nodes to leave out, with their edges.
        """
        view: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for node in self:
            if node.iri not in without:
                view.add_node(node.iri, type=node.type, **node.fields)
        for edge in self.edges():
            if edge.subject in view and edge.object in view:
                view.add_edge(edge.subject, edge.object, key=edge.predicate, order=edge.order)
        return view
