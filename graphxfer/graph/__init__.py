# SPDX-License-Identifier: GPL-2.0-or-later
"""The transfer graph: typed nodes, typed edges and a header; its formats; comparisons.

A graph is created once, by an export or from a file, and no later step changes it. The formats
are packages of their own: :mod:`graphxfer.graph.jsonld` and :mod:`graphxfer.graph.omexml`.
"""

from graphxfer.graph.transfer_graph import (
    Header,
    LeftOut,
    Node,
    Statement,
    TransferGraph,
    class_of,
    id_of,
    iri,
)

__all__ = [
    "Header",
    "LeftOut",
    "Node",
    "Statement",
    "TransferGraph",
    "class_of",
    "id_of",
    "iri",
]
