# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue: every OMERO class that graphxfer moves, stated once.

All steps use it: reading, writing, JSON-LD terms, SHACL, OME-XML, the order of applying, the
comparison of graphs, the summary and the report. No other package names an OMERO class. To support
a new class, add one entry to the table of its family: `containers`, `plates`, `images`, `rois`,
`annotations` or `people`.

An entry states what OMERO's model does not contain: whether and how a class is moved, who creates
its objects, what identifies them at another server, what may differ, and its names in RDF and
OME-XML. The facts of the model (types, nullable fields, targets of references, link classes) come
from `omero_model`, which is generated.
"""

from graphxfer.catalogue.annotations import ANNOTATION, FENCE, IMPORT_NAMESPACES, TAG_SET
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
    LinkBeyond,
    apply_order,
    counted_as,
    has_owner,
    link_classes,
    link_edges,
    link_ends,
    link_node,
    links_beyond,
    not_covered,
    of_people,
    part_lists,
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
    "FENCE",
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
    "LinkBeyond",
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
    "has_owner",
    "link_classes",
    "link_edges",
    "link_ends",
    "link_node",
    "links_beyond",
    "not_covered",
    "of_people",
    "part_lists",
    "roots",
    "subclasses",
    "target",
    "units",
]
