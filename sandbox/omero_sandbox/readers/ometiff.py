# SPDX-License-Identifier: GPL-2.0-or-later
"""OME-TIFF files: several series, planes in several files, metadata inside or in a companion.

Source: ome/bioformats, `loci.formats.in.OMETiffReader`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from omero_sandbox.readers import tiff
from omero_sandbox.readers.document import Element, child, children, parse
from omero_sandbox.readers.source import (
    BrokenFile,
    MissingFile,
    Plane,
    Series,
    Source,
    plane_index,
)

COMPANION = ".companion.ome"
#: Where a plane is: file and page; None when no TiffData names it (it is then black).
Place = tuple[Path, int] | None


def knows(path: Path) -> bool:
    """Return whether it is a companion, or a TIFF with OME-XML as the comment of its first page."""
    if path.name.endswith(COMPANION):
        return True
    if not tiff.knows(path):
        return False
    comment = (_comment(path) or "").strip()
    is_xml = comment.startswith("<") and comment.endswith(">")
    return is_xml and re.search(r"<([\w.-]+:)?OME[\s>]", comment) is not None


def _comment(path: Path) -> str | None:
    pages = tiff.Pages()
    try:
        return pages.page(path, 0).description or None
    finally:
        pages.close()


def read(path: Path) -> Source:
    """
    Read an OME-TIFF.

    Parameters
    ----------
    path : Path
        The TIFF or the companion; other files are looked for beside it.

    Returns
    -------
    Source
        A series per Image.

    Raises
    ------
    MissingFile
        When a file that a TiffData or BinaryOnly names is not there.
    BrokenFile
        When the metadata or a TIFF is unreadable, or the two contradict one another.
    """
    ome, metadata = _metadata(path)
    pages = tiff.Pages()
    try:
        images = [_Image(image, path, ome.get("UUID"), pages) for image in children(ome, "Image")]
        if not images:
            raise BrokenFile(f"{path.name}: the OME-XML describes no image")
        series = tuple(image.series(i) for i, image in enumerate(images))
    except BaseException:
        pages.close()
        raise
    files = (place[0] for image in images for place in image.places if place)
    used = tuple(dict.fromkeys((path, metadata, *files)))
    reader = "loci.formats.in.OMETiffReader"
    return Source("OMETiff", reader, ome, series, used, _close=pages.close)


def _metadata(path: Path) -> tuple[Element, Path]:
    """Return the document and the file that it is in."""
    if path.name.endswith(COMPANION):
        return parse(path.read_bytes()), path
    ome = parse((_comment(path) or "").strip().encode())
    only = child(ome, "BinaryOnly")
    if only is None:
        return ome, path
    companion = path.with_name(_base_name(only.get("MetadataFile", "")))
    if not companion.is_file():
        raise MissingFile(f"{path.name} needs {companion.name}, which is not there")
    if tiff.knows(companion):
        return parse((_comment(companion) or "").strip().encode()), companion
    return parse(companion.read_bytes()), companion


def _base_name(name: str) -> str:
    """Return the last part of a path: a fileset's files lie together, whatever XML says."""
    base = PureWindowsPath(PurePosixPath(name).name).name
    if not base:
        raise BrokenFile(f"The OME-XML names a file without a name: {name!r}")
    return base


@dataclass
class _Image:
    """One Image element, and where its planes are."""

    element: Element
    path: Path
    uuid: str | None
    pages: tiff.Pages

    def __post_init__(self) -> None:
        pixels = child(self.element, "Pixels")
        if pixels is None:
            raise BrokenFile(f"{self.path.name}: {self.element.get('ID')} has no Pixels")
        self.pixels = pixels
        try:
            sizes = {axis: int(pixels.attrib[f"Size{axis}"]) for axis in "XYZCT"}
        except (KeyError, ValueError) as error:
            raise BrokenFile(f"{self.path.name}: a size is missing or no number") from error
        if min(sizes.values()) < 1:
            raise BrokenFile(f"{self.path.name}: a size is below 1")
        self.order = pixels.get("DimensionOrder", "")
        if sorted(self.order[2:]) != ["C", "T", "Z"]:
            raise BrokenFile(f"{self.path.name}: invalid DimensionOrder {self.order!r}")
        self.samples = self._samples(sizes["C"])
        self.sizes = {"Z": sizes["Z"], "C": sizes["C"] // self.samples, "T": sizes["T"]}
        self.places = self._places()

    def _samples(self, channels: int) -> int:
        """Return how many channels a page holds; the TIFF is believed before the XML."""
        first = next((data for data in children(self.pixels, "TiffData")), None)
        path, page = self.path, 0
        if first is not None:
            path, page = self._file(first), int(first.get("IFD", "0"))
        if path.name.endswith(COMPANION):
            raise BrokenFile(f"{path.name}: TiffData does not name the TIFF that has the planes")
        samples = int(self.pages.page(path, page).samplesperpixel)
        return samples if channels % samples == 0 else 1

    def _file(self, data: Element) -> Path:
        uuid = child(data, "UUID")
        if uuid is None:
            return self.path
        name = uuid.get("FileName")
        beside = None if name is None else self.path.with_name(_base_name(name))
        if beside is not None and beside.is_file():
            return beside
        if (uuid.text or "").strip() == self.uuid or self.uuid is None:
            return self.path
        raise MissingFile(f"{self.path.name} needs {name or uuid.text}, which is not there")

    def _places(self) -> list[Place]:
        """Return file and page of every plane, in the dimension order."""
        count = self.sizes["Z"] * self.sizes["C"] * self.sizes["T"]
        places: list[Place] = [None] * count
        certain = [False] * count
        for data in children(self.pixels, "TiffData"):
            path, page = self._file(data), int(data.get("IFD", "0"))
            position = {axis: int(data.get(f"First{axis}", "0")) for axis in "ZCT"}
            if any(position[axis] >= self.sizes[axis] for axis in "ZCT"):
                raise BrokenFile(f"{self.path.name}: a TiffData is of a plane that is not there")
            start = plane_index(self.order, self.sizes, position)
            known = data.get("PlaneCount")
            for offset in range(min(int(known or 1), count - start)):
                places[start + offset], certain[start + offset] = (path, page + offset), True
            if known is None:
                for number in self._unclaimed(certain, start + 1):
                    places[number] = (path, page + number - start)
        if not any(certain):
            pages = len(self.pages.file(self.path).pages)
            places = [(self.path, i) if i < pages else None for i in range(count)]
        return places

    @staticmethod
    def _unclaimed(certain: list[bool], start: int) -> Iterator[int]:
        """Yield the planes from `start` up to the next one that a TiffData named."""
        for number in range(start, len(certain)):
            if certain[number]:
                return
            yield number

    def plane(self, z: int, c: int, t: int) -> Plane:
        """Read a plane; one that no TiffData names is black."""
        position = {"Z": z, "C": c // self.samples, "T": t}
        place = self.places[plane_index(self.order, self.sizes, position)]
        if place is None:
            shape = int(self.pixels.attrib["SizeY"]), int(self.pixels.attrib["SizeX"])
            return np.zeros(shape, self.dtype)
        samples = self.pages.samples(*place)
        return samples[c % self.samples] if len(samples) > 1 else samples[0]

    def series(self, index: int) -> Series:
        """Check the metadata against the first page, and make the series."""
        first = next((place for place in self.places if place), None)
        if first is None:
            raise BrokenFile(f"{self.path.name}: image {index} has no plane")
        page = self.pages.page(*first)
        width, height = int(self.pixels.attrib["SizeX"]), int(self.pixels.attrib["SizeY"])
        if (page.imagewidth, page.imagelength) != (width, height):
            raise BrokenFile(
                f"{self.path.name}: image {index} is {width} x {height} in the OME-XML but "
                f"{page.imagewidth} x {page.imagelength} in the TIFF"
            )
        if self.pixels.get("Type") != "bit":
            self.pixels.set("Type", tiff.pixel_type(page))
        little = self.pages.file(first[0]).byteorder == "<"
        made = Series(index, self.element, self.plane, little, tiff.tile_of(page))
        self.dtype = made.dtype
        return made
