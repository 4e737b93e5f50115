# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions to write entries of the catalogue.

A table states what OMERO's model does not contain. The type of a field, whether it may be null, the
target of an edge and its link class come from the model (:mod:`.omero_model`). A table can override
a fact of the model; a comment beside it gives the reason.

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
"""A field or an edge as a table states it, without the facts of OMERO's model."""

_LINKS = "Links"
"""The end of the names of OMERO's attributes for links (``datasetLinks``)."""
_TYPES = {"reference": Type.TRANSFORM, "enumeration": Type.ENUM}
"""Types of fields, by the kinds of the model that have another name."""


def ome(attribute: str, rdf: str = "", **stated: Any) -> partial[Field]:
    """State a field of the OME model. Its name in RDF and OME-XML is OMERO's name, capitalised.

    Parameters
    ----------
    attribute : str
        OMERO's name.
    rdf : str
        Its name in RDF and OME-XML, if it is not OMERO's.
    **stated
        Other parameters of :class:`.Field`.
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
    """State an edge. The model determines whether it is a reference, a collection or links.

    Parameters
    ----------
    attribute : str
        OMERO's name: ``plate``, ``shapes``, ``datasetLinks`` (in the graph, ``datasets``).
    iri : str
        The RDF predicate; OMERO's namespace and the edge's name, if empty.
    **stated
        Other parameters of :class:`.Edge`.
    """
    name = f"{attribute.removesuffix(_LINKS)}s" if attribute.endswith(_LINKS) else attribute
    named = {"name": name, **stated}
    return partial(Edge, attribute=attribute, iri=iri or OMERO + named["name"], **named)


def entry(name: str, *members: Member, **stated: Any) -> Class:
    """Return the entry of a class whose objects have an owner, a group and a creation date.

    Parameters
    ----------
    name : str
        OMERO's class name.
    *members
        Its fields and edges: results of the functions above.
    **stated
        Other parameters of :class:`.Class`.
    """
    own = plain_entry(name, *members, **stated)
    return replace(own, fields=(*own.fields, CREATED), edges=(*own.edges, *DETAILS))


def plain_entry(name: str, *members: Member, **stated: Any) -> Class:
    """Return the entry of a class whose objects belong to the server and have no owner."""
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
    xml = XmlEdge(Spelling.REFERENCE, element)
    stated = edge(f"details.{name}", OMERO + name, name=name, varies=True, xml=xml)
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
"""When the object was created."""
OWNER, GROUP = _detail("owner", "ExperimenterRef"), _detail("group", "ExperimenterGroupRef")
DETAILS = (OWNER, GROUP)
"""Edges to users and groups of the source: owner and group of the object."""
