# SPDX-License-Identifier: GPL-2.0-or-later
"""Regions of interest and their shapes."""

from __future__ import annotations

from graphxfer.catalogue.common import ANNOTATIONS, DESCRIPTION, NAME, short
from graphxfer.catalogue.declare import Member, edge, entry, field, ome, omero
from graphxfer.catalogue.entries import OME, Class, Counted, Follow, Spelling, XmlEdge

_ROI = "Roi"
_OF_ALL: tuple[Member, ...] = (
    ome("textValue", "Text", label=True),
    *(ome(plane) for plane in ("theZ", "theT", "theC")),
    ome("locked"),
    field("transform", OME + "Transform", xml="Transform"),
    ome("fillColor"),
    short("fillRule"),
    ome("strokeColor"),
    short("strokeDashArray"),
    ome("strokeWidth"),
    short("fontFamily"),
    ome("fontSize"),
    short("fontStyle"),
    ANNOTATIONS,
)
"""Fields and edges that all shapes have."""
_MARKERS = (short("markerStart"), short("markerEnd"))


def _shape(name: str, *members: Member, xml: bool = True) -> Class:
    spelled = name if xml else ""
    return entry(name, *members, *_OF_ALL, parent="Shape", part_of=_ROI, xml=spelled)


def _numbers(*attributes: str) -> tuple[Member, ...]:
    return tuple(map(ome, attributes))


ROIS = (
    entry(
        _ROI,
        NAME,
        DESCRIPTION,
        edge("image", follow=Follow.IN, xml=XmlEdge(Spelling.BACK, "ROIRef")),
        edge("shapes", xml=XmlEdge(Spelling.PART, "Union")),
        ANNOTATIONS,
        xml="ROI",
        counts_as=Counted.ROI,
    ),
    _shape("Point", *_numbers("x", "y")),
    _shape("Line", *_numbers("x1", "y1", "x2", "y2"), *_MARKERS),
    _shape("Rectangle", *_numbers("x", "y", "width", "height")),
    _shape("Ellipse", *_numbers("x", "y", "radiusX", "radiusY")),
    _shape("Polygon", ome("points")),
    _shape("Polyline", ome("points"), *_MARKERS),
    _shape("Label", *_numbers("x", "y")),
    _shape("Mask", *_numbers("x", "y", "width", "height"), omero("bytes", xml="BinData")),
    _shape("Path", omero("d"), xml=False),
)
