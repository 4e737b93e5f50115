# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens, plates, wells and reagents. An import or a script creates them."""

from __future__ import annotations

from functools import partial
from typing import Any

from graphxfer.catalogue.common import ANNOTATIONS, COLOR, DESCRIPTION, NAME, short
from graphxfer.catalogue.declare import Member, edge, entry, ome, omero
from graphxfer.catalogue.entries import (
    OME,
    Class,
    Field,
    Follow,
    Maker,
    Reusable,
    Spelling,
    XmlEdge,
)


def _of_plates(name: str, *members: Member, **stated: Any) -> Class:
    """Return the entry of a class whose fields users may change, except its place."""
    place = stated.get("place", ())
    changeable = (
        partial(member, editable=True)
        if member.func is Field and member.args[0] not in place
        else member
        for member in members
    )
    return entry(name, *changeable, xml=name, maker=Maker.EITHER, **stated)


PLATES = (
    _of_plates(
        "Screen",
        NAME,
        DESCRIPTION,
        short("type", term="screenType"),
        short("protocolIdentifier"),
        ome("protocolDescription"),
        short("reagentSetIdentifier"),
        ome("reagentSetDescription"),
        edge(
            "plateLinks",
            OME + "Plates",
            follow=Follow.IMPORT,
            xml=XmlEdge(Spelling.REFERENCE, "PlateRef"),
        ),
        ANNOTATIONS,
        root=True,
        reuse=Reusable.MERGE,
        identity=("name",),
    ),
    _of_plates(
        "Plate",
        NAME,
        DESCRIPTION,
        ome("rows"),
        ome("columns"),
        short("rowNamingConvention"),
        short("columnNamingConvention"),
        ome("wellOriginX"),
        ome("wellOriginY"),
        ome("defaultSample", "FieldIndex"),
        ome("status"),
        short("externalIdentifier"),
        ANNOTATIONS,
        root=True,
    ),
    _of_plates(
        "PlateAcquisition",
        NAME,
        DESCRIPTION,
        ome("startTime"),
        ome("endTime"),
        ome("maximumFieldCount"),
        edge("plate", follow=Follow.IN, xml=XmlEdge(Spelling.INSIDE)),
        ANNOTATIONS,
    ),
    _of_plates(
        "Well",
        ome("row"),
        ome("column"),
        *COLOR,
        short("type", term="wellType"),
        omero("status", length=255),
        ome("externalDescription"),
        short("externalIdentifier"),
        edge("plate", follow=Follow.BOTH, xml=XmlEdge(Spelling.INSIDE)),
        edge("wellSamples", follow=Follow.BOTH, xml=XmlEdge(Spelling.PART, "WellSample")),
        edge("reagentLinks", xml=XmlEdge(Spelling.REFERENCE, "ReagentRef")),
        ANNOTATIONS,
        place=("row", "column"),
        grid="plate",
    ),
    _of_plates(
        "WellSample",
        ome("posX", "PositionX"),
        ome("posY", "PositionY"),
        ome("timepoint"),
        edge(
            "image",
            follow=Follow.IMPORT,
            xml=XmlEdge(Spelling.REFERENCE, "ImageRef", once=True),
        ),
        edge("plateAcquisition", xml=XmlEdge(Spelling.BACK, "WellSampleRef")),
        part_of="Well",
    ),
    _of_plates(
        "Reagent",
        NAME,
        DESCRIPTION,
        short("reagentIdentifier"),
        edge("screen", follow=Follow.BOTH, alone=True, xml=XmlEdge(Spelling.INSIDE)),
        ANNOTATIONS,
    ),
)
