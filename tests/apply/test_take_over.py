# SPDX-License-Identifier: GPL-2.0-or-later
"""One transfer, several journals: copies of a bundle, another person, a journal that is lost."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from omero.sys import ParametersI

from graphxfer.apply import apply
from graphxfer.apply.writer import Writer
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError
from graphxfer.journal import Journal
from graphxfer.omero.server import Server
from graphxfer.plan import ApplyOptions
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.apply.test_apply import CLASSES, Interruption, added, counted
from tests.people import People
from tests.places import Place
from tests.transfers import small

FENCE = {"CommentAnnotation", "AnnotationAnnotationLink"}
TAKE_OVER = ApplyOptions(take_over=True)


@pytest.fixture
def server(destination: Place) -> Iterator[Server]:
    with destination.connect(own_session=True) as connected:
        yield connected


@pytest.fixture(scope="module")
def whole(destination: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Counter[str], int]:
    """What one apply makes, and in how many calls."""
    bundle = small(tmp_path_factory.mktemp("whole") / "b", "-whole")
    with destination.connect(own_session=True) as server:
        before, calls = counted(server), server.calls
        apply(bundle, server)
        calls = server.calls - calls
        made = added(before, counted(server))
        undo(bundle, server)
    return Counter(made), calls


def interrupted(bundle: Bundle, server: Server, patch: pytest.MonkeyPatch, call: int) -> None:
    with contextlib.suppress(KeyboardInterrupt), Interruption(patch, call, after=True):
        apply(bundle, server)


def copy(bundle: Bundle, folder: Path) -> Bundle:
    shutil.copytree(bundle.folder, folder)
    return Bundle(folder)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.85])
def test_a_copy_continued_at_two_places(
    server: Server,
    whole: tuple[Counter[str], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
) -> None:
    made, calls = whole
    here = small(tmp_path / "here", f"-copied-{share}")
    before = counted(server)
    interrupted(here, server, monkeypatch, int(calls * share))
    there = copy(here, tmp_path / "there")
    with monkeypatch.context() as patch:
        claim = Writer.claim

        def claimed(self: Writer) -> None:
            claim(self)
            raise KeyboardInterrupt

        patch.setattr(Writer, "claim", claimed)
        with pytest.raises(KeyboardInterrupt):
            apply(here, server)
    done, who = counted(server), server.profile.user
    with pytest.raises(GraphxferError, match=rf"continued by {who} on \S+ since 20\d\d-"):
        apply(there, server)
    assert counted(server) == done
    apply(there, server, TAKE_OVER)
    assert added(before, counted(server)) == made
    assert [str(one) for one in verify(there, server)] == []
    with pytest.raises(GraphxferError, match="finished, undone or taken over"):
        apply(here, server)
    assert added(before, counted(server)) == made
    undo(there, server)
    assert added(before, counted(server)) == {}


def test_a_second_bundle_of_the_same_graph(
    server: Server, whole: tuple[Counter[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = whole
    before = counted(server)
    first = small(tmp_path / "first", "-second")
    second = copy(first, tmp_path / "second")
    interrupted(first, server, monkeypatch, calls // 2)
    begun = counted(server)
    with pytest.raises(GraphxferError, match=f"continued by {server.profile.user}"):
        apply(second, server)
    assert counted(server) == begun
    apply(first, server)
    assert added(before, counted(server)) == made
    undo(first, server)
    assert added(before, counted(server)) == {}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_journal_that_is_lost_is_rebuilt(
    server: Server,
    whole: tuple[Counter[str], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
) -> None:
    made, calls = whole
    bundle = small(tmp_path / "b", f"-lost-{share}")
    before = counted(server)
    interrupted(bundle, server, monkeypatch, int(calls * share))
    shutil.rmtree(bundle.journals)
    with pytest.raises(GraphxferError, match=f"continued by {server.profile.user}"):
        apply(bundle, server)
    apply(bundle, server, TAKE_OVER)
    assert added(before, counted(server)) == made
    assert [str(one) for one in verify(bundle, server)] == []
    undo(bundle, server)
    assert added(before, counted(server)) == {}


ALLOWED = {
    "rw----": set[str](),
    "rwr---": {"owner", "root"},
    "rwra--": {"owner", "root"},
    "rwrw--": {"member", "owner", "root"},
}
"""Who may link to objects of another user, by the permissions (tests/omero/test_rights.py)."""


@pytest.mark.parametrize("who", ["member", "owner", "root"])
@pytest.mark.parametrize("permissions", ALLOWED)
def test_another_user_takes_over(
    destination: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    permissions: str,
    who: str,
    whole: tuple[Counter[str], int],
) -> None:
    """Refused before anything is made, or completed; the first user's objects stay the first's."""
    made, calls = whole
    people = People.at(destination)
    group = people.group(permissions)
    first = people.place(people.user("first", group), group)
    if who == "member":
        second = people.place(people.user("ben", group), group)
    elif who == "owner":
        second = people.place(people.user("own", owns=[group]), group)
    else:
        second = people.place(who, group)
    begun = small(tmp_path / "begun", f"-{permissions}-{who}")
    with first.connect(own_session=True) as server:
        interrupted(begun, server, monkeypatch, int(calls * 0.8))
    begun_by_first = everything(people, group)
    taken = copy(begun, tmp_path / "taken")
    with second.connect(own_session=True) as server:
        with pytest.raises(GraphxferError, match="begun by first"):
            apply(taken, server)
        if who not in ALLOWED[permissions]:
            why = "in the private group" if permissions == "rw----" else "may not change objects"
            with pytest.raises(GraphxferError, match=f"begun by first.*{why}"):
                apply(taken, server, TAKE_OVER)
            assert everything(people, group) == begun_by_first
        else:
            apply(taken, server, TAKE_OVER)
            assert [str(one) for one in verify(taken, server)] == []
    with first.connect(own_session=True) as server:
        if who in ALLOWED[permissions]:
            done = everything(people, group)
            with pytest.raises(GraphxferError, match="finished, undone or taken over"):
                apply(begun, server)
            assert everything(people, group) == done
        else:
            apply(begun, server)
    there = everything(people, group)
    assert {name: sum(owners.values()) for name, owners in there.items() if owners} == made
    for kind, owners in begun_by_first.items():
        if kind not in FENCE:
            user = str(first.profile.user)
            assert there[kind][user] >= owners[user]


PRIVILEGES = ("WriteOwned", "WriteFile", "WriteManagedRepo", "DeleteOwned")


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("DeleteOwned", "restricted administrator without the privilege DeleteOwned"),
        ("WriteOwned", "may not change objects of others"),
        ("", ""),
    ],
)
def test_a_restricted_administrator_takes_over(
    destination: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: tuple[Counter[str], int],
    missing: str,
    why: str,
) -> None:
    """The fence of the first user has to be deleted: refused before anything is made, or done."""
    people = People.at(destination)
    group = people.group("rwr---")
    first = people.place(people.user("first", group), group)
    kim = people.administrator("kim", *(one for one in PRIVILEGES if one != missing))
    begun = small(tmp_path / "begun", f"-kim-{missing}")
    with first.connect(own_session=True) as server:
        interrupted(begun, server, monkeypatch, int(whole[1] * 0.8))
    before = everything(people, group)
    taken = copy(begun, tmp_path / "taken")
    with people.place(kim, group).connect(own_session=True) as server:
        if why:
            with pytest.raises(GraphxferError, match=f"begun by first.*{why}"):
                apply(taken, server, TAKE_OVER)
            assert everything(people, group) == before
        else:
            apply(taken, server, TAKE_OVER)
            assert [str(one) for one in verify(taken, server)] == []


NO_DIRECTORY = {"OriginalFile": " and (x.mimetype is null or x.mimetype <> 'Directory')"}


def everything(people: People, group: str) -> dict[str, Counter[str]]:
    """Count what is in a group, by class and owner."""
    query = people.client("root", "").sf.getQueryService()
    parameters = ParametersI().addString("group", group)
    found = dict[str, Counter[str]]()
    for name in CLASSES:
        hql = (
            f"select x.details.owner.omeName, count(x.id) from {name} x"
            f" where x.details.group.name = :group{NO_DIRECTORY.get(name, '')}"
            " group by x.details.owner.omeName"
        )
        rows = query.projection(hql, parameters, {"omero.group": "-1"})
        found[name] = Counter({row[0].val: row[1].val for row in rows})
    return found


def test_the_fence_is_removed_at_the_end(server: Server, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-fence")
    apply(bundle, server)
    hql = "select count(a.id) from CommentAnnotation a where a.description in (:labels)"
    with Journal(bundle.journal(server.database_uuid)) as journal:
        labels = [bundle.transfer, *journal.lane.openings]
    assert len(labels) == 2
    assert server.rows(hql, labels=labels) == [[0]]
    with Journal(bundle.journal(server.database_uuid)) as journal:
        assert journal.lane.fence == 0
    undo(bundle, server)
