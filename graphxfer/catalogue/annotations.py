# SPDX-License-Identifier: GPL-2.0-or-later
"""Annotations."""

from __future__ import annotations

from functools import partial
from typing import Any

from graphxfer.catalogue.common import ANNOTATIONS, DESCRIPTION
from graphxfer.catalogue.declare import Member, edge, entry, field, ome, omero
from graphxfer.catalogue.entries import OME, OMERO, Class, Field, Reusable, Spelling, XmlEdge

TAG_SET = "openmicroscopy.org/omero/insight/tagset"
"""Namespace that makes a TagAnnotation a tag set (omero.constants.metadata.NSINSIGHTTAGSET)."""
IMPORT_NAMESPACES = (
    "openmicroscopy.org/omero/import/fileTransfer",
    "openmicroscopy.org/omero/import/logFile",
    "openmicroscopy.org/omero/import/companionFile",
    "openmicroscopy.org/omero/import/autoClose",
)
"""Namespaces of the annotations that each import creates itself (omero-blitz, Constants.ice)."""
FENCE = "CommentAnnotation"
"""The class of the fence and the tokens of an apply, which are linked to no object of a person."""
ANNOTATION = "Annotation"
"""The abstract class of all annotations."""

_OF_ALL: tuple[Member, ...] = (
    field("ns", OME + "Namespace", term="namespace", xml="Namespace"),
    omero("name", label=True),
    DESCRIPTION,
    ANNOTATIONS,
)
"""Fields and edges that all annotations have."""


def _annotation(name: str, *members: Member, **stated: Any) -> Class:
    return entry(name, *members, *_OF_ALL, **{"parent": ANNOTATION, "xml": name, **stated})


def _value(attribute: str) -> partial[Field]:
    return ome(attribute, "Value", label=True)


ANNOTATION_CLASSES = (
    _annotation(
        "TagAnnotation",
        _value("textValue"),
        reuse=Reusable.POLICY,
        identity=("textValue", "namespace", "description"),
    ),
    _annotation("CommentAnnotation", _value("textValue")),
    _annotation("XmlAnnotation", _value("textValue"), xml="XMLAnnotation"),
    _annotation(
        "MapAnnotation",
        field("mapValue", OMERO + "mapValue", term="pairs", xml="Value", label=True),
    ),
    _annotation("LongAnnotation", _value("longValue")),
    _annotation("DoubleAnnotation", _value("doubleValue")),
    _annotation("BooleanAnnotation", _value("boolValue")),
    _annotation("TimestampAnnotation", _value("timeValue")),
    _annotation("TermAnnotation", _value("termValue")),
    _annotation(
        "FileAnnotation", edge("file", OME + "File", xml=XmlEdge(Spelling.FILE, "BinaryFile"))
    ),
)
