# SPDX-License-Identifier: GPL-2.0-or-later
"""Rendering with omero.gateway.BlitzGateway, unmodified.

Sources: the docstrings of omero-py src/omero/gateway/__init__.py, and what they stand on:
omero-server `ome.logic.RenderingSettingsImpl`, `omeis.providers.re.RenderingBean`,
`ome.services.projection.ProjectionBean`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import omero
import pytest
from omero.constants.projection import ProjectionType
from omero.gateway import DatasetWrapper
from omero.model import DatasetI, DatasetImageLinkI, ImageI
from omero.rtypes import rdouble, rint
from PIL import Image

from tests.importing_client import import_files

#: Two sections: 10 and 30, and 20 and 40.
STACK = [np.array([[10, 30]], np.uint8), np.array([[20, 40]], np.uint8)]


def picture(data: bytes) -> Any:
    return Image.open(io.BytesIO(data))


def again(image: Any) -> Any:
    """Return the image as a client sees it that opens it anew."""
    image._closeRE()
    return image._conn.getObject("Image", image.id)


def stack(conn: Any, planes: list[Any] | None = None) -> Any:
    planes = STACK if planes is None else planes
    made = conn.createImageFromNumpySeq(iter(planes), "stack", sizeZ=len(planes))
    return conn.getObject("Image", made.id)


def windows(image: Any) -> list[tuple[float, float]]:
    return [(c.getWindowStart(), c.getWindowEnd()) for c in image.getChannels()]


def colours(image: Any) -> list[str]:
    return [c.getColor().getHtml() for c in image.getChannels()]


def owners(conn: Any, image: Any) -> list[int]:
    return [rdef["owner"]["id"] for rdef in image.getAllRenderingDefs()]


def test_settings_are_saved(image: Any) -> None:
    image.setActiveChannels([1, -2, 3], [[5, 100], [0, 255], [7, 8]], ["00FF00", None, "FF0000"])
    image.setGreyscaleRenderingModel()
    image.setDefaultZ(0)
    assert image.saveDefaults()
    back = again(image)
    assert [c.isActive() for c in back.getChannels()] == [True, False, True]
    assert windows(back)[::2] == [(5, 100), (7, 8)]
    assert colours(back)[::2] == ["00FF00", "FF0000"]
    assert back.isGreyscaleRenderingModel()
    assert back.getDefaultZ() == 0


def test_settings_of_others_are_copied_when_saved(
    lab: Callable[..., Any], gateways: Callable[..., Any]
) -> None:
    """RenderingBean.saveCurrentSettings: who does not own the settings gets some of his own."""
    group = lab("rwra--")
    owner, other = gateways(group.user()), gateways(group.user())
    response = import_files(owner.c, {"a/b&sizeX=4&sizeY=4.fake": b""})
    id_ = response.pixels[0].image.id.val
    seen = other.getObject("Image", id_)
    seen.setActiveChannels([1], [[3, 4]])
    assert seen.saveDefaults()
    assert windows(again(seen)) == [(3, 4)]
    mine = owner.getObject("Image", id_)
    assert windows(mine) != [(3, 4)]
    assert sorted(owners(owner, mine)) == sorted([owner.getUserId(), other.getUserId()])


def test_reset(image: Any) -> None:
    before = windows(image)
    image.setActiveChannels([1], [[5, 100]])
    image.setReverseIntensity(0, True)
    image.saveDefaults()
    assert again(image).getChannels()[0].isReverseIntensity()
    assert again(image).resetDefaults()
    back = again(image)
    assert windows(back) == before
    assert [c.isActive() for c in back.getChannels()] == [True, True, True]
    assert not back.getChannels()[0].isReverseIntensity()


def test_settings_are_deleted(image: Any) -> None:
    assert image.getRenderingDefId() is not None
    assert image.resetRDefs()
    assert image.getAllRenderingDefs() == []


def test_applied_to_images(conn: Any, image: Any) -> None:
    """Only images of the same pixel type, channels and wavelengths take the settings."""
    name = image.getName()
    (like,) = import_files(conn.c, {f"b/{name}": b""}).pixels
    (unlike,) = import_files(conn.c, {"c/one&sizeX=4&sizeY=4.fake": b""}).pixels
    image.setActiveChannels([2], [[1, 2]], ["0000FF"])
    image.setReverseIntensity(1, True)
    image.saveDefaults()
    ids = [image.id, like.image.id.val, unlike.image.id.val]
    answer = conn.applySettingsToSet(image.id, "Image", ids)
    assert answer == {True: [ids[1]], False: [ids[2]]}
    copied = conn.getObject("Image", ids[1])
    assert [c.isActive() for c in copied.getChannels()] == [False, True, False]
    assert windows(copied)[1] == (1, 2)
    assert copied.getChannels()[1].isReverseIntensity()


def test_applied_to_a_dataset(conn: Any, image: Any) -> None:
    (like,) = import_files(conn.c, {f"b/{image.getName()}": b""}).pixels
    dataset = DatasetWrapper(conn, DatasetI())
    dataset.setName("dataset")
    dataset.save()
    link = DatasetImageLinkI()
    link.parent, link.child = DatasetI(dataset.id, False), ImageI(like.image.id.val, False)
    conn.getUpdateService().saveObject(link)
    image.setActiveChannels([1], [[1, 9]])
    image.saveDefaults()
    answer = conn.applySettingsToSet(image.id, "Dataset", [dataset.id])
    assert answer == {True: [like.image.id.val], False: []}
    assert windows(conn.getObject("Image", like.image.id.val))[0] == (1, 9)


def test_sets_are_reset(conn: Any, lab: Callable[..., Any]) -> None:
    """RenderingSettingsImpl: by image ids, but resetMinMaxInSet by pixels ids."""
    image = stack(conn)
    service, pixels = conn.getRenderingSettingsService(), image.getPixelsId()
    image.setActiveChannels([1], [[1, 2]], ["FF0000"])
    image.saveDefaults()
    assert service.resetMinMaxInSet("Image", [image.id]) == [pixels]
    back = again(image)
    assert (windows(back), colours(back)) == ([(10, 40)], ["FF0000"])
    back.setActiveChannels([1], [[1, 2]])
    back.saveDefaults()
    assert service.resetDefaultsInSet("Image", [image.id]) == [image.id]
    assert windows(again(image)) == [(10, 40)]
    assert service.setOriginalSettingsInSet("Pixels", [pixels]) == [image.id]
    assert service.resetDefaultsByOwnerInSet("Image", [image.id]) == [image.id]
    with pytest.raises(omero.ApiUsageException):
        service.resetDefaultsInSet("Roi", [1])


def test_defaults_without_statistics_come_from_the_planes(conn: Any) -> None:
    image = stack(conn)
    channel = image.getChannels(noRE=True)[0]._obj
    channel.statsInfo = None
    conn.getUpdateService().saveObject(channel)
    conn.getRenderingSettingsService().resetDefaultsInImage(image.id)
    assert windows(again(image)) == [(10, 30)]


@pytest.mark.parametrize(
    ("how", "expected"),
    [("intmax", [20, 40]), ("intmean", [10, 30]), ("intsum", [10, 30])],
)
def test_projection(conn: Any, how: str, expected: list[int]) -> None:
    """ProjectionBean takes the last section into the maximum, not into mean and sum."""
    image = stack(conn)
    image.setActiveChannels([1], [[0, 255]], ["FFFFFF"])
    image.setProjection(how)
    assert image.getProjection() == how
    seen = np.asarray(picture(image.renderJpeg(0, 0, compression=1.0)).convert("L"))
    assert np.allclose(seen, [expected], atol=2)


def test_projected_stacks(conn: Any) -> None:
    image = stack(conn, [np.array([[value, 200]], np.uint8) for value in (10, 20, 30, 40)])
    service, pixels = conn.c.sf.getProjectionService(), image.getPixelsId()

    def project(algorithm: Any, start: int, end: int, stepping: int = 1) -> list[int]:
        found = service.projectStack(pixels, None, algorithm, 0, 0, stepping, start, end)
        return list(found)

    assert project(ProjectionType.MAXIMUMINTENSITY, 0, 2) == [30, 200]
    assert project(ProjectionType.MEANINTENSITY, 0, 2) == [15, 200]
    assert project(ProjectionType.SUMINTENSITY, 0, 3) == [60, 255]
    assert project(ProjectionType.SUMINTENSITY, 0, 3, 2) == [40, 255]
    with pytest.raises(omero.ValidationException):
        project(ProjectionType.SUMINTENSITY, 0, 4)
    with pytest.raises(omero.ValidationException):
        project(ProjectionType.SUMINTENSITY, 0, 3, 0)


def test_projected_image(conn: Any) -> None:
    image = stack(conn)
    id_ = conn.c.sf.getProjectionService().projectPixels(
        image.getPixelsId(), None, ProjectionType.MAXIMUMINTENSITY, 0, 0, [0], 1, 0, 1, "flat"
    )
    made = conn.getObject("Image", id_)
    assert (made.getName(), made.getSizeZ()) == ("flat", 1)
    pixels = made.getPrimaryPixels()
    assert pixels.getPlane(0, 0, 0).tolist() == [[20, 40]]
    assert pixels.getMethodology() == "MAXIMUM_INTENSITY_PROJECTION"
    assert made.getChannels()[0].getWindowMax() == 40


def test_regions_and_split_channels(image: Any) -> None:
    assert picture(image.renderJpegRegion(0, 0, 5, 6, 20, 10)).size == (20, 10)
    assert picture(image.renderBirdsEyeView(20)).size == (20, 15)
    assert image.renderImage(0, 0).size == (40, 30)
    dims = image.splitChannelDims()["c"]
    assert picture(image.renderSplitChannel(0, 0)).size == (dims["width"], dims["height"])
    assert image.renderSplitChannelImage(0, 0).size == (dims["width"], dims["height"])


def test_lines_of_pixels(conn: Any) -> None:
    image = stack(conn, [np.array([[1, 2], [3, 4]], np.uint8)])
    image.setActiveChannels([1])
    # the least value, 1, is nothing; the greatest, 4, would be ``range - 1`` from nought
    assert image.getRow(0, 0, 1, range=5) == [[2, 3]]
    assert image.getCol(0, 0, 1, range=5) == [[1, 3]]
    assert picture(image.renderRowLinePlotGif(0, 0, 0)).format == "GIF"
    assert picture(image.renderColLinePlotGif(0, 0, 0)).format == "GIF"


def test_curves(image: Any) -> None:
    families = image.getFamilies()
    assert set(families) == {"linear", "polynomial", "exponential", "logarithmic"}
    image.setQuantizationMap(0, "polynomial", 1.5)
    image.setQuantizationMaps([None, {"family": "exponential", "coefficient": 2.0}])
    image.saveDefaults()
    first, second, _ = again(image).getChannels()
    assert (first.getFamily().getValue(), first.getCoefficient()) == ("polynomial", 1.5)
    assert (second.getFamily().getValue(), second.getCoefficient()) == ("exponential", 2.0)


def test_settings_that_a_client_made(conn: Any, image: Any) -> None:
    """RenderingEngine.updateSettings skips what is not complete: RenderingEngine.ice."""
    image.getChannels()
    engine = image._re
    before = engine.getChannelWindowEnd(1)
    asked = omero.model.RenderingDefI()
    asked.defaultT = rint(0)
    first, second = omero.model.ChannelBindingI(), omero.model.ChannelBindingI()
    first.inputStart, first.inputEnd = rdouble(3.0), rdouble(4.0)
    second.inputEnd = rdouble(4.0)
    asked.addChannelBinding(first)
    asked.addChannelBinding(second)
    engine.updateSettings(asked)
    assert (engine.getChannelWindowStart(0), engine.getChannelWindowEnd(0)) == (3.0, 4.0)
    assert engine.getChannelWindowEnd(1) == before
    old = engine.getRenderingDefId()
    assert engine.saveAsNewSettings() != old
    assert owners(conn, image) == [conn.getUserId()] * 2


def test_thumbnails_of_many(conn: Any, image: Any) -> None:
    other = stack(conn, [np.zeros((30, 60), np.uint8)])
    found = conn.getThumbnailSet([image.id, other.id], 20)
    assert {key: picture(data).size for key, data in found.items()} == {
        image.id: (20, 15),
        other.id: (20, 10),
    }


def test_an_image_like_another(conn: Any, image: Any) -> None:
    """Channels and sizes come from the source image: PixelsImpl.copyAndResizeImage."""
    planes = [np.full((3, 4), 7, np.uint8)]
    made = conn.createImageFromNumpySeq(
        iter(planes), "copy", sourceImageId=image.id, channelList=[1]
    )
    made = conn.getObject("Image", made.id)
    assert made.getName() == "copy"
    assert [made.getSizeX(), made.getSizeY(), made.getSizeC()] == [4, 3, 1]
    source = image.getChannels(noRE=True)[1].getLogicalChannel().id
    assert made.getChannels(noRE=True)[0].getLogicalChannel().id == source
    assert made.getPrimaryPixels().relatedTo.id.val == image.getPixelsId()
