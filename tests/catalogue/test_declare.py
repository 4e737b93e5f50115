# SPDX-License-Identifier: GPL-2.0-or-later
"""An entry states what the model cannot know, and a slip in it is named."""

from __future__ import annotations

import pytest

from graphxfer.catalogue import DETAILS, OME, Edge, Field, Type, Via
from graphxfer.catalogue.declare import Member, edge, entry, field, ome, omero


def member(owner: str, stated: Member) -> Field | Edge:
    made = entry(owner, stated)
    return made.fields[0] if stated.func is Field else made.edges[0]


@pytest.mark.parametrize(
    ("owner", "stated", "facts"),
    [
        ("Plate", ome("name"), (Type.STRING, "", True)),
        ("Plate", ome("rows"), (Type.INT, "", False)),
        ("Plate", ome("wellOriginX"), (Type.QUANTITY, "Length", False)),
        ("Detector", ome("voltage"), (Type.QUANTITY, "ElectricPotential", False)),
        ("Pixels", omero("pixelsType"), (Type.ENUM, "PixelsType", True)),
        ("Label", ome("transform"), (Type.TRANSFORM, "AffineTransform", False)),
        ("Mask", omero("bytes"), (Type.BYTES, "", False)),
        ("MapAnnotation", omero("mapValue"), (Type.PAIRS, "", False)),
        ("Pixels", omero("sha1", required=False), (Type.STRING, "", False)),
    ],
)
def test_a_field_has_the_facts_of_the_model(
    owner: str, stated: Member, facts: tuple[Type, str, bool]
) -> None:
    made = member(owner, stated)
    assert isinstance(made, Field)
    assert (made.type, made.of, made.required) == facts


@pytest.mark.parametrize(
    ("owner", "attribute", "expected"),
    [
        ("Well", "plate", ("plate", "Plate", Via.REFERENCE, "plate", "", True)),
        ("Roi", "shapes", ("shapes", "Shape", Via.LIST, "shapes", "roi", False)),
        ("Dataset", "imageLinks", ("images", "Image", Via.LINK, "DatasetImageLink", "", False)),
        (
            "Mask",
            "annotationLinks",
            ("annotations", "Annotation", Via.LINK, "ShapeAnnotationLink", "", False),
        ),
    ],
)
def test_an_edge_is_what_the_model_makes_of_it(
    owner: str, attribute: str, expected: tuple[object, ...]
) -> None:
    made = member(owner, edge(attribute))
    assert isinstance(made, Edge)
    said = (made.name, made.target, made.via, made.attribute, made.inverse, made.required)
    assert said == expected


@pytest.mark.parametrize(
    ("owner", "stated", "message"),
    [
        ("Plate", ome("nam"), "OMERO's Plate has no nam"),
        ("Plate", edge("wells"), "state Plate.wells at its other end: Well.plate"),
        ("Image", edge("datasetLinks"), "at its other end: DatasetImageLink.child"),
        ("Image", omero("fileset"), "Image.fileset leads to a Fileset: state it as an edge"),
        ("Image", edge("name"), "Image.name is a value .string.: state it as a field"),
        ("Pixels", edge("pixelsType"), "is a value .enumeration.: state it as a field"),
    ],
)
def test_a_slip_is_named(owner: str, stated: Member, message: str) -> None:
    with pytest.raises((TypeError, LookupError), match=message):
        entry(owner, stated)


def test_an_entry_has_an_iri_after_its_element_and_details() -> None:
    plate = entry("Plate", field("name", OME + "Name"), xml="Plate")
    assert plate.iri == "http://www.openmicroscopy.org/Schemas/OME/2016-06#Plate"
    assert entry("RenderingDef").iri == "http://www.openmicroscopy.org/TBD/omero/RenderingDef"
    assert [each.name for each in plate.fields] == ["name", "created"]
    assert plate.edges == DETAILS
