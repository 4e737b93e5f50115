# SPDX-License-Identifier: GPL-2.0-or-later
"""The planes of a Pixels: read from its fileset, or from and to a raw file of its own.

The raw file is OMERO's: planes in XYZCT order, big-endian (ome.io.nio.RomioPixelBuffer).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import omero
import omero.all
from numpy.typing import NDArray
from omero.rtypes import rlong

from omero_sandbox import readers
from omero_sandbox.errors import fail, invalid
from omero_sandbox.files.repository import Repository
from omero_sandbox.store import Transaction

Plane = NDArray[Any]

#: omero.pixeldata.max_plane_width, .max_plane_height and .tile_width (omero-common).
_LARGE, _TILE = 3192, 256
#: Bytes in a tile of an image that is not tiled: ome.io.nio.RomioPixelBuffer.getTileSize.
_ROWS = 1_048_576

#: PixelsType.value -> numpy type as it goes over the wire.
TYPES = {
    "bit": "u1", "int8": "i1", "uint8": "u1", "int16": ">i2", "uint16": ">u2", "int32": ">i4",
    "uint32": ">u4", "float": ">f4", "double": ">f8", "complex": ">c8", "double-complex": ">c16",
}  # fmt: skip


class PixelBuffer:
    """Planes of one Pixels.

    Attributes
    ----------
    row : Any
        The Pixels.
    dtype : numpy.dtype
        Type of a pixel on the wire.
    sizes : dict[str, int]
        Sizes of x, y, z, c and t.
    """

    def __init__(self, row: Any) -> None:
        self.row = row
        self.dtype = np.dtype(TYPES[row.pixelsType.value.val])
        self.sizes = {axis: int(getattr(row, f"size{axis.upper()}").val) for axis in "xyzct"}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane."""
        return self.sizes["y"], self.sizes["x"]

    @property
    def is_large(self) -> bool:
        """Whether OMERO asks for resolution levels of such an image."""
        return self.sizes["x"] * self.sizes["y"] > _LARGE * _LARGE

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of the tiles that clients should ask for."""
        if self.is_large:
            return _TILE, _TILE
        width = self.sizes["x"]
        return width, min(self.sizes["y"], max(1, _ROWS // (width * self.dtype.itemsize)))

    def check(self, **position: int) -> None:
        """Refuse what is outside.

        Raises
        ------
        omero.ValidationException
            As RomioPixelBuffer's DimensionsOutOfBoundsException reaches the client.
        """
        for axis, value in position.items():
            if not 0 <= value < self.sizes[axis]:
                raise invalid(f"{axis} '{value}' out of range: 0 to {self.sizes[axis] - 1}")

    def plane(self, z: int, c: int, t: int) -> Plane:
        """Return a plane in the wire's byte order."""
        raise NotImplementedError

    def ranges(self, channels: Iterable[int]) -> dict[int, list[float]]:
        """Return least and greatest value of channels, of their first plane."""
        planes = {c: self.plane(0, c, 0) for c in channels}
        return {c: [float(plane.min()), float(plane.max())] for c, plane in planes.items()}

    def put(self, data: bytes, z: int, c: int, t: int, *box: int) -> None:
        """Write a plane, or a box ``x, y, w, h`` of it."""
        raise fail(omero.ResourceError, "The pixels of a fileset cannot be written")

    def sha1(self) -> str:
        """Return the checksum of all pixels, plane by plane."""
        digest = hashlib.sha1(usedforsecurity=False)
        for t, c, z in np.ndindex(*(self.sizes[axis] for axis in "tcz")):
            digest.update(self.plane(z, c, t).tobytes())
        return digest.hexdigest()


class FilesetBuffer(PixelBuffer):
    """Planes of an image that was imported from files."""

    def __init__(self, row: Any, read: Callable[[int, int, int], Plane]) -> None:
        super().__init__(row)
        self._read = read

    def plane(self, z: int, c: int, t: int) -> Plane:
        self.check(z=z, c=c, t=t)
        return self._read(z, c, t).astype(self.dtype, copy=False)


class RawBuffer(PixelBuffer):
    """Planes of an image without files, in a file that clients fill."""

    def __init__(self, row: Any, path: Path, room: Callable[[int], None]) -> None:
        super().__init__(row)
        self.path, self._room = path, room
        self._values: Any = None

    def _map(self, create: bool) -> Any:
        if self._values is None:
            shape = tuple(self.sizes[axis] for axis in "tczyx")
            if not self.path.exists():
                if not create:
                    raise fail(omero.ResourceError, f"No pixels yet for Pixels:{self.row.id.val}")
                self._create(shape)
            self._values = np.memmap(self.path, self.dtype, "r+", shape=shape)
        return self._values

    def _create(self, shape: tuple[int, ...]) -> None:
        size = int(np.prod(shape)) * self.dtype.itemsize
        self._room(size)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("wb") as file:
            file.truncate(size)

    def plane(self, z: int, c: int, t: int) -> Plane:
        self.check(z=z, c=c, t=t)
        return np.asarray(self._map(create=False)[t, c, z])

    def put(self, data: bytes, z: int, c: int, t: int, *box: int) -> None:
        self.check(z=z, c=c, t=t)
        x, y, width, height = box or (0, 0, self.sizes["x"], self.sizes["y"])
        values = np.frombuffer(data, self.dtype)
        if values.size != width * height:
            raise invalid(f"{len(data)} bytes for {width} x {height} pixels")
        target = self._map(create=True)[t, c, z, y : y + height, x : x + width]
        target[...] = values.reshape(height, width)


def open_pixels(tx: Transaction, repository: Repository, pixels: int) -> PixelBuffer:
    """Return the planes of a Pixels that the caller may read.

    Raises
    ------
    omero.ValidationException
        When there is no such Pixels.
    """
    rows = tx.query(
        "select p from Pixels p join fetch p.pixelsType join fetch p.image i where p.id = :id",
        {"id": rlong(pixels)},
    )
    row = rows[0] if rows else tx.get("Pixels", pixels)
    if row.image.fileset is None:
        return RawBuffer(row, repository.numbered("Pixels", pixels), repository.room)
    files = tuple(repository.files_of(tx, row.image.fileset.id.val))
    source = _source(files, tuple(path.stat().st_mtime_ns for path in files))
    return FilesetBuffer(row, source[row.image.series.val].plane)


@lru_cache(maxsize=64)
def _source(files: tuple[Path, ...], times: tuple[int, ...]) -> Any:
    """Return the series of a fileset's files, as long as they stay the same."""
    return readers.read(files)
