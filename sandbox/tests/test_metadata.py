# SPDX-License-Identifier: GPL-2.0-or-later
"""omero-metadata, unmodified: `omero metadata` with the examples of its README.

Source of what is expected: the README of ome/omero-metadata: which columns a table gets for which
CSV file. ``original`` needs Bio-Formats on the server and is not tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import omero
import omero.all
import pandas as pd
import pytest
from omero.model import (
    DatasetI,
    DatasetImageLinkI,
    ImageI,
    PointI,
    ProjectDatasetLinkI,
    ProjectI,
    RoiI,
    ScreenI,
    ScreenPlateLinkI,
)
from omero.rtypes import rdouble, rstring, unwrap

from omero_sandbox import manage
from tests.conftest import Command
from tests.elsewhere import needs_tables
from tests.importing_client import import_files

pytest.importorskip("omero_metadata", reason="omero-metadata is not installed")
pytestmark = pytest.mark.skipif(
    int(pd.__version__.partition(".")[0]) > 2, reason="omero-metadata 0.14 needs pandas 2"
)
IMAGES = ["img-01.fake", "img-02.fake", "img-03.fake", "img-04.fake"]
PLATE = "plate01&plates=1&plateRows=2&plateCols=3&fields=1.fake"


@dataclass
class Tables:
    """The command, and what it fills."""

    run: Command
    client: Any
    ids: dict[str, int]
    images: dict[str, int]

    def populate(self, target: str, path: Path, csv: str, *options: str) -> dict[str, list[Any]]:
        """Run `omero metadata populate`; return the columns of the table that it made."""
        path.write_text(csv)
        self.run("metadata", "populate", target, "--file", str(path), *options)
        rows = self.client.sf.getQueryService().projection(
            "select f.file.id from FileAnnotation f where f.ns = :ns order by f.id desc",
            omero.sys.ParametersI().addString("ns", "openmicroscopy.org/omero/bulk_annotations"),
        )
        file = omero.model.OriginalFileI(unwrap(rows[0][0]), False)
        table = self.client.sf.sharedResources().openTable(file)
        try:
            data = table.slice(range(len(table.getHeaders())), range(table.getNumberOfRows()))
            return {column.name: list(column.values) for column in data.columns}
        finally:
            table.close()


@pytest.fixture(scope="module")
def tables(omero_command: Command, server: manage.Sandbox) -> Iterator[Tables]:
    client = omero.client(server.host, server.port)
    try:
        client.createSession("root", server.password)
        needs_tables(client)
        update = client.sf.getUpdateService()
        link = ProjectDatasetLinkI()
        link.parent, link.child = ProjectI(), DatasetI()
        link.parent.name, link.child.name = rstring("project"), rstring("dataset01")
        link = update.saveAndReturnObject(link)
        ids = {"Project": link.parent.id.val, "Dataset": link.child.id.val}
        response = import_files(client, {PLATE: b""})
        plate = response.objects[0]
        images = {}
        for name in IMAGES:
            made = import_files(client, {name: b""}).objects[0]
            to_image = DatasetImageLinkI()
            to_image.parent, to_image.child = DatasetI(ids["Dataset"], False), made.proxy()
            update.saveObject(to_image)
            images[name] = made.id.val
        on_screen = ScreenPlateLinkI()
        on_screen.parent, on_screen.child = ScreenI(), plate.proxy()
        on_screen.parent.name = rstring("screen")
        ids["Screen"] = update.saveAndReturnObject(on_screen).parent.id.val
        ids["Plate"] = plate.id.val
        omero_command.log_in(server)
        yield Tables(omero_command, client, ids, images)
    finally:
        client.closeSession()


def names(tables: Tables, hql: str) -> dict[int, str]:
    return dict(unwrap(tables.client.sf.getQueryService().projection(hql, None)))


def test_project_by_names(tables: Tables, tmp_path: Path) -> None:
    csv = "Image Name,Dataset Name,ROI_Area,Channel_Index,Channel_Name\n" + "".join(
        f"{name},dataset01,0.{i}469,{i},DAPI\n" for i, name in enumerate(IMAGES, 1)
    )
    found = tables.populate(f"Project:{tables.ids['Project']}", tmp_path / "project.csv", csv)
    assert found == {
        "Image Name": IMAGES,
        "Dataset Name": ["dataset01"] * 4,
        "ROI_Area": [0.1469, 0.2469, 0.3469, 0.4469],
        "Channel_Index": [1, 2, 3, 4],
        "Channel_Name": ["DAPI"] * 4,
        "Image": [tables.images[name] for name in IMAGES],
    }


def test_project_by_ids(tables: Tables, tmp_path: Path) -> None:
    images = [tables.images[name] for name in IMAGES]
    dataset = tables.ids["Dataset"]
    csv = "image id,Dataset ID,ROI_Area\n" + "".join(f"{i},{dataset},0.5\n" for i in images)
    found = tables.populate(f"Project:{tables.ids['Project']}", tmp_path / "project.csv", csv)
    assert found["Image"] == images
    assert found["Dataset"] == [dataset] * 4
    assert found["Image Name"] == IMAGES


def test_screen(tables: Tables, tmp_path: Path) -> None:
    plates = names(tables, "select p.id, p.name from Plate p")
    plate = tables.ids["Plate"]
    csv = "Well,Plate,Drug,Concentration,Cell_Count\n" + "".join(
        f"{well},{plates[plate]},DMSO,{amount},{count}\n"
        for well, amount, count in (("A1", 10.1, 10), ("A2", 0.1, 1000), ("B1", 12.3, 50))
    )
    found = tables.populate(f"Screen:{tables.ids['Screen']}", tmp_path / "screen.csv", csv)
    wells = tables.client.sf.getQueryService().projection(
        f"select w.id from Well w where w.plate.id = {plate} and (w.row = 0 and w.column < 2"
        " or w.row = 1 and w.column = 0) order by w.row, w.column",
        None,
    )
    assert found["Well"] == [row[0].val for row in wells]
    assert found["Plate"] == [plate] * 3
    assert found["Concentration"] == [10.1, 0.1, 12.3]
    assert found["Cell_Count"] == [10, 1000, 50]
    assert [name.lower() for name in found["Well Name"]] == ["a1", "a2", "b1"]
    assert found["Plate Name"] == [plates[plate]] * 3


def test_rois_of_a_dataset(tables: Tables, tmp_path: Path) -> None:
    image = tables.images[IMAGES[0]]
    roi = RoiI()
    roi.image, roi.name = ImageI(image, False), rstring("Sample1")
    shape = PointI()
    shape.x = shape.y = rdouble(1)
    roi.addShape(shape)
    roi = tables.client.sf.getUpdateService().saveAndReturnObject(roi)
    shape_id = roi.copyShapes()[0].id.val
    csv = f"Roi,shape,probability\n{roi.id.val},{shape_id},0.8\n{roi.id.val},-5,0.9\n"
    found = tables.populate(f"Dataset:{tables.ids['Dataset']}", tmp_path / "rois.csv", csv)
    assert found == {
        "Roi": [roi.id.val] * 2,
        "shape": [shape_id, -1],  # "Shape IDs will be validated (and set to -1 if invalid)"
        "probability": [0.8, 0.9],
    }
    assert f"Roi:{roi.id.val}" in tables.run("metadata", "rois", f"Image:{image}")


def test_missing_values(tables: Tables, tmp_path: Path) -> None:
    csv = f"Image,size\n{tables.images[IMAGES[0]]},1.5\n{tables.images[IMAGES[1]]},\n"
    target = f"Dataset:{tables.ids['Dataset']}"
    text = tables.populate(target, tmp_path / "text.csv", csv)
    assert text["size"] == ["1.5", ""]
    numbers = tables.populate(target, tmp_path / "numbers.csv", csv, "--allow-nan")
    assert numbers["size"][0] == 1.5
    assert pd.isna(numbers["size"][1])


def test_header_row_names_the_types(tables: Tables, tmp_path: Path) -> None:
    csv = f"# header image,s\nImage,number\n{tables.images[IMAGES[0]]},1\n"
    target = f"Dataset:{tables.ids['Dataset']}"
    assert tables.populate(target, tmp_path / "types.csv", csv)["number"] == ["1"]


def test_what_is_there(tables: Tables, tmp_path: Path) -> None:
    target = f"Plate:{tables.ids['Plate']}"
    tables.populate(target, tmp_path / "plate.csv", "Well,Drug\nA1,DMSO\n")
    assert "Bulk annotations: 1" in tables.run("metadata", "summary", target)
    assert "bulk_annotations" in tables.run("metadata", "bulkanns", "--report", target)
    assert "FileAnnotation" in tables.run("metadata", "allanns", target)
    assert "MapAnnotation" not in tables.run("metadata", "mapanns", target)
    assert "FileAnnotation" not in tables.run("metadata", "measures", target)
    tables.run("metadata", "testtables")


def test_pixel_size(tables: Tables) -> None:
    image = tables.images[IMAGES[2]]
    tables.run("metadata", "pixelsize", "--x", "0.5", "--unit", "nanometer", f"Image:{image}")
    hql = f"select p from Pixels p where p.image.id = {image}"
    size = tables.client.sf.getQueryService().findByQuery(hql, None).physicalSizeX
    assert (size.getValue(), str(size.getUnit())) == (0.5, "NANOMETER")
