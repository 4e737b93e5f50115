# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.ThumbnailStore: small pictures of pixels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import omero
import omero.all

from omero_sandbox.service import Call
from omero_sandbox.services.rendering import Rendered, picture
from omero_sandbox.services.renderingsettings import new_defaults

log = logging.getLogger(__name__)


class ThumbnailStore(Rendered):
    """Small pictures; the rules are ome.services.ThumbnailBean's (omero-server)."""

    interface = omero.api.ThumbnailStore

    def setPixelsId(self, call: Call, pixelsId: int) -> bool:
        return self.set_pixels(call, pixelsId)

    def setRenderingDefId(self, call: Call, renderingDefId: int) -> None:
        self.load_settings(call, renderingDefId)

    def isInProgress(self, call: Call) -> bool:
        return False

    def resetDefaults(self, call: Call) -> None:
        self.reset(call)

    def thumbnailExists(self, call: Call, sizeX: Any, sizeY: Any) -> bool:
        return self.rdef is not None

    def getThumbnail(self, call: Call, sizeX: Any, sizeY: Any) -> bytes:
        return self._thumbnail(call, _value(sizeX), _value(sizeY))

    def getThumbnailWithoutDefault(self, call: Call, sizeX: Any, sizeY: Any) -> bytes:
        return self._thumbnail(call, _value(sizeX), _value(sizeY))

    def getThumbnailDirect(self, call: Call, sizeX: Any, sizeY: Any) -> bytes:
        return self._thumbnail(call, _value(sizeX), _value(sizeY))

    def getThumbnailByLongestSide(self, call: Call, size: Any) -> bytes:
        return self._thumbnail(call, _value(size), _value(size))

    def getThumbnailByLongestSideDirect(self, call: Call, size: Any) -> bytes:
        return self._thumbnail(call, _value(size), _value(size))

    def getThumbnailForSectionByLongestSideDirect(
        self, call: Call, theZ: int, theT: int, size: Any
    ) -> bytes:
        return self._thumbnail(call, _value(size), _value(size), theZ, theT)

    def getThumbnailForSectionDirect(
        self, call: Call, theZ: int, theT: int, sizeX: Any, sizeY: Any
    ) -> bytes:
        return self._thumbnail(call, _value(sizeX), _value(sizeY), theZ, theT)

    def getThumbnailByLongestSideSet(
        self, call: Call, size: Any, pixelsIds: Sequence[int]
    ) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for pixels in pixelsIds:
            try:
                self.set_pixels(call, pixels)
                found[pixels] = self._thumbnail(call, _value(size), _value(size))
            except Exception:  # as ThumbnailBean.retrieveThumbnailSet; Ice sends null as no bytes
                log.warning("No thumbnail of Pixels %d", pixels, exc_info=True)
                found[pixels] = b""
        return found

    def getThumbnailSet(
        self, call: Call, sizeX: Any, sizeY: Any, pixelsIds: Sequence[int]
    ) -> dict[int, bytes]:
        return self.getThumbnailByLongestSideSet(call, sizeX, pixelsIds)

    def createThumbnails(self, call: Call) -> None:
        self._ensure_settings(call)

    def createThumbnail(self, call: Call, sizeX: Any, sizeY: Any) -> None:
        self._ensure_settings(call)

    def createThumbnailsByLongestSideSet(
        self, call: Call, size: Any, pixelsIds: Sequence[int]
    ) -> None:
        for pixels in pixelsIds:
            if not self.set_pixels(call, pixels):
                self.resetDefaults(call)

    def _ensure_settings(self, call: Call) -> None:
        if self.rdef is None:
            self.resetDefaults(call)

    def _thumbnail(
        self, call: Call, width: int, height: int, z: int | None = None, t: int | None = None
    ) -> bytes:
        from omero_sandbox.pixels.rendering import thumbnail

        settings = self.rdef if self.rdef is not None else new_defaults(call, self.pixels)
        z = settings.defaultZ.val if z is None else z
        t = settings.defaultT.val if t is None else t
        return thumbnail(picture(self.buffer, settings, z, t), width, height)


def _value(size: Any) -> int:
    return int(size.val) if size is not None else 96
