# SPDX-License-Identifier: GPL-2.0-or-later
"""What entries of several families have: names, colours, annotations, owner and group."""

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
"""The edge of an annotatable class; the classes below Shape share one link class."""


def short(attribute: str, rdf: str = "", *, most: int = 255, **stated: object) -> partial[Field]:
    """State a text of limited length, which omero-py does not tell (ome/omero-model, mappings)."""
    return ome(attribute, rdf, length=most, **stated)


def edited(stated: partial[Field]) -> partial[Field]:
    """State a field that an import makes and users may change afterwards."""
    return partial(stated, editable=True)
