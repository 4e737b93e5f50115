# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.gateway.BlitzGateway, unmodified.

Sources: the docstrings of omero-py src/omero/gateway/__init__.py, and OMERO's "Python" page for
developers (docs.openmicroscopy.org, developers/Python.html), whose examples these follow.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import omero
import omero.all
import pytest
from omero import gateway
from omero.gateway import BlitzGateway
from omero.model import DatasetI, DatasetImageLinkI, ImageI, ProjectDatasetLinkI, ProjectI
from omero.rtypes import rdouble
from PIL import Image

from omero_sandbox import manage
from tests.conftest import FAKE
from tests.importing_client import import_files


def project(conn: Any, name: str = "project") -> Any:
    made = gateway.ProjectWrapper(conn, ProjectI())
    made.setName(name)
    made.save()
    return made


def dataset(conn: Any, parent: Any, name: str = "dataset") -> Any:
    made = gateway.DatasetWrapper(conn, DatasetI())
    made.setName(name)
    made.save()
    link = ProjectDatasetLinkI()
    link.parent, link.child = ProjectI(parent.id, False), DatasetI(made.id, False)
    conn.getUpdateService().saveObject(link)
    return made


def test_a_wrong_password_gives_false(server: manage.Sandbox) -> None:
    conn = BlitzGateway("root", "wrong", host=server.host, port=server.port, secure=True)
    assert not conn.connect()
    conn.close()


def test_it_switches_to_the_plain_port_by_default(
    lab: Callable[..., Any], gateways: Callable[..., Any]
) -> None:
    conn = gateways(lab().user(), secure=False)
    assert not conn.isSecure()
    assert conn.getUser().getFirstName() == "Ada"


def test_who_one_is(lab: Callable[..., Any], gateways: Callable[..., Any]) -> None:
    group = lab()
    conn = gateways(group.user())
    colleague = group.user()
    assert conn.getGroupFromContext().getName() == group.name
    assert {g.getName() for g in conn.getGroupsMemberOf()} == {group.name}
    assert [e.getOmeName() for e in conn.listColleagues()] == [colleague]
    assert not conn.isAdmin()
    assert conn.keepAlive()


def test_containers(conn: Any, image: Any) -> None:
    parent = project(conn)
    child = dataset(conn, parent)
    link = DatasetImageLinkI()
    link.parent, link.child = DatasetI(child.id, False), ImageI(image.id, False)
    conn.getUpdateService().saveObject(link)
    assert [p.id for p in conn.listProjects()] == [parent.id]
    assert [d.id for d in parent.listChildren()] == [child.id]
    assert [i.id for i in child.listChildren()] == [image.id]
    assert (parent.countChildren(), child.countChildren()) == (1, 1)
    assert [a.id for a in image.getAncestry()] == [child.id, parent.id]
    assert image.getProject().id == parent.id
    assert list(conn.listOrphans("Image")) == []
    found = conn.getObjects("Image", opts={"dataset": child.id, "load_pixels": True})
    assert [i.id for i in found] == [image.id]
    found = conn.getObjects("Project", attributes={"name": "project"})
    assert [p.id for p in found] == [parent.id]


def test_images(image: Any) -> None:
    assert image.getName() == FAKE
    assert (image.getSizeX(), image.getSizeY(), image.getSizeZ()) == (40, 30, 2)
    assert image.getPixelsType() == "uint8"
    assert len(image.getChannels(noRE=True)) == 3
    assert image.countImportedImageFiles() == 1
    assert [f.getName() for f in image.getImportedImageFiles()] == [FAKE]
    assert image.getFileset().getId() is not None


def test_annotations(conn: Any, image: Any, tmp_path: Path) -> None:
    pairs = [["gene", "tubA"], ["gene", "tubB"], ["", ""]]
    mapped = gateway.MapAnnotationWrapper(conn)
    mapped.setNs(omero.constants.metadata.NSCLIENTMAPANNOTATION)
    mapped.setValue(pairs)
    mapped.save()
    image.linkAnnotation(mapped)
    for kind, value in {
        "Tag": "nice", "Comment": "ü", "Long": 3, "Double": 1.5, "Boolean": True, "Term": "T",
        "Xml": "<a/>",
    }.items():  # fmt: skip
        wrapper = getattr(gateway, f"{kind}AnnotationWrapper")(conn)
        wrapper.setValue(value)
        wrapper.save()
        image.linkAnnotation(wrapper)
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    file = conn.createFileAnnfromLocalFile(str(path), mimetype="text/csv", ns="n", desc="d")
    image.linkAnnotation(file)

    again = conn.getObject("Image", image.id)
    found = again.getAnnotation(omero.constants.metadata.NSCLIENTMAPANNOTATION)
    assert [list(pair) for pair in found.getValue()] == pairs
    kinds = {type(a).__name__ for a in again.listAnnotations()}
    assert len(kinds) == 9
    (attached,) = (a for a in again.listAnnotations() if hasattr(a, "getFileInChunks"))
    assert b"".join(attached.getFileInChunks()) == path.read_bytes()
    assert conn.countAnnotations("Image", [image.id])["TagAnnotation"] == 1
    assert [a.id for a in conn.listFileAnnotations()] == [file.id]
    tagged = conn.getObjectsByAnnotations("Image", [mapped.id])
    assert [i.id for i in tagged] == [image.id]


def test_rois(conn: Any, image: Any) -> None:
    roi, shape = omero.model.RoiI(), omero.model.RectangleI()
    roi.setImage(ImageI(image.id, False))
    shape.x, shape.y, shape.width, shape.height = map(rdouble, (1, 2, 3, 4))
    roi.addShape(shape)
    conn.getUpdateService().saveObject(roi)
    (found,) = conn.getRoiService().findByImage(image.id, None).rois
    assert found.copyShapes()[0].width.val == 3
    assert image.getROICount("Rectangle") == 1
    assert image.getROICount("Mask") == 0


def test_an_image_from_numpy(conn: Any) -> None:
    planes = [np.arange(200, dtype=np.uint16).reshape(10, 20) + i for i in range(4)]
    made = conn.createImageFromNumpySeq(iter(planes), "np", sizeZ=2, sizeC=2, sizeT=1)
    image = conn.getObject("Image", made.id)
    pixels = image.getPrimaryPixels()
    assert np.array_equal(pixels.getPlane(1, 1, 0), planes[3])
    assert np.array_equal(pixels.getTile(0, 1, 0, (2, 3, 5, 4)), planes[1][3:7, 2:7])
    assert len(pixels.getSha1()) == 40
    assert [c.getLabel() for c in image.getChannels(noRE=True)] == ["0", "1"]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "float32", "float64"])
def test_pixel_types(conn: Any, dtype: str) -> None:
    plane = (np.arange(12).reshape(3, 4) - 5).astype(dtype)
    made = conn.createImageFromNumpySeq(iter([plane]), dtype)
    back = conn.getObject("Image", made.id).getPrimaryPixels().getPlane(0, 0, 0)
    assert back.dtype == plane.dtype
    assert np.array_equal(back, plane)


def test_rendering(image: Any) -> None:
    channels = image.getChannels()
    assert [c.isActive() for c in channels] == [True, True, True]
    picture = Image.open(io.BytesIO(image.renderJpeg(0, 0)))
    assert picture.size == (40, 30)
    thumbnail = Image.open(io.BytesIO(image.getThumbnail((20,))))
    assert thumbnail.size == (20, 15)
    image.setActiveChannels([2], [[0, 100]], ["FF0000"])
    assert [c.isActive() for c in image.getChannels()] == [False, True, False]


def test_plates(conn: Any) -> None:
    name = "p&plates=1&plateRows=2&plateCols=3&fields=2&sizeX=20&sizeY=20.fake"
    response = import_files(conn.c, {name: b""})
    plate = conn.getObject("Plate", response.objects[0].id.val)
    assert plate.getGridSize() == {"rows": 2, "columns": 3}
    assert plate.getNumberOfFields() == (0, 1)
    wells = list(plate.listChildren())
    assert {w.getWellPos() for w in wells} == {"A1", "A2", "A3", "B1", "B2", "B3"}
    assert {w.countWellSample() for w in wells} == {2}
    assert wells[0].getImage().getSizeX() == 20


def test_switching_groups(lab: Callable[..., Any], gateways: Callable[..., Any]) -> None:
    group, other = lab(), lab()
    name, admin = group.user(), group.root.sf.getAdminService()
    user = omero.model.ExperimenterI(admin.lookupExperimenter(name).id.val, False)
    admin.addGroups(user, [omero.model.ExperimenterGroupI(other.id, False)])
    conn = gateways(name)
    here = project(conn, "here")
    assert conn.setGroupForSession(other.id)
    there = project(conn, "there")
    assert [p.id for p in conn.getObjects("Project")] == [there.id]
    conn.SERVICE_OPTS.setOmeroGroup("-1")
    assert {p.id for p in conn.getObjects("Project")} == {here.id, there.id}
    moved = conn.chgrpObjects("Project", [here.id], other.id)
    conn._waitOnCmd(moved)
    assert conn.getObject("Project", here.id).getDetails().group.id.val == other.id


def test_becoming_somebody_else(
    lab: Callable[..., Any], gateways: Callable[..., Any], server: manage.Sandbox
) -> None:
    name = lab().user()
    su = gateways("root", server.password).suConn(name)
    assert su.getUser().getOmeName() == name
    assert project(su).getOwnerOmeName() == name
    su.close()


def test_deleting(conn: Any, image: Any) -> None:
    parent = project(conn)
    child = dataset(conn, parent)
    conn.deleteObjects("Project", [parent.id], wait=True)
    assert conn.getObject("Project", parent.id) is None
    assert conn.getObject("Dataset", child.id) is not None
    link = DatasetImageLinkI()
    link.parent, link.child = DatasetI(child.id, False), ImageI(image.id, False)
    conn.getUpdateService().saveObject(link)
    conn.deleteObjects("Dataset", [child.id], deleteChildren=True, wait=True)
    assert conn.getObject("Image", image.id) is None


def test_others_cannot_delete(lab: Callable[..., Any], gateways: Callable[..., Any]) -> None:
    group = lab("rwra--")
    mine = project(gateways(group.user()))
    other = gateways(group.user())
    with pytest.raises(omero.CmdError):
        other.deleteObjects("Project", [mine.id], wait=True)
    assert other.getObject("Project", mine.id) is not None


def test_enumerations_and_histogram(conn: Any, image: Any) -> None:
    orders = {e.getValue() for e in conn.getEnumerationEntries("DimensionOrder")}
    assert orders == {"XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"}
    counts = image.getHistogram([0], 10)[0]
    assert (len(counts), sum(counts)) == (10, 40 * 30)
