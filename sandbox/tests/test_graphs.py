# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests about the graph: FindParents, FindChildren, SkipHead, DiskUsage2.

Source of what is expected: the documentation of those classes in omero-blitz, ``Graphs.ice`` and
``FS.ice``, their implementations in ``omero/cmd/graphs``, and the help of `omero fs usage`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import omero
import omero.all
import omero.callbacks
import pytest
from omero.model import (
    DatasetI,
    ImageI,
    PointI,
    ProjectDatasetLinkI,
    ProjectI,
    RoiI,
    TagAnnotationI,
)
from omero.rtypes import rstring

from tests.conftest import PASSWORD, Command, Lab
from tests.importing_client import finish, import_files

PROJECT, DATASET, IMAGE = (f"ome.model.{n}" for n in
                           ("containers.Project", "containers.Dataset", "core.Image"))  # fmt: skip


class Tree:
    """A project with a dataset with two images, one of them with a ROI and a tag."""

    def __init__(self, client: Any) -> None:
        self.client = client
        project, dataset = ProjectI(), DatasetI()
        project.name, dataset.name = rstring("p"), rstring("d")
        link = ProjectDatasetLinkI()
        link.parent, link.child = project, dataset
        images = [ImageI(), ImageI()]
        for number, image in enumerate(images):
            image.name = rstring(f"i{number}")
            dataset.linkImage(image)
        roi = RoiI()
        roi.addShape(PointI())
        images[0].addRoi(roi)
        tag = TagAnnotationI()
        tag.textValue = rstring("t")
        images[0].linkAnnotation(tag)
        saved = client.sf.getUpdateService().saveAndReturnArray([link, *images, roi, tag])
        link, *images, roi, tag = saved
        self.project, self.dataset = link.parent.id.val, link.child.id.val
        self.images = [image.id.val for image in images]
        self.roi, self.tag = roi.id.val, tag.id.val

    def submit(self, request: Any) -> Any:
        return finish(self.client, self.client.sf.submit(request))


@pytest.fixture
def tree(lab: Callable[..., Lab]) -> Tree:
    return Tree(lab().member())


def parents(tree: Tree, *types: str, stop: tuple[str, ...] = (), **targets: list[int]) -> Any:
    return tree.submit(omero.cmd.FindParents(targets, list(types), list(stop)))


def children(tree: Tree, *types: str, stop: tuple[str, ...] = (), **targets: list[int]) -> Any:
    return tree.submit(omero.cmd.FindChildren(targets, list(types), list(stop)))


def test_parents_direct_and_indirect(tree: Tree) -> None:
    found = parents(tree, "Project", "Dataset", Image=tree.images)
    assert found.parents == {PROJECT: [tree.project], DATASET: [tree.dataset]}
    assert parents(tree, "Image", TagAnnotation=[tree.tag]).parents == {IMAGE: [tree.images[0]]}
    assert parents(tree, "Project", Roi=[tree.roi]).parents == {PROJECT: [tree.project]}


def test_children_direct_and_indirect(tree: Tree) -> None:
    images = children(tree, "Image", Project=[tree.project]).children
    assert {name: sorted(some) for name, some in images.items()} == {IMAGE: sorted(tree.images)}
    found = children(tree, "Roi", "Annotation", Dataset=[tree.dataset]).children
    assert found == {
        "ome.model.roi.Roi": [tree.roi],
        "ome.model.annotations.TagAnnotation": [tree.tag],
    }


def test_stops_before(tree: Tree) -> None:
    assert children(tree, "Image", stop=("Dataset",), Project=[tree.project]).children == {}


def test_no_types_is_a_bad_option(tree: Tree) -> None:
    response = parents(tree, Image=tree.images)
    assert isinstance(response, omero.cmd.ERR)
    assert response.name == "bad-options"


def test_what_is_not_there_for_the_user_cannot_be_read(lab: Callable[..., Lab]) -> None:
    """Source: ome.services.graphs.GraphTraversal (omero-server), objectsToCIs and getDetails."""
    private = lab("rw----")
    tree, other = Tree(private.member()), Tree(private.member())
    response = children(other, "Image", Project=[tree.project])
    assert response.message == f"cannot read {PROJECT}[{tree.project}]"
    assert children(tree, "Image", Project=[tree.project]).children == {IMAGE: tree.images}
    response = parents(other, "Image", TagAnnotation=[tree.tag])
    tags = "ome.model.annotations.TagAnnotation"
    assert response.message == f"cannot read all the specified objects of class {tags}"


def test_skip_head_starts_further_in(tree: Tree) -> None:
    delete = omero.cmd.Delete2()
    request = omero.cmd.SkipHead({"Image": [tree.images[0]]}, [], True, ["Roi"], delete)
    dry = tree.submit(request)
    assert dry.deletedObjects["ome.model.roi.Roi"] == [tree.roi]
    assert IMAGE not in dry.deletedObjects
    request.dryRun = False
    tree.submit(request)
    query = tree.client.sf.getQueryService()
    assert query.find("Roi", tree.roi) is None
    assert query.find("Image", tree.images[0]) is not None


def test_skip_head_wraps_only_what_changes_the_graph(tree: Tree) -> None:
    request = omero.cmd.SkipHead({"Image": tree.images}, [], True, ["Roi"], omero.cmd.Chmod2())
    assert isinstance(tree.submit(request), omero.cmd.ERR)


def test_disk_usage_of_an_image(lab: Callable[..., Lab]) -> None:
    client = lab().member()
    image = import_files(client, {"a&sizeX=8&sizeY=8.fake": b"x" * 100}).objects[0]
    tree = Tree(client)
    usage = tree.submit(omero.cmd.DiskUsage2({"Image": [image.id.val]}, []))
    (who,) = usage.totalBytesUsed
    context = client.sf.getAdminService().getEventContext()
    assert (who.first, who.second) == (context.userId, context.groupId)
    # "the files uploaded to a fileset, import log (Job) ...": help of `omero fs usage`
    assert usage.bytesUsedByReferer[who]["FilesetEntry"] == 100
    assert usage.bytesUsedByReferer[who]["Job"] > 0
    by_referer = usage.bytesUsedByReferer[who]
    assert usage.totalBytesUsed[who] == sum(by_referer.values())
    whole = tree.submit(omero.cmd.DiskUsage2({"Experimenter": [context.userId]}, []))
    assert whole.totalBytesUsed == usage.totalBytesUsed
    classes = tree.submit(omero.cmd.DiskUsage2({}, ["Image"]))
    assert classes.totalBytesUsed == usage.totalBytesUsed


def test_on_the_command_line(
    lab: Callable[..., Lab], server: Any, omero_command: Command, connect: Callable[..., Any]
) -> None:
    group = lab()
    name = group.user()
    tree = Tree(connect(name, PASSWORD))
    import_files(tree.client, {"a&sizeX=8&sizeY=8.fake": b"x" * 100})
    omero_command.log_in(server, name, PASSWORD)
    assert "FilesetEntry" in omero_command("fs", "usage", "--report")
    report = omero_command("delete", f"Project/Dataset/Image/Roi:{tree.project}", "--report")
    assert f"Roi:{tree.roi}" in report
    assert tree.client.sf.getQueryService().find("Image", tree.images[0]) is not None
