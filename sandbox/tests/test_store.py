# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving and loading: omero-server ``ome/logic/UpdateImpl``, OmeroInterceptor, the mappings."""

from __future__ import annotations

import math

import omero
import pytest
from omero.model import (
    AffineTransformI,
    BooleanAnnotationI,
    CommentAnnotationI,
    DatasetI,
    DatasetImageLinkI,
    DoubleAnnotationI,
    ExperimenterI,
    ExternalInfoI,
    FolderI,
    FormatI,
    ImageAnnotationLinkI,
    ImageI,
    LengthI,
    MapAnnotationI,
    MaskI,
    NamedValue,
    OriginalFileI,
    PlateI,
    PointI,
    ProjectI,
    RectangleI,
    RoiI,
    WellI,
)
from omero.rtypes import rbool, rdouble, rint, rlong, rstring

from tests.stores import Lab, image, link, named, tag


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


@pytest.fixture
def group(lab):
    return lab.group("rwra--", ann=False, ben=False)


def get(lab, group, class_name, id_):
    with lab.transaction("ann", group) as tx:
        return tx.get(class_name, id_)


def test_cascade_saves_everything_reachable(lab, group):
    project, dataset = named(ProjectI, "p"), named(DatasetI, "d")
    project.linkDataset(dataset)
    dataset.linkImage(image("i", channels=2))
    project.linkAnnotation(tag("t"))
    (saved,) = lab.save("ann", group, project)
    assert saved is project
    assert project.id.val == 1
    assert dataset.linkedImageList()[0].getPrimaryPixels().getChannel(1).id.val == 2
    assert lab.rows(
        "select p.name, d.name, i.name, c.logicalChannel.name, index(c) from Project p "
        "join p.datasetLinks pl join pl.child d join d.imageLinks dl join dl.child i "
        "join i.pixels x join x.channels c order by index(c)"
    ) == [["p", "d", "i", "channel 0", 0], ["p", "d", "i", "channel 1", 1]]


def test_ids_follow_the_order_of_the_input(lab, group):
    with lab.transaction("ann", group) as tx:
        ids = tx.insert([tag(str(n)) for n in range(50)])
    assert ids == sorted(ids)
    rows = lab.rows("select a.id, a.textValue from TagAnnotation a where a.id in (:ids)", ids=ids)
    assert sorted(rows) == [[id_, str(n)] for n, id_ in enumerate(ids)]


def test_same_instance_twice_is_one_row(lab, group):
    shared = tag("shared")
    first, second = image("a"), image("b")
    first.linkAnnotation(shared)
    second.linkAnnotation(shared)
    lab.save("ann", group, first, second)
    assert lab.count("TagAnnotation") == 1
    assert lab.count("ImageAnnotationLink") == 2


def test_insert_refuses_objects_with_an_id(lab, group):
    (saved,) = lab.save("ann", group, tag("t"))
    with (
        pytest.raises(omero.ApiUsageException, match="INSERTs only"),
        lab.transaction("ann", group) as tx,
    ):
        tx.insert([saved])


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda: ProjectI(), "ome.model.containers.Project.name"),
        (lambda: ImageAnnotationLinkI(), "ImageAnnotationLink.parent"),
        (lambda: OriginalFileI(), "OriginalFile.path"),
        (lambda: AffineTransformI(), "AffineTransform.a00"),
    ],
)
def test_required_fields(lab, group, made, what):
    with pytest.raises(omero.ValidationException, match="not-null") as caught:
        lab.save("ann", group, made())
    assert what in caught.value.message


def test_nothing_is_kept_of_a_failed_call(lab, group):
    good, events = tag("good"), lab.count("Event")
    with pytest.raises(omero.ValidationException):
        lab.save("ann", group, good, ProjectI())
    assert lab.count("TagAnnotation") == 0
    assert lab.count("Event") == events
    assert good.id is None


def test_empty_string_is_not_null(lab, group):
    made = named(ProjectI, "")
    lab.save("ann", group, made)
    read = get(lab, group, "Project", made.id.val)
    assert read.name.val == ""
    assert read.description is None


def test_strings_of_255(lab, group):
    point = PointI()
    roi = RoiI()
    roi.addShape(point)
    point.fontFamily = rstring("x" * 255)
    lab.save("ann", group, roi)
    point.fontFamily = rstring("x" * 256)
    with pytest.raises(omero.ValidationException, match="255"):
        lab.save("ann", group, roi)
    lab.save("ann", group, tag("x" * 100_000))  # text has no limit


def test_nul_is_refused(lab, group):
    with pytest.raises(omero.ValidationException, match="0x00"):
        lab.save("ann", group, tag("a\0b"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda i: setattr(i.getPrimaryPixels(), "sizeX", rint(0)),
        lambda i: setattr(i.getPrimaryPixels(), "physicalSizeX", LengthI(0, "MICROMETER")),
        lambda i: setattr(i, "series", rint(-1)),
    ],
    ids=["size 0", "physical size 0", "series -1"],
)
def test_check_constraints(lab, group, spoil):
    made = image("i")
    spoil(made)
    with pytest.raises(omero.ValidationException, match="CHECK"):
        lab.save("ann", group, made)


def test_unit_without_unit(lab, group):
    made = image("i")
    made.getPrimaryPixels().physicalSizeX = LengthI()
    with pytest.raises(omero.ValidationException, match="unit"):
        lab.save("ann", group, made)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1, 5e-324])
def test_doubles_survive(lab, group, value):
    made = DoubleAnnotationI()
    made.doubleValue = rdouble(value)
    lab.save("ann", group, made)
    read = get(lab, group, "DoubleAnnotation", made.id.val).doubleValue.val
    assert repr(read) == repr(value)


def test_values_of_every_kind_survive(lab, group):
    roi, mask, transform = RoiI(), MaskI(), AffineTransformI()
    for name in ("a00", "a10", "a01", "a11", "a02", "a12"):
        setattr(transform, name, rdouble(1.5))
    mask.bytes, mask.theZ, mask.transform = bytes(range(256)), rint(-1), transform
    mask.locked, mask.strokeWidth = rbool(True), LengthI(2, "PIXEL")
    mask.textValue = rstring("µ \"quoted\"\n\t🔬 'single' \\")
    roi.addShape(mask)
    lab.save("ann", group, roi)
    (read,) = lab.objects("select s from Mask s join fetch s.transform")
    assert bytes(read.bytes) == bytes(range(256))
    assert (read.theZ.val, read.theT, read.locked.val) == (-1, None, True)
    assert read.textValue.val == "µ \"quoted\"\n\t🔬 'single' \\"
    assert (read.strokeWidth.getValue(), str(read.strokeWidth.getUnit())) == (2.0, "PIXEL")
    assert read.transform.a12.val == 1.5
    assert not read.roi.isLoaded()
    assert read.roi.id.val == roi.id.val


def test_map_keeps_order_and_repeated_keys(lab, group):
    made = MapAnnotationI()
    pairs = [("gene", "b"), ("gene", "a"), ("", ""), ("x", "1")]
    made.setMapValue([NamedValue(*pair) for pair in pairs])
    lab.save("ann", group, made)
    read = get(lab, group, "MapAnnotation", made.id.val)
    assert [(v.name, v.value) for v in read.getMapValue()] == pairs
    read.setMapValue([NamedValue("only", "one")])
    lab.save("ann", group, read)
    read = get(lab, group, "MapAnnotation", made.id.val)
    assert [(v.name, v.value) for v in read.getMapValue()] == [("only", "one")]


# -- lists that the parent writes ------------------------------------------------------------


def test_shape_alone_has_no_roi(lab, group):
    (roi,) = lab.save("ann", group, RoiI())
    shape = PointI()
    shape.roi = RoiI(roi.id.val, False)
    with pytest.raises(omero.ValidationException, match=r"Point\.roi"):
        lab.save("ann", group, shape)


def test_shapes_are_added_through_the_list(lab, group):
    roi = RoiI()
    roi.addShape(PointI())
    lab.save("ann", group, roi)
    (read,) = lab.objects("select distinct r from Roi r left outer join fetch r.shapes")
    read.addShape(RectangleI())
    lab.save("ann", group, read)
    (read,) = lab.objects("select distinct r from Roi r left outer join fetch r.shapes")
    assert [type(s).__name__ for s in read.copyShapes()] == ["PointI", "RectangleI"]


def test_leaving_a_shape_out_of_the_list_would_null_its_roi(lab, group):
    roi = RoiI()
    roi.addShape(PointI())
    lab.save("ann", group, roi)
    (read,) = lab.objects("select distinct r from Roi r left outer join fetch r.shapes")
    read.clearShapes()
    with pytest.raises(omero.ValidationException, match="not-null"):
        lab.save("ann", group, read)


def test_collections_that_were_not_loaded_are_kept(lab, group):
    project, dataset = named(ProjectI, "p"), named(DatasetI, "d")
    project.linkDataset(dataset)
    lab.save("ann", group, project)
    read = get(lab, group, "Project", project.id.val)
    assert read.sizeOfDatasetLinks() == -1
    read.name = rstring("renamed")
    lab.save("ann", group, read)
    assert lab.count("ProjectDatasetLink") == 1


# -- merging ---------------------------------------------------------------------------------


def test_update_counts_versions_and_events(lab, group):
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    assert project.version.val == 0
    read = get(lab, group, "Project", project.id.val)
    read.description = rstring("new")
    lab.save("ann", group, read)
    assert read.version.val == 1
    assert read.details.updateEvent.id.val > read.details.creationEvent.id.val
    lab.save("ann", group, read)  # nothing changed: nothing written
    assert read.version.val == 1


def test_stale_write(lab, group):
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    first, second = (get(lab, group, "Project", project.id.val) for _ in range(2))
    first.name = rstring("first")
    lab.save("ann", group, first)
    second.name = rstring("second")
    with pytest.raises(omero.OptimisticLockException):
        lab.save("ann", group, second)
    assert get(lab, group, "Project", project.id.val).name.val == "first"


def test_reference_can_be_nulled(lab, group):
    child, parent = named(FolderI, "child"), named(FolderI, "parent")
    child.parentFolder = parent
    lab.save("ann", group, child)
    read = get(lab, group, "Folder", child.id.val)
    read.parentFolder = None
    lab.save("ann", group, read)
    assert get(lab, group, "Folder", child.id.val).parentFolder is None


def test_unloaded_reference_leaves_the_object_alone(lab, group):
    (dataset,) = lab.save("ann", group, named(DatasetI, "d"))
    made = image("i")
    lab.save("ann", group, link(DatasetImageLinkI, dataset, made))
    assert get(lab, group, "Dataset", dataset.id.val).name.val == "d"


def test_unknown_reference(lab, group):
    with pytest.raises(omero.ValidationException, match=r"Dataset#99"):
        lab.save("ann", group, link(DatasetImageLinkI, DatasetI(99, False), image("i")))


def test_reference_to_another_class(lab, group):
    made = CommentAnnotationI()
    made.textValue = rstring("c")
    (comment,) = lab.save("ann", group, made)
    wrong = link(ImageAnnotationLinkI, image("i"), BooleanAnnotationI(comment.id.val, False))
    with pytest.raises(omero.ValidationException, match="BooleanAnnotation"):
        lab.save("ann", group, wrong)


# -- unique keys, enumerations, triggers -----------------------------------------------------


def test_link_is_unique_for_an_owner(lab, group):
    (made,), (label,) = lab.save("ann", group, image("i")), lab.save("ann", group, tag("t"))
    lab.save("ann", group, link(ImageAnnotationLinkI, made, label))
    with pytest.raises(omero.ValidationException, match="UNIQUE"):
        lab.save("ann", group, tag("x"), link(ImageAnnotationLinkI, made, label))
    assert lab.rows("select count(*) from TagAnnotation") == [[1]]
    lab.save("ben", group, link(ImageAnnotationLinkI, made, label))


def test_well_is_unique_in_its_plate(lab, group):
    plate = named(PlateI, "p")
    for _ in range(2):
        well = WellI()
        well.row, well.column = rint(0), rint(0)
        plate.addWell(well)
    with pytest.raises(omero.ValidationException, match="UNIQUE"):
        lab.save("ann", group, plate)


def test_enumeration_by_value(lab, group):
    made = image("i")
    lab.save("ann", group, made)
    assert made.getPrimaryPixels().pixelsType.id.val > 0
    unknown = image("j")
    unknown.format = FormatI()
    unknown.format.value = rstring("Nonsense")
    with pytest.raises(omero.ValidationException, match="Nonsense"):
        lab.save("ann", group, unknown)


def test_namespace_rows_come_by_themselves(lab, group):
    for _ in range(2):
        made = tag("t")
        made.ns = rstring("example.org/ns")
        lab.save("ann", group, made)
    assert lab.rows("select n.name from Namespace n") == [["example.org/ns"]]


def test_folders_make_no_circles(lab, group):
    child, parent = named(FolderI, "child"), named(FolderI, "parent")
    child.parentFolder = parent
    lab.save("ann", group, child)
    read = get(lab, group, "Folder", parent.id.val)
    read.parentFolder = FolderI(child.id.val, False)
    with pytest.raises(omero.ValidationException, match="cyclic"):
        lab.save("ann", group, read)


# -- details ---------------------------------------------------------------------------------


def test_details_of_new_objects(lab, group):
    (made,) = lab.save("ann", group, image("i"))
    details = made.details
    assert (details.owner.id.val, details.group.id.val) == (lab.users["ann"], group)
    pixels = made.getPrimaryPixels().details
    assert details.creationEvent.id.val == details.updateEvent.id.val == pixels.creationEvent.id.val
    (event,) = lab.objects("select e from Event e join fetch e.type where e.id = :id",
                           id=details.creationEvent.id.val)  # fmt: skip
    assert event.experimenter.id.val == lab.users["ann"]
    assert event.type.value.val == "User"


def test_one_event_for_a_call(lab, group):
    lab.save("ann", group, *[tag(str(n)) for n in range(5)])
    lab.save("ann", group, tag("other"))
    assert (
        lab.rows(
            "select count(a), a.details.creationEvent.id from TagAnnotation a "
            "group by a.details.creationEvent.id order by count(a)"
        )[0][0]
        == 1
    )


def test_external_info(lab, group):
    made = image("i")
    info = ExternalInfoI()
    info.entityId, info.entityType = rlong(3), rstring("com.glencoesoftware.ngff:multiscales")
    info.lsid = rstring("/data/x.zarr")
    made.details.externalInfo = info
    lab.save("ann", group, made)
    (read,) = lab.objects("select i from Image i left outer join fetch i.details.externalInfo")
    assert read.details.externalInfo.lsid.val == "/data/x.zarr"
    read.details.externalInfo.lsid = rstring("changed")
    with pytest.raises(omero.SecurityViolation, match="immutable"):
        lab.save("ann", group, read)


# -- reading ---------------------------------------------------------------------------------


def test_get_and_find(lab, group):
    (made,) = lab.save("ann", group, named(ProjectI, "p"))
    with lab.transaction("ann", group) as tx:
        assert tx.find("ome.model.containers.Project", made.id.val).name.val == "p"
        assert tx.find("Project", 99) is None
        with pytest.raises(omero.ValidationException):
            tx.get("Project", 99)
        with pytest.raises(omero.ApiUsageException, match="Nothing"):
            tx.get("Nothing", 1)


def test_find_by_string(lab, group):
    lab.save("ann", group, *[named(ProjectI, n) for n in ("Alpha", "alpha", "Beta_1", "BetaX1")])
    with lab.transaction("ann", group) as tx:

        def names(value, **options):
            found = tx.find_all_by_string("Project", "name", value, **options)
            return [p.name.val for p in found]

        assert names("alpha") == ["alpha"]
        assert names("ALPHA", case_sensitive=False) == ["Alpha", "alpha"]
        assert names("Beta%", like=True) == ["Beta_1", "BetaX1"]
        assert names("Beta%", like=True, offset=1, limit=1) == ["BetaX1"]


def test_references_are_unloaded_unless_to_an_abstract_class(lab, group):
    """Source: omero-model, templates/object.vm: many-to-one is LAZY, but EAGER to those."""
    made = image("i")
    label = tag("t")
    made.linkAnnotation(label)
    lab.save("ann", group, made)
    (read,) = lab.objects("select l from ImageAnnotationLink l")
    assert type(read.parent).__name__ == "ImageI"
    assert not read.parent.isLoaded()
    assert read.parent.id.val == made.id.val
    assert type(read.child).__name__ == "TagAnnotationI"
    assert read.child.textValue.val == "t"


def test_deleting_a_row(lab, group):
    made, label = image("i"), tag("t")
    made.linkAnnotation(label)
    lab.save("ann", group, made)
    with (
        pytest.raises(omero.ValidationException, match="FOREIGN KEY"),
        lab.transaction("ann", group) as tx,
    ):
        tx.delete_row(label)
    with lab.transaction("ann", group) as tx:
        tx.delete_row(tx.query("select l from ImageAnnotationLink l")[0])
        tx.delete_row(label)
    assert lab.count("TagAnnotation") == 0


def test_ids_are_not_used_again(tmp_path):
    lab = Lab(tmp_path)
    group = lab.group("rw----", ann=True)
    (first,) = lab.save("ann", group, tag("a"))
    with lab.transaction("ann", group) as tx:
        tx.delete_row(first)
    lab.store.close()
    again = Lab(tmp_path)
    again.users["ann"] = lab.users["ann"]
    (second,) = again.save("ann", group, tag("b"))
    assert second.id.val == first.id.val + 1


def test_passwords(lab):
    user = lab.user("ann")
    store = lab.store
    assert store.authenticate("root", "omero") == 0
    assert store.authenticate("root", "wrong") is None
    assert store.authenticate("ann", "") is None
    with store.transaction(store.system()) as tx:
        tx.set_password(user, "secret")
    assert store.authenticate("ann", "secret") == user


def test_preset_owner(lab, group):
    made = image("i")
    made.details.owner = ExperimenterI(lab.users["ann"], False)
    (saved,) = lab.save("root", group, made)
    assert saved.details.owner.id.val == lab.users["ann"]
    other = image("j")
    other.details.owner = ExperimenterI(lab.users["ann"], False)
    with pytest.raises(omero.SecurityViolation, match="set the Experimenter"):
        lab.save("ben", group, other)


def test_image_instances_share_nothing_between_replies(lab, group):
    (made,) = lab.save("ann", group, image("i"))
    first, second = (get(lab, group, "Image", made.id.val) for _ in range(2))
    assert isinstance(first, ImageI)
    assert first is not second
