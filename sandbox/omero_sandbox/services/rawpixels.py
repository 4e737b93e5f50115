# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.RawPixelsStore: planes, tiles and other parts of the pixels, big-endian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import omero
import omero.all

from omero_sandbox.errors import forbidden, invalid, misused
from omero_sandbox.service import Call, Stateful

if TYPE_CHECKING:  # loaded by the first call that needs it, not at the start: it loads numpy
    from omero_sandbox.pixels.buffer import PixelBuffer


class RawPixelsStore(Stateful):
    """Reads and writes the pixels of one Pixels; as ome.services.RawPixelsBean (omero-server)."""

    interface = omero.api.RawPixelsStore

    def __init__(self) -> None:
        self._opened: PixelBuffer | None = None
        self._modified = False

    @property
    def _buffer(self) -> PixelBuffer:
        if self._opened is None:
            raise misused("This RawPixelsStore has not been initialized: call setPixelsId()")
        return self._opened

    def setPixelsId(self, call: Call, pixelsId: int, bypassOriginalFile: bool) -> None:
        from omero_sandbox.pixels.buffer import open_pixels

        self._opened, self._modified = open_pixels(call.tx, call.server.repository, pixelsId), False

    def getPixelsId(self, call: Call) -> int:
        return int(self._buffer.row.id.val)

    def getPixelsPath(self, call: Call) -> str:
        return str(call.server.repository.numbered("Pixels", self.getPixelsId(call)))

    def prepare(self, call: Call, pixelsIds: list[int]) -> None:
        pass

    # -- sizes ------------------------------------------------------------------------------

    def getByteWidth(self, call: Call) -> int:
        return self._buffer.dtype.itemsize

    def isSigned(self, call: Call) -> bool:
        return self._buffer.dtype.kind in "ifc"

    def isFloat(self, call: Call) -> bool:
        return self._buffer.dtype.kind in "fc"

    def getRowSize(self, call: Call) -> int:
        return self._buffer.sizes["x"] * self._buffer.dtype.itemsize

    def getPlaneSize(self, call: Call) -> int:
        return self.getRowSize(call) * self._buffer.sizes["y"]

    def getStackSize(self, call: Call) -> int:
        return self.getPlaneSize(call) * self._buffer.sizes["z"]

    def getTimepointSize(self, call: Call) -> int:
        return self.getStackSize(call) * self._buffer.sizes["c"]

    def getTotalSize(self, call: Call) -> int:
        return self.getTimepointSize(call) * self._buffer.sizes["t"]

    def getRowOffset(self, call: Call, y: int, z: int, c: int, t: int) -> int:
        self._buffer.check(y=y)
        return self.getPlaneOffset(call, z, c, t) + y * self.getRowSize(call)

    def getPlaneOffset(self, call: Call, z: int, c: int, t: int) -> int:
        self._buffer.check(z=z)
        return self.getStackOffset(call, c, t) + z * self.getPlaneSize(call)

    def getStackOffset(self, call: Call, c: int, t: int) -> int:
        self._buffer.check(c=c)
        return self.getTimepointOffset(call, t) + c * self.getStackSize(call)

    def getTimepointOffset(self, call: Call, t: int) -> int:
        self._buffer.check(t=t)
        return t * self.getTimepointSize(call)

    # -- tiles and resolutions ----------------------------------------------------------------

    def requiresPixelsPyramid(self, call: Call) -> bool:
        return self._buffer.is_large

    def getTileSize(self, call: Call) -> list[int]:
        return list(self._buffer.tile_size)

    def getResolutionLevels(self, call: Call) -> int:
        return 1

    def getResolutionLevel(self, call: Call) -> int:
        return 0

    def setResolutionLevel(self, call: Call, resolutionLevel: int) -> None:
        if resolutionLevel != 0:
            raise misused(f"There is no resolution level {resolutionLevel}")

    def getResolutionDescriptions(self, call: Call) -> list[Any]:
        return [omero.api.ResolutionDescription(self._buffer.sizes["x"], self._buffer.sizes["y"])]

    # -- reading --------------------------------------------------------------------------------

    def getPlane(self, call: Call, z: int, c: int, t: int) -> bytes:
        return self._buffer.plane(z, c, t).tobytes()

    def getTile(self, call: Call, z: int, c: int, t: int, x: int, y: int, w: int, h: int) -> bytes:
        buffer = self._buffer
        buffer.check(x=x, y=y)
        if w < 1 or h < 1 or x + w > buffer.sizes["x"] or y + h > buffer.sizes["y"]:
            raise invalid(f"The tile {x},{y} {w}x{h} leaves the plane")
        return buffer.plane(z, c, t)[y : y + h, x : x + w].tobytes()

    def getHypercube(
        self, call: Call, offset: list[int], size: list[int], step: list[int]
    ) -> bytes:
        """Return part of the image, XYZCT: every ``step``-th from ``offset``, within ``size``."""
        x, y, z, c, t = (
            range(at, at + many, every) for at, many, every in zip(offset, size, step, strict=True)
        )
        planes = (
            self._buffer.plane(iz, ic, it)[y.start : y.stop : y.step, x.start : x.stop : x.step]
            for it in t
            for ic in c
            for iz in z
        )
        return b"".join(plane.tobytes() for plane in planes)

    def getRow(self, call: Call, y: int, z: int, c: int, t: int) -> bytes:
        self._buffer.check(y=y)
        return self._buffer.plane(z, c, t)[y].tobytes()

    def getCol(self, call: Call, x: int, z: int, c: int, t: int) -> bytes:
        self._buffer.check(x=x)
        return self._buffer.plane(z, c, t)[:, x].tobytes()

    def getPlaneRegion(self, call: Call, z: int, c: int, t: int, size: int, offset: int) -> bytes:
        width = self._buffer.dtype.itemsize
        return self._buffer.plane(z, c, t).tobytes()[offset * width : (offset + size) * width]

    def getStack(self, call: Call, c: int, t: int) -> bytes:
        return b"".join(self.getPlane(call, z, c, t) for z in range(self._buffer.sizes["z"]))

    def getTimepoint(self, call: Call, t: int) -> bytes:
        return b"".join(self.getStack(call, c, t) for c in range(self._buffer.sizes["c"]))

    def getRegion(self, call: Call, size: int, offset: int) -> bytes:
        """Return bytes from anywhere in the image: planes in XYZCT order."""
        if offset < 0 or size < 0 or offset + size > self.getTotalSize(call):
            raise invalid(f"{size} bytes at {offset} leave the pixels")
        plane = self.getPlaneSize(call)
        first, last = offset // plane, (offset + size - 1) // plane
        planes = (self.getPlane(call, *self._place(number)) for number in range(first, last + 1))
        start = offset - first * plane
        return b"".join(planes)[start : start + size]

    def _place(self, number: int) -> tuple[int, int, int]:
        """Return z, c and t of a plane by its number in XYZCT order."""
        rest, z = divmod(number, self._buffer.sizes["z"])
        t, c = divmod(rest, self._buffer.sizes["c"])
        return z, c, t

    def findMinMax(self, call: Call, channels: list[int]) -> dict[int, list[float]]:
        return self._buffer.ranges(channels)

    def getHistogram(
        self, call: Call, channels: list[int], binCount: int, globalRange: bool, plane: Any
    ) -> dict[int, list[int]]:
        """Count the values of a plane in bins over the channel's range."""
        import numpy as np

        counts = {}
        for c in channels:
            values = self._buffer.plane(plane.z, c, plane.t)
            low, high = float(values.min()), float(values.max())
            if globalRange:
                stats = call.tx.query(
                    "select s from Channel c join c.statsInfo s where c.pixels.id = :id"
                    " and index(c) = :c",
                    {"id": self._buffer.row.id, "c": omero.rtypes.rint(c)},
                )
                if stats:
                    low, high = stats[0].globalMin.val, stats[0].globalMax.val
            found, _ = np.histogram(values, binCount, (low, high))
            counts[c] = found.tolist()
        return counts

    # -- writing --------------------------------------------------------------------------------

    def setPlane(self, call: Call, buf: bytes, z: int, c: int, t: int) -> None:
        self._put(buf, z, c, t)

    def setTile(
        self, call: Call, buf: bytes, z: int, c: int, t: int, x: int, y: int, w: int, h: int
    ) -> None:
        self._buffer.check(x=x, y=y)
        self._put(buf, z, c, t, x, y, w, h)

    def setRow(self, call: Call, buf: bytes, y: int, z: int, c: int, t: int) -> None:
        self._buffer.check(y=y)
        self._put(buf, z, c, t, 0, y, self._buffer.sizes["x"], 1)

    def setStack(self, call: Call, buf: bytes, z: int, c: int, t: int) -> None:
        size = self.getPlaneSize(call)
        for each in range(self._buffer.sizes["z"]):
            self._put(buf[each * size : (each + 1) * size], each, c, t)

    def setTimepoint(self, call: Call, buf: bytes, t: int) -> None:
        size = self.getStackSize(call)
        for c in range(self._buffer.sizes["c"]):
            self.setStack(call, buf[c * size : (c + 1) * size], 0, c, t)

    def _put(self, data: bytes, z: int, c: int, t: int, *box: int) -> None:
        if not self._buffer.row.details.permissions.canEdit():
            raise forbidden(f"Not permitted to write Pixels:{self._buffer.row.id.val}")
        self._buffer.put(bytes(data), z, c, t, *box)
        self._modified = True

    def calculateMessageDigest(self, call: Call) -> bytes:
        return bytes.fromhex(self._buffer.sha1())

    def save(self, call: Call) -> Any:
        """Set Pixels.sha1 when anything was written: RawPixelsBean.save."""
        if self._opened is None:
            return None
        id_ = self.getPixelsId(call)
        if self._modified:
            call.tx.set_system("Pixels", id_, sha1=self._buffer.sha1())
            self._modified = False
        return call.tx.get("Pixels", id_)

    def close(self, call: Call) -> None:
        try:
            self.save(call)
        finally:
            call.server.withdraw(self)
