# SPDX-License-Identifier: GPL-2.0-or-later
"""Short digests of a node's values: enough to tell whether a value is still what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from graphxfer.catalogue import Edge, Type, Value, Via
from graphxfer.graph.transfer_graph import Node, class_of

Digests = dict[str, str]
"""Digests by the name of a field or edge; without those that are null or empty."""


def digest(value: Value | Sequence[str], type_: Type | None = None) -> str:
    """Return the digest of a field's value, or of the IRIs that an edge leads to.

    Examples
    --------
    >>> digest(1, Type.DOUBLE) == digest(1.0, Type.DOUBLE) == digest(1.0)
    True
    >>> digest("a") == digest("b")
    False
    """
    if type_ is Type.DOUBLE and isinstance(value, int | float):
        value = float(value) + 0.0  # 1 equals 1.0, and -0.0 equals 0.0
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def order_of(edge: Edge) -> str:
    """Return the name of the order of an edge's objects, as of a field."""
    return f"order of {edge.name}"


def digests(node: Node) -> Digests:
    """Return the digests of what is compared of a node: fields, references, orders of parts."""
    entry = class_of(node)
    found = {
        field.name: digest(value, field.type)
        for field in entry.fields
        if not field.varies and (value := node.fields.get(field.name)) is not None
    }
    for edge in entry.edges:
        if not edge.varies and edge.via is not Via.LINK and (targets := node.edges.get(edge.name)):
            name = order_of(edge) if edge.ordered else edge.name
            found[name] = digest(tuple(targets))
    return found
