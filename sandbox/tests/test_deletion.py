# SPDX-License-Identifier: GPL-2.0-or-later
"""Delete2, Chgrp2 and Chown2: omero-blitz ``blitz-graph-rules.xml`` and the CLI's documentation."""

from __future__ import annotations

import omero
import pytest
from omero.cmd.graphs import ChildOption
from omero.model import (
    AnnotationAnnotationLinkI,
    CommentAnnotationI,
    DatasetI,
    DatasetImageLinkI,
    FileAnnotationI,
    FilesetEntryI,
    FilesetI,
    FolderI,
    FolderRoiLinkI,
    ImageAnnotationLinkI,
    InstrumentI,
    JobStatusI,
    ObjectiveI,
    OriginalFileI,
    PlateI,
    PointI,
    ProjectDatasetLinkI,
    ProjectI,
    ReagentI,
    RoiI,
    ScreenI,
    ScreenPlateLinkI,
    ThumbnailI,
    UploadJobI,
    WellI,
    WellSampleI,
)
from omero.rtypes import rint, rlong, rstring, rtime

from omero_sandbox.errors import GraphFailure
from tests.stores import Lab, image, link, named, reference, tag


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


@pytest.fixture
def group(lab):
    return lab.group("rwra--", ann=False, ben=False)


def delete(lab, group, *objects, name="ann", options=(), dry_run=False):
    """Delete objects; return short class name -> how many went."""
    targets: dict[str, list[int]] = {}
    for obj in objects:
        targets.setdefault(type(obj).__name__.removesuffix("I"), []).append(obj.id.val)
    with lab.transaction(name, group) as tx:
        gone = tx.delete(targets, options, dry_run)
    return {fqn.rpartition(".")[2]: len(ids) for fqn, ids in gone.items()}


def fileset(*images):
    """Return a new fileset with two files and an upload job, of the images."""
    made = FilesetI()
    made.templatePrefix = rstring("x/")
    for number in range(2):
        entry, file = FilesetEntryI(), OriginalFileI()
        file.name, file.path, file.size = rstring(f"{number}.tif"), rstring("x/"), rlong(1)
        entry.clientPath, entry.originalFile = rstring(f"{number}.tif"), file
        made.addFilesetEntry(entry)
    job = UploadJobI()
    job.username = job.groupname = job.type = job.message = rstring("")
    job.status = JobStatusI()
    job.status.value = rstring("Finished")
    job.submitted = job.scheduledFor = rtime(0)
    made.linkJob(job)
    for obj in images:
        obj.fileset = made
    return made


IMAGE = {"Image": 1, "Pixels": 1, "Channel": 1, "LogicalChannel": 1}


def test_image_takes_what_is_its_own(lab, group):
    made, roi, note, thumb = image("i"), RoiI(), CommentAnnotationI(), ThumbnailI()
    roi.addShape(PointI())
    made.addRoi(roi)
    note.textValue = rstring("c")
    made.linkAnnotation(note)
    thumb.mimeType = rstring("image/jpeg")
    thumb.sizeX = thumb.sizeY = rint(96)
    made.getPrimaryPixels().addThumbnail(thumb)
    lab.save("ann", group, made)
    assert delete(lab, group, made) == IMAGE | {
        "Roi": 1, "Point": 1, "CommentAnnotation": 1, "ImageAnnotationLink": 1, "Thumbnail": 1,
    }  # fmt: skip
    assert lab.count("Image") == lab.count("Shape") == lab.count("Annotation") == 0


def test_dry_run_tells_the_same_and_does_nothing(lab, group):
    (made,) = lab.save("ann", group, image("i"))
    assert delete(lab, group, made, dry_run=True) == IMAGE
    assert lab.count("Image") == 1
    assert delete(lab, group, made) == IMAGE


def test_shared_annotation_stays(lab, group):
    first, second, label = image("a"), image("b"), tag("t")
    first.linkAnnotation(label)
    second.linkAnnotation(label)
    lab.save("ann", group, first, second)
    assert "TagAnnotation" not in delete(lab, group, first)
    assert delete(lab, group, second)["TagAnnotation"] == 1


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        (ChildOption(excludeType=["TagAnnotation"]), {"TagAnnotation"}),
        (ChildOption(excludeType=["Annotation"]), {"TagAnnotation", "CommentAnnotation"}),
        (ChildOption(excludeType=["Annotation"], includeNs=["keep"]), {"CommentAnnotation"}),
        (ChildOption(excludeType=["Annotation"], excludeNs=["keep"]), {"TagAnnotation"}),
    ],
)
def test_excluded_orphans_stay(lab, group, option, kept):
    made, note = image("i"), CommentAnnotationI()
    note.textValue, note.ns = rstring("c"), rstring("keep")
    made.linkAnnotation(tag("t"))
    made.linkAnnotation(note)
    lab.save("ann", group, made)
    gone = delete(lab, group, made, options=[option])
    assert {"TagAnnotation", "CommentAnnotation"} - gone.keys() == kept


def test_included_type_goes_though_it_is_shared(lab, group):
    first, second, label = image("a"), image("b"), tag("t")
    first.linkAnnotation(label)
    second.linkAnnotation(label)
    lab.save("ann", group, first, second)
    gone = delete(lab, group, first, options=[ChildOption(includeType=["TagAnnotation"])])
    assert (gone["TagAnnotation"], gone["ImageAnnotationLink"]) == (1, 2)


def test_container_takes_its_orphans(lab, group):
    project, dataset, other = named(ProjectI, "p"), named(DatasetI, "d"), named(DatasetI, "o")
    both, alone = image("both"), image("alone")
    project.linkDataset(dataset)
    for made in (both, alone):
        dataset.linkImage(made)
    other.linkImage(both)
    lab.save("ann", group, project, other)
    gone = delete(lab, group, project)
    assert (gone["Dataset"], gone["Image"]) == (1, 1)
    assert lab.rows("select i.name from Image i") == [["both"]]


def test_container_alone(lab, group):
    # what BlitzGateway.deleteObjects(deleteChildren=False) asks for
    project, dataset = named(ProjectI, "p"), named(DatasetI, "d")
    project.linkDataset(dataset)
    lab.save("ann", group, project)
    option = ChildOption(excludeType=["Dataset", "Image"])
    assert delete(lab, group, project, options=[option]) == {
        "Project": 1, "ProjectDatasetLink": 1,
    }  # fmt: skip


def test_fileset_is_all_or_nothing(lab, group):
    images = [image("a"), image("b")]
    files = fileset(*images)
    lab.save("ann", group, *images)
    with pytest.raises(GraphFailure, match=r"may not split .*Fileset"):
        delete(lab, group, images[0])
    gone = delete(lab, group, *images, dry_run=True)
    assert gone == delete(lab, group, files)
    assert {k: gone[k] for k in ("Fileset", "FilesetEntry", "OriginalFile", "UploadJob")} == {
        "Fileset": 1, "FilesetEntry": 2, "OriginalFile": 2, "UploadJob": 1,
    }  # fmt: skip
    assert lab.count("OriginalFile") == lab.count("Job") == lab.count("Image") == 0


def test_instrument_stays_while_an_image_uses_it(lab, group):
    first, second, instrument = image("a"), image("b"), InstrumentI()
    objective = ObjectiveI()
    objective.immersion, objective.correction = (
        omero.model.ImmersionI(), omero.model.CorrectionI(),
    )  # fmt: skip
    objective.immersion.value = objective.correction.value = rstring("Other")
    instrument.addObjective(objective)
    first.instrument = second.instrument = instrument
    lab.save("ann", group, first, second)
    assert "Instrument" not in delete(lab, group, first)
    gone = delete(lab, group, second)
    assert (gone["Instrument"], gone["Objective"]) == (1, 1)


def plate_of(*images):
    plate, well = named(PlateI, "p"), WellI()
    well.row = well.column = rint(0)
    plate.addWell(well)
    for made in images:
        sample = WellSampleI()
        sample.image = made
        well.addWellSample(sample)
    return plate, well


def test_reagents_go_with_their_screen_unless_a_well_that_stays_has_one(lab, group):
    # tried on a real server: the refusal is GraphTraversal.unlinkTargets (omero-server)
    def screen_with_plate():
        screen, (plate, well), reagent = named(ScreenI, "s"), plate_of(), named(ReagentI, "r")
        well.linkReagent(reagent)
        screen.addReagent(reagent)
        screen.linkPlate(plate)
        lab.save("ann", group, screen)
        return screen

    keep_plates = [ChildOption(excludeType=["Plate"])]
    with pytest.raises(GraphFailure, match=r"cannot null ome\.model\.screen\.Reagent\.screen"):
        delete(lab, group, screen_with_plate(), options=keep_plates)
    own = {"Screen": 1, "Reagent": 1, "ScreenPlateLink": 1, "WellReagentLink": 1}
    reagents_too = [ChildOption(includeType=["Reagent"], excludeType=["Plate"])]
    assert delete(lab, group, screen_with_plate(), options=reagents_too) == own
    assert delete(lab, group, screen_with_plate()) == own | {"Plate": 1, "Well": 1}


def test_image_in_a_plate_goes_only_with_its_well(lab, group):
    made = image("i")
    plate, _ = plate_of(made)
    lab.save("ann", group, plate)
    with pytest.raises(GraphFailure, match=r"may not delete Image\[\d+\] while WellSample\[\d+\]"):
        delete(lab, group, made)
    assert delete(lab, group, plate) == IMAGE | {"Plate": 1, "Well": 1, "WellSample": 1}


def test_well_leaves_its_plate(lab, group):
    plate, well = plate_of(image("i"))
    lab.save("ann", group, plate)
    assert delete(lab, group, well) == IMAGE | {"Well": 1, "WellSample": 1}


def test_screen_takes_its_plates(lab, group):
    plate, _ = plate_of()
    lab.save("ann", group, link(ScreenPlateLinkI, named(ScreenI, "s"), plate))
    (screen,) = lab.objects("select s from Screen s")
    assert delete(lab, group, screen)["Plate"] == 1


def test_roi_in_a_folder_outlives_its_image(lab, group):
    made, roi, folder = image("i"), RoiI(), named(FolderI, "f")
    roi.addShape(PointI())
    made.addRoi(roi)
    lab.save("ann", group, made, link(FolderRoiLinkI, folder, roi))
    assert "Roi" not in delete(lab, group, made)
    assert lab.rows("select r.image.id from Roi r") == [[None]]
    assert delete(lab, group, folder)["Roi"] == 1


def test_folder_leaves_the_rois_of_images(lab, group):
    made, roi, folder = image("i"), RoiI(), named(FolderI, "f")
    made.addRoi(roi)
    lab.save("ann", group, made, link(FolderRoiLinkI, folder, roi))
    assert delete(lab, group, folder) == {"Folder": 1, "FolderRoiLink": 1}


def test_parts_do_not_take_the_whole(lab, group):
    made, roi = image("i"), RoiI()
    roi.addShape(PointI())
    roi.addShape(PointI())
    made.addRoi(roi)
    lab.save("ann", group, made)
    assert delete(lab, group, roi.getShape(0)) == {"Point": 1}
    (read,) = lab.objects("select distinct r from Roi r join fetch r.shapes")
    assert [s is None for s in read._shapesSeq] == [True, False]  # the list keeps its gap
    assert delete(lab, group, roi) == {"Roi": 1, "Point": 1}


def test_file_annotation_and_its_file(lab, group):
    made, note, file = image("i"), FileAnnotationI(), OriginalFileI()
    file.name, file.path = rstring("f"), rstring("/")
    note.file = file
    made.linkAnnotation(note)
    lab.save("ann", group, made)
    gone = delete(lab, group, file, dry_run=True)
    assert gone == {"OriginalFile": 1, "FileAnnotation": 1, "ImageAnnotationLink": 1}
    assert delete(lab, group, made).items() >= gone.items()


def test_tag_set_takes_only_tags_that_nothing_else_has(lab, group):
    tags, made = [tag("used"), tag("unused")], image("i")
    made.linkAnnotation(tags[0])
    bundle = tag("set")
    lab.save("ann", group, made, *[link(AnnotationAnnotationLinkI, bundle, t) for t in tags])
    gone = delete(lab, group, bundle)
    assert gone == {"TagAnnotation": 2, "AnnotationAnnotationLink": 2}
    assert lab.rows("select t.textValue from TagAnnotation t") == [["used"]]


def test_others_objects_are_not_deleted(lab, group):
    (made,) = lab.save("ann", group, image("i"))
    with pytest.raises(GraphFailure, match="not permitted"):
        delete(lab, group, made, name="ben")
    lab.save("ben", group, link(ImageAnnotationLinkI, made, tag("ben's")))
    assert delete(lab, group, made) == IMAGE | {"ImageAnnotationLink": 1}
    assert lab.rows("select t.textValue from TagAnnotation t") == [["ben's"]]


def test_tag_on_others_images(lab, group):
    (made,), (label,) = lab.save("ann", group, image("i")), lab.save("ben", group, tag("t"))
    lab.save("ann", group, link(ImageAnnotationLinkI, made, label))
    with pytest.raises(GraphFailure, match="is tagged with it"):
        delete(lab, group, label, name="ben")


def test_unknown_objects_and_classes(lab, group):
    with lab.transaction("ann", group) as tx:
        with pytest.raises(GraphFailure, match=r"Image\[99\]"):
            tx.delete({"Image": [99]})
        with pytest.raises(GraphFailure, match="Picture"):
            tx.delete({"Picture": [1]})


def test_annotations_by_their_base_class(lab, group):
    (label,) = lab.save("ann", group, tag("t"))
    with lab.transaction("ann", group) as tx:
        assert tx.delete({"Annotation": [label.id.val]}) == {
            "ome.model.annotations.TagAnnotation": [label.id.val]
        }


# -- chgrp -----------------------------------------------------------------------------------


def test_chgrp_moves_the_graph_and_cuts_links(lab, group):
    other = lab.group("rwra--", ann=False)
    dataset, kept, mine = named(DatasetI, "d"), tag("shared"), tag("own")
    moving, staying = image("moving"), image("staying")
    dataset.linkImage(moving)
    for made in (moving, staying):
        made.linkAnnotation(kept)
    moving.linkAnnotation(mine)
    lab.save("ann", group, dataset, staying)
    with lab.transaction("ann", group) as tx:
        moved, deleted = tx.chgrp({"Image": [moving.id.val]}, other)
    assert moved["ome.model.core.Image"] == [moving.id.val]
    assert moved["ome.model.annotations.TagAnnotation"] == [mine.id.val]
    assert set(deleted) == {
        "ome.model.containers.DatasetImageLink", "ome.model.annotations.ImageAnnotationLink",
    }  # fmt: skip
    assert lab.rows("select i.name from Image i", group=other) == [["moving"]]
    assert lab.rows("select c.logicalChannel.details.group.id from Channel c", group=other) == [
        [other]
    ]
    assert lab.rows("select t.textValue from TagAnnotation t", group=group) == [["shared"]]


def test_chgrp_needs_membership_and_ownership(lab, group):
    other = lab.group("rwra--", ben=False)
    (made,) = lab.save("ann", group, image("i"))
    with pytest.raises(omero.SecurityViolation), lab.transaction("ann", group) as tx:
        tx.chgrp({"Image": [made.id.val]}, other)
    with pytest.raises(GraphFailure, match="not permitted"), lab.transaction("ben", group) as tx:
        tx.chgrp({"Image": [made.id.val]}, other)
    with lab.transaction("root", group) as tx:
        tx.chgrp({"Image": [made.id.val]}, other)
    assert lab.rows("select i.details.group.id from Image i") == [[other]]


def test_chgrp_does_not_split_filesets(lab, group):
    other = lab.group("rwra--", ann=False)
    images = [image("a"), image("b")]
    fileset(*images)
    lab.save("ann", group, *images)
    with pytest.raises(GraphFailure, match="may not split"), lab.transaction("ann", group) as tx:
        tx.chgrp({"Image": [images[0].id.val]}, other)


# -- chown -----------------------------------------------------------------------------------


def owners(lab, class_name):
    rows = lab.rows(f"select x.id, x.details.owner.omeName from {class_name} x order by x.id")
    return [name for _, name in rows]


@pytest.mark.parametrize(
    ("permissions", "annotation", "roi", "thumbnail"),
    [
        ("rw----", "cleo", "cleo", "cleo"),
        ("rwr---", "cleo", "cleo", "ann"),
        ("rwra--", "ann", "ann", "ann"),
        ("rwrw--", "ann", "ann", "ann"),
    ],
)
def test_chown_gives_an_image(lab, permissions, annotation, roi, thumbnail):
    """blitz-chown-rules.xml: annotations and ROIs stay in groups where one may annotate for
    others, rendering settings and thumbnails in all but private ones."""
    group = lab.group(permissions, ann=False, cleo=False)
    made, seen, shown = image("i"), RoiI(), ThumbnailI()
    made.linkAnnotation(tag("ann's"))
    seen.addShape(PointI())
    made.addRoi(seen)
    shown.pixels, shown.mimeType = made.getPrimaryPixels(), rstring("image/jpeg")
    shown.sizeX = shown.sizeY = rint(8)
    lab.save("ann", group, made, shown)
    with lab.transaction("root", group) as tx:
        given, deleted = tx.chown({"Image": [made.id.val]}, [], lab.user("cleo"))
    assert given["ome.model.core.Image"] == [made.id.val]
    assert deleted == {}
    assert owners(lab, "Pixels") == owners(lab, "Channel") == ["cleo"]
    assert owners(lab, "TagAnnotation") == owners(lab, "ImageAnnotationLink") == [annotation]
    assert owners(lab, "Roi") == owners(lab, "Shape") == [roi]
    assert owners(lab, "Thumbnail") == [thumbnail]


@pytest.mark.parametrize(("permissions", "kept"), [("rwr---", 0), ("rwra--", 0), ("rwrw--", 1)])
def test_chown_parts_container_and_contents(lab, permissions, kept):
    """blitz-chown-rules.xml: cross-owner links are deleted outside read-write groups."""
    group = lab.group(permissions, ann=False, cleo=False)
    made, dataset = image("i"), named(DatasetI, "d")
    lab.save("ann", group, link(DatasetImageLinkI, dataset, made))
    with lab.transaction("root", group) as tx:
        _, deleted = tx.chown({"Image": [made.id.val]}, [], lab.user("cleo"))
    assert lab.count("DatasetImageLink") == kept
    assert len(deleted) == 1 - kept
    assert owners(lab, "Dataset") == ["ann"]


def test_chown_leaves_what_others_put_on_it(lab, group):
    made = image("i")
    lab.save("ann", group, made)
    lab.save("ben", group, link(ImageAnnotationLinkI, made, tag("ben's")))
    lab.join("cleo", group, False)
    with lab.transaction("root", group) as tx:
        tx.chown({"Image": [made.id.val]}, [], lab.user("cleo"))
    assert owners(lab, "TagAnnotation") == owners(lab, "ImageAnnotationLink") == ["ben"]


def test_chown_is_for_administrators_and_group_owners(lab, group):
    """Chown2I: administrators with Chown may give to anybody, group owners to members."""
    made = image("i")
    lab.save("ann", group, made)
    lab.join("head", group, True)
    cleo, targets = lab.user("cleo"), {"Image": [made.id.val]}
    with pytest.raises(GraphFailure, match="not permitted"), lab.transaction("ann", group) as tx:
        tx.chown(targets, [], cleo)
    with pytest.raises(GraphFailure, match="not a member"), lab.transaction("head", group) as tx:
        tx.chown(targets, [], cleo)
    with lab.transaction("root", group) as tx:
        tx.chown(targets, [], cleo)
    assert owners(lab, "Image") == ["cleo"]
    with lab.transaction("head", group) as tx:
        tx.chown(targets, [], lab.user("ben"))
    assert owners(lab, "Image") == ["ben"]


def test_chown_does_not_give_the_same_link_twice(lab):
    """Chown2I.assertMayProcess: one link a user between the same two objects."""
    group = lab.group("rwrw--", ann=False, ben=False)
    made, dataset = image("i"), named(DatasetI, "d")
    (theirs,) = lab.save("ann", group, link(DatasetImageLinkI, dataset, made))
    lab.save("ben", group, link(DatasetImageLinkI, dataset, made))
    targets = {"DatasetImageLink": [theirs.id.val]}
    with (
        pytest.raises(GraphFailure, match="owning multiple identical links"),
        lab.transaction("root", group) as tx,
    ):
        tx.chown(targets, [], lab.user("ben"))


def test_links_are_classes_of_their_own(lab, group):
    project, dataset = named(ProjectI, "p"), named(DatasetI, "d")
    lab.save("ann", group, link(ProjectDatasetLinkI, project, dataset))
    (joined,) = lab.objects("select l from ProjectDatasetLink l")
    assert delete(lab, group, joined) == {"ProjectDatasetLink": 1}
    lab.save("ann", group, link(DatasetImageLinkI, reference(dataset), image("i")))
    assert lab.count("Dataset") == 1
