# SPDX-License-Identifier: GPL-2.0-or-later
"""The hash tree of a graph: a leaf per node, sorted by IRI. docs/receipt.md defines it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

import rfc8785

from graphxfer.catalogue import Class
from graphxfer.errors import BadDocument
from graphxfer.graph import Node, class_of
from graphxfer.graph.jsonld.nodes import Encoder
from graphxfer.graph.jsonld.values import Record
from graphxfer.receipt import merkle


class Subtree(NamedTuple):
    """The nodes of one class: how many, and the root of a tree of these nodes alone."""

    type: str
    nodes: int
    root: str


class Proof(NamedTuple):
    """The proof that a node is in a graph.

    Parameters
    ----------
    record : dict
        The node as JSON.
    position, nodes : int
        Its place, from 0, and the number of nodes of the graph.
    path : tuple of str
        The hashes that lead from its leaf to the root.
    """

    record: Record
    position: int
    nodes: int
    path: tuple[str, ...]

    def leads_to(self, root: str) -> bool:
        """Tell whether the proof is valid for a graph with this root."""
        leaf = merkle.leaf_hash(canonical(self.record))
        found = merkle.root_of(leaf, self.position, self.nodes, map(bytes.fromhex, self.path))
        return found is not None and found.hex() == root


class Records:
    """Nodes to JSON in the one form that is hashed: targets are sorted where order means nothing.

    Examples
    --------
    >>> tags = {"annotations": ("TagAnnotation/2", "TagAnnotation/1")}
    >>> Records()(Node("Image/5", "Image", {"name": "a"}, tags))["annotations"]
    ['TagAnnotation/1', 'TagAnnotation/2']
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Encoder, list[str]]] = {}

    def __call__(self, node: Node) -> Record:
        """Return a node as JSON."""
        if node.type not in self._known:
            entry = class_of(node)
            self._known[node.type] = Encoder(entry), _unordered(entry)
        encode, unordered = self._known[node.type]
        record = encode(node)
        for name in unordered:
            if name in record:
                record[name] = sorted(record[name])
        return record


def _unordered(entry: Class) -> list[str]:
    return [edge.name for edge in entry.edges if edge.many and not edge.ordered]


def canonical(record: Any) -> bytes:
    """Return JSON as RFC 8785 writes it (JSON Canonicalization Scheme).

    Raises
    ------
    BadDocument
        If RFC 8785 cannot write it.
    """
    try:
        return rfc8785.dumps(record)
    except (ValueError, RecursionError) as error:
        where = str(record.get("@id", "")) if isinstance(record, dict) else ""
        raise BadDocument(f"has no canonical form: {error}", where=where) from error


class GraphTree:
    """The hash tree of a graph.

    It has about 100 bytes per node; the nodes themselves are not kept.

    Parameters
    ----------
    nodes : iterable of Node
        The graph's nodes, in any order.

    Raises
    ------
    BadDocument
        If two nodes have the same IRI.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        to_record = Records()
        # IRI, NUL and hash in one string of bytes: a pair would take twice the memory.
        self._rows = sorted(
            node.iri.encode() + b"\0" + merkle.leaf_hash(canonical(to_record(node)))
            for node in nodes
        )
        previous = b""
        for row in self._rows:
            if _iri(row) == previous:
                raise BadDocument(f"the node {previous.decode()} appears twice")
            previous = _iri(row)

    def __len__(self) -> int:
        return len(self._rows)

    def root(self) -> str:
        """Return the root, in hexadecimal."""
        return merkle.root(map(_hash, self._rows)).hex()

    def subtrees(self) -> tuple[Subtree, ...]:
        """Return the number of nodes and a root for each class, sorted by its name."""
        found = []
        for type_, rows in groupby(self._rows, lambda row: _iri(row).partition(b"/")[0]):
            hashes = list(map(_hash, rows))
            found.append(Subtree(type_.decode(), len(hashes), merkle.root(hashes).hex()))
        return tuple(sorted(found))

    def proof(self, node: Node) -> Proof | None:
        """Return the proof that a node is in the graph; None if it is not."""
        record = Records()(node)
        row = node.iri.encode() + b"\0" + merkle.leaf_hash(canonical(record))
        index = bisect_left(self._rows, row)
        if index == len(self._rows) or self._rows[index] != row:
            return None
        hashes = list(map(_hash, self._rows))
        path = tuple(each.hex() for each in merkle.path(hashes, index))
        return Proof(record, index, len(hashes), path)


def _iri(row: bytes) -> bytes:
    return row[: -merkle.SIZE - 1]


def _hash(row: bytes) -> bytes:
    return row[-merkle.SIZE :]
