# SPDX-License-Identifier: GPL-2.0-or-later
"""From one server to another: what the file itself holds is not doubled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import omero
import omero.all
import tifffile
from omero.rtypes import rdouble, rint, rstring

from graphxfer import catalogue
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.omero.server import Server
from graphxfer.plan import Match, Remove
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.apply.test_apply import added, counted
from tests.build import import_files
from tests.places import Place

OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
{images}
<StructuredAnnotations>
  <TagAnnotation ID="Annotation:0"><Value>in the file</Value></TagAnnotation>
  <MapAnnotation ID="Annotation:1" Namespace="n"><Value>
    <M K="gene">a</M><M K="gene">b</M></Value></MapAnnotation>
</StructuredAnnotations>
<ROI ID="ROI:0" Name="in the file"><Union>
  <Rectangle ID="Shape:0" X="1" Y="2" Width="3" Height="4" TheZ="0"/>
  <Label ID="Shape:1" X="1" Y="2" Text="a cell"/>
</Union></ROI>
<ROI ID="ROI:1" Name="removed by a user"><Union><Point ID="Shape:2" X="1" Y="2"/></Union></ROI>
</OME>"""
IMAGE = """<Image ID="Image:{n}" Name="image {n}"><Description>told by the file</Description>
<Pixels ID="Pixels:{n}" DimensionOrder="XYCZT" Type="uint8" SizeX="16" SizeY="12" SizeZ="1"
  SizeC="1" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeXUnit="nm">
  <Channel ID="Channel:{n}:0" SamplesPerPixel="1" Name="DAPI"/>
  <TiffData IFD="{n}" FirstZ="0" FirstC="0" FirstT="0" PlaneCount="1"/></Pixels>
<AnnotationRef ID="Annotation:0"/><AnnotationRef ID="Annotation:1"/>{roi}</Image>"""


def ome_tiff(path: Path) -> None:
    """Write an OME-TIFF of two images, with ROIs and annotations of its own."""
    roi = '<ROIRef ID="ROI:0"/><ROIRef ID="ROI:1"/>'
    images = "".join(IMAGE.format(n=n, roi=roi if n == 0 else "") for n in (0, 1))
    with tifffile.TiffWriter(path) as file:
        for number in (0, 1):
            plane = np.full((12, 16), number, dtype=np.uint8)
            description = OME.format(images=images) if number == 0 else None
            file.write(plane, description=description, metadata=None, contiguous=False)


def seeded(source: Place, folder: Path) -> int:
    """Import the file at the source, change what users change, and return the Dataset's id."""
    path = folder / "a.ome.tif"
    ome_tiff(path)
    client = source.client()
    try:
        update, query = client.sf.getUpdateService(), client.sf.getQueryService()
        pixels = import_files(client, [path])
        images = [query.get("Image", each.image.id.val) for each in pixels]
        images[0].name, images[1].description = rstring("renamed"), None
        update.saveArray(images)
        dataset = omero.model.DatasetI()
        dataset.name = rstring("d")
        for image in images:
            dataset.linkImage(omero.model.ImageI(image.id.val, False))
        dataset_id: int = update.saveAndReturnIds([dataset])[0]
        roi = omero.model.RoiI()
        roi.image = omero.model.ImageI(images[0].id.val, False)
        point = omero.model.PointI()
        point.x, point.y, point.theZ = rdouble(5.0), rdouble(6.0), rint(0)
        roi.addShape(point)
        update.saveObject(roi)
        (gone,) = query.findAllByQuery(
            f"select r from Roi r where r.name = 'removed by a user'"
            f" and r.image.id = {images[0].id.val}",
            None,
        )
        client.submit(omero.cmd.Delete2(targetObjects={"Roi": [gone.id.val]})).close(True)
    finally:
        client.closeSession()
    return dataset_id


def moved(source: Place, server: Server, folder: Path) -> Bundle:
    with source.connect() as there:
        bundle = export(there, {"Dataset": [seeded(source, folder)]}, folder / "bundle")
        assert fetch(bundle, there).problems == []
    return bundle


def test_what_the_file_holds_is_matched(source: Place, destination: Place, tmp_path: Path) -> None:
    with destination.connect(own_session=True) as server:
        bundle = moved(source, server, tmp_path)
        before = counted(server)
        plan = apply(bundle, server)
        made = added(before, counted(server))
    graph = bundle.graph()
    expected = Counter({name: number for name, number in graph.types().items() if number})
    assert made["Roi"] == expected["Roi"] == 2
    assert made["Rectangle"] == made["Label"] == made["TagAnnotation"] == made["MapAnnotation"] == 1
    assert made["ImageAnnotationLink"] == 4
    assert made["LogicalChannel"] == expected["LogicalChannel"]
    # The ROI that a user removed at the source is in the file all the same.
    assert [one.type for one in plan.of(Remove)] == ["Roi"]
    with destination.connect(own_session=True) as server:
        assert [str(one) for one in verify(bundle, server)] == []
        assert apply(bundle, server).nothing_to_do
        removed = undo(bundle, server).removed
        assert removed["TagAnnotation"] == removed["MapAnnotation"] == 1
        assert added(before, counted(server)) == {}
    assert all(catalogue.CLASSES[one.type] for one in plan.of(Match))
