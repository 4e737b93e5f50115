# SPDX-License-Identifier: GPL-2.0-or-later
"""The transfer graph as RDF triples."""

from __future__ import annotations

from typing import Any

import rdflib
from rdflib.collection import Collection

from graphxfer.catalogue import Class, Edge, Field
from graphxfer.graph import TransferGraph
from graphxfer.graph.jsonld.nodes import to_records
from graphxfer.graph.jsonld.values import (
    HEADER,
    PREFIXES,
    Record,
    classes,
    datatype,
    is_list,
    members,
    parts,
)


def to_rdflib(graph: TransferGraph) -> rdflib.Graph:
    """Return the graph as RDF: the triples of its JSON-LD document.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    """
    triples = _Triples(graph.header.base)
    entries = {entry.name: entry for entry in (HEADER, *classes())}
    for record in to_records(graph):
        triples.add_node(entries[record["@type"]], record)
    return triples.rdf


class _Triples:
    """The triples of nodes; their IRIs are relative to a base."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.rdf = rdflib.Graph()
        for prefix, namespace in PREFIXES.items():
            self.rdf.bind(prefix, namespace)

    def add_node(self, entry: Class, record: Record) -> None:
        """Add a node from its JSON."""
        subject = rdflib.URIRef(self.base + record["@id"])
        self.rdf.add((subject, rdflib.RDF.type, rdflib.URIRef(entry.iri)))
        for member in members(entry):
            if member.name in record:
                self._add(subject, member, record[member.name])

    def _add(self, subject: rdflib.term.Node, member: Field | Edge, raw: Any) -> None:
        """Add the triples of one member."""
        objects = [self._object(member, each) for each in (raw if type(raw) is list else [raw])]
        if is_list(member):
            head = rdflib.BNode() if objects else rdflib.RDF.nil
            Collection(self.rdf, head, objects)
            objects = [head]
        for each in objects:
            self.rdf.add((subject, rdflib.URIRef(member.iri), each))

    def _object(self, member: Field | Edge, raw: Any) -> rdflib.term.Node:
        if isinstance(member, Edge):
            return rdflib.URIRef(self.base + raw)
        if inside := parts(member):
            node = rdflib.BNode()
            for part in inside:
                self._add(node, part, raw[part.name])
            return node
        if isinstance(raw, bool):
            return rdflib.Literal(raw)
        # Not normalised: rdflib would write NaN as "nan", which is not a valid xsd:double.
        type_ = rdflib.URIRef(datatype(member.type)) if datatype(member.type) else None
        return rdflib.Literal(str(raw), datatype=type_, normalize=False)
