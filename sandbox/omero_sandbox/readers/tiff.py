# SPDX-License-Identifier: GPL-2.0-or-later
"""TIFF files as Bio-Formats' TiffReader reads them: one series, ImageJ's hyperstacks included.

Source: ome/bioformats, `loci.formats.in.{MinimalTiffReader,BaseTiffReader,TiffReader}`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from omero_sandbox.readers.document import E, Element
from omero_sandbox.readers.source import (
    PIXEL_TYPES,
    BrokenFile,
    MissingFile,
    Plane,
    Series,
    Source,
)

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OPEN_FILES = 8
#: Micrometres in a ResolutionUnit (inch, centimetre).
RESOLUTION_UNITS = {2: 25400.0, 3: 10000.0}


def knows(path: Path) -> bool:
    """Return whether the file starts as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


@dataclass
class Pages:
    """Pages of TIFF files: a few files stay open, and the last page is kept."""

    _open: OrderedDict[Path, tifffile.TiffFile] = field(default_factory=OrderedDict)
    _last: tuple[tuple[Path, int], Plane] | None = None

    def file(self, path: Path) -> tifffile.TiffFile:
        """Open a file, or return it when it is open."""
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        if not path.is_file():
            raise MissingFile(f"{path.name} is not there")
        try:
            self._open[path] = tifffile.TiffFile(path)
        except (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError) as error:
            raise BrokenFile(f"{path.name} is not a readable TIFF: {error}") from error
        if len(self._open) > OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        return self._open[path]

    def page(self, path: Path, number: int) -> Any:
        """Return a page of a file."""
        try:
            return self.file(path).pages[number]
        except (IndexError, tifffile.TiffFileError) as error:
            raise BrokenFile(f"{path.name} has no page {number}: {error}") from error

    def samples(self, path: Path, number: int) -> Plane:
        """Read a page as an array of shape (sample, Y, X), colours looked up in its palette."""
        key = (path, number)
        if self._last is None or self._last[0] != key:
            page = self.page(path, number)
            try:
                data = page.asarray()
            except Exception as error:  # whatever the codec of a damaged file raises
                raise BrokenFile(f"{path.name}, page {number} is unreadable: {error}") from error
            self._last = (key, _samples_first(page, data))
        return self._last[1]

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1].close()


def _samples_first(page: Any, data: Plane) -> Plane:
    if is_palette(page):
        colours = page.colormap if page.bitspersample > 8 else page.colormap >> 8
        dtype = np.uint16 if page.bitspersample > 8 else np.uint8
        return colours.astype(dtype)[:, data]
    if data.dtype == bool:
        data = data.astype(np.uint8)
    elif data.dtype == np.float16:
        data = data.astype(np.float32)
    if data.ndim == 2:
        return data[np.newaxis]
    return data if page.planarconfig == 2 else np.moveaxis(data, -1, 0)


def is_palette(page: Any) -> bool:
    """Return whether the pixels are indices of colours."""
    return page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None


def sample_count(page: Any) -> int:
    """Return the number of colour channels in a page."""
    return 3 if is_palette(page) else int(page.samplesperpixel)


def pixel_type(page: Any) -> str:
    """
    Return OME's name of a page's pixel type.

    Raises
    ------
    BrokenFile
        When OME has no such type.
    """
    if page.dtype is None:
        raise BrokenFile("A page has a sample format that is not supported")
    dtype = np.dtype({"bool": "uint8", "float16": "float32"}.get(page.dtype.name, page.dtype))
    if is_palette(page):
        dtype = np.dtype("uint16" if page.bitspersample > 8 else "uint8")
    if dtype.name not in PIXEL_TYPES:
        raise BrokenFile(f"Pixels of type {dtype.name} are not supported")
    return PIXEL_TYPES[dtype.name]


def tile_of(page: Any) -> tuple[int, int] | None:
    """Return width and height of the tiles."""
    return (int(page.tilewidth), int(page.tilelength)) if page.is_tiled else None


def read(path: Path) -> Source:
    """
    Read a TIFF file.

    Parameters
    ----------
    path : Path
        The file; reduced-resolution pages are left out.

    Returns
    -------
    Source
        One series; pages are time points by default.

    Raises
    ------
    BrokenFile
        When the file is damaged, or of a kind of pixels that OME has not.
    """
    pages = Pages()
    file = pages.file(path)
    first = pages.page(path, 0)
    numbers = [
        i
        for i, page in enumerate(file.pages)
        if len(file.pages) == 1 or not int(getattr(page, "subfiletype", 0)) & 1
    ]
    samples = sample_count(first)
    comment = first.description or None
    imagej = _imagej(comment)
    sizes = _sizes(imagej, len(numbers), samples)
    image = _image(first, sizes, samples, comment, imagej)
    ome = E.OME(E.Instrument(ID="Instrument:0"), image)

    def plane(z: int, c: int, t: int) -> Plane:
        number = (t * sizes["Z"] + z) * (sizes["C"] // samples) + c // samples
        return pages.samples(path, numbers[number])[c % samples]

    little = file.byteorder == "<"
    series = Series(0, image, plane, little, tile_of(first))
    return Source("TIFF", "loci.formats.in.TiffReader", ome, (series,), (path,), True, pages.close)


def _imagej(comment: str | None) -> dict[str, str] | None:
    """Return the keys of ImageJ's comment."""
    if comment is None or not comment.startswith("ImageJ="):
        return None
    return dict(line.split("=", 1) for line in comment.splitlines() if "=" in line)


def _number(keys: dict[str, str], key: str) -> float:
    try:
        return float(keys[key])
    except (KeyError, ValueError):
        return 0.0


def _sizes(imagej: dict[str, str] | None, pages: int, samples: int) -> dict[str, int]:
    """Order of the pages is XYCZT; a comment that does not fit the count is not believed."""
    plain = {"Z": 1, "C": samples, "T": pages}
    if imagej is None:
        return plain
    z, t = (int(_number(imagej, key)) or 1 for key in ("slices", "frames"))
    c = int(_number(imagej, "channels")) or (samples if samples == 1 else 1)
    if z * t * c == pages:
        return {"Z": z, "C": c * samples, "T": t}
    if samples > 1 and z * t == pages:
        return {"Z": z, "C": samples, "T": t}
    return plain


def _image(
    page: Any,
    sizes: dict[str, int],
    samples: int,
    comment: str | None,
    imagej: dict[str, str] | None,
) -> Element:
    pixels = E.Pixels(ID="Pixels:0", DimensionOrder="XYCZT", Type=pixel_type(page))
    pixels.set("SizeX", str(page.imagewidth))
    pixels.set("SizeY", str(page.imagelength))
    for axis, size in sizes.items():
        pixels.set(f"Size{axis}", str(size))
    pixels.set("SignificantBits", str(page.bitspersample))
    for c in range(sizes["C"] // samples):
        pixels.append(E.Channel(ID=f"Channel:0:{c}", SamplesPerPixel=str(samples)))
    _physical_sizes(pixels, page, imagej)
    image = E.Image(E.InstrumentRef(ID="Instrument:0"), pixels, ID="Image:0")
    if imagej is not None:
        image.insert(0, E.Description(""))
    elif comment is not None:
        image.insert(0, E.Description(comment))
    if date := _date(page):
        image.insert(0, E.AcquisitionDate(date))
    return image


def _physical_sizes(pixels: Element, page: Any, imagej: dict[str, str] | None) -> None:
    unit = int(page.tags.valueof("ResolutionUnit", 0))
    factor = RESOLUTION_UNITS.get(unit, 1.0)
    symbol = _length_unit(imagej) if unit not in RESOLUTION_UNITS else "µm"
    for axis in "XY":
        numerator, denominator = page.tags.valueof(f"{axis}Resolution", (0, 0))
        if numerator and denominator:
            pixels.set(f"PhysicalSize{axis}", repr(factor * denominator / numerator))
            pixels.set(f"PhysicalSize{axis}Unit", symbol)
    if imagej is None:
        return
    if spacing := abs(_number(imagej, "spacing")):
        pixels.set("PhysicalSizeZ", repr(spacing))
        pixels.set("PhysicalSizeZUnit", _length_unit(imagej))
    if "finterval" in imagej:
        pixels.set("TimeIncrement", repr(_number(imagej, "finterval")))


def _length_unit(imagej: dict[str, str] | None) -> str:
    unit = (imagej or {}).get("unit", "").replace("\\u00B5", "µ").strip()
    names = {"micron": "µm", "microns": "µm", "um": "µm", "inch": "in", "pixel": "pixel"}
    known = ("µm", "nm", "mm", "cm", "m", "pm", "Å")
    return unit if unit in known else names.get(unit, "µm")


def _date(page: Any) -> str | None:
    value = page.tags.valueof("DateTime", "")
    if isinstance(value, str) and re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", value.strip()):
        try:
            date = datetime.strptime(value.strip(), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        return date.isoformat()
    return None
