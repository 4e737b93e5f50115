# SPDX-License-Identifier: GPL-2.0-or-later
"""What every reader returns: a Source, which is a sequence of Series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from types import TracebackType

    from lxml.etree import _Element

#: One plane: shape (sizeY, sizeX), in the machine's byte order.
Plane = NDArray[Any]

#: OME's pixel types and the numpy types of their planes.
NUMPY_TYPES = {
    "bit": "uint8", "int8": "int8", "int16": "int16", "int32": "int32", "uint8": "uint8",
    "uint16": "uint16", "uint32": "uint32", "float": "float32", "double": "float64",
    "complex": "complex64", "double-complex": "complex128",
}  # fmt: skip
PIXEL_TYPES = {value: name for name, value in NUMPY_TYPES.items() if name != "bit"}


class UnknownFormat(Exception):
    """No reader knows this file."""


class BrokenFile(Exception):
    """The file is of a known format, but damaged or contradictory."""


class MissingFile(BrokenFile):
    """A file that belongs to the fileset is not there."""


@dataclass(frozen=True)
class Series:
    """
    One series of a fileset, which becomes one image.

    Attributes
    ----------
    index : int
        Number of the series in its source, from 0.
    image : _Element
        The `Image` element of OME-XML that describes it.
    plane : Callable[[int, int, int], Plane]
        `plane(z, c, t)` reads one plane from disk. OMERO sends big-endian: the caller's `astype`.
    little : bool
        Whether the pixels are little-endian in the file; the checksum of the pixels is of that.
    tile : tuple[int, int], optional
        Width and height of the tiles in the file, which is the order of the checksum.
    """

    index: int
    image: _Element
    plane: Callable[[int, int, int], Plane]
    little: bool = True
    tile: tuple[int, int] | None = None

    @cached_property
    def pixels(self) -> _Element:
        """The `Pixels` element of the image."""
        found = self.image.find("{*}Pixels")
        if found is None:
            raise BrokenFile(f"Image {self.image.get('ID')} has no Pixels")
        return found

    @property
    def name(self) -> str:
        """Name of the series as the reader gives it; may be empty."""
        return self.image.get("Name") or ""

    @property
    def pixelsType(self) -> str:
        """Name of the pixel type, as in OMERO's enumeration."""
        return self.pixels.get("Type", "")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type of the planes."""
        return np.dtype(NUMPY_TYPES[self.pixelsType])

    @property
    def dimensionOrder(self) -> str:
        """Order of the planes, such as `XYZCT`."""
        return self.pixels.get("DimensionOrder", "")

    def _size(self, axis: str) -> int:
        return int(self.pixels.get(f"Size{axis}", "0"))

    @property
    def sizeX(self) -> int:
        """Number of pixels along X."""
        return self._size("X")

    @property
    def sizeY(self) -> int:
        """Number of pixels along Y."""
        return self._size("Y")

    @property
    def sizeZ(self) -> int:
        """Number of optical sections."""
        return self._size("Z")

    @property
    def sizeC(self) -> int:
        """Number of channels, those of a colour image counted one by one."""
        return self._size("C")

    @property
    def sizeT(self) -> int:
        """Number of time points."""
        return self._size("T")


@dataclass(frozen=True)
class Source(Sequence[Series]):
    """
    The series of a fileset, and the document that describes them. Close it after use.

    Attributes
    ----------
    format : str
        Value of OMERO's `Format` enumeration: `OMETiff`, `OMEXML`, `Fake`, `TIFF`, `PNG` ...
    reader : str
        The Bio-Formats class that reads such files, e.g. `loci.formats.in.OMETiffReader`.
    ome : _Element
        The whole document (`OME` element): images, plates, ROIs, annotations, instruments.
    series : tuple[Series, ...]
        The series, in order.
    used : tuple[Path, ...]
        The files that belong together, the opened one first.
    graphics : bool
        Whether it is an everyday picture, whose channels OMERO calls Red, Green and Blue.
    """

    format: str
    reader: str
    ome: _Element
    series: tuple[Series, ...]
    used: tuple[Path, ...]
    graphics: bool = False
    _close: Callable[[], None] = field(default=lambda: None, repr=False)

    @overload
    def __getitem__(self, index: int) -> Series: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Series]: ...
    def __getitem__(self, index: int | slice) -> Series | Sequence[Series]:
        return self.series[index]

    def __len__(self) -> int:
        return len(self.series)

    def close(self) -> None:
        """Close the files; planes cannot be read any more."""
        self._close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def plane_index(order: str, sizes: dict[str, int], position: dict[str, int]) -> int:
    """
    Return the number of a plane in a dimension order.

    Parameters
    ----------
    order : str
        Such as `XYZCT`; the third letter runs fastest.
    sizes, position : dict[str, int]
        By axis letter Z, C and T.
    """
    index, step = 0, 1
    for axis in order[2:]:
        index += position[axis] * step
        step *= sizes[axis]
    return index
