# SPDX-License-Identifier: GPL-2.0-or-later
"""Validation finds each planted defect, and is silent on a good bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import NamedNode, RdfFormat, parse
from rdflib import RDF, SH, Literal

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import AffineTransform, Maker, Value
from graphxfer.errors import BadDocument, UsageError
from graphxfer.graph import Node, TransferGraph
from graphxfer.inspect import validate as validating
from graphxfer.inspect.validate import shapes_folder, validate
from tests.inspect import sample
from tests.inspect.sample import PIXELS, own

IMAGE: dict[str, Value] = {"name": "a.ome.tif [0]", "series": 0}
BELOW = {"pixels": ("Pixels/7",), "annotations": sample.LINKED[7]}

DEFECTS: dict[str, tuple[Node, str, str, str]] = {
    "a required name": (own("Project/51", {}), "Project/51", "Violation", "name is missing"),
    "a text that is too long": (
        own("OriginalFile/12", {"name": "t", "path": "/", "mimetype": "m" * 256}),
        "OriginalFile/12",
        "Violation",
        "mimetype is longer than OMERO stores",
    ),
    "a number that is too large": (
        own("LongAnnotation/1", {"longValue": 2**63}),
        "LongAnnotation/1",
        "Violation",
        "longValue is larger than OMERO stores",
    ),
    "a text for a number": (
        own("Pixels/7", PIXELS | {"sizeX": "wide"}, channels=("Channel/7",)),
        "Pixels/7",
        "Violation",
        "sizeX has a value of the wrong type",
    ),
    "a link to nothing": (
        own("Dataset/102", {"name": "to do"}, images=("Image/404",)),
        "Dataset/102",
        "Violation",
        "links to a node that is not in the graph",
    ),
    "a list with nothing in it": (
        own("Roi/4", {}, image=("Image/7",), shapes=("Rectangle/11", "Point/404", "Point/12")),
        "Roi/4",
        "Violation",
        "links to a node that is not in the graph",
    ),
    "an annotation of nothing": (
        own("TagAnnotation/77", {"textValue": "lonely"}),
        "TagAnnotation/77",
        "Warning",
        "is an annotation that is linked to no object",
    ),
    "a fileset without files": (
        own("Fileset/3", {}),
        "Fileset/3",
        "Violation",
        "is a fileset without files",
    ),
    "an image without pixels": (
        own("Image/7", IMAGE, fileset=("Fileset/3",), annotations=sample.LINKED[7]),
        "Image/7",
        "Violation",
        "is an image without pixels",
    ),
    "an image without a fileset": (
        own("Image/7", IMAGE, **BELOW),
        "Image/7",
        "Warning",
        "is an image without a fileset: graphxfer does not cover it yet",
    ),
    "two images of one series": (
        own("Image/7", IMAGE | {"series": 1}, fileset=("Fileset/3",), **BELOW),
        "Image/7",
        "Violation",
        "has the same series as another image of its fileset: apply cannot distinguish them",
    ),
    "no extent": (
        own("Pixels/7", PIXELS | {"sizeZ": 0}, channels=("Channel/7",)),
        "Pixels/7",
        "Violation",
        "has a SizeZ below 1",
    ),
    "an empty key": (
        own("MapAnnotation/9", {"pairs": (("gene", "tubA"), ("", "tubB"))}),
        "MapAnnotation/9",
        "Warning",
        "has a pair with an empty key",
    ),
    "a tag without a text": (
        own("TagAnnotation/5", {"textValue": ""}),
        "TagAnnotation/5",
        "Warning",
        "is a tag without text",
    ),
    "a file annotation without a file": (
        own("FileAnnotation/12", {}),
        "FileAnnotation/12",
        "Warning",
        "is a file annotation without a file",
    ),
    "a ROI of no image": (
        own("Roi/4", {}, shapes=("Rectangle/11", "Point/12")),
        "Roi/4",
        "Warning",
        "is a ROI without an image",
    ),
    "a ROI without shapes": (
        own("Roi/4", {}, image=("Image/7",)),
        "Roi/4",
        "Warning",
        "is a ROI without shapes",
    ),
    "a rectangle to the right": (
        own("Rectangle/11", {"x": 64.5, "y": 0.0, "width": 3.0, "height": 3.0}),
        "Rectangle/11",
        "Warning",
        "lies outside its image",
    ),
    "a point above": (
        own("Point/12", {"x": 3.0, "y": -0.5}),
        "Point/12",
        "Warning",
        "lies outside its image",
    ),
    "a shape on a plane that is not there": (
        own("Point/12", {"x": 3.0, "y": 3.0, "theZ": 3}),
        "Point/12",
        "Warning",
        "is on a plane that its image does not have",
    ),
}


def planted(monkeypatch: pytest.MonkeyPatch, bundle: Bundle, graph: TransferGraph) -> Bundle:
    """Return a bundle of a graph that our own reader and writer would refuse."""
    planted = Bundle(bundle.folder)
    monkeypatch.setattr(planted, "_graph", graph)
    return planted


def test_a_good_bundle_has_no_findings(bundle: Bundle) -> None:
    report = validate(bundle)
    assert report.findings == ()
    assert (None, SH.conforms, Literal(True)) in report.rdf


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(
    defect: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, where, severity, message = DEFECTS[defect]
    report = validate(planted(monkeypatch, bundle, sample.graph(node)))
    found = {(finding.node, finding.severity, finding.message) for finding in report.findings}
    assert (where, severity, message) in found
    assert bool(report.violations) == any(severity == "Violation" for _, severity, _ in found)


@pytest.mark.parametrize(
    "shape",
    [
        own("Rectangle/11", {"x": -5.0, "y": -5.0, "width": 6.0, "height": 6.0}),
        own("Point/12", {"x": 500.0, "y": 3.0, "transform": AffineTransform(1, 0, 0, 1, -490, 0)}),
    ],
    ids=["partly inside", "moved inside by its transform"],
)
def test_a_shape_that_may_be_inside_is_left_alone(
    shape: Node, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not validate(planted(monkeypatch, bundle, sample.graph(shape))).findings


def test_nodes_are_told_by_their_names(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = own("Dataset/102", {"name": "to do"}, images=("Image/404",))
    (finding,) = validate(planted(monkeypatch, bundle, sample.graph(dataset))).findings
    assert finding.name == "to do"


def test_many_nodes_are_checked_in_several_processes(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validating, "CHUNK", 10)
    nameless = sample.graph(own("Project/51", {}), own("Dataset/103", {}, images=("Image/8",)))
    report = validate(planted(monkeypatch, bundle, nameless))
    assert {it.node for it in report.findings} == {"Project/51", "Dataset/103"}
    (whole,) = report.rdf.subjects(RDF.type, SH.ValidationReport)
    assert len(list(report.rdf.objects(whole, SH.result))) == 2


OWN_SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix ome: <http://www.openmicroscopy.org/rdf/2016-06/ome_core/> .
@prefix model: <http://www.openmicroscopy.org/Schemas/OME/2016-06#> .
<http://example.org/Dated> a sh:NodeShape ;
    sh:targetClass model:Dataset ;
    sh:property [ sh:path ome:Name ; sh:pattern "^[0-9-]+$" ; sh:severity sh:Info ;
                  sh:message "is not named by its date" ] .
"""


def test_shapes_of_a_user_are_applied(bundle: Bundle, tmp_path: Path) -> None:
    shapes = tmp_path / "house-rules.ttl"
    shapes.write_text(OWN_SHAPES)
    report = validate(bundle, [shapes])
    (finding,) = report.findings
    assert (finding.severity, finding.node, finding.value) == ("Info", "Dataset/102", "to do")
    assert not report.violations


@pytest.mark.parametrize("text", ["<unfinished", "[] <http://www.w3.org/ns/shacl#path> 1 ,"])
def test_shapes_that_cannot_be_read_are_told(text: str, bundle: Bundle, tmp_path: Path) -> None:
    shapes = tmp_path / "bad.ttl"
    shapes.write_text(text)
    with pytest.raises(BadDocument, match=r"bad\.ttl: is not valid RDF"):
        validate(bundle, [shapes])


def test_shapes_may_not_ask_other_servers(bundle: Bundle, tmp_path: Path) -> None:
    shapes = tmp_path / "far.ttl"
    select = "SELECT ?this { SERVICE <http://x/> { ?this ?p 1 } }"
    shapes.write_text(f'[] <http://www.w3.org/ns/shacl#select> "{select}" .')
    with pytest.raises(UsageError, match="never queries other servers"):
        validate(bundle, [shapes])


def test_the_shapes_of_sense_know_every_class_of_annotation() -> None:
    text = (shapes_folder() / "sense.ttl").read_text()
    for entry in catalogue.subclasses("Annotation"):
        assert f"model:{entry.iri.rpartition('#')[2]}" in text


def test_shapes_name_only_what_the_catalogue_has() -> None:
    quads = parse(path=shapes_folder() / "sense.ttl", format=RdfFormat.TURTLE)
    known = {entry.iri for entry in catalogue.CLASSES.values() if entry.maker is not Maker.SERVER}
    classes = {
        quad.object.value
        for quad in quads
        if quad.predicate == NamedNode(str(SH.targetClass)) and isinstance(quad.object, NamedNode)
    }
    assert classes
    assert classes <= known
