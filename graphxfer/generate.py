# SPDX-License-Identifier: GPL-2.0-or-later
"""Write contexts/ and shapes/ from the catalogue: ``python -m graphxfer.generate``."""

from __future__ import annotations

import json
from pathlib import Path

from rdflib import RDF, SH, XSD, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Type
from graphxfer.graph import jsonld
from graphxfer.graph.jsonld.values import PREFIXES, classes, datatype, is_list, members, parts

ROOT = Path(__file__).resolve().parent.parent
SHAPES = Namespace(catalogue.OMERO + "shapes#")
_BITS = {Type.INT: 32, Type.LONG: 64, Type.TIME: 64}


def documents() -> dict[str, str]:
    """Return the generated documents: texts by their paths in the checkout."""
    context = {"@context": jsonld.context()}
    return {
        "contexts/graphxfer.jsonld": json.dumps(context, indent=2) + "\n",
        "shapes/structure.ttl": structure().serialize(format="turtle"),
    }


def structure() -> Graph:
    """Return the catalogue as SHACL shapes: fields, their types, how many of each.

    There is one shape for each class and each member. All have IRIs, so that a report can name
    them, and the document is the same each time.
    """
    shapes = Graph()
    for prefix, namespace in (PREFIXES | {"sh": str(SH), "shapes": str(SHAPES)}).items():
        shapes.bind(prefix, namespace)
    for entry in classes():
        shape = SHAPES[entry.name]
        shapes.add((shape, RDF.type, SH.NodeShape))
        shapes.add((shape, SH.targetClass, URIRef(entry.iri)))
        for member in members(entry):
            shapes.add((shape, SH.property, _property(shapes, entry, member)))
    return shapes


def _property(shapes: Graph, entry: Class, member: Field | Edge) -> URIRef:
    """Add the shape of a member, and return it."""
    shape = SHAPES[f"{entry.name}-{member.name}"]
    facts: list[tuple[URIRef, Node]] = [
        (RDF.type, SH.PropertyShape),
        (SH.path, URIRef(member.iri)),
        (SH.name, Literal(member.name)),
    ]
    if member.required:
        facts.append((SH.minCount, Literal(1)))
    if isinstance(member, Field) or is_list(member) or not member.many:
        facts.append((SH.maxCount, Literal(1)))
    facts += _edge_facts(member) if isinstance(member, Edge) else _field_facts(member)
    for predicate, value in facts:
        shapes.add((shape, predicate, value))
    return shape


def _edge_facts(edge: Edge) -> list[tuple[URIRef, Node]]:
    return [(SH.nodeKind, SH.BlankNodeOrIRI if is_list(edge) else SH.IRI)]


def _field_facts(field: Field) -> list[tuple[URIRef, Node]]:
    if parts(field):
        return [(SH.nodeKind, SH.BlankNodeOrIRI)]
    facts: list[tuple[URIRef, Node]] = [
        (SH.datatype, URIRef(datatype(field.type) or str(XSD.string)))
    ]
    if field.length:
        facts.append((SH.maxLength, Literal(field.length)))
    if bits := _BITS.get(field.type):
        facts.append((SH.minInclusive, Literal(-(2 ** (bits - 1)))))
        facts.append((SH.maxInclusive, Literal(2 ** (bits - 1) - 1)))
    return facts


def main() -> None:
    """Write the documents."""
    for path, text in documents().items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
