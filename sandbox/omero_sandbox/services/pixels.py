# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IPixels: descriptions of pixels, images without files, rendering settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rdouble, rint, rlong, rstring

from omero_sandbox.errors import invalid
from omero_sandbox.service import Call, Service

#: PixelsImpl.retrievePixDescription's own query, without a condition.
DESCRIPTION = (
    "select distinct p from Pixels p join fetch p.image join fetch p.pixelsType"
    " join fetch p.dimensionOrder left outer join fetch p.channels c"
    " left outer join fetch c.logicalChannel lc left outer join fetch c.statsInfo"
    " left outer join fetch lc.photometricInterpretation"
)
#: The prefix of PixelsImpl's own query (omero-server).
SETTINGS = (
    "select distinct rdef from RenderingDef rdef left outer join fetch rdef.details.owner"
    " left outer join fetch rdef.details.updateEvent join fetch rdef.pixels"
    " left outer join fetch rdef.quantization left outer join fetch rdef.model"
    " left outer join fetch rdef.waveRendering cb left outer join fetch cb.family"
    " left outer join fetch cb.spatialDomainEnhancement"
)


#: What a resized copy has in common with its original: PixelsImpl.copyAndResizeImage.
_SHARED_OF_IMAGE = (
    "acquisitionDate", "objectiveSettings", "imagingEnvironment", "experiment", "stageLabel",
    "instrument",
)  # fmt: skip
_SHARED_OF_PIXELS = ("dimensionOrder", "physicalSizeX", "physicalSizeY", "physicalSizeZ")


class IPixels(Service):
    """Pixels; the rules are ome.logic.PixelsImpl's (omero-server)."""

    interface = omero.api.IPixels

    def retrievePixDescription(self, call: Call, pixId: int) -> Any:
        found = call.tx.query(f"{DESCRIPTION} where p.id = :id", {"id": rlong(pixId)})
        return found[0] if found else None

    def getBitDepth(self, call: Call, type: Any) -> int:
        return int(call.tx.find_all("PixelsType", value=type.value.val)[0].bitSize.val)

    def getEnumeration(self, call: Call, enumClass: str, value: str) -> Any:
        found = call.tx.find_all_by_string(enumClass, "value", value)
        return found[0] if found else None

    def getAllEnumerations(self, call: Call, enumClass: str) -> list[Any]:
        return call.tx.find_all(enumClass)

    # -- images without files -----------------------------------------------------------------

    def createImage(
        self, call: Call, sizeX: int, sizeY: int, sizeZ: int, sizeT: int,
        channelList: list[int], pixelsType: Any, name: str, description: str,
    ) -> Any:  # fmt: skip
        if not channelList:
            raise invalid("Channel list must be filled.")
        image = omero.model.ImageI()
        image.name, image.description = rstring(name), rstring(description)
        sizes = dict(zip("XYZCT", (sizeX, sizeY, sizeZ, len(channelList), sizeT), strict=True))
        pixels = _new_pixels(sizes, omero.model.PixelsTypeI(pixelsType.id.val, False))
        for _ in channelList:
            channel = omero.model.ChannelI()
            channel.logicalChannel = omero.model.LogicalChannelI()
            pixels.addChannel(channel)
        image.addPixels(pixels)
        return call.tx.save([image])[0].id

    def copyAndResizeImage(
        self, call: Call, imageId: int, sizeX: Any, sizeY: Any, sizeZ: Any, sizeT: Any,
        channelList: list[int], methodology: str, copyStats: bool,
    ) -> Any:  # fmt: skip
        """Make an image like another one, of another size: the metadata, not the planes.

        What the Slice file calls the methodology is the name of the new image.
        """
        old = call.tx.get("Image", imageId)
        image = omero.model.ImageI()
        image.name = rstring(methodology)
        for field in _SHARED_OF_IMAGE:
            setattr(image, field, getattr(old, field))
        sizes = {"X": sizeX, "Y": sizeY, "Z": sizeZ, "T": sizeT}
        for source in described_of(call, imageId):
            image.addPixels(_resized(source, sizes, channelList, copyStats))
        return call.tx.save([image])[0].id

    def copyAndResizePixels(
        self, call: Call, pixelsId: int, sizeX: Any, sizeY: Any, sizeZ: Any, sizeT: Any,
        channelList: list[int], methodology: str, copyStats: bool,
    ) -> Any:  # fmt: skip
        """Give an image more Pixels, like its others but of another size."""
        source = self.retrievePixDescription(call, pixelsId)
        if source is None:
            raise invalid(f"No such Pixels: {pixelsId}")
        sizes = {"X": sizeX, "Y": sizeY, "Z": sizeZ, "T": sizeT}
        pixels = _resized(source, sizes, channelList, copyStats)
        pixels.methodology = rstring(methodology) if methodology else None
        (image,) = call.tx.query(
            "select i from Image i left outer join fetch i.pixels where i.id = :id",
            {"id": source.image.id},
        )
        image.addPixels(pixels)
        return call.tx.save([image])[0].copyPixels()[-1].id

    def setChannelGlobalMinMax(
        self,
        call: Call,
        pixelsId: int,
        channelIndex: int,
        min: float,
        max: float,
    ) -> None:
        pixels = self.retrievePixDescription(call, pixelsId)
        if pixels is None or not 0 <= channelIndex < pixels.sizeOfChannels():
            raise invalid(f"Pixels:{pixelsId} has no channel {channelIndex}")
        channel = pixels.copyChannels()[channelIndex]
        stats = channel.statsInfo or omero.model.StatsInfoI()
        stats.globalMin, stats.globalMax = rdouble(min), rdouble(max)
        channel.statsInfo = stats
        call.tx.save([channel])

    # -- rendering settings ---------------------------------------------------------------------

    def retrieveRndSettings(self, call: Call, pixId: int) -> Any:
        """Return the caller's settings, else the owner's."""
        owner = call.tx.get("Pixels", pixId).details.owner.id.val
        mine = self.retrieveRndSettingsFor(call, pixId, call.session.user)
        return mine or self.retrieveRndSettingsFor(call, pixId, owner)

    def retrieveRndSettingsFor(self, call: Call, pixId: int, userId: int) -> Any:
        found = self.retrieveAllRndSettings(call, pixId, userId)
        return found[0] if found else None

    def retrieveAllRndSettings(self, call: Call, pixId: int, userId: int) -> list[Any]:
        hql = f"{SETTINGS} where rdef.pixels.id = :id"
        params = {"id": rlong(pixId)}
        if userId >= 0:
            hql += " and rdef.details.owner.id = :user"
            params["user"] = rlong(userId)
        found = call.tx.query(hql, params)
        return sorted(found, key=lambda rdef: -rdef.details.updateEvent.time.val)

    def loadRndSettings(self, call: Call, renderingSettingsId: int) -> Any:
        found = call.tx.query(f"{SETTINGS} where rdef.id = :id", {"id": rlong(renderingSettingsId)})
        return found[0] if found else None

    def saveRndSettings(self, call: Call, rndSettings: Any) -> None:
        call.tx.save([rndSettings])


def described_of(call: Call, image: int) -> list[Any]:
    """Return the Pixels of an image, each as retrievePixDescription does."""
    where = f"{DESCRIPTION} where p.image.id = :id order by p.id"
    return call.tx.query(where, {"id": rlong(image)})


def _new_pixels(sizes: dict[str, int], pixels_type: Any) -> Any:
    pixels = omero.model.PixelsI()
    for axis, size in sizes.items():
        setattr(pixels, f"size{axis}", rint(size))
    pixels.pixelsType = pixels_type
    pixels.dimensionOrder = omero.model.DimensionOrderI()
    pixels.dimensionOrder.value = rstring("XYZCT")
    pixels.sha1 = rstring("Pending...")
    return pixels


def _resized(source: Any, sizes: dict[str, Any], channels: Sequence[int], statistics: bool) -> Any:
    """Make Pixels like others: PixelsImpl._copyAndResizePixels."""
    if not channels:
        raise invalid("Channel List is not null but size == 0")
    asked = {
        axis: size.val if size is not None else getattr(source, f"size{axis}").val
        for axis, size in sizes.items()
    }
    for axis, size in asked.items():
        if size < 0:
            raise invalid(f"size{axis}: {size} <= 0")
    pixels = _new_pixels({**asked, "C": len(channels)}, source.pixelsType)
    pixels.relatedTo = omero.model.PixelsI(source.id.val, False)
    for field in _SHARED_OF_PIXELS:
        setattr(pixels, field, getattr(source, field))
    originals = source.copyChannels()
    for number in channels:
        if not 0 <= number < len(originals):
            raise invalid(f"channel: {number} out of bounds")
        pixels.addChannel(_copied(originals[number], statistics))
    return pixels


def _copied(channel: Any, stats: bool) -> Any:
    copy = omero.model.ChannelI()
    copy.logicalChannel = omero.model.LogicalChannelI(channel.logicalChannel.id.val, False)
    if stats and channel.statsInfo is not None:
        copy.statsInfo = omero.model.StatsInfoI()
        copy.statsInfo.globalMin = channel.statsInfo.globalMin
        copy.statsInfo.globalMax = channel.statsInfo.globalMax
    return copy
