# SPDX-License-Identifier: GPL-2.0-or-later
"""Files as series: what Bio-Formats makes of them.

Facts of `.fake` names are those of ome/bioformats, `loci.formats.in.FakeReader`, and of its
documentation "Generating test images"; of OME-TIFFs, `loci.formats.in.OMETiffReader`; of TIFFs,
`MinimalTiffReader`, `BaseTiffReader` and `TiffReader`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import tifffile
from ome_types import OME, model
from PIL import Image

from omero_sandbox import readers
from omero_sandbox.readers import BrokenFile, MissingFile, Source, UnknownFormat
from omero_sandbox.readers.document import children, inner_xml, parse

Touch = Callable[[str], Source]


@pytest.fixture
def fake(tmp_path: Path) -> Touch:
    def read(name: str) -> Source:
        path = tmp_path / name
        path.touch()
        return readers.read([path])

    return read


def values(element: Any, name: str, attribute: str) -> list[str | None]:
    return [child.get(attribute) for child in children(element, name)]


# ---- .fake ---------------------------------------------------------------------------------


def test_fake_defaults(fake: Touch) -> None:
    (series,) = fake("default.fake")
    assert (series.sizeX, series.sizeY, series.sizeZ, series.sizeC, series.sizeT) == (
        512, 512, 1, 1, 1,
    )  # fmt: skip
    assert (series.pixelsType, series.dimensionOrder, series.name) == ("uint8", "XYZCT", "default")
    assert series.little


def test_fake_series_are_numbered_from_the_second_on(fake: Touch) -> None:
    assert [series.name for series in fake("multi-series&series=3.fake")] == [
        "multi-series", "multi-series 2", "multi-series 3",
    ]  # fmt: skip


def test_fake_gradient_starts_at_the_least_value(fake: Touch) -> None:
    (unsigned,) = fake("u&sizeX=300&pixelType=uint8.fake")
    (signed,) = fake("s&sizeX=300&pixelType=int16.fake")
    (real,) = fake("f&sizeX=300&pixelType=float&scaleFactor=0.5.fake")
    assert unsigned.plane(0, 0, 0)[10, 250:260].tolist() == [*range(250, 256), 0, 1, 2, 3]
    assert signed.plane(0, 0, 0)[10, :3].tolist() == [-32768, -32767, -32766]
    assert real.plane(0, 0, 0)[10, :4].tolist() == [0.0, 0.5, 1.0, 1.5]
    assert real.plane(0, 0, 0).dtype == np.float32


@pytest.mark.parametrize(
    ("order", "number"),
    [
        ("XYZCT", 1 + 3 * (2 + 5 * 4)),
        ("XYCTZ", 2 + 5 * (4 + 6 * 1)),
        ("XYTZC", 4 + 6 * (1 + 3 * 2)),
    ],
)
def test_fake_planes_tell_which_they_are(fake: Touch, order: str, number: int) -> None:
    """readSpecialPixels: boxes of 10 pixels hold series, plane number, Z, C and T."""
    source = fake(f"boxes&series=2&sizeZ=3&sizeC=5&sizeT=6&dimOrder={order}&pixelType=uint16.fake")
    plane = source[1].plane(1, 2, 4)
    assert plane[9, 0:50:10].tolist() == [1, number, 1, 2, 4]
    assert plane[10, 0:50:10].tolist() == [0, 10, 20, 30, 40]


def test_fake_merged_channels_are_one_channel_with_three_samples(fake: Touch) -> None:
    (series,) = fake("merged&sizeC=6&rgb=3.fake")
    assert series.sizeC == 6
    assert values(series.pixels, "Channel", "SamplesPerPixel") == ["3", "3"]
    assert series.plane(0, 4, 0)[0, 0:50:10].tolist() == [0, 1, 0, 4, 0]


def test_fake_metadata(fake: Touch) -> None:
    (series,) = fake(
        "metadata&sizeC=2&color=16711935&color_1=0xff0000ff&physicalSizeX=2nm&physicalSizeZ=.5"
        "&acquisitionDate=2012-05-03_09-30-00&exposureTime=0.25.fake"
    )
    pixels = series.pixels
    assert values(pixels, "Channel", "Color") == ["16711935", "-16776961"]
    assert (pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit")) == ("2", "nm")
    assert pixels.get("PhysicalSizeY") is None
    assert (pixels.get("PhysicalSizeZ"), pixels.get("PhysicalSizeZUnit")) == (".5", "µm")
    assert values(pixels, "Plane", "ExposureTime") == ["0.25", "0.25"]
    assert [date.text for date in children(series.image, "AcquisitionDate")] == [
        "2012-05-03T09:30:00+00:00"
    ]


def test_fake_companion_wins_over_the_name(tmp_path: Path) -> None:
    main = tmp_path / "a&sizeX=10&sizeY=11.fake"
    main.touch()
    companion = tmp_path / f"{main.name}.ini"
    companion.write_text(
        "sizeX=20\n[GlobalMetadata]\nx=y\n[series_0]\nExposureTime_0=5\nExposureTimeUnit_0=ms\n"
    )
    source = readers.read([main, companion])
    assert (source[0].sizeX, source[0].sizeY) == (20, 11)
    assert values(source[0].pixels, "Plane", "ExposureTimeUnit") == ["ms"]
    assert set(source.used) == {main, companion}


def test_fake_companion_alone_suffices(tmp_path: Path) -> None:
    companion = tmp_path / "alone.fake.ini"
    companion.write_text("sizeX=20\nsizeT=3\n")
    (series,) = readers.read([companion])
    assert (series.sizeX, series.sizeT, series.name) == (20, 3, "alone")


def test_fake_annotations(fake: Touch) -> None:
    """Counted over all images of the file; of one kind after the other."""
    source = fake("ann&series=2&annBool=1&annDouble=1&annLong=1&annMap=1&annTag=1&annXml=1.fake")
    found = [a for group in children(source.ome, "StructuredAnnotations") for a in group]
    assert [a.get("Namespace") for a in found] == ["fake-reader"] * 12
    value = [next(children(a, "Value")) for a in found]
    assert [v.text for v in value[:3]] == ["true", "0.222", "367"]
    pairs = [(pair.get("K"), pair.text) for pair in children(value[9], "M")]
    assert (pairs[0], pairs[9], len(pairs)) == (("keyS1N0", "val10"), ("keyS1N9", "val100"), 10)
    assert inner_xml(value[11]) == "<dummyXml>12</dummyXml>"
    refs = [values(series.image, "AnnotationRef", "ID") for series in source]
    assert refs == [[f"Annotation:{i}" for i in range(n, n + 6)] for n in (0, 6)]


def test_fake_regions(fake: Touch) -> None:
    """Each region has one shape, on no plane in particular, 10 pixels from the one before."""
    kinds = ("ellipses", "labels", "lines", "masks", "points", "polygons", "polylines")
    source = fake("roi&" + "&".join(f"{kind}=1" for kind in kinds) + "&rectangles=2.fake")
    shapes = [shape for roi in children(source.ome, "ROI") for union in roi for shape in union]
    names = [shape.tag.rpartition("}")[2] for shape in shapes]
    assert names == [
        "Ellipse", "Label", "Line", "Mask", "Point", "Polygon", "Polyline", "Rectangle",
        "Rectangle",
    ]  # fmt: skip
    assert all(shape.get("TheZ") is None for shape in shapes)
    geometry = [shapes[-1].get(key) for key in ("X", "Y", "Width", "Height")]
    assert geometry == ["12.0", "2.0", "5", "5"]
    assert shapes[5].get("Points", "").startswith("1.0,3.0 3.5,8.0")


def test_fake_plate(fake: Touch) -> None:
    """Order of the images: plate, row, column, acquisition, field (XMLMockObjects.createPlate)."""
    source = fake("hcs&plates=2&plateRows=2&plateCols=3&fields=2&plateAcqs=2.fake")
    assert len(source) == 2 * 6 * 2 * 2
    assert source[1].name == "hcs 2"
    plates = list(children(source.ome, "Plate"))
    assert [plate.get("Name") for plate in plates] == ["Plate Name 0", "Plate Name 1"]
    wells = list(children(plates[1], "Well"))
    assert [(well.get("Row"), well.get("Column")) for well in wells][:4] == [
        ("0", "0"), ("0", "1"), ("0", "2"), ("1", "0"),
    ]  # fmt: skip
    refs = [ref.get("ID") for sample in wells[1] for ref in sample]
    assert refs == [f"Image:{i}" for i in range(28, 32)]
    runs = [values(run, "WellSampleRef", "ID") for run in children(plates[1], "PlateAcquisition")]
    assert [len(run) for run in runs] == [12, 12]
    assert not list(children(source.ome, "Screen"))


def test_fake_screens(fake: Touch) -> None:
    """One key of a plate is enough; the others are then 1."""
    source = fake("screen&screens=2&fields=0.fake")
    screens = list(children(source.ome, "Screen"))
    assert [values(screen, "PlateRef", "ID") for screen in screens] == [["Plate:0"], ["Plate:1"]]
    assert len(source) == 2


@pytest.mark.parametrize(
    "name",
    ["sizeX=0", "sizeZ=x", "rgb=2&sizeC=3", "dimOrder=XYZ", "pixelType=int99", "series=-1"],
)
def test_fake_bad_values_are_refused(fake: Touch, name: str) -> None:
    with pytest.raises(BrokenFile):
        fake(f"bad&{name}.fake")


def test_fake_unknown_keys_are_ignored(fake: Touch) -> None:
    assert fake("odd&colour=red&novalue&sizeX=7.fake")[0].sizeX == 7


# ---- OME-TIFF ------------------------------------------------------------------------------


def stack(shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_ome_tiff_planes_and_metadata(tmp_path: Path, byte_order: str) -> None:
    path = tmp_path / "a.ome.tif"
    data = stack((2, 3, 4, 20, 30))
    metadata = {"axes": "TCZYX", "Name": "stack", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(path, data, metadata=metadata, byteorder=byte_order)
    with readers.read([path]) as source:
        (series,) = source
        assert source.format == "OMETiff"
        assert series.little == (byte_order == "<")
        assert (series.sizeX, series.sizeY, series.sizeZ, series.sizeC, series.sizeT) == (
            30, 20, 4, 3, 2,
        )  # fmt: skip
        for t, c, z in np.ndindex(2, 3, 4):
            assert np.array_equal(series.plane(z, c, t), data[t, c, z])
        assert series.pixels.get("PhysicalSizeXUnit") == "nm"


def test_ome_tiff_with_colours_and_tiles(tmp_path: Path) -> None:
    path = tmp_path / "rgb.ome.tif"
    data = stack((2, 32, 48, 3), "uint8")
    tifffile.imwrite(
        path, data, photometric="rgb", tile=(16, 16), compression="zlib", metadata={"axes": "ZYXS"}
    )
    with readers.read([path]) as source:
        (series,) = source
        assert (series.sizeC, series.sizeZ, series.tile) == (3, 2, (16, 16))
        assert np.array_equal(series.plane(1, 2, 0), data[1, :, :, 2])


def document(shape: tuple[int, int, int], blocks: list[model.TiffData], **more: Any) -> OME:
    """Describe one image of (planes along T, Y, X)."""
    pixels = model.Pixels(
        id="Pixels:0", dimension_order=model.Pixels_DimensionOrder.XYZCT,
        type=model.PixelType.UINT16, size_t=shape[0], size_y=shape[1], size_x=shape[2], size_c=1,
        size_z=1, channels=[model.Channel(id="Channel:0:0")], tiff_data_blocks=blocks,
    )  # fmt: skip
    return OME(images=[model.Image(id="Image:0", pixels=pixels)], **more)


def write(path: Path, xml: str, planes: np.ndarray) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for i, plane in enumerate(planes):
            writer.write(plane, description=None if i else xml, metadata=None)
    return path


def block(file: Path | None = None, uuid: str = "", **more: Any) -> model.TiffData:
    if file is not None:
        more["uuid"] = model.TiffData.UUID(value=uuid, file_name=file.name)
    return model.TiffData(**more)


def test_ome_tiff_of_several_files(tmp_path: Path) -> None:
    data = stack((3, 5, 7))
    paths = [tmp_path / f"t{t}.ome.tif" for t in range(3)]
    uuids = [uuid4().urn for _ in paths]
    blocks = [block(paths[t], uuids[t], ifd=0, first_t=t, plane_count=1) for t in range(3)]
    for t, path in enumerate(paths):
        write(path, document((3, 5, 7), blocks, uuid=uuids[t]).to_xml(), data[t : t + 1])
    with readers.read([paths[1], paths[0], paths[2]]) as source:
        assert np.array_equal(source[0].plane(0, 0, 2), data[2])
        assert np.array_equal(source[0].plane(0, 0, 0), data[0])
        assert source.used[0] == paths[1]
        assert set(source.used) == set(paths)
    paths[2].unlink()
    with pytest.raises(MissingFile, match=r"t2\.ome\.tif"):
        readers.read([paths[0]])


def test_ome_tiff_files_are_looked_for_beside_the_first_only(tmp_path: Path) -> None:
    """A FileName with a folder is of another machine: OMETiffReader takes its last part."""
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    other = write(elsewhere / "other.ome.tif", "", stack((1, 5, 7)))
    uuid = uuid4().urn
    more = block(ifd=0, plane_count=1)
    more.uuid = model.TiffData.UUID(value=uuid, file_name=f"../elsewhere/{other.name}")
    xml = document((1, 5, 7), [more], uuid=uuid4().urn).to_xml()
    path = write(here / "a.ome.tif", xml, stack((1, 5, 7)))
    with pytest.raises(MissingFile, match=r"other\.ome\.tif"):
        readers.read([path])


def test_ome_tiff_with_a_companion(tmp_path: Path) -> None:
    data = stack((2, 5, 7))
    tiff, companion = tmp_path / "a.ome.tif", tmp_path / "set.companion.ome"
    uuid = uuid4().urn
    only = OME(binary_only=OME.BinaryOnly(metadata_file=companion.name, uuid=uuid4().urn))
    write(tiff, only.to_xml(), data)
    blocks = [block(tiff, uuid, ifd=0, plane_count=2)]
    companion.write_text(document((2, 5, 7), blocks).to_xml(), encoding="utf-8")
    for first in (tiff, companion):
        with readers.read([first]) as source:
            assert np.array_equal(source[0].plane(0, 0, 1), data[1])
            assert set(source.used) == {tiff, companion}
    companion.unlink()
    with pytest.raises(MissingFile, match=companion.name):
        readers.read([tiff])


@pytest.mark.parametrize("count", [None, 3])
def test_ome_tiff_data_without_a_count_fills_up(tmp_path: Path, count: int | None) -> None:
    data = stack((3, 5, 7))
    xml = document((3, 5, 7), [block(ifd=0, plane_count=count)]).to_xml()
    with readers.read([write(tmp_path / "a.ome.tif", xml, data)]) as source:
        assert np.array_equal(source[0].plane(0, 0, 2), data[2])


def test_ome_tiff_plane_that_no_tiff_data_names_is_black(tmp_path: Path) -> None:
    data = stack((2, 5, 7)) + 1
    xml = document((2, 5, 7), [block(ifd=0, first_t=1, plane_count=1)]).to_xml()
    with readers.read([write(tmp_path / "a.ome.tif", xml, data)]) as source:
        assert not source[0].plane(0, 0, 0).any()
        assert np.array_equal(source[0].plane(0, 0, 1), data[0])


def test_ome_tiff_that_contradicts_itself(tmp_path: Path) -> None:
    xml = document((1, 50, 70), [block(ifd=0, plane_count=1)]).to_xml()
    with pytest.raises(BrokenFile, match="70 x 50"):
        readers.read([write(tmp_path / "a.ome.tif", xml, stack((1, 5, 7)))])


def test_ome_tiff_page_that_is_not_there(tmp_path: Path) -> None:
    xml = document((1, 5, 7), [block(ifd=9, plane_count=1)]).to_xml()
    with pytest.raises(BrokenFile, match="page 9"):
        readers.read([write(tmp_path / "a.ome.tif", xml, stack((1, 5, 7)))])


def test_xml_with_an_entity_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    xml = f'<!DOCTYPE OME [<!ENTITY e SYSTEM "{secret.as_uri()}">]><OME>&e;</OME>'
    with pytest.raises(BrokenFile, match="document type"):
        readers.read([write(tmp_path / "a.ome.tif", xml, stack((1, 5, 7)))])


def test_xml_of_an_older_schema_is_brought_up_to_date() -> None:
    old = "http://www.openmicroscopy.org/Schemas/OME/2013-06"
    root = parse(
        f'<OME xmlns="{old}"><Image ID="Image:0" Name="old"><Pixels ID="Pixels:0" SizeX="1" '
        'SizeY="1" SizeZ="1" SizeC="1" SizeT="1" DimensionOrder="XYZCT" Type="uint8" '
        f'PhysicalSizeX="0.5"><TiffData/></Pixels></Image></OME>'.encode()
    )
    (image,) = children(root, "Image")
    assert image.get("Name") == "old"


# ---- TIFF ----------------------------------------------------------------------------------


def test_tiff_pages_are_time_points(tmp_path: Path) -> None:
    data = stack((4, 6, 8))
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, data, photometric="minisblack", metadata=None)
    with readers.read([path]) as source:
        (series,) = source
        assert (source.format, series.sizeZ, series.sizeC, series.sizeT) == ("TIFF", 1, 1, 4)
        assert np.array_equal(series.plane(0, 0, 3), data[3])


def test_tiff_hyperstack_of_imagej(tmp_path: Path) -> None:
    data = stack((2, 3, 4, 6, 8))
    path = tmp_path / "hyperstack.tif"
    metadata = {"axes": "TZCYX", "spacing": 3.0, "unit": "nm", "finterval": 0.5}
    tifffile.imwrite(path, data, imagej=True, resolution=(4, 2), metadata=metadata)
    with readers.read([path]) as source:
        (series,) = source
        assert (series.dimensionOrder, series.sizeZ, series.sizeC, series.sizeT) == (
            "XYCZT", 3, 4, 2,
        )  # fmt: skip
        for t, z, c in np.ndindex(2, 3, 4):
            assert np.array_equal(series.plane(z, c, t), data[t, z, c])
        facts = {key: series.pixels.get(key) for key in ("PhysicalSizeX", "PhysicalSizeY")}
        assert facts == {"PhysicalSizeX": "0.25", "PhysicalSizeY": "0.5"}
        assert series.pixels.get("PhysicalSizeZ") == "3.0"
        assert series.pixels.get("PhysicalSizeXUnit") == "nm"
        assert series.pixels.get("TimeIncrement") == "0.5"


def test_tiff_resolution_is_a_physical_size(tmp_path: Path) -> None:
    """BaseTiffReader: micrometres from the number of pixels in a centimetre or an inch."""
    path = tmp_path / "resolution.tif"
    tifffile.imwrite(path, stack((6, 8)), resolution=(20000, 10000), resolutionunit="CENTIMETER")
    with readers.read([path]) as source:
        pixels = source[0].pixels
    sizes = [float(pixels.get(f"PhysicalSize{axis}", "0")) for axis in "XY"]
    assert sizes == [0.5, 1.0]


def test_tiff_palette_becomes_colours(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), "uint16")
    colours[0], colours[2] = np.arange(256) * 256, 65535
    path = tmp_path / "palette.tif"
    data = stack((6, 8), "uint8")
    tifffile.imwrite(path, data, photometric="palette", colormap=colours, metadata=None)
    with readers.read([path]) as source:
        (series,) = source
        assert series.sizeC == 3
        assert np.array_equal(series.plane(0, 0, 0), data)
        assert (series.plane(0, 2, 0) == 255).all()


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_tiff_that_is_cut_off(tmp_path: Path, compression: str | None, share: float) -> None:
    """At the latest when the pixels are read, which an import does."""
    path = tmp_path / "whole.tif"
    data = np.random.default_rng(1).integers(0, 65535, (60, 80), "uint16")
    tifffile.imwrite(path, data, compression=compression)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BrokenFile), readers.read([path]) as source:
        source[0].plane(0, 0, 0)


# ---- pictures, and what is none ------------------------------------------------------------


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4), ("P", 3)])
def test_png(tmp_path: Path, mode: str, channels: int) -> None:
    path = tmp_path / "a.png"
    picture = Image.fromarray(stack((6, 8, 3), "uint8")).convert(mode)
    picture.save(path)
    source = readers.read([path])
    (series,) = source
    assert (source.format, series.sizeC, series.pixelsType) == ("PNG", channels, "uint8")
    expected = np.asarray(picture.convert("RGB") if mode == "P" else picture)
    planes = np.stack([series.plane(0, c, 0) for c in range(channels)], axis=-1)
    assert np.array_equal(planes.squeeze(), expected)


def test_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (16, 8), (200, 100, 50)).save(path, quality=95)
    source = readers.read([path])
    colour = [int(source[0].plane(0, c, 0)[4, 8]) for c in range(3)]
    assert source.format == "JPEG"
    assert np.allclose(colour, (200, 100, 50), atol=3)


def test_picture_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(stack((60, 80, 3), "uint8")).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BrokenFile):
        readers.read([path])


def test_unknown_format(tmp_path: Path) -> None:
    for name, content in (("a.txt", b"hello"), ("empty.bin", b""), ("a.tif", b"no tiff")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnknownFormat):
            readers.read([path])


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        readers.read([tmp_path / "a.fake"])
