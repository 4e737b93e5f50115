# SPDX-License-Identifier: GPL-2.0-or-later
"""Services that the Python clients here hardly call, as other clients of OMERO do.

Sources: the Slice documentation of each operation, and omero-server `ome.logic`: `PojosImpl`,
`MetadataImpl`, `AdminImpl`, `TypesImpl`, `LdapImpl`; omero-blitz `ome.services.blitz.impl`:
`RoiI`, `ExporterI`; omero-romio `ome.io.nio.RomioPixelBuffer`.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import omero
import pytest
import tifffile
from omero.gateway import DatasetWrapper, ProjectWrapper, TagAnnotationWrapper
from omero.model import (
    DatasetI,
    DatasetImageLinkI,
    ExperimenterGroupI,
    ExperimenterI,
    FileAnnotationI,
    ImageI,
    OriginalFileI,
    PlateAnnotationLinkI,
    PlateI,
    ProjectDatasetLinkI,
    ProjectI,
    RoiAnnotationLinkI,
    RoiI,
)
from omero.rtypes import rbool, rstring, rtime
from omero.sys import ParametersI

from tests.importing_client import import_files


def container(conn: Any, wrapper: Any, model: Any) -> int:
    made = wrapper(conn, model())
    made.setName("container")
    made.save()
    return int(made.id)


def link(conn: Any, made: Any, parent: Any, child: Any) -> None:
    made.parent, made.child = parent, child
    conn.getUpdateService().saveObject(made)


@pytest.fixture
def three(conn: Any) -> list[int]:
    """The images of one fileset."""
    response = import_files(conn.c, {"a/three&sizeX=4&sizeY=4&series=3.fake": b""})
    return [pixels.image.id.val for pixels in response.pixels]


# -- IContainer -----------------------------------------------------------------------------------


def test_hierarchies_above_images(conn: Any, three: list[int]) -> None:
    project = container(conn, ProjectWrapper, ProjectI)
    inner, outer = (container(conn, DatasetWrapper, DatasetI) for _ in range(2))
    link(conn, ProjectDatasetLinkI(), ProjectI(project, False), DatasetI(inner, False))
    for dataset, image in ((inner, three[0]), (inner, three[1]), (outer, three[1])):
        link(conn, DatasetImageLinkI(), DatasetI(dataset, False), ImageI(image, False))
    service = conn.getContainerService()
    roots = service.findContainerHierarchies("Project", [three[0], three[2]], None)
    found = {type(root).__name__: root for root in roots}
    assert {name: root.id.val for name, root in found.items()} == {
        "ProjectI": project,
        "ImageI": three[2],
    }
    (below,) = found["ProjectI"].copyDatasetLinks()
    assert [x.child.id.val for x in below.child.copyImageLinks()] == [three[0]]
    roots = service.findContainerHierarchies("Project", [three[1]], None)
    assert sorted(type(root).__name__ for root in roots) == ["DatasetI", "ProjectI"]
    with pytest.raises(omero.ApiUsageException):
        service.findContainerHierarchies("Dataset", three, None)
    links = service.retrieveCollection(
        ProjectI(project, False), "ome.model.containers.Project_datasetLinks", None
    )
    assert [x.child.id.val for x in links] == [inner]


def test_split_filesets(conn: Any, three: list[int]) -> None:
    service = conn.getContainerService()
    fileset = conn.getObject("Image", three[0]).getFileset().id
    assert service.getImagesBySplitFilesets({"Image": three}, None) == {}
    assert service.getImagesBySplitFilesets({"Fileset": [fileset]}, None) == {}
    split = service.getImagesBySplitFilesets({"Image": three[:1]}, None)
    assert split == {fileset: {True: three[:1], False: three[1:]}}
    dataset = container(conn, DatasetWrapper, DatasetI)
    link(conn, DatasetImageLinkI(), DatasetI(dataset, False), ImageI(three[2], False))
    split = service.getImagesBySplitFilesets({"Dataset": [dataset]}, None)
    assert split == {fileset: {True: three[2:], False: three[:2]}}


def test_images_of_users_and_times(conn: Any, three: list[int]) -> None:
    service = conn.getContainerService()
    assert service.getImages("Image", [], None) == []
    mine = service.getUserImages(ParametersI().exp(conn.getUserId()))
    assert sorted(image.id.val for image in mine) == three
    with pytest.raises(omero.ApiUsageException, match="getUserImages"):
        service.getUserImages(None)
    made = conn.getObject("Image", three[0]).getDetails().getCreationEvent().time
    options = ParametersI().exp(conn.getUserId())
    options.theFilter.startTime = rtime(made - 1)
    assert len(service.getImagesByOptions(options)) == 3
    options.theFilter.startTime = rtime(made)
    assert service.getImagesByOptions(options) == []
    with pytest.raises(omero.ApiUsageException, match="getImagesByOptions"):
        service.getImagesByOptions(ParametersI())


# -- IMetadata ------------------------------------------------------------------------------------


def test_annotations_of_others(lab: Callable[..., Any], gateways: Callable[..., Any]) -> None:
    group = lab("rwra--")
    one, other = gateways(group.user()), gateways(group.user())
    tag = TagAnnotationWrapper(one)
    tag.setValue("tag")
    tag.save()
    image = ImageI()
    image.name = rstring("image")
    image = other.getUpdateService().saveAndReturnObject(image)
    other.getObject("Image", image.id.val).linkAnnotation(other.getObject("Annotation", tag.id))
    service, user = other.getMetadataService(), other.getUserId()
    found = service.loadAnnotationsUsedNotOwned("TagAnnotation", user)
    assert [one.id.val for one in found] == [tag.id]
    assert service.countAnnotationsUsedNotOwned("TagAnnotation", user).val == 1
    assert service.countAnnotationsUsedNotOwned("CommentAnnotation", user).val == 0
    assert service.countAnnotationsUsedNotOwned("TagAnnotation", one.getUserId()).val == 0


def test_logs_of_imports(conn: Any, three: list[int]) -> None:
    service = conn.getMetadataService()
    fileset = conn.getObject("Image", three[0]).getFileset().id
    (log,) = service.loadLogFiles("Fileset", [fileset])[fileset]
    assert log.mimetype.val == "application/omero-log-file"
    assert [x.id.val for x in service.loadLogFiles("Image", three[:1])[three[0]]] == [log.id.val]


# -- IAdmin, ITypes, ILdap, IScript ---------------------------------------------------------------


def test_photos_are_replaced_and_seen_by_all(
    lab: Callable[..., Any], gateways: Callable[..., Any]
) -> None:
    conn = gateways(lab().user())
    admin = conn.getAdminService()
    with pytest.raises(omero.SecurityViolation, match="no remote access"):
        admin.getMyUserPhotos()
    id_ = admin.uploadMyUserPhoto("me.png", "image/png", b"one")
    assert admin.uploadMyUserPhoto("me.jpg", "image/jpeg", b"other") == id_
    file = conn.getQueryService().get("OriginalFile", id_, {"omero.group": "-1"})
    assert (file.name.val, file.mimetype.val, file.size.val) == ("me.jpg", "image/jpeg", 5)
    stranger = gateways(lab("rw----").user())
    stranger.SERVICE_OPTS.setOmeroGroup("-1")
    seen = stranger.getObject("OriginalFile", id_)
    assert b"".join(seen.getFileInChunks()) == b"other"


def test_enumerations_are_reset(gateways: Callable[..., Any], conn: Any, server: Any) -> None:
    root = gateways("root", server.password)

    def values() -> list[str]:
        return [entry.getValue() for entry in root.getEnumerationEntries("MicroscopeType")]

    original = [e.getValue() for e in root.getOriginalEnumerations()["MicroscopeTypeI"]]
    assert {"Upright", "Inverted", "Unknown"} <= set(original)
    added = omero.model.MicroscopeTypeI()
    added.value = rstring(f"Tiny {uuid.uuid4().hex}")
    root.createEnumeration(added)
    assert added.value.val in values()
    for _ in range(2):  # tried on OMERO 5.7: one is passed over in every second reset
        root.resetEnumerations("MicroscopeType")
    assert sorted(values()) == sorted(original)
    with pytest.raises(omero.SecurityViolation):
        conn.getOriginalEnumerations()


@pytest.mark.parametrize("cls", [ExperimenterGroupI, ExperimenterI])
def test_accounts_say_whether_they_are_of_a_directory(root: Any, cls: Any) -> None:
    """Tried on a real server: `ldap` is required, and no default takes its place."""
    admin, name, made = root.sf.getAdminService(), uuid.uuid4().hex, cls()
    if cls is ExperimenterGroupI:
        made.name, create = rstring(name), admin.createGroup
    else:
        made.omeName, made.firstName, made.lastName = map(rstring, (name, "Ada", "Test"))
        create = partial(admin.createUser, group="system")
    with pytest.raises(omero.ValidationException, match="ldap"):
        create(made)
    made.ldap = rbool(False)
    assert create(made) > 0


def test_no_directory_and_no_scripts(conn: Any, root: Any) -> None:
    assert root.sf.getLdapService().getSetting() is False
    with pytest.raises(omero.SecurityViolation):
        conn.c.sf.getLdapService().getSetting()
    scripts = conn.getScriptService()
    assert scripts.getScripts() == []
    assert not scripts.canRunScript(1)
    with pytest.raises((omero.InternalException, omero.NoProcessorAvailable)):
        scripts.runScript(1, {}, None)


# -- IRoi -----------------------------------------------------------------------------------------


def test_measurements(conn: Any) -> None:
    response = import_files(conn.c, {"p&plates=1&sizeX=4&sizeY=4.fake": b""})
    plate, image = response.objects[0].id.val, response.pixels[0].image.id.val
    result = FileAnnotationI()
    result.ns = rstring(omero.constants.namespaces.NSMEASUREMENT)
    result.file = OriginalFileI()
    result.file.name, result.file.path = rstring("measured"), rstring("")
    update = conn.getUpdateService()
    result = update.saveAndReturnObject(result)
    roi = RoiI()
    roi.image = ImageI(image, False)
    roi.addShape(omero.model.PointI())
    roi = update.saveAndReturnObject(roi)
    annotation = FileAnnotationI(result.id.val, False)
    service = conn.getRoiService()
    assert service.getRoiMeasurements(image, None) == []
    link(conn, PlateAnnotationLinkI(), PlateI(plate, False), annotation)
    link(conn, RoiAnnotationLinkI(), RoiI(roi.id.val, False), annotation)
    assert [x.id.val for x in service.getRoiMeasurements(image, None)] == [result.id.val]
    (found,) = service.getMeasuredRois(image, result.id.val, None).rois
    assert (found.id.val, found.sizeOfShapes()) == (roi.id.val, 1)
    assert service.getMeasuredRois(image, result.id.val + 1, None).rois == []
    by_annotation = service.getMeasuredRoisMap(image, [result.id.val], None)
    assert len(by_annotation[result.id.val].rois) == 1
    with pytest.raises(omero.ApiUsageException):
        service.getTable(result.id.val + 1)


# -- Exporter, RawPixelsStore ---------------------------------------------------------------------


def test_images_as_ome_tiff(conn: Any) -> None:
    planes = [np.arange(12, dtype=np.uint16).reshape(3, 4) + i for i in range(2 * 3 * 2)]
    made = conn.createImageFromNumpySeq(iter(planes), "näme", sizeZ=2, sizeC=3, sizeT=2)
    image = conn.getObject("Image", made.id)
    with tifffile.TiffFile(io.BytesIO(image.exportOmeTiff())) as file:
        assert file.is_ome
        assert 'Name="näme"' in file.ome_metadata
        assert (file.series[0].axes, file.series[0].shape) == ("TCZYX", (2, 3, 2, 3, 4))
        values = file.asarray()
    plane = image.getPrimaryPixels().getPlane(1, 2, 1)
    assert np.array_equal(values[1, 2, 1], plane)
    size, chunks = image.exportOmeTiff(bufsize=100)
    assert len(b"".join(chunks)) == size


def test_pixels_by_place_and_time(conn: Any) -> None:
    """Planes lie in XYZCT order: RomioPixelBuffer."""
    service = conn.c.sf.getPixelsService()
    kinds = {kind.value.val: kind for kind in service.getAllEnumerations("omero.model.PixelsType")}
    made = service.createImage(2, 1, 2, 2, [0, 1], kinds["uint8"], "n", "").val
    store = conn.c.sf.createRawPixelsStore()
    store.setPixelsId(conn.getObject("Image", made).getPixelsId(), True)
    store.setTimepoint(bytes(range(8)), 1)
    assert store.getTimepoint(1) == bytes(range(8))
    assert store.getTimepoint(0) == bytes(8)
    assert store.getPlane(1, 0, 1) == bytes([2, 3])
    assert store.getRegion(4, 7) == bytes([0, 0, 1, 2])
    assert store.getRegion(16, 0) == bytes(8) + bytes(range(8))
    store.close()
