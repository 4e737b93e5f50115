# SPDX-License-Identifier: GPL-2.0-or-later
"""How entries of the catalogue are written.

A table states what OMERO's model cannot know; the type of a field, whether it may be null, which
class an edge leads to and by which link are taken from the model (:mod:`.omero_model`). What a
table states all the same wins over the model's fact, and wants a reason beside it.

Examples
--------
>>> note = entry("CommentAnnotation", ome("textValue", "Value"), edge("annotationLinks"))
>>> [(field.name, field.type.value) for field in note.fields]
[('textValue', 'string'), ('created', 'time')]
>>> note.edges[0].target, note.edges[0].attribute
('Annotation', 'AnnotationAnnotationLink')
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from graphxfer.catalogue import omero_model
from graphxfer.catalogue.entries import (
    OME,
    OME_CLASS,
    OMERO,
    Class,
    Edge,
    Field,
    Spelling,
    Via,
    XmlEdge,
)
from graphxfer.catalogue.values import AffineTransform, Type

Member = partial[Field] | partial[Edge]
"""A field or an edge as a table states it: without what its class's model says of it."""

_LINKS = "Links"
"""How OMERO's attributes end that hold the links of an object (``datasetLinks``)."""
_TYPES = {"reference": Type.TRANSFORM, "enumeration": Type.ENUM}
"""Types of fields whose kind in the model has another name."""


def ome(attribute: str, rdf: str = "", **stated: Any) -> partial[Field]:
    """State a field of the OME model; RDF and OME-XML call it as OMERO does, capitalised.

    Parameters
    ----------
    attribute : str
        OMERO's name.
    rdf : str
        Its name in RDF and OME-XML, if that is another.
    **stated
        What else :class:`.Field` has.
    """
    name = rdf or attribute[0].upper() + attribute[1:]
    return field(attribute, OME + name, **{"xml": name, **stated})


def omero(attribute: str, **stated: Any) -> partial[Field]:
    """State a field that only OMERO has."""
    return field(attribute, OMERO + attribute, **stated)


def field(attribute: str, iri: str, **stated: Any) -> partial[Field]:
    """State a field with an RDF predicate of its own."""
    return partial(Field, attribute, iri=iri, **stated)


def edge(attribute: str, iri: str = "", **stated: Any) -> partial[Edge]:
    """State an edge: a reference, an ordered collection, or links, as the model has it.

    Parameters
    ----------
    attribute : str
        OMERO's name: ``plate``, ``shapes``, ``datasetLinks`` (in the graph, ``datasets``).
    iri : str
        The RDF predicate; OMERO's namespace and the edge's name, if empty.
    **stated
        What else :class:`.Edge` has.
    """
    name = f"{attribute.removesuffix(_LINKS)}s" if attribute.endswith(_LINKS) else attribute
    named = {"name": name, **stated}
    return partial(Edge, attribute=attribute, iri=iri or OMERO + named["name"], **named)


def entry(name: str, *members: Member, **stated: Any) -> Class:
    """Return the entry of a class that users have: with its owner, group and time of creation.

    Parameters
    ----------
    name : str
        OMERO's class name.
    *members
        Its fields and edges, made by the functions above.
    **stated
        What else :class:`.Class` has.
    """
    own = plain_entry(name, *members, **stated)
    return replace(own, fields=(*own.fields, CREATED), edges=(*own.edges, *DETAILS))


def plain_entry(name: str, *members: Member, **stated: Any) -> Class:
    """Return the entry of a class that belongs to the server itself: nobody owns its objects."""
    xml = stated.get("xml", "")
    return Class(
        name,
        tuple(_field(name, member) for member in members if member.func is Field),
        tuple(_edge(name, member) for member in members if member.func is Edge),
        **{"iri": OME_CLASS + xml if xml else OMERO + name, **stated},
    )


def _field(owner: str, stated: partial[Field]) -> Field:
    attribute = stated.args[0]
    fact = omero_model.attribute(owner, attribute)
    if fact.kind == "reference" and fact.of != AffineTransform.__name__:
        raise TypeError(f"{owner}.{attribute} leads to a {fact.of}: state it as an edge")
    type_ = _TYPES.get(fact.kind) or Type(fact.kind)
    return stated(**{"type": type_, "of": fact.of, "required": fact.required, **stated.keywords})


def _edge(owner: str, stated: partial[Edge]) -> Edge:
    attribute = stated.keywords["attribute"]
    fact = omero_model.attribute(owner, attribute)
    if not fact.of or fact.kind == "enumeration":
        raise TypeError(f"{owner}.{attribute} is a value ({fact.kind}): state it as a field")
    if omero_model.classes()[fact.of].is_link and fact.inverse == "parent":
        target = omero_model.attribute(fact.of, "child").of
        link = {"target": target, "via": Via.LINK, **stated.keywords, "attribute": fact.of}
        return stated(**link)
    if fact.kind == "set" or fact.inverse == "child":
        raise TypeError(f"state {owner}.{attribute} at its other end: {fact.of}.{fact.inverse}")
    via = Via.LIST if fact.kind == "list" else Via.REFERENCE
    facts = {"target": fact.of, "via": via, "required": fact.required, "inverse": fact.inverse}
    return stated(**{**facts, **stated.keywords})


def _detail(name: str, element: str) -> Edge:
    said = XmlEdge(Spelling.REFERENCE, element)
    stated = edge(f"details.{name}", OMERO + name, name=name, varies=True, xml=said)
    return _edge(omero_model.TOP, stated)


CREATED = _field(
    omero_model.TOP,
    field(
        "details.creationEvent.time",
        "http://purl.org/dc/terms/created",
        term="created",
        varies=True,
    ),
)
"""When the object was made."""
OWNER, GROUP = _detail("owner", "ExperimenterRef"), _detail("group", "ExperimenterGroupRef")
DETAILS = (OWNER, GROUP)
"""Edges to the server's own users and groups: who had it there."""
