# SPDX-License-Identifier: GPL-2.0-or-later
"""OME-XML documents that hold their pixels themselves, as text.

Source: ome/bioformats, `loci.formats.in.OMEXMLReader`.
"""

from __future__ import annotations

import base64
import bz2
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omero_sandbox.readers.document import Element, child, children, parse
from omero_sandbox.readers.ometiff import COMPANION
from omero_sandbox.readers.source import (
    NUMPY_TYPES,
    BrokenFile,
    Plane,
    Series,
    Source,
    plane_index,
)

#: How many bytes the reader looks at where the name does not decide.
_START = 64


def knows(path: Path) -> bool:
    """Return whether it is named ``.ome`` or ``.ome.xml``, or starts as OME-XML does."""
    if path.name.lower().endswith(COMPANION):
        return False
    if path.name.lower().endswith((".ome", ".ome.xml")):
        return True
    with path.open("rb") as file:
        start = file.read(_START)
    return start.startswith(b"<?xml") and b"<OME" in start


def read(path: Path) -> Source:
    """
    Read an OME-XML document.

    Parameters
    ----------
    path : Path
        The document.

    Returns
    -------
    Source
        A series per Image; planes are decoded when read, black where there is no BinData.

    Raises
    ------
    BrokenFile
        When it cannot be parsed, describes no image, or a size or type is missing.
    """
    ome = parse(path.read_bytes())
    images = list(children(ome, "Image"))
    if not images:
        raise BrokenFile(f"{path.name}: the OME-XML describes no image")
    pixels = [child(image, "Pixels") for image in images]
    data = [item for each in pixels if each is not None for item in children(each, "BinData")]
    series, first = [], 0
    for i, (image, described) in enumerate(zip(images, pixels, strict=True)):
        if described is None:
            raise BrokenFile(f"{path.name}: {image.get('ID')} has no Pixels")
        planes = _Planes(described, data, first)
        series.append(Series(i, image, planes, planes.little))
        first += planes.count
    return Source("OMEXML", "loci.formats.in.OMEXMLReader", ome, tuple(series), (path,))


@dataclass
class _Planes:
    """The planes of one Pixels.

    Attributes
    ----------
    pixels : Element
        The element.
    data : Sequence[Element]
        The BinData of all Pixels of the document: they are counted through.
    first : int
        How many planes come before those of this one.
    """

    pixels: Element
    data: Sequence[Element]
    first: int

    def __post_init__(self) -> None:
        name = self.pixels.get("ID", "Pixels")
        try:
            self.sizes = {axis: int(self.pixels.attrib[f"Size{axis}"]) for axis in "XYZCT"}
            self.type = np.dtype(NUMPY_TYPES[self.pixels.get("Type", "")])
        except (KeyError, ValueError) as error:
            raise BrokenFile(f"{name}: a size or the type is missing, or cannot be") from error
        self.order = self.pixels.get("DimensionOrder", "")
        if min(self.sizes.values()) < 1 or sorted(self.order[2:]) != ["C", "T", "Z"]:
            raise BrokenFile(f"{name}: a size is below 1, or the DimensionOrder is none")
        self.count = self.sizes["Z"] * self.sizes["C"] * self.sizes["T"]
        self.little = bool(self.data) and not self._big_endian()

    def _big_endian(self) -> bool:
        """Return the byte order: of the Pixels, else of its first BinData, else little-endian."""
        holders = (self.pixels, child(self.pixels, "BinData"))
        values = [holder.get("BigEndian") for holder in holders if holder is not None]
        return next((v.lower().startswith("t") for v in values if v is not None), False)

    def __call__(self, z: int, c: int, t: int) -> Plane:
        """Decode a plane; when there are too few, the last one is used for the missing ones."""
        shape = self.sizes["Y"], self.sizes["X"]
        number = self.first + plane_index(self.order, self.sizes, {"Z": z, "C": c, "T": t})
        content = _decode(self.data[min(number, len(self.data) - 1)]) if self.data else b""
        if not content:
            return np.zeros(shape, self.type)
        stored = self.type.newbyteorder("<" if self.little else ">")
        needed = shape[0] * shape[1] * stored.itemsize
        if len(content) < needed:
            raise BrokenFile(f"Plane {number} has {len(content)} bytes instead of {needed}")
        plane = np.frombuffer(content[:needed], stored).reshape(shape)
        return plane.astype(self.type, copy=False)


def _decode(data: Element) -> bytes:
    compression = data.get("Compression", "none")
    try:
        content = base64.b64decode((data.text or "").strip(), validate=True)
        match compression if content else "none":
            case "none" | "":
                return content
            case "zlib":
                return zlib.decompress(content)
            case "bzip2":
                return bz2.decompress(content)
    except (ValueError, zlib.error, OSError) as error:
        raise BrokenFile(f"A BinData cannot be decoded: {error}") from error
    raise BrokenFile(f"The sandbox does not read BinData of the compression {compression}")
