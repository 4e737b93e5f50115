# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.Exporter: an image as an OME-TIFF."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import omero
import omero.all

from omero_sandbox.errors import misused
from omero_sandbox.service import Call, Stateful
from omero_sandbox.services.pixels import described_of


class Exporter(Stateful):
    """Exports an image: first ``addImage``, then ``generateTiff``, then ``read``.

    After ome.services.blitz.impl.ExporterI (omero-blitz). The OME-XML in the file has the
    image's name, sizes and channels, no more.
    """

    interface = omero.api.Exporter

    def __init__(self) -> None:
        self._images: list[int] = []
        self._file: Any = None

    def addImage(self, call: Call, id: int) -> None:
        call.tx.get("Image", id)
        self._images.append(id)

    def generateTiff(self, call: Call) -> int:
        """Write the file; return how long it is."""
        import tifffile

        from omero_sandbox.pixels.buffer import open_pixels

        if len(self._images) != 1:
            raise misused("Only one image supported for TIFF, not " + str(len(self._images)))
        image = call.tx.get("Image", self._images[0])
        (pixels, *_) = described_of(call, image.id.val)
        buffer = open_pixels(call.tx, call.server.repository, pixels.id.val)
        shape = [buffer.sizes[axis] for axis in "tczyx"]

        def planes() -> Iterator[Any]:
            for t in range(shape[0]):
                for c in range(shape[1]):
                    for z in range(shape[2]):
                        yield buffer.plane(z, c, t).astype(buffer.dtype.newbyteorder("="))

        self.released()
        self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - open until the service is closed
        tifffile.imwrite(
            self._file, planes(), shape=shape, dtype=buffer.dtype.newbyteorder("="), ome=True,
            photometric="minisblack", metadata=_metadata(image, pixels),
        )  # fmt: skip
        self._images.clear()
        return int(self._file.seek(0, 2))

    def read(self, call: Call, position: int, size: int) -> bytes:
        if self._file is None:
            raise misused("Call a generate method first")
        self._file.seek(position)
        return bytes(self._file.read(size))

    def close(self, call: Call) -> None:
        call.server.withdraw(self)

    def released(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _metadata(image: Any, pixels: Any) -> dict[str, Any]:
    """Return what tifffile writes into the OME-XML."""
    names = [channel.logicalChannel.name for channel in pixels.copyChannels()]
    made: dict[str, Any] = {"axes": "TCZYX", "Name": image.name.val}
    if image.description is not None:
        made["Description"] = image.description.val
    if all(name is not None for name in names):
        made["Channel"] = {"Name": [name.val for name in names]}
    for axis in "XYZ":
        size = getattr(pixels, f"physicalSize{axis}")
        if size is not None:
            made[f"PhysicalSize{axis}"] = size.getValue()
            made[f"PhysicalSize{axis}Unit"] = size.getSymbol()
    return made
