# SPDX-License-Identifier: GPL-2.0-or-later
"""What an import makes of files, in names, channels, numbers and links.

Sources: ome/omero-blitz `ome.formats.model.{PixelsProcessor,ChannelProcessor,ColorsFactory,
WellProcessor,TargetProcessor,PlaneInfoProcessor}`, `ManagedImportRequestI.parseData`;
ome/omero-server `ome.formats.OMEROMetadataStore.checkAndCollapseGraph`,
`ome.logic.RenderingSettingsImpl`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import omero
import omero.all
import omero.grid
import pytest
import tifffile
from omero.model import (
    CommentAnnotationI,
    DatasetI,
    FilesetI,
    ProjectI,
    ScreenI,
    TagAnnotationI,
)
from omero.rtypes import rbool, rdouble, rlong, rstring

from omero_sandbox.importing import objects as importing
from omero_sandbox.importing.objects import Settings
from omero_sandbox.pixels import rendering
from omero_sandbox.readers import Series, Source, read
from omero_sandbox.readers.document import E, Element, children, parse
from omero_sandbox.store import Store, Transaction

INSTANCES = Path(__file__).parents[3] / "shared" / "data" / "ome-xml"
Import = Callable[..., importing.Imported]


@pytest.fixture
def fake(tmp_path: Path) -> Import:
    """Import a `.fake` file: ``fake("name&sizeX=5", userSpecifiedName="b")``."""

    def make(name: str, **settings: Any) -> importing.Imported:
        path = tmp_path / f"{name}.fake"
        path.touch()
        return importing.objects(read([path]), 7, path.name, Settings(**settings))

    return make


def source(*channels: Element, graphics: bool = False, more: tuple[Element, ...] = ()) -> Source:
    """An image of black planes with the given Channel elements."""
    pixels = E.Pixels(
        *channels, ID="Pixels:0", SizeX="4", SizeY="3", SizeZ="1", SizeC=str(len(channels)),
        SizeT="1", Type="uint8", DimensionOrder="XYZCT",
    )  # fmt: skip
    return dark(E.OME(*more, E.Image(pixels, ID="Image:0")), graphics)


def dark(ome: Element, graphics: bool = False) -> Source:
    """A source of a document whose planes are all black."""
    series = []
    for i, image in enumerate(children(ome, "Image")):
        one = Series(i, image, lambda z, c, t: np.zeros((1, 1), "uint8"))
        black = np.zeros((one.sizeY, one.sizeX), one.dtype)
        series.append(Series(i, image, lambda z, c, t, black=black: black))  # type: ignore[misc]
    return Source("OMETiff", "", ome, tuple(series), (), graphics)


def channels_of(image: Any) -> list[Any]:
    return list(image.getPrimaryPixels().copyChannels())


def look(image: Any) -> list[tuple[str | None, tuple[int, int, int, int]]]:
    """Name and colour of each channel."""
    return [
        (
            c.logicalChannel.name and c.logicalChannel.name.val,
            (c.red.val, c.green.val, c.blue.val, c.alpha.val),
        )
        for c in channels_of(image)
    ]


RED, GREEN, BLUE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)
WHITE = (255, 255, 255, 255)


# ---- names ---------------------------------------------------------------------------------


def test_a_single_image_is_named_after_the_file(fake: Import) -> None:
    (image,) = fake("one").images
    assert image.name.val == "one.fake"
    assert image.series.val == 0
    assert image.fileset.id.val == 7
    assert not image.fileset.isLoaded()


def test_images_of_several_series_are_named_after_both(fake: Import) -> None:
    images = fake("two&series=2").images
    names = [(image.series.val, image.name.val) for image in images]
    assert names == [(0, "two&series=2.fake [two]"), (1, "two&series=2.fake [two 2]")]


def test_a_series_without_a_name_is_called_by_its_number() -> None:
    pixels = {"SizeZ": "1", "SizeC": "1", "SizeT": "1", "SizeX": "1", "SizeY": "1"}
    images = [
        E.Image(E.Pixels(Type="uint8", DimensionOrder="XYZCT", **pixels), ID=f"Image:{i}", Name=" ")
        for i in range(2)
    ]
    made = importing.objects(dark(E.OME(*images)), 1, "a.ome.tif", Settings())
    assert [image.name.val for image in made.images] == ["a.ome.tif [0]", "a.ome.tif [1]"]


def test_the_user_names_and_describes(fake: Import) -> None:
    given = {"userSpecifiedName": " mine ", "userSpecifiedDescription": "described"}
    images = fake("a&series=2", **given).images
    assert [image.name.val for image in images] == ["mine [a]", "mine [a 2]"]
    assert {image.description.val for image in images} == {"described"}


def test_of_a_long_name_the_end_is_kept(fake: Import) -> None:
    (image,) = fake("a", userSpecifiedName="x" * 100 + "y" * 200).images
    assert len(image.name.val) == 255
    assert image.name.val == "…" + "x" * 54 + "y" * 200


def test_plate_names(fake: Import) -> None:
    assert [plate.name.val for plate in fake("p&plates=2").plates] == [
        "Plate Name 0", "Plate Name 1",
    ]  # fmt: skip
    (plate,) = fake("p&plates=1", userSpecifiedName="my plate", userSpecifiedDescription="").plates
    assert (plate.name.val, plate.description.val) == ("my plate", "")
    (plate,) = fake("p&plates=1", userSpecifiedName="p&plates=1.fake").plates
    assert plate.name.val == "Plate Name 0"


# ---- settings ------------------------------------------------------------------------------


def test_settings_are_unwrapped() -> None:
    null = Settings.of(omero.grid.ImportSettings())
    assert null == Settings(doThumbnails=True, noStatsInfo=False)
    wire = omero.grid.ImportSettings(
        DatasetI(3, False), rstring("n"), rstring(""), [0.1, 0.2, 0.3], [TagAnnotationI(1, False)],
        rbool(False), rbool(True), None,
    )  # fmt: skip
    unwrapped = Settings.of(wire)
    assert unwrapped.userSpecifiedTarget.id.val == 3
    assert (unwrapped.userSpecifiedName, unwrapped.userSpecifiedDescription) == ("n", "")
    assert unwrapped.userSpecifiedPixels == (0.1, 0.2, 0.3)
    assert len(unwrapped.userSpecifiedAnnotationList) == 1
    assert (unwrapped.doThumbnails, unwrapped.noStatsInfo) == (False, True)


def test_annotations_of_the_user_are_on_every_image(fake: Import) -> None:
    tag, comment = TagAnnotationI(5, False), CommentAnnotationI()
    images = fake("a&series=2", userSpecifiedAnnotationList=(tag, comment)).images
    for image in images:
        assert [link.child for link in image.copyAnnotationLinks()] == [tag, comment]


def test_sizes_of_the_user_fill_what_the_file_leaves_open(fake: Import) -> None:
    (image,) = fake("a&physicalSizeY=2nm", userSpecifiedPixels=(0.1, 0.2, 0.3)).images
    pixels = image.getPrimaryPixels()
    sizes = [
        (size.getValue(), str(size.getUnit()))
        for size in (pixels.physicalSizeX, pixels.physicalSizeY, pixels.physicalSizeZ)
    ]
    assert sizes == [(0.1, "MICROMETER"), (2.0, "NANOMETER"), (0.3, "MICROMETER")]


def test_fewer_than_three_sizes_are_passed_over(fake: Import) -> None:
    """ManagedImportRequestI.importMetadata."""
    (image,) = fake("a", userSpecifiedPixels=(0.1, 0.2)).images
    assert image.getPrimaryPixels().physicalSizeX is None


def test_a_screen_of_the_user_stands_in_for_that_of_the_file(fake: Import) -> None:
    """OMEROMetadataStoreClient.setUserSpecifiedTarget: the file has its screen without plates."""
    made = fake("p&screens=1&plates=2", userSpecifiedTarget=ScreenI(5, False))
    assert [[s.id.val for s in plate.linkedScreenList()] for plate in made.plates] == [[5], [5]]
    assert [screen.sizeOfPlateLinks() for screen in made.others] == [0]


def test_targets(fake: Import) -> None:
    images = fake("a&series=2", userSpecifiedTarget=DatasetI(4, False)).images
    assert [image.copyDatasetLinks()[0].parent.id.val for image in images] == [4, 4]
    plates = fake("p&plates=2", userSpecifiedTarget=ScreenI(5, False)).plates
    assert [plate.copyScreenLinks()[0].parent.id.val for plate in plates] == [5, 5]
    with pytest.raises(omero.ApiUsageException):
        fake("a", userSpecifiedTarget=ProjectI(1, False))


# ---- pixels --------------------------------------------------------------------------------


@pytest.mark.parametrize(("byte_order", "tile"), [("<", None), (">", None), (">", (16, 32))])
def test_checksum_and_range_of_the_pixels(
    tmp_path: Path, byte_order: str, tile: tuple[int, int] | None
) -> None:
    """The checksum is over T, C, Z, each plane tile by tile, in the byte order of the file."""
    data = np.random.default_rng(0).integers(100, 60000, (2, 3, 2, 40, 50), "uint16")
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, data, byteorder=byte_order, tile=tile, metadata={"axes": "TCZYX"})
    digest = hashlib.sha1(usedforsecurity=False)
    height, width = tile or (40, 50)
    for t, c, z in np.ndindex(2, 3, 2):
        for y in range(0, 40, height):
            for x in range(0, 50, width):
                part = data[t, c, z, y : y + height, x : x + width]
                digest.update(part.astype(f"{byte_order}u2").tobytes())
    with read([path]) as opened:
        (image,) = importing.objects(opened, 1, path.name, Settings()).images
    assert image.getPrimaryPixels().sha1.val == digest.hexdigest()
    ranges = [(c.statsInfo.globalMin.val, c.statsInfo.globalMax.val) for c in channels_of(image)]
    assert ranges == [(data[:, c].min(), data[:, c].max()) for c in range(3)]


@pytest.mark.parametrize("name", ["skip", "large&sizeX=3193&sizeY=3192"])
def test_pixels_that_are_not_read(fake: Import, name: str) -> None:
    (image,) = fake(name, noStatsInfo=name == "skip").images
    assert image.getPrimaryPixels().sha1.val == "Pending..."
    assert [channel.statsInfo for channel in channels_of(image)] == [None]


def test_fields_of_the_pixels(fake: Import) -> None:
    (image,) = fake(
        "a&sizeX=5&sizeY=6&sizeZ=2&sizeC=3&sizeT=4&pixelType=int16&dimOrder=XYCTZ"
    ).images
    pixels = image.getPrimaryPixels()
    sizes = [getattr(pixels, f"size{axis}").val for axis in "XYZCT"]
    assert sizes == [5, 6, 2, 3, 4]
    assert (pixels.pixelsType.value.val, pixels.dimensionOrder.value.val) == ("int16", "XYZCT")
    assert pixels.significantBits.val == 16
    assert image.acquisitionDate is None


def test_plane_info_is_kept_where_it_says_something(fake: Import) -> None:
    (plain,) = fake("plain&sizeT=3").images
    (timed,) = fake("timed&sizeT=3&exposureTime=0.5").images
    assert plain.getPrimaryPixels().copyPlaneInfo() == []
    planes = timed.getPrimaryPixels().copyPlaneInfo()
    assert [(p.theT.val, p.exposureTime.getValue()) for p in planes] == [
        (0, 0.5),
        (1, 0.5),
        (2, 0.5),
    ]


# ---- channels ------------------------------------------------------------------------------


def test_channels_without_a_hint_are_red_green_and_blue(fake: Import) -> None:
    (image,) = fake("a&sizeC=5").images
    assert look(image) == [(None, RED), (None, GREEN), (None, BLUE), (None, BLUE), (None, BLUE)]


def test_channels_of_pictures_are_named_after_colours() -> None:
    picture = source(*(E.Channel(ID=f"Channel:0:{c}") for c in range(4)), graphics=True)
    (image,) = importing.objects(picture, 1, "a.png", Settings()).images
    assert look(image) == [
        ("Red", RED), ("Green", GREEN), ("Blue", BLUE), ("Alpha", (0, 0, 0, 0)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wavelength", "expected"),
    [
        ("461", ("461", BLUE)),
        ("500", ("500", GREEN)),
        ("559.5", ("559.5", GREEN)),
        ("560", ("560", RED)),
    ],
)
def test_channels_are_coloured_and_named_by_emission(
    wavelength: str, expected: tuple[str, Any]
) -> None:
    made = importing.objects(
        source(E.Channel(ID="Channel:0:0", EmissionWavelength=wavelength)), 1, "a", Settings()
    )
    assert look(made.images[0]) == [expected]


def test_name_and_colour_of_the_file_stay() -> None:
    channel = E.Channel(ID="Channel:0:0", Name="DAPI", Color="16711935", EmissionWavelength="600")
    made = importing.objects(source(channel), 1, "a", Settings())
    assert look(made.images[0]) == [("DAPI", GREEN)]


def test_transmitted_light_beside_fluorescence_is_white() -> None:
    made = importing.objects(
        source(
            E.Channel(ID="Channel:0:0", EmissionWavelength="520"),
            E.Channel(ID="Channel:0:1", ExcitationWavelength="488", Color="-16776961"),
        ),
        1, "a", Settings(),
    )  # fmt: skip
    assert look(made.images[0]) == [("520", GREEN), ("488", WHITE)]


def test_an_emission_filter_decides_where_there_is_no_wavelength() -> None:
    instrument = E.Instrument(
        E.Filter(E.TransmittanceRange(CutIn="490", CutOut="540"), ID="Filter:0"), ID="Instrument:0"
    )
    channel = E.Channel(
        E.LightPath(E.EmissionFilterRef(ID="Filter:0")),
        ID="Channel:0:0",
        ExcitationWavelength="405",
    )
    made = importing.objects(source(channel, more=(instrument,)), 1, "a", Settings())
    assert look(made.images[0]) == [("490", GREEN)]  # 490 + 15 nm


def test_there_are_as_many_channels_as_the_pixels_have() -> None:
    ome = E.OME(
        E.Image(
            E.Pixels(
                E.Channel(ID="Channel:0:0", SamplesPerPixel="3", Name="colours"),
                SizeX="2", SizeY="2", SizeZ="1", SizeC="3", SizeT="1", Type="uint8",
                DimensionOrder="XYCZT",
            ),
            ID="Image:0",
        )
    )  # fmt: skip
    (image,) = importing.objects(dark(ome), 1, "a", Settings()).images
    assert look(image) == [("colours", RED), ("colours", GREEN), ("colours", BLUE)]
    channels = image.getPrimaryPixels().copyChannels()
    assert [channel.logicalChannel.samplesPerPixel.val for channel in channels] == [1, 1, 1]


# ---- rendering settings --------------------------------------------------------------------


def defaults(made: importing.Imported, opened: Source) -> list[Any]:
    pixels = [image.getPrimaryPixels() for image in made.images]
    for i, one in enumerate(pixels):
        one.id = rlong(i + 1)
    return importing.rendering_defs(opened, pixels, Settings())


def test_default_rendering_settings(tmp_path: Path) -> None:
    path = tmp_path / "a&sizeX=200&sizeZ=5&sizeC=4&pixelType=uint16.fake"
    path.touch()
    opened = read([path])
    (settings,) = defaults(importing.objects(opened, 1, path.name, Settings()), opened)
    assert (settings.defaultZ.val, settings.defaultT.val) == (2, 0)
    assert settings.model.value.val == "rgb"
    quantum = settings.quantization
    assert (quantum.cdStart.val, quantum.cdEnd.val, quantum.bitResolution.val) == (0, 255, 255)
    bindings = settings.copyWaveRendering()
    assert [binding.active.val for binding in bindings] == [True, True, True, False]
    assert {(b.inputStart.val, b.inputEnd.val) for b in bindings} == {(0.0, 199.0)}
    assert {b.family.value.val for b in bindings} == {"linear"}
    assert [(b.red.val, b.green.val, b.blue.val) for b in bindings[:2]] == [RED[:3], GREEN[:3]]


def test_one_channel_is_shown_in_grey_and_an_even_one_over_the_range_of_its_type() -> None:
    opened = source(E.Channel(ID="Channel:0:0"))
    (settings,) = defaults(importing.objects(opened, 1, "a", Settings()), opened)
    assert settings.model.value.val == "greyscale"
    (binding,) = settings.copyWaveRendering()
    assert (binding.inputStart.val, binding.inputEnd.val) == (0.0, 255.0)


def test_without_thumbnails_there_are_no_rendering_settings(fake: Import) -> None:
    opened = source(E.Channel(ID="Channel:0:0"))
    assert importing.rendering_defs(opened, [], Settings(doThumbnails=False)) == []


def test_rendered_plane() -> None:
    """Two channels in red and green, from minimum to maximum, are added up."""
    planes = np.array([[[0, 50, 100]], [[200, 100, 0]]], dtype="uint8")
    opened = source(*(E.Channel(ID=f"Channel:0:{c}") for c in range(2)))
    made = importing.objects(opened, 1, "a", Settings())
    (settings,) = defaults(made, opened)
    for binding, end in zip(settings.copyWaveRendering(), (100.0, 200.0), strict=True):
        binding.inputEnd = rdouble(end)
    picture = rendering.rgb(lambda z, c, t: planes[c], settings, 0, 0)
    assert picture.tolist() == [[[0, 255, 0], [128, 128, 0], [255, 0, 0]]]


# ---- plates --------------------------------------------------------------------------------


@pytest.fixture
def transaction(tmp_path: Path) -> Any:
    store = Store(tmp_path / "store")
    with store.transaction(store.system()) as tx:
        yield tx
    store.close()


def saved(tx: Transaction, made: importing.Imported) -> list[Any]:
    fileset = FilesetI()
    fileset.templatePrefix = rstring("a/")
    (fileset,) = tx.save([fileset])
    for image in made.images:
        image.fileset = FilesetI(fileset.id.val, False)
    return tx.save(made.roots)


def test_a_plate_is_saved_whole(fake: Import, transaction: Transaction) -> None:
    made = fake("p&screens=1&plates=2&plateRows=2&plateCols=3&fields=2&plateAcqs=2&sizeX=9&sizeY=9")
    saved(transaction, made)
    counts = {
        name: transaction.projection(f"select count(x) from {name} x", {}, None, None)[0][0].val
        for name in ("Image", "Plate", "Well", "WellSample", "PlateAcquisition", "Screen",
                     "ScreenPlateLink", "Instrument", "Detector", "Experiment")
    }  # fmt: skip
    assert counts == {
        "Image": 48, "Plate": 2, "Well": 12, "WellSample": 48, "PlateAcquisition": 4, "Screen": 1,
        "ScreenPlateLink": 2, "Instrument": 1, "Detector": 1, "Experiment": 2,
    }  # fmt: skip


def test_images_of_plates_share_their_settings(fake: Import) -> None:
    images = fake("p&plates=1&plateRows=2&plateCols=2&sizeX=9&sizeY=9").images
    logical = [channel.logicalChannel for image in images for channel in channels_of(image)]
    assert len(logical) == 4
    assert len({id(one) for one in logical}) == 1
    assert logical[0].detectorSettings.detector.model.val == "Model"


def test_images_that_are_in_no_plate_share_nothing(fake: Import) -> None:
    images = fake("a&series=2").images
    assert len({id(channels_of(image)[0].logicalChannel) for image in images}) == 2


# ---- documents that others wrote -----------------------------------------------------------


def instance(name: str) -> importing.Imported:
    path = INSTANCES / f"{name}.ome.xml"
    if not path.is_file():
        pytest.skip(f"no {path.name} in ../shared/data/ome-xml of this machine")
    opened = dark(parse(path.read_bytes()))
    return importing.objects(opened, 1, f"{name}.ome.tif", Settings())


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("ROI", 1), ("commentannotation", 1), ("filter", 1), ("folders-simple-taxonomy", 1),
        ("hcs", 1), ("instrument", 1), ("mapannotation", 1), ("multi-channel", 1),
        ("shape-union", 3), ("tagannotation", 1), ("timestampannotation", 1),
        ("two-screens-two-plates-four-wells", 22), ("xmlannotation-svg", 1),
    ],
)  # fmt: skip
def test_instance_documents_can_be_saved(name: str, images: int, transaction: Transaction) -> None:
    saved(transaction, instance(name))
    found = transaction.query("select i from Image i", {}, None, None)
    assert len(found) == images


def test_instance_rois() -> None:
    (image,) = instance("ROI").images
    shapes = [shape for roi in image.copyRois() for shape in roi.copyShapes()]
    names = [type(shape).__name__.removesuffix("I") for shape in shapes]
    assert names == ["Point", "Point", "Line", "Rectangle", "Label", "Rectangle", "Mask"]
    rectangle, transform, mask = shapes[3], shapes[5].transform, shapes[6]
    assert (rectangle.textValue.val, rectangle.fillRule.val) == ("Hi There!", "EvenOdd")
    assert (rectangle.x.val, rectangle.y.val, rectangle.width.val, rectangle.height.val) == (
        1.0, 2.0, 3.0, 4.0,
    )  # fmt: skip
    assert (rectangle.theZ, rectangle.theC, rectangle.theT) == (None, None, None)
    assert shapes[0].theC.val == 0
    assert (shapes[2].markerStart.val, shapes[1].strokeWidth.getValue()) == ("Arrow", 1.0)
    assert (transform.a00.val, transform.a02.val, transform.a12.val) == (1.0, 3.82, 2.21)
    assert mask.getBytes() == bytes([0x00, 0xE9, 0xE9, 0x00])


def test_instance_instrument() -> None:
    (image,) = instance("instrument").images
    (channel,) = channels_of(image)[:1]
    light = channel.logicalChannel.lightSourceSettings
    assert (light.attenuation.val, light.wavelength.getValue()) == (0.8, 510.0)
    laser = light.lightSource
    assert (laser.type.value.val, laser.laserMedium.value.val) == ("SolidState", "Ruby")
    assert type(laser.pump).__name__ == "ArcI"
    assert laser.instrument.microscope.type.value.val == "Inverted"
    assert channel.logicalChannel.detectorSettings.binning.value.val == "2x2"
    path = channel.logicalChannel.lightPath
    assert [item.model.val for item in path.linkedEmissionFilterList()] != []
    assert image.acquisitionDate.val == 1266929490000  # 2010-02-23T12:51:30Z


def test_instance_annotations() -> None:
    (image,) = instance("mapannotation").images
    maps = [link.child for link in image.copyAnnotationLinks()]
    pairs = [[(pair.name, pair.value) for pair in annotation.getMapValue()] for annotation in maps]
    assert pairs == [
        [("SampleKeyA", "SampleValueA")],
        [("SampleKeyB-1", "SampleValueB-1"), ("SampleKeyB-2", "SampleValueB-2")],
    ]
    (image,) = instance("tagannotation").images
    (link,) = image.copyAnnotationLinks()
    members = [inner.child.textValue.val for inner in link.child.copyAnnotationLinks()]
    assert (link.child.textValue.val, members) == ("SampleTagset", ["SampleTagA", "SampleTagB"])
    (image,) = instance("xmlannotation-svg").images
    text = image.copyAnnotationLinks()[0].child.textValue.val
    assert text.startswith("<svg ")
    assert "OME" not in text.partition(">")[0]


def test_instance_plates_and_screens() -> None:
    made = instance("two-screens-two-plates-four-wells")
    plate = made.plates[0]
    assert (plate.rows.val, plate.columns.val) == (3, 3)  # wells are at 1 and 2
    samples = [
        [sample.plateAcquisition is not None for sample in well.copyWellSamples()]
        for well in plate.copyWells()
    ]
    assert [len(well) for well in samples] == [2, 2, 5, 2]
    assert all(well[0] for well in samples)
    linked = [screen.linkedPlateList() for screen in made.others]
    assert [len(plates) for plates in linked] == [2, 1]


def test_instance_folders() -> None:
    folders = {folder.name.val: folder for folder in instance("folders-simple-taxonomy").others}
    assert len(folders) == 10
    assert folders["Cilium"].parentFolder is folders["Organelles"]
    assert folders["CMPO"].parentFolder is None
