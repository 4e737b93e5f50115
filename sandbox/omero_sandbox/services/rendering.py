# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.RenderingEngine: planes of pixels as pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import omero
import omero.all
from omero.rtypes import rbool, rdouble, rint, rlong, rstring

from omero_sandbox.errors import invalid, misused
from omero_sandbox.service import Call, Stateful
from omero_sandbox.services.pixels import SETTINGS, IPixels
from omero_sandbox.services.renderingsettings import (
    blank,
    copy_settings,
    described,
    save,
    set_defaults,
)

if TYPE_CHECKING:  # loaded by the first call that needs it, not at the start: it loads numpy
    from omero_sandbox.pixels.buffer import PixelBuffer

_PIXELS = IPixels()
_QUALITY = 0.85
#: What updateSettings sets together, or not at all: RenderingEngine.ice (omero-blitz).
_WHOLE = (("model",), ("defaultZ",), ("defaultT",))
_QUANTUM = (("bitResolution",), ("cdStart", "cdEnd"))
_CHANNEL = (
    ("active",), ("inputStart", "inputEnd"), ("family", "coefficient", "noiseReduction"),
    ("red", "green", "blue", "alpha"), ("lookupTable",),
)  # fmt: skip


def picture(buffer: PixelBuffer, settings: Any, z: int, t: int) -> Any:
    """Return plane (z, t) as rendered with settings: height x width x 3 bytes."""
    from omero_sandbox.pixels import rendering

    buffer.check(z=z, t=t)
    return rendering.rgb(buffer.plane, settings, z, t)


class Rendered(Stateful):
    """What is set to a Pixels, and has settings for it."""

    def __init__(self) -> None:
        self._opened: PixelBuffer | None = None
        self.rdef: Any = None
        #: Whether the client chose the settings; then they are not replaced by its own.
        self._chosen = False

    @property
    def buffer(self) -> PixelBuffer:
        if self._opened is None:
            raise misused("No pixels have been set")
        return self._opened

    @property
    def settings(self) -> Any:
        if self.rdef is None:
            raise misused("There are no rendering settings")
        return self.rdef

    @property
    def pixels(self) -> int:
        return int(self.buffer.row.id.val)

    def set_pixels(self, call: Call, pixels: int) -> bool:
        """Open a Pixels; return whether there are settings, the caller's or the owner's."""
        from omero_sandbox.pixels.buffer import open_pixels

        self._opened = open_pixels(call.tx, call.server.repository, pixels)
        self._chosen = False
        self._look_up(call)
        return self.rdef is not None

    def _look_up(self, call: Call) -> None:
        self.rdef = _PIXELS.retrieveRndSettings(call, self.pixels)

    def load_settings(self, call: Call, rdef: int) -> None:
        found = call.tx.query(f"{SETTINGS} where rdef.id = :id", {"id": rlong(rdef)})
        if not found or found[0].pixels.id.val != self.pixels:
            raise invalid(f"No rendering definition exists with ID = {rdef}")
        self.rdef, self._chosen = found[0], True

    def reset(self, call: Call) -> int:
        """Give the caller default settings, in place of the present ones; return their id."""
        pixels = described(call, self.pixels)
        mine = _PIXELS.retrieveRndSettingsFor(call, self.pixels, call.session.user)
        settings = mine if mine is not None else blank(pixels)
        set_defaults(call, settings, pixels)
        save(call, [settings])
        self._look_up(call)
        return int(self.settings.id.val)

    def getRenderingDefId(self, call: Call) -> int:
        if self.settings.id is None:
            raise misused("The rendering settings are not saved")
        return int(self.settings.id.val)


class RenderingEngine(Rendered):
    """Renders planes of one Pixels; as omeis.providers.re and RenderingBean (omero-server)."""

    interface = omero.api.RenderingEngine

    def __init__(self) -> None:
        super().__init__()
        self._quality = _QUALITY

    def lookupPixels(self, call: Call, pixelsId: int) -> None:
        self.set_pixels(call, pixelsId)

    def lookupRenderingDef(self, call: Call, pixelsId: int) -> bool:
        return self.set_pixels(call, pixelsId)

    def loadRenderingDef(self, call: Call, renderingDefId: int) -> None:
        self.load_settings(call, renderingDefId)

    def load(self, call: Call) -> None:
        if self.settings is None or self.buffer is None:
            raise misused("lookupPixels() and lookupRenderingDef() come first")

    def resetDefaultSettings(self, call: Call, save: bool) -> int:
        """Set defaults, and save them unless the client chose its settings by their id."""
        if save and not self._chosen:
            return self.reset(call)
        set_defaults(call, self.settings, described(call, self.pixels))
        return self.getRenderingDefId(call)

    def saveCurrentSettings(self, call: Call) -> None:
        """Save the settings; another user's become the caller's own, unless chosen by id."""
        if self._chosen or self.settings.details.owner.id.val == call.session.user:
            save(call, [self.settings])
            self._look_up(call)
        else:
            self.saveAsNewSettings(call)

    def saveAsNewSettings(self, call: Call) -> int:
        new = blank(described(call, self.pixels))
        copy_settings(self.settings, new)
        rdef = int(save(call, [new])[0].id.val)
        self.load_settings(call, rdef)
        return rdef

    def updateSettings(self, call: Call, settings: Any) -> None:
        """Set what a RenderingDef of the client's has; what is not complete in it is skipped."""
        _update(settings, self.settings, _WHOLE)
        if settings.quantization is not None:
            _update(settings.quantization, self.settings.quantization, _QUANTUM)
        pairs = zip(settings.copyWaveRendering(), self.settings.copyWaveRendering(), strict=False)
        for source, target in pairs:
            if source is not None:
                _update(source, target, _CHANNEL)

    def getPixels(self, call: Call) -> Any:
        return _PIXELS.retrievePixDescription(call, self.pixels)

    # -- pictures -----------------------------------------------------------------------------

    def renderProjectedCompressed(
        self, call: Call, algorithm: Any, timepoint: int, stepping: int, start: int, end: int
    ) -> bytes:
        return self._jpeg(self._projected(algorithm.value, timepoint, stepping, start, end))

    def renderProjectedAsPackedInt(
        self, call: Call, algorithm: Any, timepoint: int, stepping: int, start: int, end: int
    ) -> list[int]:
        return _packed(self._projected(algorithm.value, timepoint, stepping, start, end))

    def _projected(self, algorithm: int, t: int, stepping: int, start: int, end: int) -> Any:
        """Render the projections of the active channels: RenderingBean.renderProjected..."""
        from omero_sandbox.pixels import rendering
        from omero_sandbox.pixels.projection import Projection

        projection = Projection(self.buffer, algorithm, start, end, stepping)

        def plane(_: int, c: int, t: int) -> Any:
            return projection.plane(c, t)

        self.buffer.check(t=t)
        return rendering.rgb(plane, self.settings, 0, t)

    def _picture(self, definition: Any) -> Any:
        made = picture(self.buffer, self.settings, definition.z, definition.t)
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
        return _packed(self._picture(def_))

    def renderCompressed(self, call: Call, def_: Any) -> bytes:
        return self._jpeg(self._picture(def_))

    def _jpeg(self, made: Any) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(made).save(file, "JPEG", quality=round(self._quality * 100))
        return file.getvalue()

    def setCompressionLevel(self, call: Call, percentage: float) -> None:
        self._quality = percentage

    def getCompressionLevel(self, call: Call) -> float:
        return self._quality

    # -- the whole ----------------------------------------------------------------------------

    def getModel(self, call: Call) -> Any:
        return self.settings.model

    def setModel(self, call: Call, model: Any) -> None:
        self.settings.model = model

    def getAvailableModels(self, call: Call) -> list[Any]:
        return call.tx.find_all("RenderingModel")

    def getAvailableFamilies(self, call: Call) -> list[Any]:
        return call.tx.find_all("Family")

    def getDefaultZ(self, call: Call) -> int:
        return int(self.settings.defaultZ.val)

    def getDefaultT(self, call: Call) -> int:
        return int(self.settings.defaultT.val)

    def setDefaultZ(self, call: Call, z: int) -> None:
        self.settings.defaultZ = rint(z)

    def setDefaultT(self, call: Call, t: int) -> None:
        self.settings.defaultT = rint(t)

    def getQuantumDef(self, call: Call) -> Any:
        return self.settings.quantization

    def setQuantumStrategy(self, call: Call, bitResolution: int) -> None:
        self.settings.quantization.bitResolution = rint(bitResolution)

    def setCodomainInterval(self, call: Call, start: int, end: int) -> None:
        quantum = self.settings.quantization
        quantum.cdStart, quantum.cdEnd = rint(start), rint(end)

    def isPixelsTypeSigned(self, call: Call) -> bool:
        return self.buffer.dtype.kind in "ifc"

    def getPixelsTypeLowerBound(self, call: Call, w: int) -> float:
        return self._range()[0]

    def getPixelsTypeUpperBound(self, call: Call, w: int) -> float:
        return self._range()[1]

    def _range(self) -> tuple[float, float]:
        from omero_sandbox.pixels import rendering

        return rendering.type_range(self.buffer.row.pixelsType.value.val)

    def requiresPixelsPyramid(self, call: Call) -> bool:
        return self.buffer.is_large

    def getTileSize(self, call: Call) -> list[int]:
        return list(self.buffer.tile_size)

    def getResolutionLevels(self, call: Call) -> int:
        return 1

    def getResolutionLevel(self, call: Call) -> int:
        return 0

    def setResolutionLevel(self, call: Call, resolutionLevel: int) -> None:
        if resolutionLevel != 0:
            raise misused(f"There is no resolution level {resolutionLevel}")

    def getResolutionDescriptions(self, call: Call) -> list[Any]:
        return [omero.api.ResolutionDescription(self.buffer.sizes["x"], self.buffer.sizes["y"])]

    # -- channels -----------------------------------------------------------------------------

    def _channel(self, w: int) -> Any:
        bindings = self.settings.copyWaveRendering()
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


def _packed(made: Any) -> list[int]:
    """Return a picture as 0xAARRGGBB, the signed integers of Java."""
    import numpy as np

    wide = made.astype(np.int64)
    packed = (255 << 24) | (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    found: list[int] = packed.astype(np.uint32).view(np.int32).ravel().tolist()
    return found


def _update(source: Any, target: Any, groups: Iterable[tuple[str, ...]]) -> None:
    for fields in groups:
        values = [getattr(source, field) for field in fields]
        if None not in values:
            for field, value in zip(fields, values, strict=True):
                setattr(target, field, value)


def _context(asked: Any) -> Any:
    """Return the model's object for a romio.CodomainMapContext."""
    if not isinstance(asked, omero.romio.ReverseIntensityMapContext):
        raise misused(f"The sandbox does not render {type(asked).__name__}")
    made = omero.model.ReverseIntensityContextI()
    made.reverse = rbool(True)
    return made
