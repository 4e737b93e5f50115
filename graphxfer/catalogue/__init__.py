# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue: every OMERO class that graphxfer moves, stated once.

Reading, writing, JSON-LD terms, SHACL, OME-XML, the order of applying, the comparison of graphs,
the summary and the report are all driven by it; no other room names a class of OMERO's. To teach
graphxfer a new class is to add one entry to the table of its family: `containers`, `plates`,
`images`, `rois`, `annotations` or `people`.

An entry states what OMERO's model cannot know: whether and how a class is moved, who makes it, what
identifies it elsewhere, what may differ, how RDF and OME-XML call it. What the model does know
(types, what may be null, where a reference leads, link classes) is taken from `omero_model`, which
is generated.
"""

from graphxfer.catalogue.annotations import ANNOTATION, IMPORT_NAMESPACES, TAG_SET
from graphxfer.catalogue.declare import CREATED, DETAILS, GROUP, OWNER
from graphxfer.catalogue.entries import (
    OME,
    OME_CLASS,
    OMERO,
    Class,
    Counted,
    Edge,
    Field,
    Follow,
    Maker,
    NotCovered,
    Reusable,
    Spelling,
    Via,
    XmlEdge,
)
from graphxfer.catalogue.questions import (
    apply_order,
    counted_as,
    link_classes,
    link_edges,
    link_node,
    not_covered,
    roots,
    subclasses,
    target,
    units,
)
from graphxfer.catalogue.table import CLASSES, FILE, FILESET, IMAGE
from graphxfer.catalogue.values import AffineTransform, Pairs, Quantity, Type, Value

__all__ = [
    "ANNOTATION",
    "CLASSES",
    "CREATED",
    "DETAILS",
    "FILE",
    "FILESET",
    "GROUP",
    "IMAGE",
    "IMPORT_NAMESPACES",
    "OME",
    "OMERO",
    "OME_CLASS",
    "OWNER",
    "TAG_SET",
    "AffineTransform",
    "Class",
    "Counted",
    "Edge",
    "Field",
    "Follow",
    "Maker",
    "NotCovered",
    "Pairs",
    "Quantity",
    "Reusable",
    "Spelling",
    "Type",
    "Value",
    "Via",
    "XmlEdge",
    "apply_order",
    "counted_as",
    "link_classes",
    "link_edges",
    "link_node",
    "not_covered",
    "roots",
    "subclasses",
    "target",
    "units",
]
