# SPDX-License-Identifier: GPL-2.0-or-later
"""Transfer graphs as JSON-LD 1.1.

Graphxfer writes flattened JSON-LD with an inline context: the context on the first line, the header
on the second, then one node a line. Any other JSON-LD is read through pyld.
"""

from graphxfer.graph.jsonld.context import context
from graphxfer.graph.jsonld.document import read, read_header, read_nodes, write
from graphxfer.graph.jsonld.expand import read_any
from graphxfer.graph.jsonld.rdf import to_rdflib

__all__ = ["context", "read", "read_any", "read_header", "read_nodes", "to_rdflib", "write"]
