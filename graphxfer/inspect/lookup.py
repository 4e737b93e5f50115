# SPDX-License-Identifier: GPL-2.0-or-later
"""Answer requests of a served page: search in all texts, and show all facts of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

from graphxfer.catalogue import Pairs, Type
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.inspect.embedded import text
from graphxfer.inspect.summary import label

HITS = 100
"""Maximum number of hits that a search returns; the rest is counted."""
NEIGHBOURS = 50
"""Maximum number of nodes for one kind of edge; the rest is counted."""
_TEXT, _WHERE = 100_000, 400

Edges = list[tuple[str, list[tuple[str, str]], int]]
"""Predicate, neighbours with their names, and the number of neighbours that are not listed."""


class Lookup:
    """Finds and shows the nodes of a graph.

    Parameters
    ----------
    graph : TransferGraph
        The graph; it must not change.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self.graph = graph

    # -- search

    @cached_property
    def _haystack(self) -> list[tuple[str, str]]:
        """All texts of each node in lower case, with its IRI."""
        return [("\n".join(_texts(node)).lower(), node.iri) for node in self.graph]

    def search(self, wanted: str) -> dict[str, Any]:
        """Return the nodes that contain a text, in upper or lower case.

        Parameters
        ----------
        wanted : str
            The text.
        """
        wanted = wanted.strip().lower()
        found = [iri for texts, iri in self._haystack if wanted in texts] if wanted else []
        return {"total": len(found), "hits": [self._hit(iri, wanted) for iri in found[:HITS]]}

    def _hit(self, iri: str, wanted: str) -> dict[str, str]:
        node = self.graph[iri]
        name = label(node, 200)
        where = next((each for each in _texts(node) if wanted in each.lower()), "")
        start = max(0, where.lower().find(wanted) - _WHERE // 2)
        shown = "" if where in (name, iri) else where[start : start + _WHERE]
        return {"iri": iri, "name": name, "where": shown}

    # -- one node

    @cached_property
    def _incoming(self) -> dict[str, list[tuple[str, str]]]:
        """Predicate and subject of the edges to each node, without edges to owners and groups."""
        incoming: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for node in self.graph:
            kind = class_of(node)
            for name, targets in node.edges.items():
                edge = kind.edge(name)
                if edge is None or not edge.varies:
                    for target in targets:
                        incoming[target].append((name, node.iri))
        return incoming

    def node(self, iri: str) -> dict[str, Any] | None:
        """Return a node's fields, outgoing and incoming edges; None if it is not in the graph.

        Parameters
        ----------
        iri : str
            The relative IRI: ``Image/51``.
        """
        node = self.graph.get(iri)
        if node is None:
            return None
        incoming: defaultdict[str, list[str]] = defaultdict(list)
        for name, subject in self._incoming.get(iri, ()):
            incoming[name].append(subject)
        return {
            "iri": iri,
            "name": label(node, 200),
            "facts": list(_facts(node)),
            "out": self._edges({name: list(targets) for name, targets in node.edges.items()}),
            "in": self._edges(incoming),
        }

    def _edges(self, edges: dict[str, list[str]]) -> Edges:
        return [
            (
                name,
                [(iri, self._name(iri)) for iri in targets[:NEIGHBOURS]],
                max(0, len(targets) - NEIGHBOURS),
            )
            for name, targets in edges.items()
        ]

    def _name(self, iri: str) -> str:
        node = self.graph.get(iri)
        return label(node) if node else iri


def _texts(node: Node) -> Iterator[str]:
    """Iterate over the texts of a node for a search, its name first."""
    yield label(node, 200)
    yield node.iri
    for field in class_of(node).fields:
        value = node.fields.get(field.name)
        if isinstance(value, str):
            yield value
        elif field.type is Type.PAIRS and value is not None:
            yield from (" = ".join(pair) for pair in cast("Pairs", value))


def _facts(node: Node) -> Iterator[tuple[str, str]]:
    for field in class_of(node).fields:
        value = node.fields.get(field.name)
        if value is None:
            continue
        if field.type is Type.PAIRS:
            yield from cast("Pairs", value)
        else:
            yield field.name, text(value, field.type, _TEXT)
