# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.cmd.Duplicate, and the `omero duplicate` of omero-cli-duplicate.

Sources: the plugin's own help; omero-blitz ``omero/cmd/graphs/DuplicateI`` and
``ome/services/graph-rules/blitz-duplicate-rules.xml``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import omero
import omero.all
import pytest
from omero.cmd import Delete2, Duplicate, DuplicateResponse
from omero.model import (
    CommentAnnotationI,
    DatasetI,
    DatasetImageLinkI,
    ImageAnnotationLinkI,
    ImageI,
    MapAnnotationI,
    NamedValue,
    PointI,
    RoiI,
    TagAnnotationI,
)
from omero.rtypes import rdouble, rlist, rlong, rstring, unwrap

from omero_sandbox import manage
from tests.conftest import PASSWORD, Command, Lab
from tests.importing_client import finish, import_files

FAKE = "cells&series=2&sizeX=8&sizeY=8&sizeC=2.fake"
CONTENT = b"cells" * 5


class Original:
    """A dataset with both images of a fileset; on the first a ROI, a tag, a comment, key-values."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.images = [obj.id.val for obj in import_files(client, {f"a/{FAKE}": CONTENT}).objects]
        dataset, tag, comment, pairs = (
            DatasetI(), TagAnnotationI(), CommentAnnotationI(), MapAnnotationI(),
        )  # fmt: skip
        dataset.name, tag.textValue, comment.textValue = rstring("d"), rstring("t"), rstring("c")
        pairs.mapValue = [NamedValue("k", "2"), NamedValue("k", "1")]
        links = [_link(DatasetImageLinkI, dataset, ImageI(i, False)) for i in self.images]
        first = ImageI(self.images[0], False)
        links += [_link(ImageAnnotationLinkI, first, note) for note in (tag, comment, pairs)]
        roi = RoiI()
        roi.image = first
        for x in (3.0, 1.0, 2.0):
            point = PointI()
            point.x = rdouble(x)
            roi.addShape(point)
        saved = client.sf.getUpdateService().saveAndReturnArray([*links, roi])
        self.dataset = saved[0].parent.id.val
        self.tag = saved[2].child.id.val

    def rows(self, hql: str, **params: Any) -> list[Any]:
        parameters = omero.sys.ParametersI()
        for name, value in params.items():
            wrapped = rlist(map(rlong, value)) if isinstance(value, list) else rlong(value)
            parameters.add(name, wrapped)
        query = self.client.sf.getQueryService()
        return [unwrap(row) for row in query.projection(hql, parameters)]

    def submit(self, **request: Any) -> Any:
        return finish(self.client, self.client.sf.submit(Duplicate(**request)))

    def duplicate(self, **options: Any) -> dict[str, list[int]]:
        """Duplicate the dataset; return short class name -> ids."""
        response = self.submit(targetObjects={"Dataset": [self.dataset]}, **options)
        assert isinstance(response, DuplicateResponse), response
        return {name.rpartition(".")[2]: ids for name, ids in response.duplicates.items()}


def _link(cls: Any, parent: Any, child: Any) -> Any:
    made = cls()
    made.parent, made.child = parent, child
    return made


@pytest.fixture
def group(lab: Callable[..., Lab]) -> Lab:
    return lab("rwra--")


@pytest.fixture
def original(group: Lab) -> Original:
    return Original(group.member())


def test_the_whole_subtree_is_duplicated(original: Original) -> None:
    made = original.duplicate()
    counts = {
        name: len(made[name])
        for name in ("Dataset", "Image", "DatasetImageLink", "Pixels", "Channel", "Fileset",
                     "OriginalFile", "Roi", "Point", "TagAnnotation", "CommentAnnotation",
                     "MapAnnotation", "ImageAnnotationLink")
    }  # fmt: skip
    assert counts == {
        "Dataset": 1, "Image": 2, "DatasetImageLink": 2, "Pixels": 2, "Channel": 4, "Fileset": 1,
        "OriginalFile": 2, "Roi": 1, "Point": 3, "TagAnnotation": 1, "CommentAnnotation": 1,
        "MapAnnotation": 1, "ImageAnnotationLink": 3,
    }  # fmt: skip
    (dataset,) = made["Dataset"]
    inside = original.rows(
        "select l.child.name, l.child.series, l.child.fileset.id"
        " from DatasetImageLink l where l.parent.id = :id order by l.child.series",
        id=dataset,
    )
    names = original.rows("select i.name from Image i where i.id in (:ids) order by i.series",
                          ids=original.images)  # fmt: skip
    assert inside == [[name, n, made["Fileset"][0]] for n, (name,) in enumerate(names)]


def test_values_and_their_order_are_kept(original: Original) -> None:
    made = original.duplicate()
    points = original.rows(
        "select s.x from Roi r join r.shapes s where r.id = :id order by index(s)",
        id=made["Roi"][0],
    )
    assert points == [[3.0], [1.0], [2.0]]
    query = original.client.sf.getQueryService()
    pairs = query.get("MapAnnotation", made["MapAnnotation"][0]).mapValue
    assert [(pair.name, pair.value) for pair in pairs] == [("k", "2"), ("k", "1")]
    channels = original.rows(
        "select index(c) from Pixels p join p.channels c where p.id = :id order by index(c)",
        id=made["Pixels"][0],
    )
    assert channels == [[0], [1]]


def test_files_are_duplicated_with_their_fileset(
    original: Original, server: manage.Sandbox
) -> None:
    """DuplicateI.duplicateFileset: a template path of its own; the import's log beside it."""
    made = original.duplicate()
    (prefix,) = original.rows(
        "select f.templatePrefix from Fileset f where f.id = :id", id=made["Fileset"][0]
    )
    files = original.rows(
        "select o.path, o.name, o.repo, o.size, o.hash from OriginalFile o"
        " where o.id in (:ids) order by o.path desc",
        ids=made["OriginalFile"],
    )
    (folder, name, repo, size, _), (above, log, *_) = files
    assert (folder, name, size) == (f"{prefix[0]}a/", FAKE, len(CONTENT))
    assert f"{above}{log}" == f"{prefix[0].rstrip('/')}.log"
    assert repo == original.client.getManagedRepository().root().hash.val
    copy = server.repository / folder / name
    assert copy.read_bytes() == CONTENT
    store = original.client.sf.createRawPixelsStore()
    store.setPixelsId(made["Pixels"][1], False)
    assert len(store.getPlane(0, 1, 0)) == 64
    store.close()
    # what is done to the copy is nothing to the original
    delete = Delete2(targetObjects={"Dataset": made["Dataset"]})
    finish(original.client, original.client.sf.submit(delete))
    assert not copy.exists()
    left = original.rows("select i.fileset.templatePrefix from Image i where i.id in (:ids)",
                         ids=original.images)  # fmt: skip
    assert (server.repository / left[0][0] / "a" / FAKE).read_bytes() == CONTENT


def test_a_dry_run_tells_the_originals(original: Original) -> None:
    before = original.rows("select count(*) from Image i")
    made = original.duplicate(dryRun=True)
    assert (made["Dataset"], made["Image"]) == ([original.dataset], original.images)
    assert original.rows("select count(*) from Image i") == before


def test_images_may_be_referenced(original: Original) -> None:
    """The plugin's help: duplicate ... with the original images linked."""
    made = original.duplicate(typesToReference=["Image"])
    assert made.keys() == {"Dataset", "DatasetImageLink"}
    linked = original.rows(
        "select l.child.id from DatasetImageLink l where l.parent.id = :id order by l.child.id",
        id=made["Dataset"][0],
    )
    assert [id_ for (id_,) in linked] == original.images


def test_links_may_be_ignored(original: Original) -> None:
    assert original.duplicate(typesToIgnore=["DatasetImageLink"]).keys() == {"Dataset"}
    made = original.duplicate(typesToIgnore=["IAnnotationLink", "Roi"])
    assert not {"ImageAnnotationLink", "TagAnnotation", "Roi", "Point"} & made.keys()


def test_the_most_specific_class_counts(original: Original) -> None:
    """The plugin's help: original annotations, but comments and ratings duplicated."""
    made = original.duplicate(
        typesToReference=["Annotation"], typesToDuplicate=["CommentAnnotation", "LongAnnotation"]
    )
    assert len(made["CommentAnnotation"]) == 1
    assert not {"TagAnnotation", "MapAnnotation"} & made.keys()
    tags = original.rows(
        "select a.id from Image i join i.annotationLinks l join l.child a"
        " where i.id in (:ids) and a.class = TagAnnotation",
        ids=made["Image"],
    )
    assert tags == [[original.tag]]


def test_a_fileset_is_duplicated_whole(original: Original) -> None:
    one, other = original.images
    refusal = original.submit(targetObjects={"Image": [one]})
    assert refusal.name == "graph-fail"
    assert refusal.message.endswith(f"may not duplicate Image[{one}] without Image[{other}] also")
    both = original.submit(targetObjects={"Image": [one, other]})
    assert len(both.duplicates["ome.model.fs.Fileset"]) == 1


def test_what_is_not_there_or_unknown(original: Original) -> None:
    refusal = original.submit(targetObjects={"Dataset": [-1]})
    assert refusal.message == "cannot read ome.model.containers.Dataset[-1]"
    refusal = original.submit(
        targetObjects={"Dataset": [original.dataset]}, typesToIgnore=["Nonsense"]
    )
    assert refusal.name == "bad-class"


def test_copies_belong_to_who_makes_them(original: Original, group: Lab) -> None:
    """DuplicateI: duplicates never preserve original ownership."""
    name = group.user()
    other = Original.__new__(Original)
    other.client, other.dataset = group.connect(name, PASSWORD), original.dataset
    made = other.duplicate()
    owners = other.rows("select distinct i.details.owner.omeName from Image i where i.id in (:ids)",
                        ids=made["Image"])  # fmt: skip
    assert owners == [[name]]


@pytest.mark.parametrize(("permissions", "allowed"), [("rwra--", False), ("rwrw--", True)])
def test_links_to_what_others_own(lab: Callable[..., Lab], permissions: str, allowed: bool) -> None:
    """The plugin's help: group permissions can prevent a link to another user's image."""
    group = lab(permissions)
    theirs = Original(group.member())
    mine = Original.__new__(Original)
    mine.client, mine.dataset = group.member(), theirs.dataset
    response = mine.submit(targetObjects={"Dataset": [theirs.dataset]}, typesToReference=["Image"])
    assert isinstance(response, DuplicateResponse) is allowed


def test_plates_keep_their_layout(group: Lab) -> None:
    client = group.member()
    name = "p&plates=1&plateRows=2&plateCols=2&fields=1&plateAcqs=1&sizeX=8&sizeY=8.fake"
    plate = import_files(client, {f"a/{name}": b"x"}).objects[0].id.val
    response = finish(client, client.sf.submit(Duplicate(targetObjects={"Plate": [plate]})))
    (copy,) = response.duplicates["ome.model.screen.Plate"]
    hql = (
        "select w.row, w.column, i.name, i.series, a.plate.id from Plate p join p.wells w"
        " join w.wellSamples s join s.image i join s.plateAcquisition a where p.id = :id"
        " order by w.row, w.column"
    )
    query = client.sf.getQueryService()
    before, after = (
        [unwrap(row) for row in query.projection(hql, omero.sys.ParametersI().addId(id_))]
        for id_ in (plate, copy)
    )
    assert len(before) == 4
    assert [row[:4] for row in after] == [row[:4] for row in before]
    assert {row[4] for row in after} == {copy}


def test_the_command(omero_command: Command, server: manage.Sandbox, group: Lab) -> None:
    """The examples of the plugin's help."""
    name = group.user()
    original = Original(group.connect(name, PASSWORD))
    omero_command.log_in(server, name, PASSWORD)
    dataset = f"Dataset:{original.dataset}"
    assert "omero.cmd.Duplicate" in omero_command("duplicate", dataset)
    report = omero_command("duplicate", dataset, "--report")
    assert "Duplicates" in report
    assert "  Dataset:" in report
    dry = omero_command("duplicate", dataset, "--dry-run", "--report")
    assert "Dry run performed" in dry
    assert f"  {dataset}\n" in dry
    said = omero_command("duplicate", dataset, "--ignore", "DatasetImageLink", "--report")
    assert "Image" not in said.partition("Duplicates")[2]
    listed = omero_command("duplicate", "--list").split()
    assert {"Project", "Pixels", "IAnnotationLink"} <= set(listed)
