# SPDX-License-Identifier: GPL-2.0-or-later
"""Which object of the destination represents which node of the graph.

Both sides number their objects from 1, so ``TagAnnotation/5`` of the source and tag 5 of the
destination have nothing to do with each other. Objects of the destination are therefore of another
type than IRIs of the source: a comparison of the two is an error of types, and never true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple, Self

from graphxfer.catalogue import Value
from graphxfer.graph.transfer_graph import Node, TransferGraph, id_of, iri


class There(NamedTuple):
    """An object of the destination, or of the second of two graphs: its class and id.

    Examples
    --------
    >>> str(There("Image", 90)), There.of("Image/90") == There("Image", 90)
    ('Image:90', True)
    >>> There("Image", 90) == "Image/90"
    False
    """

    type: str
    id: int

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"

    @classmethod
    def of(cls, node_iri: str) -> Self:
        """Return the object of an IRI in a graph that was read from the destination."""
        return cls(node_iri.rpartition("/")[0], id_of(node_iri))


class Correspondence:
    """The counterparts of the graph's nodes, and the way back.

    Parameters
    ----------
    there : mapping
        The counterpart of each node, by the node's IRI.

    Examples
    --------
    >>> both = Correspondence({"Image/1": There("Image", 90), "Image/2": There("Image", 90)})
    >>> both.there("Image/1"), both.there("Image/3")
    (There(type='Image', id=90), None)
    >>> both.here(There("Image", 90))
    ('Image/1', 'Image/2')
    """

    def __init__(self, there: Mapping[str, There]) -> None:
        self._there = dict(there)
        back: defaultdict[There, list[str]] = defaultdict(list)
        for node, counterpart in self._there.items():
            back[counterpart].append(node)
        self._here = {counterpart: tuple(nodes) for counterpart, nodes in back.items()}

    def there(self, node: str) -> There | None:
        """Return the counterpart of a node, or None."""
        return self._there.get(node)

    def here(self, counterpart: There) -> tuple[str, ...]:
        """Return the nodes that an object represents: one, as a rule; none if it is additional."""
        return self._here.get(counterpart, ())


class GraphThere:
    """The second graph of a comparison: its objects are named by `There` only.

    Parameters
    ----------
    graph : TransferGraph
        As it was read from the destination.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self._graph = graph

    def fields(self, there: There) -> Mapping[str, Value] | None:
        """Return the fields of an object; None if it is not in the graph."""
        node = self._node(there)
        return node.fields if node is not None else None

    def targets(self, there: There, edge: str) -> tuple[There, ...]:
        """Return the objects that an object's edge leads to."""
        node = self._node(there)
        return tuple(map(There.of, node.edges.get(edge, ()))) if node is not None else ()

    def links(self, link_class: str) -> list[tuple[There, There]]:
        """Return the ends of the links that are nodes: parent and child."""
        ends = [(n.target("parent"), n.target("child")) for n in self._graph.of_type(link_class)]
        return [(There.of(one), There.of(other)) for one, other in ends if one and other]

    def _node(self, there: There) -> Node | None:
        node = self._graph.get(iri(*there))
        return node if node is not None and node.type == there.type else None
