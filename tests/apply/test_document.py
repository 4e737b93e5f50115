# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents instead of bundles: an OME-XML that another program wrote, with its files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile
from omero.rtypes import rstring

from graphxfer.apply import apply
from graphxfer.bundle import open_source
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.apply.test_apply import added, counted
from tests.places import Place

ome: Any = ome_types.model


def write(folder: Path) -> Path:
    """Write an image, and a document that puts it into a dataset, with a tag and a ROI."""
    name = "cells.ome.tif"
    planes = np.arange(2 * 8 * 8, dtype="uint8").reshape(2, 1, 8, 8)
    tifffile.imwrite(folder / name, planes, ome=True, metadata={"axes": "CZYX"})
    identifier = "urn:uuid:2b5ba78a-3d21-4a5b-9a4d-1c9d8d1c7b62"
    pixels = ome.Pixels(
        dimension_order="XYZCT",
        type="uint8",
        size_x=8,
        size_y=8,
        size_z=1,
        size_c=2,
        size_t=1,
        channels=[ome.Channel(name="DAPI"), ome.Channel(name="GFP")],
        tiff_data_blocks=[ome.TiffData(uuid=ome.TiffData.UUID(value=identifier, file_name=name))],
    )
    image = ome.Image(
        id="Image:5",
        name="cells",
        description="of another program",
        pixels=pixels,
        roi_refs=[ome.ROIRef(id="ROI:3")],
        annotation_refs=[ome.AnnotationRef(id="Annotation:8")],
    )
    document = ome.OME(
        datasets=[
            ome.Dataset(id="Dataset:1", name="foreign", image_refs=[ome.ImageRef(id=image.id)])
        ],
        images=[image],
        rois=[ome.ROI(id="ROI:3", union=[ome.Rectangle(x=1, y=1, width=3, height=3)])],
        structured_annotations=[ome.TagAnnotation(id="Annotation:8", value="foreign tag")],
    )
    path = folder / "cells.companion.xml"
    path.write_text(document.to_xml(), encoding="utf-8")
    return path


def test_ome_xml_of_another_program_is_applied(tmp_path: Path, destination: Place) -> None:
    document = open_source(write(tmp_path))
    with destination.connect(own_session=True) as server:
        assert apply(document, server).skipped == []
        assert list(verify(document, server)) == []
        names = server.rows(
            "select d.name, i.name, i.description, c.textValue from Dataset d"
            " join d.imageLinks l join l.child i join i.annotationLinks a join a.child c"
            " where d.name = 'foreign'"
        )
        assert names == [["foreign", "cells", "of another program", "foreign tag"]]
        assert apply(document, server).nothing_to_do
        assert undo(document, server).kept == []
        assert server.rows("select count(d.id) from Dataset d where d.name = 'foreign'") == [[0]]


def write_plate(folder: Path, *, in_file: bool) -> Path:
    """Write an image, and a document that puts it into a well; which the file says itself, too."""
    name, identifier = "plate.ome.tif", "urn:uuid:2b5ba78a-3d21-4a5b-9a4d-1c9d8d1c7b62"
    block = ome.TiffData(uuid=ome.TiffData.UUID(value=identifier, file_name=name))
    sizes = {"size_x": 8, "size_y": 8, "size_z": 1, "size_c": 1, "size_t": 1}
    pixels = ome.Pixels(
        dimension_order="XYCZT", type="uint8", **sizes, channels=[ome.Channel()],
        tiff_data_blocks=[block],
    )  # fmt: skip
    sample = ome.WellSample(id="WellSample:1", index=0, image_ref=ome.ImageRef(id="Image:5"))
    run = ome.PlateAcquisition(
        id="PlateAcquisition:1", well_sample_refs=[ome.WellSampleRef(id="WellSample:1")]
    )
    well = ome.Well(
        id="Well:1",
        row=1,
        column=2,
        color="red",
        well_samples=[sample],
        reagent_ref=ome.ReagentRef(id="Reagent:1"),
    )
    plate = ome.Plate(id="Plate:1", name="foreign", wells=[well], plate_acquisitions=[run])
    document = ome.OME(
        uuid=identifier,
        screens=[
            ome.Screen(
                id="Screen:1",
                name="foreign",
                reagents=[ome.Reagent(id="Reagent:1", name="siA")],
                plate_refs=[ome.Screen.PlateRef(id="Plate:1")],
            )
        ],
        plates=[plate],
        images=[ome.Image(id="Image:5", name="field", pixels=pixels)],
    )
    told = {"description": document.to_xml().encode()} if in_file else {}
    tifffile.imwrite(folder / name, np.zeros((8, 8), "uint8"), metadata=None, **told)
    path = folder / "plate.companion.xml"
    path.write_text(document.to_xml(), encoding="utf-8")
    return path


@pytest.mark.parametrize("in_file", [True, False])
def test_a_plate_of_another_program_is_there_once(
    in_file: bool, tmp_path: Path, destination: Place
) -> None:
    document = open_source(write_plate(tmp_path, in_file=in_file))
    with destination.connect(own_session=True) as server:
        before = counted(server)
        assert apply(document, server).skipped == []
        assert list(verify(document, server)) == []
        there = added(before, counted(server))
        once = ("Screen", "Reagent", "Plate", "PlateAcquisition", "Well", "WellSample", "Image")
        assert [there[name] for name in once] == [1] * len(once)
        rows = server.rows(
            "select w.row, w.column, w.red, a.id, i.name from Well w join w.wellSamples s"
            " join s.plateAcquisition a join s.image i where w.plate.name = 'foreign'"
        )
        assert [[*row[:3], row[4]] for row in rows] == [[1, 2, 255, "field"]]
        assert apply(document, server).nothing_to_do
        undo(document, server)
        assert added(before, counted(server)) == {}


def write_colours(folder: Path, order: str) -> Path:
    """Write a colour image of three frames, and a document with one channel of three samples."""
    name, identifier = "colours.ome.tif", "urn:uuid:2b5ba78a-3d21-4a5b-9a4d-1c9d8d1c7b62"
    pixels = ome.Pixels(
        dimension_order=order, type="uint8", significant_bits=8,
        size_x=8, size_y=8, size_z=1, size_c=3, size_t=3,
        channels=[ome.Channel(id="Channel:0:0", samples_per_pixel=3, name="stain", fluor="HE")],
        tiff_data_blocks=[ome.TiffData(uuid=ome.TiffData.UUID(value=identifier, file_name=name))],
    )  # fmt: skip
    document = ome.OME(uuid=identifier, images=[ome.Image(id="Image:5", pixels=pixels)])
    with tifffile.TiffWriter(folder / name) as file:
        for frame in range(3):
            about = {"description": document.to_xml().encode()} if not frame else {}
            data = np.full((8, 8, 3), frame, "uint8")
            file.write(data, photometric="rgb", metadata=None, contiguous=False, **about)
    path = folder / "colours.companion.xml"
    path.write_text(document.to_xml(), encoding="utf-8")
    return path


@pytest.mark.parametrize("order", ["XYCZT", "XYCTZ", "XYTZC"])
def test_what_the_import_decides_is_no_difference(
    order: str, tmp_path: Path, destination: Place
) -> None:
    # OMERO stores XYZCT in any case, and a channel for each sample.
    document = open_source(write_colours(tmp_path, order))
    (pixels,) = document.graph().of_type("Pixels")
    assert pixels.fields["dimensionOrder"] == order
    with destination.connect(own_session=True) as server:
        before = counted(server)
        assert apply(document, server).skipped == []
        assert list(verify(document, server)) == []
        assert added(before, counted(server))["Image"] == 1
        stored = server.rows(
            "select o.value, l.name, l.fluor, l.samplesPerPixel from Channel c"
            " join c.logicalChannel l join c.pixels p join p.dimensionOrder o"
            " where p.image.id = (select max(i.id) from Image i) order by c.id"
        )
        assert stored == [["XYZCT", "stain", "HE", 1]] * 3
        # What a person changes there afterwards is a difference all the same.
        (channel, *_) = server.objects("select l from LogicalChannel l where l.name = 'stain'")
        channel.name = rstring("other")
        server.service("IUpdate").saveArray([channel])
        (found,) = verify(document, server)
        assert (found.name, found.actual) == ("name", "other")
        undo(document, server)
        assert added(before, counted(server)) == {}
