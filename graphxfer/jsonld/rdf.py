# SPDX-License-Identifier: GPL-2.0-or-later
"""The transfer graph as RDF triples."""

from __future__ import annotations

from typing import Any

import rdflib
from rdflib.collection import Collection

from graphxfer.graph import TransferGraph
from graphxfer.jsonld.forms import HEADER, PREFIXES, classes, datatype, is_list, members, parts
from graphxfer.jsonld.nodes import to_records
from graphxfer.model import Edge, Field


def to_rdflib(graph: TransferGraph) -> rdflib.Graph:
    """Return the graph as RDF: the triples that its JSON-LD document means.

    Parameters
    ----------
    graph : TransferGraph
        What to show.
    """
    base = graph.header.base
    rdf = rdflib.Graph(base=base)
    for prefix, namespace in PREFIXES.items():
        rdf.bind(prefix, namespace)
    entries = {entry.name: entry for entry in (HEADER, *classes())}
    for record in to_records(graph):
        entry = entries[record["@type"]]
        subject = rdflib.URIRef(base + record["@id"])
        rdf.add((subject, rdflib.RDF.type, rdflib.URIRef(entry.iri)))
        for member in members(entry):
            if member.name in record:
                _add(rdf, subject, member, record[member.name])
    return rdf


def _add(rdf: rdflib.Graph, subject: rdflib.term.Node, member: Field | Edge, raw: Any) -> None:
    """Add the triples of one member."""
    predicate = rdflib.URIRef(member.iri)
    objects = [_object(rdf, member, each) for each in (raw if isinstance(raw, list) else [raw])]
    if is_list(member):
        head = rdflib.BNode() if objects else rdflib.RDF.nil
        Collection(rdf, head, objects)
        objects = [head]
    for each in objects:
        rdf.add((subject, predicate, each))


def _object(rdf: rdflib.Graph, member: Field | Edge, raw: Any) -> rdflib.term.Node:
    if isinstance(member, Edge):
        return rdflib.URIRef(str(rdf.base) + raw)
    if inside := parts(member):
        node = rdflib.BNode()
        for part in inside:
            _add(rdf, node, part, raw[part.name])
        return node
    if isinstance(raw, bool):
        return rdflib.Literal(raw)
    # Not normalised: rdflib would write NaN as "nan", which is no xsd:double.
    type_ = rdflib.URIRef(datatype(member.type)) if datatype(member.type) else None
    return rdflib.Literal(str(raw), datatype=type_, normalize=False)
