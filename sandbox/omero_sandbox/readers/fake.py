# SPDX-License-Identifier: GPL-2.0-or-later
"""`.fake` files: images made from their name, as Bio-Formats' FakeReader makes them.

Source of names, defaults and values: ome/bioformats, `loci.formats.in.FakeReader` and
docs "Generating test images". Not imitated: indexed colour, and folders of `.fake` files.
"""

from __future__ import annotations

import base64
import configparser
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from omero_sandbox.readers import fake_screen
from omero_sandbox.readers.document import E, Element, child, children
from omero_sandbox.readers.source import (
    NUMPY_TYPES,
    BrokenFile,
    Plane,
    Series,
    Source,
    plane_index,
)

BOX_SIZE = 10
ROI_SPACING = 10
NAMESPACE = "fake-reader"
#: Name for the part of a companion before its first section.
KEYS = ".keys"
ORDERS = {"XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"}


@dataclass
class Parameters:
    """The keys of a `.fake` name, with FakeReader's defaults; other keys are ignored as there."""

    sizeX: int = 512
    sizeY: int = 512
    sizeZ: int = 1
    sizeC: int = 1
    sizeT: int = 1
    pixelType: str = "uint8"
    bitsPerPixel: int = 0
    rgb: int = 1
    dimOrder: str = "XYZCT"
    little: bool = True
    indexed: bool = False
    falseColor: bool = False
    series: int = 1
    resolutions: int = 1
    resolutionScale: int = 2
    lutLength: int = 3
    scaleFactor: float = 1.0
    exposureTime: float | None = None
    acquisitionDate: str | None = None
    screens: int = 0
    plates: int = 0
    plateRows: int = 0
    plateCols: int = 0
    fields: int = 0
    plateAcqs: int = 0
    withMicrobeam: bool = False
    annBool: int = 0
    annComment: int = 0
    annDouble: int = 0
    annLong: int = 0
    annMap: int = 0
    annTag: int = 0
    annTerm: int = 0
    annTime: int = 0
    annXml: int = 0
    ellipses: int = 0
    labels: int = 0
    lines: int = 0
    masks: int = 0
    points: int = 0
    polygons: int = 0
    polylines: int = 0
    rectangles: int = 0
    physicalSizeX: str | None = None
    physicalSizeY: str | None = None
    physicalSizeZ: str | None = None
    color: str | None = None
    colors: dict[int, str] = field(default_factory=dict)

    def set(self, key: str, value: str) -> None:
        """Set one key from its text, as leniently as FakeReader: a bad number is -1."""
        if key.startswith("color_") and key[6:].isdigit():
            self.colors[int(key[6:])] = value
        elif key in KINDS:
            setattr(self, key, KINDS[key](value))

    def check(self) -> None:
        """Refuse what FakeReader refuses."""
        for key in ("sizeX", "sizeY", "sizeZ", "sizeC", "sizeT", "series", "resolutions"):
            if getattr(self, key) < 1:
                raise BrokenFile(f"Invalid {key}: {getattr(self, key)}")
        if self.rgb < 1 or self.sizeC % self.rgb:
            raise BrokenFile(f"Invalid sizeC/rgb combination: {self.sizeC}/{self.rgb}")
        if self.dimOrder not in ORDERS:
            raise BrokenFile(f"Invalid dimension order: {self.dimOrder}")
        if self.pixelType not in NUMPY_TYPES or "complex" in self.pixelType:
            raise BrokenFile(f"Unknown type: {self.pixelType}")
        if self.resolutionScale <= 1 or self.lutLength < 1:
            raise BrokenFile("Invalid resolutionScale or lutLength")
        if self.indexed or self.falseColor:
            raise BrokenFile("The sandbox does not imitate .fake files of indexed colour")

    @property
    def has_plates(self) -> bool:
        """Whether it is a plate or screen."""
        counts = (self.screens, self.plates, self.plateRows, self.plateCols, self.fields)
        return any(count > 0 for count in (*counts, self.plateAcqs))

    @property
    def channels(self) -> int:
        """The number of Channel elements: colour channels that are merged count once."""
        return self.sizeC // self.rgb


def _real(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return -1.0


_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": lambda value: int(_real(value)),
    "float": _real,
    "float | None": _real,
    "bool": lambda value: value == "true",
    "str": str,
    "str | None": str,
}
KINDS = {key.name: _PARSERS[str(key.type)] for key in fields(Parameters) if key.type in _PARSERS}


def knows(path: Path) -> bool:
    """Return whether the name is that of a `.fake` file or of its companion."""
    return path.name.lower().endswith((".fake", ".fake.ini"))


def read(path: Path) -> Source:
    """
    Read a `.fake` file, with the `.fake.ini` beside it.

    Parameters
    ----------
    path : Path
        The `.fake` or the `.fake.ini`; its text is not looked at in the first case.

    Returns
    -------
    Source
        Series whose planes are painted when read.

    Raises
    ------
    BrokenFile
        When a key has a value that FakeReader refuses.
    """
    main = path.with_name(path.name[:-4]) if path.name.lower().endswith(".ini") else path
    companion = main.with_name(main.name + ".ini")
    name, *tokens = main.name.rpartition(".")[0].split("&")
    parameters, tables = Parameters(), []
    for token in tokens:
        key, equals, value = token.partition("=")
        if equals:
            parameters.set(key, value)
    if companion.is_file():
        tables = _companion(companion, parameters)
    parameters.dimOrder = parameters.dimOrder.upper()
    parameters.check()
    ome = _document(name, parameters, tables)
    series = tuple(
        Series(i, image, Painter(i, parameters), parameters.little)
        for i, image in enumerate(children(ome, "Image"))
    )
    used = tuple(p for p in dict.fromkeys((path, main, companion)) if p.is_file())
    return Source("Fake", "loci.formats.in.FakeReader", ome, series, used)


def _companion(path: Path, parameters: Parameters) -> list[dict[str, str]]:
    """Read the companion: keys win over those of the name; ``[series_N]`` are plane tables."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(f"[{KEYS}]\n" + path.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise BrokenFile(f"{path.name} cannot be parsed: {error}") from error
    for key, value in parser.items(KEYS):
        parameters.set(key, value)
    tables: list[dict[str, str]] = []
    while parser.has_section(f"series_{len(tables)}"):
        tables.append(dict(parser.items(f"series_{len(tables)}")))
    return tables


# ---- the document --------------------------------------------------------------------------


def _document(name: str, p: Parameters, tables: list[dict[str, str]]) -> Element:
    if p.has_plates:
        layout = fake_screen.Layout(
            max(p.screens, 0), max(p.plates, 1), max(p.plateRows, 1), max(p.plateCols, 1),
            max(p.fields, 1), max(p.plateAcqs, 1), p.withMicrobeam,
        )  # fmt: skip
        ome = fake_screen.document(layout)
    else:
        images = (E.Image(E.Pixels(ID=f"Pixels:{i}"), ID=f"Image:{i}") for i in range(p.series))
        ome = E.OME(*images)
    annotations = E.StructuredAnnotations()
    rois: list[Element] = []
    for i, image in enumerate(children(ome, "Image")):
        image.set("Name", f"{name} {i + 1}" if i else name)
        _describe(image, i, p, tables[i] if i < len(tables) else {})
        for roi in _rois(p, len(rois)):
            rois.append(roi)
            image.append(E.ROIRef(ID=roi.get("ID", "")))
        for annotation in _annotations(p, i, len(annotations)):
            annotations.append(annotation)
            image.append(E.AnnotationRef(ID=annotation.get("ID", "")))
    if p.has_plates and tables:
        _well_positions(ome, tables)
    ome.append(annotations)
    ome.extend(rois)
    return ome


def _describe(image: Element, i: int, p: Parameters, table: dict[str, str]) -> None:
    pixels = child(image, "Pixels")
    assert pixels is not None  # noqa: S101 - made by us
    pixels.set("DimensionOrder", p.dimOrder)
    pixels.set("Type", p.pixelType)
    pixels.set("BigEndian", "false" if p.little else "true")
    bits = p.bitsPerPixel or (1 if p.pixelType == "bit" else np.dtype(_dtype(p)).itemsize * 8)
    pixels.set("SignificantBits", str(bits))
    for axis in "XYZCT":
        pixels.set(f"Size{axis}", str(getattr(p, f"size{axis}")))
    sizes = {axis: getattr(p, f"physicalSize{axis}") for axis in "XYZ"}
    if any(size is not None for size in sizes.values()):
        for axis, size in sizes.items():
            _set_length(pixels, f"PhysicalSize{axis}", size)
    for c in range(len(list(children(pixels, "Channel"))), p.channels):
        pixels.append(E.Channel(ID=f"Channel:{i}:{c}"))
    for c, channel in enumerate(children(pixels, "Channel")):
        channel.set("SamplesPerPixel", str(p.rgb))
        colour = p.colors.get(c, p.color)
        if colour is not None:
            channel.set("Color", str(_colour(colour)))
    if p.acquisitionDate is not None and (date := _date(p.acquisitionDate)):
        image.insert(0, E.AcquisitionDate(date))
    for number, position in enumerate(_positions(p)):
        if facts := _plane_facts(p, table, number):
            plane = E.Plane(**{f"The{axis}": str(n) for axis, n in position.items()})
            plane.attrib.update(facts)
            pixels.append(plane)


def _dtype(p: Parameters) -> str:
    return NUMPY_TYPES[p.pixelType]


def _positions(p: Parameters) -> Iterator[dict[str, int]]:
    """Yield the plane positions in the file's order."""
    sizes = {"Z": p.sizeZ, "C": p.channels, "T": p.sizeT}
    fast, middle, slow = list(p.dimOrder[2:])
    for k in range(sizes[slow]):
        for j in range(sizes[middle]):
            for i in range(sizes[fast]):
                yield {slow: k, middle: j, fast: i}


def _plane_facts(p: Parameters, table: dict[str, str], number: int) -> dict[str, str]:
    facts = {}
    if p.exposureTime is not None:
        facts = {"ExposureTime": str(p.exposureTime), "ExposureTimeUnit": "s"}
    for key, default in (
        ("ExposureTime", "s"), ("PositionX", "µm"), ("PositionY", "µm"), ("PositionZ", "µm")
    ):  # fmt: skip
        value = table.get(f"{key}_{number}")
        if value is not None and re.fullmatch(r"[-+.\deE]+", value):
            facts[key] = value
            facts[f"{key}Unit"] = table.get(f"{key}Unit_{number}", default)
    return facts


def _well_positions(ome: Element, tables: list[dict[str, str]]) -> None:
    """Well samples get the positions of the planes of their series."""
    samples = {
        ref.get("ID"): sample
        for plate in children(ome, "Plate")
        for well in children(plate, "Well")
        for sample in children(well, "WellSample")
        for ref in children(sample, "ImageRef")
    }
    for image, table in zip(children(ome, "Image"), tables, strict=False):
        for key, value in table.items():
            if match := re.fullmatch(r"(Position[XY])_(\d+)", key):
                axis, number = match.groups()
                unit = table.get(f"{axis}Unit_{number}", "µm")
                samples[image.get("ID")].attrib.update({axis: value, f"{axis}Unit": unit})


def _set_length(pixels: Element, attribute: str, value: str | None) -> None:
    match = re.fullmatch(r"\s*([-+.\deE]+)\s*(\D*)", value or "")
    if match is None:
        pixels.attrib.pop(attribute, "")
    else:
        pixels.set(attribute, match[1])
        pixels.set(f"{attribute}Unit", match[2].strip() or "µm")


def _colour(value: str) -> int:
    """Parse RGBA as a decimal or 0x number; return it as the signed 32-bit integer of OME-XML."""
    try:
        number = int(value[2:], 16) if value[:2] in ("0x", "0X") else int(value)
    except ValueError:
        number = 0
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number & (1 << 31) else number


def _date(value: str) -> str | None:
    try:
        return datetime.strptime(value, "%Y-%m-%d_%H-%M-%S").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return None


# ---- annotations and regions ---------------------------------------------------------------


def _annotations(p: Parameters, image: int, first: int) -> Iterator[Element]:
    """Yield the annotations of one image; `first` were made for the images before."""
    values: dict[str, tuple[int, Callable[[int], Any]]] = {
        "Boolean": (p.annBool, lambda n: "true"),
        "Comment": (p.annComment, lambda n: f"Comment:{n + 1}"),
        "Double": (p.annDouble, lambda n: repr(0.111 * (n + 1))),
        "Long": (p.annLong, lambda n: str(365 + n)),
        "Map": (p.annMap, lambda n: _pairs(image, n)),
        "Tag": (p.annTag, lambda n: f"Tag:{n + 1}"),
        "Term": (p.annTerm, lambda n: f"Term:{n + 1}"),
        "Timestamp": (p.annTime, lambda n: "1970-01-01T00:00:00"),
        "XML": (p.annXml, _dummy_xml),
    }
    number = first
    for kind, (count, value) in values.items():
        for _ in range(count):
            content = value(number)
            yield E(
                f"{kind}Annotation",
                E.Value(*content) if isinstance(content, list) else E.Value(content),
                ID=f"Annotation:{number}",
                Namespace=NAMESPACE,
            )
            number += 1


def _dummy_xml(number: int) -> Element:
    dummy = etree.Element("dummyXml")
    dummy.text = str(number + 1)
    return dummy


def _pairs(image: int, number: int) -> list[Element]:
    return [E.M(f"val{(k + 1) * (number + 1)}", K=f"keyS{image}N{k}") for k in range(10)]


def _rois(p: Parameters, first: int) -> Iterator[Element]:
    """Yield the regions of one image, a shape each and on every plane."""
    if p.withMicrobeam and p.has_plates:
        first += max(p.plates, 1)
    number = first
    for kind, count in (
        ("Ellipse", p.ellipses), ("Label", p.labels), ("Line", p.lines), ("Mask", p.masks),
        ("Point", p.points), ("Polygon", p.polygons), ("Polyline", p.polylines),
        ("Rectangle", p.rectangles),
    ):  # fmt: skip
        for i in range(count):
            shape = _shape(kind, i, number, p)
            shape.set("ID", f"Shape:{number}")
            yield E.ROI(E.Union(shape), ID=f"ROI:{number}")
            number += 1


def _shape(kind: str, i: int, number: int, p: Parameters) -> Element:
    half, quarter = ROI_SPACING // 2, ROI_SPACING // 4
    x = float(ROI_SPACING * i % p.sizeX)
    y = float(ROI_SPACING * (ROI_SPACING * i // p.sizeX) % p.sizeY)
    geometry: dict[str, float | str]
    match kind:
        case "Ellipse":
            geometry = {"X": x + half, "Y": y + half, "RadiusX": half, "RadiusY": half}
        case "Label":
            geometry = {"X": x, "Y": y, "Text": f"Label {i}"}
        case "Line":
            geometry = {"X1": x + quarter, "Y1": y + quarter, "X2": x + half, "Y2": y + half}
        case "Point":
            geometry = {"X": x + half, "Y": y + half}
        case "Rectangle":
            geometry = {"X": x + quarter, "Y": y + quarter, "Width": half, "Height": half}
        case "Mask":
            return _mask(number)
        case _:
            geometry = {"Points": _points(x + half, y + half, half)}
    return E(kind, **{key: str(value) for key, value in geometry.items()})


def _points(x: float, y: float, half: int) -> str:
    corners = ((-0.8, -0.4), (-0.3, 0.6), (0.4, 0.5), (0.5, -0.3), (-0.1, -0.7))
    return " ".join(f"{x + half * dx},{y + half * dy}" for dx, dy in corners)


def _mask(number: int) -> Element:
    """Make a mask; its bytes are random in FakeReader, and here always the same."""
    content = np.random.default_rng(number).bytes(ROI_SPACING * ROI_SPACING)
    side = str(float(ROI_SPACING))
    data = E.BinData(base64.b64encode(content).decode(), BigEndian="true")
    data.set("Length", str(len(content)))
    return E.Mask(data, X=side, Y=side, Width=side, Height=side)


# ---- the pixels ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Painter:
    """Paints planes: a gradient along X, and five boxes that identify the plane."""

    series: int
    parameters: Parameters

    def __call__(self, z: int, c: int, t: int) -> Plane:
        """Paint a plane of channel c, as FakeReader.openBytes does."""
        p = self.parameters
        dtype = np.dtype(_dtype(p))
        lowest = int(np.iinfo(dtype).min) if dtype.kind == "i" else 0
        row = (lowest + np.arange(p.sizeX, dtype=np.int64)) * p.scaleFactor
        gradient = row.astype(np.int64) if dtype.kind in "iu" else row
        plane = np.tile(gradient.astype(dtype), (p.sizeY, 1))
        position = {"Z": z, "C": c // p.rgb, "T": t}
        sizes = {"Z": p.sizeZ, "C": p.channels, "T": p.sizeT}
        number = plane_index(p.dimOrder, sizes, position)
        for box, value in enumerate((self.series, number, z, c, t)):
            box_value = np.asarray(value, dtype=np.int64).astype(dtype)
            plane[:BOX_SIZE, box * BOX_SIZE : (box + 1) * BOX_SIZE] = box_value
        return plane
