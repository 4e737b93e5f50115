# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IRenderingSettings: settings of many images, reset and applied to others."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import omero
import omero.all
from omero.model import ReverseIntensityContextI
from omero.rtypes import rbool, rdouble, rint, rlong

from omero_sandbox.errors import invalid, misused
from omero_sandbox.service import Call, Service
from omero_sandbox.services.container import class_name, ids
from omero_sandbox.services.pixels import DESCRIPTION, SETTINGS, IPixels

log = logging.getLogger(__name__)

_PIXELS = IPixels()
#: Kind of container -> the pixels in it; RenderingSettingsImpl.updatePixelsForNodes.
_INSIDE = {
    "Pixels": "p.id in (:ids)",
    "Image": "p.image.id in (:ids)",
    "Dataset": "p.image.id in (select l.child.id from DatasetImageLink l"
    " where l.parent.id in (:ids))",
    "Project": "p.image.id in (select l.child.id from DatasetImageLink l join l.parent d"
    " join d.projectLinks pl where pl.parent.id in (:ids))",
    "Plate": "p.image.id in (select s.image.id from WellSample s where s.well.plate.id in (:ids))",
    "PlateAcquisition": "p.image.id in (select s.image.id from WellSample s"
    " where s.plateAcquisition.id in (:ids))",
    "Screen": "p.image.id in (select s.image.id from WellSample s join s.well w join w.plate pt"
    " join pt.screenLinks sl where sl.parent.id in (:ids))",
}
_QUANTUM = ("cdStart", "cdEnd", "bitResolution")
_CHANNEL = (
    "family", "coefficient", "active", "noiseReduction", "inputStart", "inputEnd",
    "red", "green", "blue", "alpha", "lookupTable",
)  # fmt: skip


class IRenderingSettings(Service):
    """Settings of many; the rules are ome.logic.RenderingSettingsImpl's (omero-server)."""

    interface = omero.api.IRenderingSettings

    def getRenderingSettings(self, call: Call, pixelsId: int) -> Any:
        return _PIXELS.retrieveRndSettings(call, pixelsId)

    def createNewRenderingDef(self, call: Call, pixels: Any) -> Any:
        return blank(pixels)

    def sanityCheckPixels(self, call: Call, pFrom: Any, pTo: Any) -> bool:
        return pFrom is not None and pTo is not None and _alike(pFrom, pTo)

    # -- back to defaults -----------------------------------------------------------------------

    def resetDefaults(self, call: Call, def_: Any, pixels: Any) -> None:
        save(call, [self.resetDefaultsNoSave(call, def_, pixels)])

    def resetDefaultsNoSave(self, call: Call, def_: Any, pixels: Any) -> Any:
        set_defaults(call, def_, described(call, pixels.id.val))
        return def_

    def resetDefaultsForPixels(self, call: Call, pixelsId: int) -> None:
        self.resetDefaultsInSet(call, "Pixels", [pixelsId])

    def resetDefaultsInImage(self, call: Call, imageId: int) -> None:
        self.resetDefaultsInSet(call, "Image", [imageId])

    def resetDefaultsInDataset(self, call: Call, datasetId: int) -> Sequence[int]:
        return self.resetDefaultsInSet(call, "Dataset", [datasetId])

    def resetDefaultsInSet(self, call: Call, type: str, nodeIds: Sequence[int]) -> Sequence[int]:
        """Reset the caller's settings; return the ids of the images."""
        return self._reset(call, type, nodeIds, measure=True)

    def setOriginalSettingsForPixels(self, call: Call, pixelsId: int) -> None:
        self.setOriginalSettingsInSet(call, "Pixels", [pixelsId])

    def setOriginalSettingsInImage(self, call: Call, imageId: int) -> None:
        self.setOriginalSettingsInSet(call, "Image", [imageId])

    def setOriginalSettingsInDataset(self, call: Call, datasetId: int) -> Sequence[int]:
        return self.setOriginalSettingsInSet(call, "Dataset", [datasetId])

    def setOriginalSettingsInSet(
        self, call: Call, type: str, nodeIds: Sequence[int]
    ) -> Sequence[int]:
        """Reset the caller's settings without a look at the pixels; return the images' ids."""
        return self._reset(call, type, nodeIds, measure=False)

    def _reset(
        self, call: Call, type: str, nodeIds: Sequence[int], *, measure: bool
    ) -> Sequence[int]:
        found = _inside(call, type, nodeIds)
        mine = _settings(call, found, call.session.user)
        done, changed = [], []
        for pixels in found:
            settings = mine.get(pixels.id.val) or blank(pixels)
            try:
                set_defaults(call, settings, pixels, measure=measure)
            except omero.ServerError as error:  # the others are reset none the less
                log.warning("Image:%d is not reset: %s", pixels.image.id.val, error.message)
                continue
            changed.append(settings)
            done.append(pixels.image.id.val)
        save(call, changed)
        return done

    def resetMinMaxInSet(self, call: Call, type: str, nodeIds: Sequence[int]) -> Sequence[int]:
        """Set the windows of all channels to what is in them; return the ids of the pixels."""
        found = _inside(call, type, nodeIds)
        mine = _settings(call, found, call.session.user)
        for pixels in found:
            settings = mine.get(pixels.id.val)
            if settings is None:
                mine[pixels.id.val] = settings = blank(pixels)
                set_defaults(call, settings, pixels, measure=False)
            for binding, channel in _channels(settings, pixels):
                binding.inputStart, binding.inputEnd = map(rdouble, _window(channel, pixels))
        save(call, list(mine.values()))
        return [pixels.id.val for pixels in found]

    def resetDefaultsByOwnerInSet(
        self, call: Call, type: str, nodeIds: Sequence[int]
    ) -> Sequence[int]:
        """Give the caller the settings of each image's owner; return the ids of the images."""
        found = _inside(call, type, nodeIds)
        mine = _settings(call, found, call.session.user)
        changed, done = [], []
        for pixels in found:
            owners = _settings(call, [pixels], pixels.details.owner.id.val)
            source = owners.get(pixels.id.val)
            if source is not None:
                changed.append(_apply(source, mine.get(pixels.id.val) or blank(pixels), pixels))
                done.append(pixels.image.id.val)
        save(call, changed)
        return done

    # -- from one to others ---------------------------------------------------------------------

    def applySettingsToSet(
        self, call: Call, from_: int, toType: str, nodeIds: Sequence[int]
    ) -> dict[bool, list[int]]:
        """Copy settings to all pixels that are like the first; answer by images' ids."""
        found = _inside(call, toType, nodeIds)
        answer: dict[bool, list[int]] = {True: [], False: []}
        if not found:
            return answer
        mine = _settings(call, found, call.session.user)
        source = described(call, from_)
        settings = mine.get(from_)
        if settings is None and all(pixels.id.val != from_ for pixels in found):
            settings = _PIXELS.retrieveRndSettings(call, from_)
        changed = []
        for pixels in found:
            same = pixels.id.val == from_
            alike = same or (settings is not None and _alike(source, pixels))
            answer[alike].append(pixels.image.id.val)
            if alike and not same:
                changed.append(_apply(settings, mine.get(pixels.id.val) or blank(pixels), pixels))
        save(call, changed)
        return answer

    def applySettingsToProject(self, call: Call, from_: int, to: int) -> dict[bool, list[int]]:
        return self.applySettingsToSet(call, from_, "Project", [to])

    def applySettingsToDataset(self, call: Call, from_: int, to: int) -> dict[bool, list[int]]:
        return self.applySettingsToSet(call, from_, "Dataset", [to])

    def applySettingsToImages(
        self, call: Call, from_: int, to: Sequence[int]
    ) -> dict[bool, list[int]]:
        return self.applySettingsToSet(call, from_, "Image", to)

    def applySettingsToImage(self, call: Call, from_: int, to: int) -> bool:
        return to in self.applySettingsToSet(call, from_, "Image", [to])[True]

    def applySettingsToPixels(self, call: Call, from_: int, to: int) -> bool:
        return bool(self.applySettingsToSet(call, from_, "Pixels", [to])[True])


def described(call: Call, pixels: int) -> Any:
    """Return a Pixels with its channels and their statistics.

    Raises
    ------
    omero.ValidationException
        When there is none.
    """
    loaded = _PIXELS.retrievePixDescription(call, pixels)
    if loaded is None:
        raise invalid(f"No pixels set with ID: {pixels}")
    return loaded


def blank(pixels: Any) -> Any:
    """Return settings of a Pixels in which nothing is set yet."""
    settings = omero.model.RenderingDefI()
    settings.pixels = omero.model.PixelsI(pixels.id.val, False)
    settings.defaultZ, settings.defaultT = rint(pixels.sizeZ.val // 2), rint(0)
    settings.quantization = omero.model.QuantumDefI()
    for _ in range(pixels.sizeC.val):
        settings.addChannelBinding(omero.model.ChannelBindingI())
    return settings


def save(call: Call, settings: Sequence[Any]) -> list[Any]:
    """Save settings, and delete the codomain maps that a channel no longer has."""
    bindings = [binding for one in settings for binding in one.copyWaveRendering()]
    kept = [
        c.id.val for b in bindings for c in b.copySpatialDomainEnhancement() if c.id is not None
    ]
    old = call.tx.query(
        "select c from ChannelBinding b join b.spatialDomainEnhancement c"
        " where b.id in (:ids) and c.id not in (:kept)",
        {"ids": ids([b.id.val for b in bindings if b.id is not None]), "kept": ids(kept)},
    )
    for context in old:
        call.tx.delete_row(context)
    return call.tx.save(settings)


def new_defaults(call: Call, pixels: int) -> Any:
    """Return default settings of a Pixels, not saved."""
    described_ = described(call, pixels)
    settings = blank(described_)
    set_defaults(call, settings, described_)
    return settings


def set_defaults(call: Call, settings: Any, pixels: Any, *, measure: bool = True) -> None:
    """Set all of a Pixels' settings to defaults.

    Parameters
    ----------
    measure : bool
        Whether to look into the planes of pixels that have no statistics.
    """
    from omero_sandbox.pixels import rendering
    from omero_sandbox.pixels.buffer import open_pixels

    fresh = rendering.default(pixels)
    if measure and any(channel.statsInfo is None for channel in pixels.copyChannels()[:1]):
        buffer = open_pixels(call.tx, call.server.repository, pixels.id.val)
        ranges = buffer.ranges(range(pixels.sizeC.val))
        for c, binding in enumerate(fresh.copyWaveRendering()):
            binding.inputStart, binding.inputEnd = map(rdouble, ranges[c])
    _copy_whole(fresh, settings)
    settings.defaultZ, settings.defaultT = fresh.defaultZ, fresh.defaultT
    bindings = zip(fresh.copyWaveRendering(), settings.copyWaveRendering(), strict=False)
    for source, target in bindings:
        _copy(source, target, _CHANNEL)
        target.clearSpatialDomainEnhancement()


def _inside(call: Call, type: str, nodeIds: Sequence[int]) -> list[Any]:
    """Return the Pixels, described, that are in some containers."""
    kind = class_name(type)
    if kind not in _INSIDE:
        raise misused(
            f"Class parameter for changing settings must be in {set(_INSIDE)}, not {kind}"
        )
    where = f"{DESCRIPTION} where {_INSIDE[kind]} order by p.id"
    return call.tx.query(where, {"ids": ids(nodeIds)})


def _settings(call: Call, pixels: Iterable[Any], user: int) -> dict[int, Any]:
    """Return a user's settings, by the id of their Pixels."""
    rows = call.tx.query(
        f"{SETTINGS} where rdef.pixels.id in (:ids) and rdef.details.owner.id = :user",
        {"ids": ids([one.id.val for one in pixels]), "user": rlong(user)},
    )
    return {row.pixels.id.val: row for row in rows}


def _alike(one: Any, other: Any) -> bool:
    """Return whether settings of a Pixels fit another: type, channels, emission wavelengths."""
    if one.pixelsType.value.val != other.pixelsType.value.val or one.sizeC.val != other.sizeC.val:
        return False
    waves, others = _waves(one), _waves(other)
    return sum(wave in waves for wave in others) == len(waves)


def _waves(pixels: Any) -> list[tuple[float, str] | None]:
    logical = [channel.logicalChannel for channel in pixels.copyChannels()]
    waves = [channel.emissionWave for channel in logical if channel is not None]
    return [(wave.getValue(), str(wave.getUnit())) if wave is not None else None for wave in waves]


def _channels(settings: Any, pixels: Any) -> Iterable[tuple[Any, Any]]:
    return zip(settings.copyWaveRendering(), pixels.copyChannels(), strict=False)


def _window(channel: Any, pixels: Any) -> tuple[float, float]:
    """Return least and greatest value of a channel, as far as they are known."""
    from omero_sandbox.pixels.rendering import type_range

    if channel.statsInfo is None:
        return type_range(pixels.pixelsType.value.val)
    return channel.statsInfo.globalMin.val, channel.statsInfo.globalMax.val


def copy_settings(source: Any, target: Any) -> None:
    """Copy all settings to those of another Pixels."""
    _copy_whole(source, target)
    target.defaultZ, target.defaultT = source.defaultZ, source.defaultT
    bindings = zip(source.copyWaveRendering(), target.copyWaveRendering(), strict=False)
    for one, other in bindings:
        _copy(one, other, _CHANNEL)
        _copy_contexts(one, other)


def _apply(source: Any, target: Any, pixels: Any) -> Any:
    """Copy settings to those of another Pixels, but for a section that it does not have."""
    z, t = target.defaultZ, target.defaultT
    copy_settings(source, target)
    if source.defaultZ.val >= pixels.sizeZ.val:
        target.defaultZ = z
    if source.defaultT.val >= pixels.sizeT.val:
        target.defaultT = t
    return target


def _copy_contexts(source: Any, target: Any) -> None:
    """Make the codomain maps of a channel those of another: of a kind, there is but one."""
    wanted = [c for c in source.copySpatialDomainEnhancement() if _reverses(c)]
    if not wanted:
        target.clearSpatialDomainEnhancement()
    elif not any(_reverses(context) for context in target.copySpatialDomainEnhancement()):
        context = ReverseIntensityContextI()
        context.reverse = rbool(bool(wanted[0].reverse and wanted[0].reverse.val))
        target.addCodomainMapContext(context)


def _reverses(context: Any) -> bool:
    return isinstance(context, ReverseIntensityContextI)


def _copy_whole(source: Any, target: Any) -> None:
    target.model = source.model
    _copy(source.quantization, target.quantization, _QUANTUM)


def _copy(source: Any, target: Any, fields: Iterable[str]) -> None:
    for field in fields:
        setattr(target, field, getattr(source, field))
