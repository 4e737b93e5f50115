# SPDX-License-Identifier: GPL-2.0-or-later
"""Series of a fileset as OMERO objects, as the server's own import makes them.

Source: ome/omero-blitz `ome.formats.model.{PixelsProcessor,ChannelProcessor,WellProcessor,
TargetProcessor}`, `ome.services.blitz.repo.ManagedImportRequestI`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from omero.model import ChannelI, FilesetI, LaserI, LengthI, LogicalChannelI, StatsInfoI
from omero.model.enums import UnitsLength
from omero.rtypes import rdouble, rint, rstring, unwrap

from omero_sandbox.errors import misused
from omero_sandbox.importing.metadata import Document, convert
from omero_sandbox.model import enumeration, type_of
from omero_sandbox.pixels import rendering
from omero_sandbox.readers import Series, Source

#: `Pixels.sha1` of pixels that were not read.
PENDING = "Pending..."
#: Larger planes are not read at import: no checksum, no minimum and maximum.
MAX_PLANE_SIZE = 3192 * 3192
MAX_NAME = 255
COLOURS = {"red": (255, 0, 0, 255), "green": (0, 255, 0, 255), "blue": (0, 0, 255, 255)}
WHITE, TRANSPARENT = (255, 255, 255, 255), (0, 0, 0, 0)
#: What is added to the lower end of an emission filter's range (ColorsFactory).
FILTER_RANGE = 15


@dataclass(frozen=True)
class Settings:
    """
    The `omero.grid.ImportSettings` of an import, unwrapped.

    Attributes are named as there; a null `doThumbnails` means True, a null `noStatsInfo` False.
    """

    userSpecifiedTarget: Any = None
    userSpecifiedName: str | None = None
    userSpecifiedDescription: str | None = None
    userSpecifiedAnnotationList: Sequence[Any] = ()
    userSpecifiedPixels: Sequence[float] = ()
    doThumbnails: bool = True
    noStatsInfo: bool = False

    @classmethod
    def of(cls, settings: Any) -> Settings:
        """Unwrap `omero.grid.ImportSettings`."""
        thumbnails = unwrap(settings.doThumbnails)
        return cls(
            settings.userSpecifiedTarget,
            unwrap(settings.userSpecifiedName),
            unwrap(settings.userSpecifiedDescription),
            tuple(settings.userSpecifiedAnnotationList or ()),
            tuple(settings.userSpecifiedPixels or ()),
            True if thumbnails is None else bool(thumbnails),
            bool(unwrap(settings.noStatsInfo)),
        )


@dataclass
class Imported:
    """
    New objects, not yet saved; the same Python instance stands wherever an object is referred to.

    Attributes
    ----------
    images : list[Any]
        One Image per series, in series order.
    plates : list[Any]
        The Plates, in the order of the file.
    others : list[Any]
        Screens and folders.
    """

    images: list[Any] = field(default_factory=list)
    plates: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)

    @property
    def roots(self) -> list[Any]:
        """Everything, in an order that one `tx.save` takes."""
        return [*self.images, *self.plates, *self.others]


def objects(source: Source, fileset_id: int, file_name: str, settings: Settings) -> Imported:
    """
    Make what the metadata and pixel-data steps of an import create.

    Parameters
    ----------
    source : Source
        What `readers.read` returned.
    fileset_id : int
        The saved Fileset, to which the images will belong.
    file_name : str
        Name of the first file, from which the images get their names.
    settings : Settings
        The client's import settings.

    Returns
    -------
    Imported
        Objects to save in one transaction of the importing user.

    Raises
    ------
    omero.ApiUsageException
        When the target is of a class that an import cannot go into.
    BrokenFile
        When the file's metadata or pixels cannot be understood.
    """
    document = convert(source.ome)
    for series, image in zip(source, document.images, strict=True):
        image.series = rint(series.index)
        image.fileset = FilesetI(fileset_id, False)
        image.format = enumeration("Format", source.format)
        image.name = rstring(_image_name(series, file_name, len(source), settings))
        if settings.userSpecifiedDescription is not None:
            image.description = rstring(settings.userSpecifiedDescription)
        for annotation in settings.userSpecifiedAnnotationList:
            image.linkAnnotation(annotation)
        pixels = image.getPrimaryPixels()
        # whatever the file has: OMEROMetadataStoreClient.setPixelsDimensionOrder
        pixels.dimensionOrder = enumeration("DimensionOrder", "XYZCT")
        _complete_channels(pixels, series, source.graphics)
        _user_sizes(pixels, settings.userSpecifiedPixels)
        _measure(pixels, series, settings.noStatsInfo)
    for plate in document.plates:
        _name_plate(plate, file_name, settings)
    _link_target(settings.userSpecifiedTarget, document)
    return Imported(document.images, document.plates, [*document.screens, *document.folders])


def rendering_defs(source: Source, pixels: Sequence[Any], settings: Settings) -> list[Any]:
    """
    Make the default rendering settings that the thumbnail step of an import creates.

    Parameters
    ----------
    source : Source
        What `readers.read` returned.
    pixels : Sequence[Any]
        The saved Pixels in series order, with ids; their channels are loaded.
    settings : Settings
        None are made unless `doThumbnails`.

    Returns
    -------
    list
        One RenderingDef per Pixels, with QuantumDef and ChannelBindings, to save.
    """
    if not settings.doThumbnails:
        return []
    types = (series.pixelsType for series in source)
    return [rendering.default(p, type_) for p, type_ in zip(pixels, types, strict=True)]


# ---- names and targets ---------------------------------------------------------------------


def _image_name(series: Series, file_name: str, count: int, settings: Settings) -> str:
    """Name an image as PixelsProcessor does: its end is kept when it is too long."""
    name = (settings.userSpecifiedName or "").strip() or file_name
    if count > 1:
        name += f" [{series.name.strip() or series.index}]"
    return name if len(name) <= MAX_NAME else "…" + name[1 - MAX_NAME :]


def _name_plate(plate: Any, file_name: str, settings: Settings) -> None:
    """Name a plate as WellProcessor does: a given name wins unless it is just the file's."""
    given = settings.userSpecifiedName
    if given is not None and (plate.name is None or not file_name.endswith(given)):
        plate.name = rstring(given)
    if plate.name is None:
        plate.name = rstring("Plate")
    if settings.userSpecifiedDescription is not None:
        plate.description = rstring(settings.userSpecifiedDescription)


def _link_target(target: Any, document: Document) -> None:
    if target is None:
        return
    match type_of(target).name:
        case "Dataset":
            for image in document.images:
                image.linkDataset(target.proxy())
        case "Screen":
            _empty_screen(document.screens)
            for plate in document.plates:
                plate.linkScreen(target.proxy())
        case name:
            raise misused(f"Unable to handle target: {name}")


def _empty_screen(screens: Sequence[Any]) -> None:
    """Take plates and annotations from the file's last screen with plates, for the user's sake.

    OMEROMetadataStoreClient.setUserSpecifiedTarget drops all references of that one screen.
    """
    for screen in reversed(screens):
        if plates := screen.linkedPlateList():
            for plate in plates:
                screen.unlinkPlate(plate)
            screen.clearAnnotationLinks()
            return


def _user_sizes(pixels: Any, sizes: Sequence[float]) -> None:
    """Give sizes to axes that have none; fewer than three numbers are passed over."""
    if len(sizes) < 3:
        return
    for axis, size in zip("XYZ", sizes, strict=False):
        if getattr(pixels, f"physicalSize{axis}") is None:
            length = LengthI(float(size), UnitsLength.MICROMETER)
            setattr(pixels, f"physicalSize{axis}", length)


# ---- pixels --------------------------------------------------------------------------------


def _measure(pixels: Any, series: Series, no_stats: bool) -> None:
    """Set the checksum of the pixels, and each channel's minimum and maximum.

    The checksum is SHA-1 over all planes in the order T, C, Z, in the file's byte order and by
    its tiles (ManagedImportRequestI.parseData).
    """
    pixels.sha1 = rstring(PENDING)
    if no_stats or series.sizeX * series.sizeY > MAX_PLANE_SIZE:
        return
    digest = hashlib.sha1(usedforsecurity=False)
    ranges: list[tuple[float, float]] = [(np.inf, -np.inf)] * series.sizeC
    stored = series.dtype.newbyteorder("<" if series.little else ">")
    for t in range(series.sizeT):
        for c in range(series.sizeC):
            for z in range(series.sizeZ):
                plane = series.plane(z, c, t)
                low, high = ranges[c]
                ranges[c] = min(low, float(plane.min())), max(high, float(plane.max()))
                for tile in _tiles(plane.astype(stored, copy=False), series.tile):
                    digest.update(tile.tobytes())
    pixels.sha1 = rstring(digest.hexdigest())
    for channel, (low, high) in zip(pixels.copyChannels(), ranges, strict=True):
        channel.statsInfo = StatsInfoI()
        channel.statsInfo.globalMin, channel.statsInfo.globalMax = rdouble(low), rdouble(high)


def _tiles(plane: Any, size: tuple[int, int] | None) -> Iterator[Any]:
    if size is None:
        yield plane
        return
    width, height = size
    for y in range(0, plane.shape[0], height):
        for x in range(0, plane.shape[1], width):
            yield plane[y : y + height, x : x + width]


# ---- channels ------------------------------------------------------------------------------


def _complete_channels(pixels: Any, series: Series, graphics: bool) -> None:
    """Give the pixels as many channels as they need, each with a colour (ChannelProcessor)."""
    channels = pixels.copyChannels()
    for extra in channels[series.sizeC :]:
        pixels.removeChannel(extra)
    for _ in range(series.sizeC - len(channels)):
        channel = ChannelI()
        channel.logicalChannel = LogicalChannelI()
        pixels.addChannel(channel)
    channels = pixels.copyChannels()
    for index, channel in enumerate(channels):
        logical = channel.logicalChannel
        logical.samplesPerPixel = rint(1)
        logical.photometricInterpretation = enumeration("PhotometricInterpretation", "Monochrome")
        if graphics:
            _graphics_channel(channel, index)
        else:
            _default_channel(channel, index)
    emitting = [_emission(channel) is not None for channel in channels]
    if not graphics and any(emitting):
        for channel, emits in zip(channels, emitting, strict=True):
            if not emits:  # transmitted light beside fluorescence
                _paint(channel, WHITE)


def _graphics_channel(channel: Any, index: int) -> None:
    """Colour and name a channel of an everyday picture."""
    names = [*COLOURS, "alpha"]
    _paint(channel, TRANSPARENT if index == 3 else _by_index(index))
    if index < len(names) and channel.logicalChannel.name is None:
        channel.logicalChannel.name = rstring(names[index].capitalize())


def _default_channel(channel: Any, index: int) -> None:
    """Colour a channel that has no colour yet, and name one that has no name, by wavelength."""
    logical = channel.logicalChannel
    wave = _wavelength(channel)
    if any(part is None for part in (channel.red, channel.green, channel.blue, channel.alpha)):
        _paint(channel, _by_index(index) if wave is None else _by_wavelength(wave[0]))
    if logical.name is None and wave is not None:
        logical.name = rstring(wave[1])


def _paint(channel: Any, colour: tuple[int, int, int, int]) -> None:
    channel.red, channel.green, channel.blue, channel.alpha = map(rint, colour)


def _by_index(index: int) -> tuple[int, int, int, int]:
    return list(COLOURS.values())[min(index, 2)]


def _by_wavelength(wavelength: float) -> tuple[int, int, int, int]:
    """Return the colour of a wavelength in nm (ColorsFactory.determineColor)."""
    return COLOURS["blue" if wavelength < 500 else "green" if wavelength < 560 else "red"]


def _wavelength(channel: Any) -> tuple[float, str] | None:
    """Return the wavelength that decides on the colour, and the name that goes with it."""
    emission = _emission(channel)
    if emission is not None:
        return emission
    logical = channel.logicalChannel
    settings = logical.lightSourceSettings
    if settings is not None and isinstance(settings.lightSource, LaserI):
        laser = settings.lightSource.wavelength
        if laser is not None:
            return laser.getValue(), _wave_name(laser.getValue())
    if logical.excitationWave is not None:
        value = logical.excitationWave.getValue()
        return value, _wave_name(value)
    for item in _filters(logical, "linkedExcitationFilterList"):
        low, high = _range(item)
        if high is not None:
            low = low or high - 2 * FILTER_RANGE
            return (low + high) / 2, _wave_name(low)
    return None


def _emission(channel: Any) -> tuple[float, str] | None:
    """Return wavelength and name by what the channel emits: its own value, or a filter's."""
    logical = channel.logicalChannel
    if logical.emissionWave is not None:
        value = logical.emissionWave.getValue()
        return value, _wave_name(value)
    for item in _filters(logical, "linkedEmissionFilterList"):
        low, _ = _range(item)
        if low is not None:
            return low + FILTER_RANGE, _wave_name(low)
    return None


def _filters(logical: Any, method: str) -> list[Any]:
    holders = (logical.lightPath, logical.filterSet)
    return [item for holder in holders if holder is not None for item in getattr(holder, method)()]


def _range(item: Any) -> tuple[float | None, float | None]:
    range_ = item.transmittanceRange
    if range_ is None:
        return None, None
    ends = (range_.cutIn, range_.cutOut)
    low, high = (None if end is None else end.getValue() for end in ends)
    return low, high


def _wave_name(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
