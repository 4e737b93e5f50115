# SPDX-License-Identifier: GPL-2.0-or-later
"""What every reader returns: a Source, which is a sequence of Series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from numpy import dtype, generic
from numpy.typing import NDArray
from ome_types import OME
from ome_types.model import Image


class UnknownFormat(Exception):
    """No reader knows this file (what OMERO reports as `import-unknown-format`)."""


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
    index
        Number of the series in its source, from 0.
    image
        What the file says of it: sizes, type, physical sizes, channels, planes, references.
    plane
        `plane(z, c, t)` reads one plane from disk, as an array of shape (sizeY, sizeX) in the
        machine's byte order (OMERO sends big-endian: the caller's `astype`).
    """

    index: int
    image: Image
    plane: Callable[[int, int, int], NDArray[generic]]

    @property
    def name(self) -> str:
        """Name of the series as the reader gives it; may be empty."""
        return self.image.name or ""

    @property
    def dtype(self) -> dtype[generic]:
        """The numpy type of the planes."""
        raise NotImplementedError


@dataclass(frozen=True)
class Source(Sequence[Series]):
    """
    The series of a fileset, and the document that describes them.

    Attributes
    ----------
    format
        Value of OMERO's `Format` enumeration: `OMETiff`, `Fake`, `TIFF`, `PNG`, `JPEG` ...
    reader
        The Bio-Formats class that reads such files, e.g. `loci.formats.in.OMETiffReader`.
    ome
        The whole document: images, plates, ROIs, annotations, instruments.
    series
        The series, in order.
    used
        The files that were read, the opened one first.
    """

    format: str
    reader: str
    ome: OME
    series: tuple[Series, ...]
    used: tuple[Path, ...] = field(default=())

    @overload
    def __getitem__(self, index: int) -> Series: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Series]: ...
    def __getitem__(self, index: int | slice) -> Series | Sequence[Series]:
        return self.series[index]

    def __len__(self) -> int:
        return len(self.series)
