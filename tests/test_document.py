# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents instead of bundles: an OME-XML that another program wrote, with its files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import tifffile

from graphxfer.apply import apply
from graphxfer.bundle import open_source
from graphxfer.undo import undo
from graphxfer.verify import verify
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
