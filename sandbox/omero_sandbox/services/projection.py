# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IProjection: stacks of planes made one plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rdouble, rint, rstring

from omero_sandbox.service import Call, Service
from omero_sandbox.services.pixels import IPixels, described_of

_PIXELS = IPixels()


class IProjection(Service):
    """Projections; the rules are ome.services.projection.ProjectionBean's (omero-server)."""

    interface = omero.api.IProjection

    def projectStack(
        self, call: Call, pixelsId: int, pixelsType: Any, algorithm: Any, timepoint: int,
        channelIndex: int, stepping: int, start: int, end: int,
    ) -> bytes:  # fmt: skip
        from omero_sandbox.pixels.buffer import TYPES, open_pixels
        from omero_sandbox.pixels.projection import Projection

        buffer = open_pixels(call.tx, call.server.repository, pixelsId)
        dtype = TYPES[_type(call, pixelsType, buffer.row).value.val]
        projection = Projection(buffer, algorithm.value, start, end, stepping, dtype)
        return projection.plane(channelIndex, timepoint).tobytes()

    def projectPixels(
        self, call: Call, pixelsId: int, pixelsType: Any, algorithm: Any, tStart: int, tEnd: int,
        channelList: Sequence[int], stepping: int, zStart: int, zEnd: int, name: str,
    ) -> int:  # fmt: skip
        """Make an image of the projections of some channels and time points; return its id."""
        from omero_sandbox.pixels.buffer import TYPES, open_pixels
        from omero_sandbox.pixels.projection import METHODOLOGIES, Projection

        buffer = open_pixels(call.tx, call.server.repository, pixelsId)
        kind = _type(call, pixelsType, buffer.row)
        projection = Projection(
            buffer, algorithm.value, zStart, zEnd, stepping, TYPES[kind.value.val]
        )
        image = int(
            _PIXELS.copyAndResizeImage(
                call, buffer.row.image.id.val, None, None, rint(1), rint(abs(tEnd - tStart) + 1),
                list(channelList), name, False,
            ).val
        )  # fmt: skip
        pixels = described_of(call, image)[0]
        pixels.pixelsType = kind
        pixels.methodology = rstring(METHODOLOGIES[algorithm.value])
        call.tx.save([pixels])
        target = open_pixels(call.tx, call.server.repository, pixels.id.val)
        for c, (channel, source) in enumerate(zip(pixels.copyChannels(), channelList, strict=True)):
            planes = [projection.plane(source, t) for t in range(tStart, tEnd + 1)]
            for t, plane in enumerate(planes):
                target.put(plane.tobytes(), 0, c, t)
            channel.statsInfo = omero.model.StatsInfoI()
            channel.statsInfo.globalMin = rdouble(float(min(plane.min() for plane in planes)))
            channel.statsInfo.globalMax = rdouble(float(max(plane.max() for plane in planes)))
        call.tx.save(pixels.copyChannels())
        return image


def _type(call: Call, asked: Any, pixels: Any) -> Any:
    """Return the requested type of the new pixels, else the source's."""
    return pixels.pixelsType if asked is None else call.tx.get("PixelsType", asked.id.val)
