# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields and edges of entries of several families: names, colours, annotations."""

from __future__ import annotations

from functools import partial

from graphxfer.catalogue.declare import edge, ome, omero
from graphxfer.catalogue.entries import OME, Field, Spelling, XmlEdge

NAME = ome("name", label=True)
DESCRIPTION = ome("description")
COLOR = tuple(omero(part, editable=True) for part in ("red", "green", "blue", "alpha"))

ANNOTATIONS = edge(
    "annotationLinks", OME + "annotation", xml=XmlEdge(Spelling.REFERENCE, "AnnotationRef")
)
"""The edge of an annotatable class. The subclasses of Shape share one link class."""


def short(attribute: str, rdf: str = "", *, most: int = 255, **stated: object) -> partial[Field]:
    """State a text of limited length, which ome/omero-model (mappings) has, but not omero-py."""
    return ome(attribute, rdf, length=most, **stated)


def edited(stated: partial[Field]) -> partial[Field]:
    """State a field that an import sets and users may change afterwards."""
    return partial(stated, editable=True)
