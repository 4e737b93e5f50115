# SPDX-License-Identifier: GPL-2.0-or-later
"""OME-XML: valid for others, exact for ourselves, safe against strangers."""

from __future__ import annotations

from importlib.resources import as_file, files
from io import BytesIO
from math import inf, nan
from pathlib import Path
from typing import Any

import ome_types
import pytest
from hypothesis import HealthCheck, example, given, settings
from lxml import etree

from graphxfer.catalogue import AffineTransform, Quantity
from graphxfer.errors import BadDocument
from graphxfer.graph import Header, Node, TransferGraph, omexml
from tests.strategies import graphs

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "ome-xml"
samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no sample documents in shared/data")
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


@pytest.fixture(scope="session")
def definition() -> Any:
    with as_file(files(ome_types) / "ome-2016-06.xsd") as path:
        return etree.XMLSchema(etree.parse(str(path)))


def written(graph: TransferGraph) -> bytes:
    stream = BytesIO()
    omexml.write(graph, stream)
    return stream.getvalue()


def read(tmp_path: Path, document: bytes) -> TransferGraph:
    path = tmp_path / "document.ome.xml"
    path.write_bytes(document)
    return omexml.read(path)


def told(graph: TransferGraph) -> str:
    # repr tells NaN from nothing else and keeps types apart.
    return repr([graph.header, *graph])


def tagged(namespace: str) -> TransferGraph:
    fields: dict[str, Any] = {"textValue": "a", "namespace": namespace}
    return TransferGraph(
        Header("https://omero.example.org/"), [Node("TagAnnotation/1", "TagAnnotation", fields)]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(graph=graphs())
@example(graph=tagged(":"))  # a namespace of allowed characters that is not an xs:anyURI
def test_any_graph_is_valid_ome_xml_and_comes_back_equal(
    graph: TransferGraph, definition: Any, tmp_path: Path
) -> None:
    document = written(graph)
    definition.assertValid(etree.fromstring(document))
    assert told(read(tmp_path, document)) == told(graph)


PIXELS: dict[str, Any] = {
    "sizeX": 5,
    "sizeY": 4,
    "sizeZ": 3,
    "sizeC": 1,
    "sizeT": 1,
    "pixelsType": "uint8",
    "dimensionOrder": "XYZCT",
    "physicalSizeX": Quantity(0.25, "MICROMETER"),
}

MASK: dict[str, Any] = {
    "x": 1.0,
    "y": 2.0,
    "width": 3.0,
    "height": 2.0,
    "bytes": b"\xa0",
    "theZ": 1,
    "transform": AffineTransform(1.0, 0.0, 0.0, 1.0, 2.5, 0.0),
}


def small() -> TransferGraph:
    nodes = [
        Node("Project/1", "Project", {"name": "Mitosis"}, {"datasets": ("Dataset/2",)}),
        Node("Dataset/2", "Dataset", {"name": "a"}, {"images": ("Image/3",)}),
        Node(
            "Image/3",
            "Image",
            {"name": "cell [0]", "description": "x\ny", "acquisitionDate": 1_000},
            {"pixels": ("Pixels/4",), "annotations": ("TagAnnotation/9", "MapAnnotation/10")},
        ),
        Node(
            "Pixels/4",
            "Pixels",
            PIXELS,
            {"channels": ("Channel/5",)},
        ),
        Node(
            "Channel/5",
            "Channel",
            {"red": 255, "green": 0, "blue": 0, "alpha": 255},
            {"logicalChannel": ("LogicalChannel/6",)},
        ),
        Node(
            "LogicalChannel/6",
            "LogicalChannel",
            {"name": "DAPI", "emissionWave": Quantity(461.0, "NANOMETER")},
        ),
        Node("Roi/7", "Roi", {"name": "nucleus"}, {"image": ("Image/3",), "shapes": ("Mask/8",)}),
        Node(
            "Mask/8",
            "Mask",
            MASK,
        ),
        Node("TagAnnotation/9", "TagAnnotation", {"textValue": "<b> & µ"}),
        Node(
            "MapAnnotation/10",
            "MapAnnotation",
            {"pairs": (("gene", "tubA"), ("gene", "tubB"), ("empty", ""))},
        ),
    ]
    return TransferGraph(Header("https://omero.example.org/", roots=("Project/1",)), nodes)


def test_another_program_sees_what_is_there() -> None:
    document: Any = ome_types.from_xml(written(small()).decode())
    image = document.images[0]
    assert document.projects[0].dataset_refs[0].id == document.datasets[0].id
    assert (image.name, image.description) == ("cell [0]", "x\ny")
    pixels = image.pixels
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (0.25, "µm")
    channel = image.pixels.channels[0]
    assert (channel.name, channel.emission_wavelength) == ("DAPI", 461)
    assert channel.color is not None
    assert channel.color.as_rgb_tuple(alpha=False) == (255, 0, 0)
    roi = document.rois[0]
    assert (image.roi_refs[0].id, roi.name) == (roi.id, "nucleus")
    mask = roi.union[0]
    assert (mask.the_z, mask.transform.a02, mask.bin_data.value) == (1, 2.5, b"\xa0")
    texts = [annotation.value for annotation in document.structured_annotations.tag_annotations]
    assert texts == ["<b> & µ"]
    pairs = document.structured_annotations.map_annotations[0].value.ms
    assert [(pair.k, pair.value) for pair in pairs[:2]] == [("gene", "tubA"), ("gene", "tubB")]


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("DoubleAnnotation", {"doubleValue": nan}),
        ("DoubleAnnotation", {"doubleValue": -inf}),
        ("TagAnnotation", {"textValue": "\x01 \r\n ￾"}),
        ("XmlAnnotation", {"textValue": "<not closed"}),
        ("XmlAnnotation", {"textValue": "<a xmlns='urn:b'><c/></a>"}),
        ("TimestampAnnotation", {"timeValue": 2**62}),
        ("TagAnnotation", {"textValue": "a", "namespace": "no uri % <at all>"}),
        ("Point", {"x": 1.0}),
        ("Path", {"d": "M 0 0"}),
    ],
)
def test_what_xml_cannot_say_survives(
    type_: str, fields: dict[str, Any], definition: Any, tmp_path: Path
) -> None:
    graph = TransferGraph(Header("https://omero.example.org/"), [Node(f"{type_}/1", type_, fields)])
    document = written(graph)
    definition.assertValid(etree.fromstring(document))
    assert told(read(tmp_path, document)) == told(graph)


def without_graph(document: bytes) -> bytes:
    """Return a document as if another program had written it."""
    root: Any = etree.fromstring(document)
    for annotation in root.iter(f"{OME}XMLAnnotation"):
        if annotation.get("ID") == "Annotation:graphxfer":
            annotation.getparent().remove(annotation)
    return etree.tostring(root)


def test_the_plain_part_alone_says_the_same(tmp_path: Path) -> None:
    foreign = read(tmp_path, without_graph(written(small())))
    mine = small()
    for node in mine:
        if node.type != "LogicalChannel":  # it has no element and no ID of its own
            there = foreign[node.iri]
            assert there.fields.items() >= node.fields.items()
            assert there.edges.keys() >= node.edges.keys()
    (logical,) = foreign.of_type("LogicalChannel")
    assert logical.fields == mine["LogicalChannel/6"].fields
    assert foreign.header.roots == ("Project/1",)


def of_samples(*numbers: int) -> bytes:
    """Return a document whose channels have these numbers of samples."""
    model: Any = ome_types.model
    channels = [
        model.Channel(id=f"Channel:0:{n}", samples_per_pixel=samples, name=f"c{n}")
        for n, samples in enumerate(numbers)
    ]
    pixels = model.Pixels(
        dimension_order="XYCZT", type="uint8", channels=channels,
        metadata_only=model.MetadataOnly(),
        size_x=1, size_y=1, size_z=1, size_c=sum(numbers), size_t=1,
    )  # fmt: skip
    return model.OME(images=[model.Image(pixels=pixels)]).to_xml().encode()


def test_each_sample_of_a_channel_is_a_channel(tmp_path: Path) -> None:
    graph = read(tmp_path, of_samples(1, 3))
    (pixels,) = graph.of_type("Pixels")
    channels = [graph[iri] for iri in pixels.edges["channels"]]
    logical = [graph[each.edges["logicalChannel"][0]] for each in channels]
    assert [each.fields["name"] for each in logical] == ["c0", "c1", "c1", "c1"]
    assert [each.fields["samplesPerPixel"] for each in logical] == [1] * 4
    assert len({each.iri for each in channels}) == len({each.iri for each in logical}) == 4
    again = read(tmp_path, without_graph(written(graph)))
    assert again.types() == graph.types()


def test_samples_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match=r"more than 10,000 samples"):
        read(tmp_path, of_samples(2**31 - 2))


@samples
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("[!b]*.ome.xml")), ids=lambda path: path.name)
def test_documents_of_others_are_read_as_ome_types_reads_them(path: Path) -> None:
    graph, document = omexml.read(path), ome_types.from_xml(path)
    assert graph.types().get("Image", 0) == len(document.images)
    assert graph.types().get("Roi", 0) == len(document.rois)
    shapes = sum(len(roi.union) for roi in document.rois)
    assert sum(1 for _ in graph.of_type("Shape")) == shapes
    names = [image.name or "" for image in document.images]
    assert [node.fields["name"] for node in graph.of_type("Image")] == names
    for kind, there in (
        ("Screen", document.screens),
        ("Plate", document.plates),
        ("Reagent", [one for screen in document.screens for one in screen.reagents]),
        (
            "PlateAcquisition",
            [one for plate in document.plates for one in plate.plate_acquisitions],
        ),
        ("Well", wells := [one for plate in document.plates for one in plate.wells]),
        ("WellSample", [one for well in wells for one in well.well_samples]),
    ):
        assert graph.types().get(kind, 0) == len(there)


@samples
def test_an_invalid_document_is_refused_with_its_line() -> None:
    with pytest.raises(BadDocument, match=r"line 6: is not valid OME-XML 2016-06.*InvalidName"):
        omexml.read(SAMPLES / "bad.ome.xml")


def test_files_are_named_by_their_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.ome.tif").write_bytes(b"1234567")
    document = without_graph(written(small())).decode()
    data = '<TiffData><UUID FileName="a.ome.tif">urn:uuid:{}</UUID></TiffData>'.format(
        "2b5ba78a-3d21-4a5b-9a4d-1c9d8d1c7b62"
    )
    graph = read(tmp_path, document.replace("<MetadataOnly/>", data).encode())
    (file,) = graph.of_type("OriginalFile")
    assert file.fields == {"name": "a.ome.tif", "path": "", "size": 7}
    image = graph["Image/3"]
    assert image.fields["series"] == 0
    assert graph[image.edges["fileset"][0]].type == "Fileset"


def test_external_entities_are_refused_and_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    attack = f"""<!DOCTYPE OME [<!ENTITY x SYSTEM "{secret.as_uri()}">]>
        <OME xmlns="{OME[1:-1]}"><Rights><RightsHolder>&x;</RightsHolder></Rights></OME>"""
    with pytest.raises(BadDocument, match="document type declaration"):
        read(tmp_path, attack.encode())


def test_a_billion_laughs_are_refused(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    attack = f'<!DOCTYPE OME [<!ENTITY l0 "ha">{laughs}]><OME xmlns="{OME[1:-1]}">&l11;</OME>'
    with pytest.raises(BadDocument):
        read(tmp_path, attack.encode())


@pytest.mark.parametrize("document", [b"", b"<OME", b"no xml", b"<html/>", b"\x00"])
def test_what_is_no_ome_xml_is_refused(document: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match="is no"):
        read(tmp_path, document)


def test_a_reference_to_nothing_is_refused(tmp_path: Path) -> None:
    document = without_graph(written(small())).replace(
        b'ImageRef ID="Image:3"', b'ImageRef ID="Image:4"'
    )
    with pytest.raises(BadDocument, match="Image:4, which is not in the document"):
        read(tmp_path, document)
