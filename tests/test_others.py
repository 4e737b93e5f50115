# SPDX-License-Identifier: GPL-2.0-or-later
"""What cannot be seen is not gone: transfers and the people who did not begin them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.callbacks import CmdCallbackI
from omero.rtypes import rstring

from graphxfer.bundle import Bundle
from graphxfer.catalogue import TAG_SET
from graphxfer.errors import GraphxferError
from graphxfer.graph import Node
from graphxfer.omero.write import link
from graphxfer.undo import Undone, undo
from tests.apply.test_apply import applied, container, differences, journal_of, tag
from tests.omero.test_rights import attachment, planned
from tests.people import People
from tests.places import Place
from tests.transfers import small, write

DATA = ("Project", "Dataset", "TagAnnotation", "ProjectDatasetLink", "DatasetAnnotationLink")


@pytest.fixture(scope="module")
def people(destination: Place) -> Iterator[People]:
    found = People.at(destination)
    yield found
    found.close()


def undone(bundle: Bundle, place: Place, **options: Any) -> Undone:
    with place.connect(own_session=True) as server:
        return undo(bundle, server, **options)


@dataclass
class Moved:
    """What ana moved into a group: a project, a tagged dataset in it, and another tag."""

    people: People
    folder: Path
    permissions: str
    group: str = ""
    ana: str = ""
    bundle: Bundle = field(init=False)

    def __post_init__(self) -> None:
        self.group = self.people.group(self.permissions)
        self.ana = self.people.user("ana", self.group)
        nodes = [
            Node("Project/1", "Project", {"name": "p"}, {"datasets": ("Dataset/1",)}),
            Node("Dataset/1", "Dataset", {"name": "d"}, {"annotations": ("TagAnnotation/1",)}),
            Node("TagAnnotation/1", "TagAnnotation", {"textValue": "t"}),
            Node("TagAnnotation/2", "TagAnnotation", {"textValue": "unused"}),
        ]
        self.bundle = write(self.folder / "b", nodes, {})
        applied(self.bundle, self.place)

    @property
    def place(self) -> Place:
        return self.people.place(self.ana, self.group)

    @property
    def database(self) -> Path:
        """The server's own, for what a client cannot do."""
        return self.people.sandbox.directory / "omero.sqlite"

    @property
    def journal(self) -> Path:
        with self.place.connect() as server:
            return self.bundle.journal(server.database_uuid)

    def recorded(self) -> list[str]:
        """Return what the journal has."""
        with closing(sqlite3.connect(self.journal)) as db:
            return list(db.iterdump())

    def id(self, node: str) -> int:
        with journal_of(self.bundle, self.place) as journal:
            return journal[node].id

    def left(self) -> dict[str, int]:
        """Return how much ana has, as root sees it."""
        query = self.people.client("root", "").sf.getQueryService()
        hql = "select count(x.id) from {} x where x.details.owner.omeName = '{}'"
        everywhere = {"omero.group": "-1"}
        return {
            name: query.projection(hql.format(name, self.ana), None, everywhere)[0][0].val
            for name in DATA
        }

    def submit(self, user: str, request: Any) -> None:
        client = self.people.client(user, self.group)
        callback = CmdCallbackI(client, client.sf.submit(request))
        try:
            response = callback.loop(20, 500)
            assert not isinstance(response, omero.cmd.ERR), response
        finally:
            callback.close(True)

    def other(self, role: str) -> Place:
        """Return the server as somebody else sees it."""
        home = self.people.group("rw----")
        if role == "outsider":
            return self.people.place(self.people.user("eve", home), home)
        name = {
            "member": lambda: self.people.user("max", home, self.group),
            "owner": lambda: self.people.user("olga", home, owns=[self.group]),
            "root": lambda: "root",
            "reader": lambda: self.people.administrator("rita"),
        }[role]()
        return self.people.place(name, self.group)


ALL = {
    "Project": 1, "Dataset": 1, "TagAnnotation": 2, "ProjectDatasetLink": 1,
    "DatasetAnnotationLink": 1,
}  # fmt: skip
NOTHING = dict.fromkeys(ALL, 0)


@pytest.fixture
def moved(people: People, tmp_path: Path) -> Callable[[str], Moved]:
    return lambda permissions: Moved(people, tmp_path, permissions)


# -- verify ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "role", "hidden"),
    [
        ("rw----", "member", "the group {} is private"),
        ("rw----", "outsider", "{user} is not a member of the group {}"),
        ("rw----", "owner", ""),
        ("rw----", "root", ""),
        ("rw----", "reader", ""),
        ("rwr---", "member", ""),
        ("rwra--", "outsider", "{user} is not a member of the group {}"),
        ("rwrar-", "outsider", ""),
    ],
)
def test_another_verifies_what_there_is_to_see(
    moved: Callable[[str], Moved], permissions: str, role: str, hidden: str
) -> None:
    ours = moved(permissions)
    theirs = ours.other(role)
    if not hidden:
        assert differences(ours.bundle, theirs) == []
    else:
        with pytest.raises(GraphxferError) as caught:
            differences(ours.bundle, theirs)
        reason = hidden.format(ours.group, user=theirs.profile.user)
        assert f"not readable for {theirs.profile.user} ({reason})" in str(caught.value)
        assert f"Dataset:{ours.id('Dataset/1')}" in str(caught.value)
        assert f"run it as {ours.ana}" in str(caught.value)
        assert caught.value.exit_code == 1
    assert differences(ours.bundle, ours.place) == []


@pytest.mark.parametrize("role", ["member", "outsider"])
def test_what_was_deleted_is_missing_for_all_and_what_is_hidden_for_none(
    moved: Callable[[str], Moved], role: str
) -> None:
    ours = moved("rw----")
    theirs, gone = ours.other(role), ours.id("Dataset/1")
    ours.submit(ours.ana, omero.cmd.Delete2(targetObjects={"Dataset": [gone]}))
    with pytest.raises(GraphxferError) as caught:
        differences(ours.bundle, theirs)
    assert f"Project:{ours.id('Project/1')}" in str(caught.value)
    assert f"Dataset:{gone}" not in str(caught.value)
    assert "Dataset/1 (counterpart" in "\n".join(differences(ours.bundle, ours.place))
    for kind, node in (("Project", "Project/1"), ("TagAnnotation", "TagAnnotation/2")):
        ours.submit(ours.ana, omero.cmd.Delete2(targetObjects={kind: [ours.id(node)]}))
    left = ours.id("TagAnnotation/1")
    query = ours.people.client("root", "").sf.getQueryService()
    if query.projection(f"select t.id from TagAnnotation t where t.id = {left}", None):
        ours.submit(ours.ana, omero.cmd.Delete2(targetObjects={"TagAnnotation": [left]}))
    lines = differences(ours.bundle, theirs)
    assert len(lines) == 4
    assert all(line.endswith("missing") for line in lines)


def test_what_was_moved_to_another_group_is_not_missing(moved: Callable[[str], Moved]) -> None:
    ours = moved("rwra--")
    theirs = ours.other("member")
    elsewhere = ours.people.group("rwra--")
    number = ours.people.admin.lookupGroup(elsewhere).id.val
    tag = ours.id("TagAnnotation/2")
    request = omero.cmd.Chgrp2(targetObjects={"TagAnnotation": [tag]}, groupId=number)
    ours.submit("root", request)
    with pytest.raises(GraphxferError) as caught:
        differences(ours.bundle, theirs)
    told = f"they are no longer in the group {ours.group}): TagAnnotation:{tag}\n"
    assert told in str(caught.value)
    for place in (ours.place, ours.other("root")):
        assert differences(ours.bundle, place) == []


def test_a_link_that_was_given_to_another_is_not_lost(moved: Callable[[str], Moved]) -> None:
    ours = moved("rw----")
    with journal_of(ours.bundle, ours.place) as journal:
        number = {key.type: id_ for key, id_ in journal.links()}["ProjectDatasetLink"]
    given_away(ours, "ProjectDatasetLink", number)
    with pytest.raises(GraphxferError, match=f"not readable for .*: ProjectDatasetLink:{number}\n"):
        differences(ours.bundle, ours.place)


def given_away(ours: Moved, type_: str, number: int) -> None:
    """Give an object to another member of the group."""
    name = ours.other("member").profile.user
    user = ours.people.admin.lookupExperimenter(name).id.val
    ours.submit("root", omero.cmd.Chown2(targetObjects={type_: [number]}, userId=user))


@pytest.mark.parametrize(("permissions", "hidden"), [("rwr---", False), ("rw----", True)])
def test_where_the_log_was_emptied_the_rights_decide(
    moved: Callable[[str], Moved], permissions: str, hidden: bool
) -> None:
    """In a group whose members see all, what is not seen is gone; else it may be there."""
    ours = moved(permissions)
    theirs, tag = ours.other("member"), ours.id("TagAnnotation/2")
    ours.submit(ours.ana, omero.cmd.Delete2(targetObjects={"TagAnnotation": [tag]}))
    with closing(sqlite3.connect(ours.database, timeout=30, isolation_level=None)) as db:
        row = "entityId = ? and entityType like '%TagAnnotation'"
        assert db.execute(f"delete from eventlog where {row}", (tag,)).rowcount == 2
    if hidden:
        with pytest.raises(GraphxferError, match=f"not readable for .*TagAnnotation:{tag}"):
            differences(ours.bundle, theirs)
    else:
        (line,) = differences(ours.bundle, theirs)
        assert line.endswith("missing")


# -- apply, plan and undo -------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["member", "owner", "root"])
@pytest.mark.parametrize("permissions", ["rw----", "rwrw--"])
def test_another_neither_continues_nor_reverts(
    moved: Callable[[str], Moved], permissions: str, role: str
) -> None:
    ours = moved(permissions)
    theirs, before = ours.other(role), ours.recorded()
    commands: list[Callable[[], Any]] = [
        lambda: planned(ours.bundle, theirs),
        lambda: applied(ours.bundle, theirs),
        lambda: undone(ours.bundle, theirs),
        lambda: undone(ours.bundle, theirs, dry_run=True),
        lambda: undone(ours.bundle, theirs, keep=True),
    ]
    for command in commands:
        with pytest.raises(GraphxferError) as caught:
            command()
        assert f"begun by {ours.ana} (group {ours.group})" in str(caught.value)
        assert caught.value.exit_code == 1
    assert ours.left() == ALL
    assert ours.recorded() == before
    assert differences(ours.bundle, ours.place) == []
    undone(ours.bundle, ours.place)
    assert ours.left() == NOTHING


@pytest.mark.parametrize("keep", [False, True])
def test_undo_forgets_nothing_that_it_cannot_see(moved: Callable[[str], Moved], keep: bool) -> None:
    """A journal of an earlier version does not have who began."""
    ours = moved("rw----")
    theirs = ours.other("member")
    with closing(sqlite3.connect(ours.journal, isolation_level=None)) as db:
        db.execute("delete from meta where name like '%user%'")
    before = ours.recorded()
    if keep:
        done = undone(ours.bundle, theirs, keep=True)
        assert (done.removed, len(done.kept)) == ({}, sum(ALL.values()))
    else:
        with pytest.raises(GraphxferError, match=r"not readable for .* is private"):
            undone(ours.bundle, theirs)
        assert ours.recorded() == before
    assert ours.left() == ALL
    undone(ours.bundle, ours.place)
    assert ours.left() == NOTHING


def test_what_was_given_to_another_is_kept(moved: Callable[[str], Moved]) -> None:
    ours = moved("rw----")
    tag = ours.id("TagAnnotation/2")
    given_away(ours, "TagAnnotation", tag)
    for command in (differences, undone):
        with pytest.raises(GraphxferError, match=f"not readable for .*: TagAnnotation:{tag}\n"):
            command(ours.bundle, ours.place)
    assert ours.left() == ALL | {"TagAnnotation": 1}
    (kept,) = undone(ours.bundle, ours.place, keep=True).kept
    assert kept.startswith(f"TagAnnotation:{tag} (not readable for")
    assert ours.left() == NOTHING


def test_what_is_kept_keeps_what_it_needs(people: People, tmp_path: Path) -> None:
    """An attachment that was given to another would go with its file."""
    ours = Moved(people, tmp_path, "rw----")
    ours.bundle = attachment(tmp_path)
    applied(ours.bundle, ours.place)
    note, file = ours.id("FileAnnotation/4"), ours.id("OriginalFile/2")
    other = people.admin.lookupExperimenter(ours.other("member").profile.user).id.val
    with closing(sqlite3.connect(ours.database, timeout=30, isolation_level=None)) as db:
        # Chown2 takes the file along. A real server lets administrators set the owner alone.
        db.execute("update annotation set _owner = ? where id = ?", (other, note))
    done = undone(ours.bundle, ours.place, keep=True)
    assert [one.partition(" ")[0] for one in done.kept] == [
        f"FileAnnotation:{note}",
        f"OriginalFile:{file}",
    ]


# -- undo of what others use ----------------------------------------------------------------------


def _tagged(ours: Moved, user: str) -> Any:
    """Put our tag on a dataset of somebody's."""
    (dataset,) = ours.people.save(user, ours.group, container("Dataset", "theirs"))
    tagged = ("TagAnnotation", ours.id("TagAnnotation/1"))
    return link("DatasetAnnotationLink", ("Dataset", dataset), tagged)


def _in_a_set(ours: Moved, user: str) -> Any:
    """Put our tag into a tag set of somebody's."""
    (tags,) = ours.people.save(user, ours.group, tag("set", TAG_SET))
    tagged = ("TagAnnotation", ours.id("TagAnnotation/1"))
    return link("AnnotationAnnotationLink", ("TagAnnotation", tags), tagged)


def _on_ours(ours: Moved, user: str) -> Any:
    """Put somebody's tag on our dataset."""
    (theirs,) = ours.people.save(user, ours.group, tag("theirs"))
    dataset = ("Dataset", ours.id("Dataset/1"))
    return link("DatasetAnnotationLink", dataset, ("TagAnnotation", theirs))


def _contained(ours: Moved, user: str) -> Any:
    """Put our dataset into a project of somebody's."""
    (project,) = ours.people.save(user, ours.group, container("Project", "theirs"))
    dataset = ("Dataset", ours.id("Dataset/1"))
    return link("ProjectDatasetLink", ("Project", project), dataset)


@pytest.mark.parametrize(
    ("permissions", "role", "use", "kept"),
    [
        ("rwra--", "member", _tagged, "TagAnnotation/1"),
        ("rwr---", "owner", _tagged, "TagAnnotation/1"),
        ("rwra--", "member", _in_a_set, "TagAnnotation/1"),
        ("rwra--", "member", _on_ours, "Dataset/1"),
        ("rwrw--", "member", _contained, "Dataset/1"),
        ("rwr---", "root", _contained, "Dataset/1"),
    ],
)
def test_what_another_uses_is_named_and_kept(
    moved: Callable[[str], Moved],
    permissions: str,
    role: str,
    use: Callable[[Moved, str], Any],
    kept: str,
) -> None:
    ours = moved(permissions)
    user = "root" if role == "root" else ours.other(role).profile.user
    using = use(ours, user)
    number = ours.people.save(user, ours.group, using)
    name = kept.replace("/1", f":{ours.id(kept)}")
    ends = {
        f"{type(end).__name__.removesuffix('I')}:{end.id.val}"
        for end in (using.parent, using.child)
    }
    (blocker,) = ends - {name}
    with ours.place.connect(own_session=True) as server:
        for dry_run in (True, False):
            with pytest.raises(GraphxferError) as caught:
                undo(ours.bundle, server, dry_run=dry_run)
            assert f"{name} (" in str(caught.value)
            assert f"{blocker} of {user}" in str(caught.value)
            assert caught.value.exit_code == 1
        would = undo(ours.bundle, server, keep=True, dry_run=True)
        assert ours.left() == ALL
        done = undo(ours.bundle, server, keep=True)
        assert done == would
        assert [one.partition(" ")[0] for one in done.kept] == [name]
        assert ours.left() == NOTHING | {kept.partition("/")[0]: 1}
        using = {type(using).__name__.removesuffix("I"): number}
        ours.submit("root", omero.cmd.Delete2(targetObjects=using))
        undo(ours.bundle, server)
    assert ours.left() == NOTHING


def _in_dataset(ours: Moved, user: str, image: int) -> list[Any]:
    (dataset,) = ours.people.save(user, ours.group, container("Dataset", "theirs"))
    return [link("DatasetImageLink", ("Dataset", dataset), ("Image", image))]


def _in_folder(ours: Moved, user: str, image: int) -> list[Any]:
    folder = omero.model.FolderI()
    folder.name = rstring("theirs")
    (number,) = ours.people.save(user, ours.group, folder)
    return [link("FolderImageLink", ("Folder", number), ("Image", image))]


def _roi(ours: Moved, user: str, image: int) -> list[Any]:
    roi = omero.model.RoiI()
    roi.image = omero.model.ImageI(image, False)
    return [roi]


def _comment(ours: Moved, user: str, image: int) -> list[Any]:
    (number,) = ours.people.save(user, ours.group, omero.model.CommentAnnotationI())
    return [link("ImageAnnotationLink", ("Image", image), ("CommentAnnotation", number))]


@pytest.fixture(scope="module")
def imported(people: People, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """What ana moved, with an image; nothing of it is removed."""
    ours = Moved(people, tmp_path_factory.mktemp("imported"), "rwrw--")
    ours.bundle = small(tmp_path_factory.mktemp("image") / "b", "-used")
    applied(ours.bundle, ours.place)
    return ours


@pytest.mark.parametrize("use", [_in_dataset, _in_folder, _roi, _comment])
def test_what_another_adds_to_an_image_is_named_with_its_owner(
    imported: Moved, use: Callable[[Moved, str, int], list[Any]]
) -> None:
    user = imported.other("member").profile.user
    (using,) = use(imported, user, imported.id("Image/1"))
    (number,) = imported.people.save(user, imported.group, using)
    added = f"{type(using).__name__.removesuffix('I')}:{number} of {user}"
    for keep in (False, True):
        with imported.place.connect(own_session=True) as server:
            if keep:
                (told,) = undo(imported.bundle, server, keep=True, dry_run=True).kept
            else:
                with pytest.raises(GraphxferError) as caught:
                    undo(imported.bundle, server)
                told = str(caught.value)
        assert f"Fileset:{imported.id('Fileset/1')} (" in told
        assert added in told
    imported.submit("root", omero.cmd.Delete2(targetObjects={added.partition(":")[0]: [number]}))


def test_a_refusal_is_halved_down_to_the_object(people: People, tmp_path: Path) -> None:
    group = people.group("rwra--")
    ana, other = people.user("ana", group), people.user("max", group)
    tags = [Node(f"TagAnnotation/{n}", "TagAnnotation", {"textValue": f"{n}"}) for n in range(40)]
    bundle = write(tmp_path / "b", tags, {})
    applied(bundle, people.place(ana, group))
    with journal_of(bundle, people.place(ana, group)) as journal:
        used = [journal[tags[n].iri].id for n in (3, 31)]
    for number in used:
        (dataset,) = people.save(other, group, container("Dataset", "theirs"))
        parent, child = ("Dataset", dataset), ("TagAnnotation", number)
        people.save(other, group, link("DatasetAnnotationLink", parent, child))
    with pytest.raises(GraphxferError) as caught:
        undone(bundle, people.place(ana, group))
    assert re.findall(r"(\d+) \(may not delete", str(caught.value)) == [str(n) for n in used]
    done = undone(bundle, people.place(ana, group), keep=True)
    assert done.removed == {"TagAnnotation": 38}
    assert [one.partition(" ")[0] for one in done.kept] == [f"TagAnnotation:{n}" for n in used]
