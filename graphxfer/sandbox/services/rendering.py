# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.RenderingEngine, ThumbnailStore and IRenderingSettings: pixels as pictures."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import omero
import omero.all
from omero.rtypes import rbool, rdouble, rint, rlong, rstring

from graphxfer.sandbox.dispatch import Call, Service, Stateful
from graphxfer.sandbox.errors import invalid, misused
from graphxfer.sandbox.services.container import class_name, ids
from graphxfer.sandbox.services.pixels import SETTINGS, IPixels

if TYPE_CHECKING:
    from graphxfer.sandbox.pixelbuffer import PixelBuffer

log = logging.getLogger(__name__)

_PIXELS = IPixels()
_QUALITY = 0.85
#: Root of resetDefaultsInSet -> path from it to pixels; RenderingSettingsImpl.
_PIXELS_IN = {
    "Pixels": "select p.id from Pixels p where p.id in (:ids)",
    "Image": "select p.id from Pixels p where p.image.id in (:ids)",
    "Dataset": "select p.id from Pixels p join p.image i join i.datasetLinks l"
    " where l.parent.id in (:ids)",
    "Plate": "select p.id from Pixels p join p.image i join i.wellSamples s join s.well w"
    " where w.plate.id in (:ids)",
}


def picture(buffer: PixelBuffer, settings: Any, z: int, t: int) -> Any:
    """Return plane (z, t) as rendered with settings: height x width x 3 bytes."""
    from graphxfer.sandbox import rendering

    buffer.check(z=z, t=t)
    return rendering.rgb(buffer.plane, settings, z, t)


def defaults(call: Call, pixels: int) -> Any:
    """Return new default settings for a Pixels, not saved."""
    from graphxfer.sandbox import rendering

    loaded = _PIXELS.retrievePixDescription(call, pixels)
    if loaded is None:
        raise invalid(f"No such Pixels: {pixels}")
    return rendering.default(loaded)


def reset(call: Call, pixels: int) -> int:
    """Give the caller default settings for a Pixels, in place of what he has; return the id."""
    old = _PIXELS.retrieveRndSettingsFor(call, pixels, call.session.user)
    new = defaults(call, pixels)
    if old is not None:
        for field in ("defaultZ", "defaultT", "model"):
            setattr(old, field, getattr(new, field))
        for mine, fresh in zip(old.copyWaveRendering(), new.copyWaveRendering(), strict=True):
            for field in ("inputStart", "inputEnd", "active", "red", "green", "blue", "alpha"):
                setattr(mine, field, getattr(fresh, field))
        new = old
    return int(call.tx.save([new])[0].id.val)


class _Rendered(Stateful):
    """What is set to a Pixels, and has settings for it."""

    def __init__(self) -> None:
        self._opened: PixelBuffer | None = None
        self._rdef: Any = None

    @property
    def _buffer(self) -> PixelBuffer:
        if self._opened is None:
            raise misused("No pixels have been set")
        return self._opened

    @property
    def _settings(self) -> Any:
        if self._rdef is None:
            raise misused("There are no rendering settings")
        return self._rdef

    @property
    def _pixels(self) -> int:
        return int(self._buffer.row.id.val)

    def _set_pixels(self, call: Call, pixels: int) -> bool:
        """Open a Pixels; tell whether there are settings, the caller's or the owner's."""
        from graphxfer.sandbox.pixelbuffer import open_pixels

        self._opened = open_pixels(call, pixels)
        self._rdef = _PIXELS.retrieveRndSettings(call, pixels)
        return self._rdef is not None

    def _load(self, call: Call, rdef: int) -> None:
        found = call.tx.query(f"{SETTINGS} where rdef.id = :id", {"id": rlong(rdef)})
        if not found or found[0].pixels.id.val != self._pixels:
            raise invalid(f"No rendering definition exists with ID = {rdef}")
        self._rdef = found[0]

    def getRenderingDefId(self, call: Call) -> int:
        if self._settings.id is None:
            raise misused("The rendering settings are not saved")
        return int(self._settings.id.val)


class RenderingEngine(_Rendered):
    """Renders planes of one Pixels; as omeis.providers.re and RenderingBean (omero-server)."""

    interface = omero.api.RenderingEngine

    def __init__(self) -> None:
        super().__init__()
        self._quality = _QUALITY

    def lookupPixels(self, call: Call, pixelsId: int) -> None:
        self._set_pixels(call, pixelsId)

    def lookupRenderingDef(self, call: Call, pixelsId: int) -> bool:
        return self._set_pixels(call, pixelsId)

    def loadRenderingDef(self, call: Call, renderingDefId: int) -> None:
        self._load(call, renderingDefId)

    def load(self, call: Call) -> None:
        if self._settings is None or self._buffer is None:
            raise misused("lookupPixels() and lookupRenderingDef() come first")

    def resetDefaultSettings(self, call: Call, save: bool) -> int:
        if not save:
            self._rdef = defaults(call, self._pixels)
            return -1
        rdef = reset(call, self._pixels)
        self._load(call, rdef)
        return rdef

    def saveCurrentSettings(self, call: Call) -> None:
        self._load(call, call.tx.save([self._settings])[0].id.val)

    def getPixels(self, call: Call) -> Any:
        return _PIXELS.retrievePixDescription(call, self._pixels)

    # -- pictures -----------------------------------------------------------------------------

    def _picture(self, definition: Any) -> Any:
        made = picture(self._buffer, self._settings, definition.z, definition.t)
        region = definition.region
        if region is not None and region.width > 0 and region.height > 0:
            bottom, right = region.y + region.height, region.x + region.width
            return made[region.y : bottom, region.x : right]
        return made

    def render(self, call: Call, def_: Any) -> Any:
        made = self._picture(def_)
        height, width, _ = made.shape
        return omero.romio.RGBBuffer([made[..., i].tobytes() for i in range(3)], width, height)

    def renderAsPackedInt(self, call: Call, def_: Any) -> list[int]:
        import numpy as np

        made = self._picture(def_).astype(np.int64)
        packed = (255 << 24) | (made[..., 0] << 16) | (made[..., 1] << 8) | made[..., 2]
        return packed.astype(np.uint32).view(np.int32).ravel().tolist()

    def renderCompressed(self, call: Call, def_: Any) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(self._picture(def_)).save(file, "JPEG", quality=round(self._quality * 100))
        return file.getvalue()

    def setCompressionLevel(self, call: Call, percentage: float) -> None:
        self._quality = percentage

    def getCompressionLevel(self, call: Call) -> float:
        return self._quality

    # -- the whole ----------------------------------------------------------------------------

    def getModel(self, call: Call) -> Any:
        return self._settings.model

    def setModel(self, call: Call, model: Any) -> None:
        self._settings.model = model

    def getAvailableModels(self, call: Call) -> list[Any]:
        return call.tx.find_all("RenderingModel")

    def getAvailableFamilies(self, call: Call) -> list[Any]:
        return call.tx.find_all("Family")

    def getDefaultZ(self, call: Call) -> int:
        return int(self._settings.defaultZ.val)

    def getDefaultT(self, call: Call) -> int:
        return int(self._settings.defaultT.val)

    def setDefaultZ(self, call: Call, z: int) -> None:
        self._settings.defaultZ = rint(z)

    def setDefaultT(self, call: Call, t: int) -> None:
        self._settings.defaultT = rint(t)

    def getQuantumDef(self, call: Call) -> Any:
        return self._settings.quantization

    def setQuantumStrategy(self, call: Call, bitResolution: int) -> None:
        self._settings.quantization.bitResolution = rint(bitResolution)

    def setCodomainInterval(self, call: Call, start: int, end: int) -> None:
        quantum = self._settings.quantization
        quantum.cdStart, quantum.cdEnd = rint(start), rint(end)

    def isPixelsTypeSigned(self, call: Call) -> bool:
        return self._buffer.dtype.kind in "ifc"

    def getPixelsTypeLowerBound(self, call: Call, w: int) -> float:
        return self._range()[0]

    def getPixelsTypeUpperBound(self, call: Call, w: int) -> float:
        return self._range()[1]

    def _range(self) -> tuple[float, float]:
        from graphxfer.sandbox import rendering

        return rendering.type_range(self._buffer.row.pixelsType.value.val)

    def requiresPixelsPyramid(self, call: Call) -> bool:
        return False

    def getResolutionLevels(self, call: Call) -> int:
        return 1

    def getResolutionLevel(self, call: Call) -> int:
        return 0

    def setResolutionLevel(self, call: Call, resolutionLevel: int) -> None:
        if resolutionLevel != 0:
            raise misused(f"There is no resolution level {resolutionLevel}")

    def getResolutionDescriptions(self, call: Call) -> list[Any]:
        return [omero.api.ResolutionDescription(self._buffer.sizes["x"], self._buffer.sizes["y"])]

    # -- channels -----------------------------------------------------------------------------

    def _channel(self, w: int) -> Any:
        bindings = self._settings.copyWaveRendering()
        if not 0 <= w < len(bindings):
            raise invalid(f"Channel {w} out of range")
        return bindings[w]

    def getChannelWindowStart(self, call: Call, w: int) -> float:
        return float(self._channel(w).inputStart.val)

    def getChannelWindowEnd(self, call: Call, w: int) -> float:
        return float(self._channel(w).inputEnd.val)

    def setChannelWindow(self, call: Call, w: int, start: float, end: float) -> None:
        binding = self._channel(w)
        binding.inputStart, binding.inputEnd = rdouble(start), rdouble(end)

    def isActive(self, call: Call, w: int) -> bool:
        return bool(self._channel(w).active.val)

    def setActive(self, call: Call, w: int, active: bool) -> None:
        self._channel(w).active = rbool(active)

    def getRGBA(self, call: Call, w: int) -> list[int]:
        binding = self._channel(w)
        return [getattr(binding, part).val for part in ("red", "green", "blue", "alpha")]

    def setRGBA(self, call: Call, w: int, red: int, green: int, blue: int, alpha: int) -> None:
        binding = self._channel(w)
        parts = {"red": red, "green": green, "blue": blue, "alpha": alpha}
        for part, value in parts.items():
            setattr(binding, part, rint(value))

    def getChannelLookupTable(self, call: Call, w: int) -> str | None:
        table = self._channel(w).lookupTable
        return table.val if table is not None else ""

    def setChannelLookupTable(self, call: Call, w: int, lookup: str) -> None:
        self._channel(w).lookupTable = rstring(lookup) if lookup else None

    def getChannelFamily(self, call: Call, w: int) -> Any:
        return self._channel(w).family

    def getChannelCurveCoefficient(self, call: Call, w: int) -> float:
        return float(self._channel(w).coefficient.val)

    def getChannelNoiseReduction(self, call: Call, w: int) -> bool:
        return bool(self._channel(w).noiseReduction.val)

    def getChannelStats(self, call: Call, w: int) -> list[float]:
        stats = self.getPixels(call).copyChannels()[w].statsInfo
        return [stats.globalMin.val, stats.globalMax.val] if stats else list(self._range())

    def setQuantizationMap(
        self, call: Call, w: int, fam: Any, coefficient: float, noiseReduction: bool
    ) -> None:
        binding = self._channel(w)
        binding.family, binding.coefficient = fam, rdouble(coefficient)
        binding.noiseReduction = rbool(noiseReduction)

    def getCodomainMapContext(self, call: Call, w: int) -> list[Any]:
        return list(self._channel(w).copySpatialDomainEnhancement())

    def addCodomainMapToChannel(self, call: Call, mapCtx: Any, w: int) -> None:
        context = _context(mapCtx)
        self.removeCodomainMapFromChannel(call, mapCtx, w)
        self._channel(w).addCodomainMapContext(context)

    def removeCodomainMapFromChannel(self, call: Call, mapCtx: Any, w: int) -> None:
        kind = type(_context(mapCtx))
        binding = self._channel(w)
        for context in binding.copySpatialDomainEnhancement():
            if isinstance(context, kind):
                binding.removeCodomainMapContext(context)


def _context(asked: Any) -> Any:
    """Return the model's object for a romio.CodomainMapContext."""
    if not isinstance(asked, omero.romio.ReverseIntensityMapContext):
        raise misused(f"The sandbox does not render {type(asked).__name__}")
    made = omero.model.ReverseIntensityContextI()
    made.reverse = rbool(True)
    return made


class ThumbnailStore(_Rendered):
    """Small pictures; the rules are ome.services.ThumbnailBean's (omero-server)."""

    interface = omero.api.ThumbnailStore

    def setPixelsId(self, call: Call, pixelsId: int) -> bool:
        return self._set_pixels(call, pixelsId)

    def setRenderingDefId(self, call: Call, renderingDefId: int) -> None:
        self._load(call, renderingDefId)

    def isInProgress(self, call: Call) -> bool:
        return False

    def resetDefaults(self, call: Call) -> None:
        self._load(call, reset(call, self._pixels))

    def thumbnailExists(self, call: Call, sizeX: Any, sizeY: Any) -> bool:
        return self._rdef is not None

    def getThumbnail(self, call: Call, sizeX: Any, sizeY: Any) -> bytes:
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
                self._set_pixels(call, pixels)
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
            if not self._set_pixels(call, pixels):
                self.resetDefaults(call)

    def _ensure_settings(self, call: Call) -> None:
        if self._rdef is None:
            self.resetDefaults(call)

    def _thumbnail(
        self, call: Call, width: int, height: int, z: int | None = None, t: int | None = None
    ) -> bytes:
        from graphxfer.sandbox import rendering

        settings = self._rdef if self._rdef is not None else defaults(call, self._pixels)
        z = settings.defaultZ.val if z is None else z
        t = settings.defaultT.val if t is None else t
        return rendering.thumbnail(picture(self._buffer, settings, z, t), width, height)


def _value(size: Any) -> int:
    return int(size.val) if size is not None else 96


class IRenderingSettings(Service):
    """Defaults for many; the rules are ome.logic.RenderingSettingsImpl's (omero-server)."""

    interface = omero.api.IRenderingSettings

    def getRenderingSettings(self, call: Call, pixelsId: int) -> Any:
        return _PIXELS.retrieveRndSettingsFor(call, pixelsId, call.session.user)

    def createNewRenderingDef(self, call: Call, pixels: Any) -> Any:
        return defaults(call, pixels.id.val)

    def resetDefaultsForPixels(self, call: Call, pixelsId: int) -> None:
        reset(call, pixelsId)

    def resetDefaultsInImage(self, call: Call, imageId: int) -> None:
        self.resetDefaultsInSet(call, "Image", [imageId])

    def resetDefaultsInDataset(self, call: Call, dataSetId: int) -> Sequence[int]:
        return self.resetDefaultsInSet(call, "Dataset", [dataSetId])

    def resetDefaultsInSet(self, call: Call, type: str, nodeIds: Sequence[int]) -> Sequence[int]:
        kind = class_name(type)
        if kind not in _PIXELS_IN:
            raise misused(f"Class parameter for resetDefaultsInSet() cannot be {type}")
        rows = call.tx.projection(_PIXELS_IN[kind], {"ids": ids(nodeIds)})
        for (row,) in rows:
            reset(call, row.val)
        return list(nodeIds)
