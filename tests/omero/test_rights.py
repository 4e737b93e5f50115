# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may see and do what: the tables of a real OMERO, held against rights, plan and server.

Every row is tried: what `rights` says, what the server lets that person do, and what plan makes of
it are one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import omero
import omero.all
import pytest

from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError
from graphxfer.graph import Node
from graphxfer.omero.rights import rights
from graphxfer.omero.write import link
from graphxfer.plan import ApplyOptions, Create, Merge, Reuse
from graphxfer.plan.planner import make_plan
from graphxfer.undo import undo
from tests.apply.test_apply import applied, container, differences, tag
from tests.build import import_files
from tests.people import People
from tests.places import Place
from tests.transfers import small, write


@pytest.fixture(scope="module")
def people(destination: Place) -> Iterator[People]:
    found = People.at(destination)
    yield found
    found.close()


class Row(NamedTuple):
    """What somebody may do with others' objects: see them, tag with or on them, contain them."""

    role: str
    permissions: str
    sees: bool
    use: bool
    write: bool


NO, YES = False, True
TABLE = [
    # notes/real-omero-admin.md, "What GO and M may do with another's objects"
    Row("member", "rw----", NO, NO, NO),
    Row("owner", "rw----", YES, NO, NO),
    Row("member", "rwr---", YES, NO, NO),
    Row("owner", "rwr---", YES, YES, YES),
    Row("member", "rwra--", YES, YES, NO),
    Row("owner", "rwra--", YES, YES, YES),
    Row("member", "rwrw--", YES, YES, YES),
    Row("owner", "rwrw--", YES, YES, YES),
    # "Saving for other owners": root links across owners, but not in private groups.
    Row("root", "rw----", YES, NO, NO),
    Row("root", "rwr---", YES, YES, YES),
    Row("root", "rwra--", YES, YES, YES),
    # "Importing for another", restricted admin: others' objects by WriteOwned; reads all.
    Row("writer", "rw----", YES, NO, NO),
    Row("writer", "rwr---", YES, YES, YES),
    # A restricted administrator who is a member, and has no privilege, is a member who reads all.
    Row("reader", "rw----", YES, NO, NO),
    Row("reader", "rwr---", YES, NO, NO),
    Row("reader", "rwra--", YES, YES, NO),
]


@dataclass
class Scene:
    """A group with a user's data in it, and somebody else there."""

    group: str
    somebody: str
    tag: int
    dataset: int
    project: int


def scene(people: People, row: Row) -> Scene:
    group, home = people.group(row.permissions), people.group("rw----")
    things = tag("theirs"), container("Dataset", "theirs"), container("Project", "theirs")
    ids = people.save(people.user("dora", group), group, *things)
    somebody = {
        "member": lambda: people.user("max", home, group),
        "owner": lambda: people.user("olga", home, owns=[group]),
        "root": lambda: "root",
        "writer": lambda: people.administrator("will", "WriteOwned"),
        "reader": lambda: people.administrator("rita", groups=[group]),
    }[row.role]()
    return Scene(group, somebody, *ids)


def _may(people: People, here: Scene, *links: Any) -> bool:
    """Try to save links; return whether all were allowed, or none was."""
    done = []
    for one in links:
        with suppress(omero.ServerError):
            people.save(here.somebody, here.group, one)
            done.append(one)
    assert len(done) in (0, len(links))
    return bool(done)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.role} {row.permissions}")
def test_rights_are_those_of_the_table_and_of_the_server(
    people: People, row: Row, tmp_path: Path
) -> None:
    here = scene(people, row)
    place = people.place(here.somebody, here.group)
    with place.connect() as server:
        found = rights(server)
        assert (found.sees_all, found.use, found.write) == (row.sees, row.use, row.write)
        rows = server.rows("select t.id from TagAnnotation t where t.id = :id", id=here.tag)
        assert bool(rows) == row.sees

    own = people.save(
        here.somebody, here.group, tag("own"), container("Dataset", "o"), container("Project", "o")
    )
    assert row.use == _may(
        people,
        here,
        link("DatasetAnnotationLink", ("Dataset", here.dataset), ("TagAnnotation", own[0])),
        link("DatasetAnnotationLink", ("Dataset", own[1]), ("TagAnnotation", here.tag)),
    )
    assert row.write == _may(
        people,
        here,
        link("ProjectDatasetLink", ("Project", here.project), ("Dataset", own[1])),
        link("ProjectDatasetLink", ("Project", own[2]), ("Dataset", here.dataset)),
    )

    bundle = tagged(tmp_path, "theirs")
    with place.connect(own_session=True) as server:
        plan = make_plan(bundle, server, ApplyOptions(merge=True))
        kinds = {action.type: type(action) for action in plan.of(Create, Reuse)}
        assert kinds["TagAnnotation"] is (Reuse if row.use else Create)
        assert kinds["Dataset"] is (Merge if row.write else Create)
        untouchable = row.sees and not (row.use and row.write)
        assert any("of other users" in note for note in plan.notes) == untouchable
        apply(bundle, server, ApplyOptions(merge=True))
    assert differences(bundle, place) == []


def tagged(folder: Path, text: str, name: str = "") -> Bundle:
    """Return a bundle of a dataset with a tag."""
    dataset = Node(
        "Dataset/1", "Dataset", {"name": name or text}, {"annotations": ("TagAnnotation/1",)}
    )
    return write(
        folder / "b", [dataset, Node("TagAnnotation/1", "TagAnnotation", {"textValue": text})], {}
    )


def test_rights_are_not_those_of_the_default_group(people: People, tmp_path: Path) -> None:
    """The case that `IAdmin.getEventContext` answers wrongly, both ways round."""
    open_, closed = people.group("rwrw--"), people.group("rwr---")
    dora = people.user("dora", open_, closed)
    for group in (open_, closed):
        people.save(dora, group, tag("both"))
    for default, other, reuses in ((open_, closed, False), (closed, open_, True)):
        user = people.user("max", default, other)
        with people.place(user, other).connect() as server:
            plan = make_plan(tagged(tmp_path / str(reuses), "both"), server)
            assert bool(list(plan.of(Reuse))) is reuses


def _of_tag(*numbers: int) -> list[Node]:
    edges: dict[str, tuple[str, ...]] = {"annotations": ("TagAnnotation/1",)}
    return [
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": "theirs"}),
        *(Node(f"Dataset/{n}", "Dataset", {"name": f"{n}"}, edges) for n in numbers),
    ]


def _of_project(*numbers: int) -> list[Node]:
    datasets = {"datasets": tuple(f"Dataset/{n}" for n in numbers)}
    return [
        Node("Project/1", "Project", {"name": "theirs"}, datasets),
        *(Node(f"Dataset/{n}", "Dataset", {"name": f"{n}"}) for n in numbers),
    ]


@pytest.mark.parametrize(
    ("permissions", "tightened", "graph", "kind"),
    [
        ("rwra--", "rwr---", _of_tag, "TagAnnotation"),
        ("rwrw--", "rwr---", _of_tag, "TagAnnotation"),
        ("rwrw--", "rwra--", _of_tag, ""),
        ("rwrw--", "rwra--", _of_project, "Project"),
    ],
)
def test_plan_knows_what_the_user_may_no_longer_link_to(
    people: People,
    tmp_path: Path,
    permissions: str,
    tightened: str,
    graph: Callable[..., list[Node]],
    kind: str,
) -> None:
    """An earlier run chose an object of somebody else's; then the group was tightened."""
    group = people.group(permissions)
    dora, ana = people.user("dora", group), people.user("ana", group)
    ids = people.save(dora, group, tag("theirs"), container("Project", "theirs"))
    place = people.place(ana, group)
    applied(write(tmp_path / "b", graph(1), {}), place, merge=True)
    people.change(group, tightened)
    bundle = write(tmp_path / "b", graph(1, 2), {})
    for command in (planned, applied):
        skipped = command(bundle, place).skipped
        if not kind:
            assert skipped == []
            continue
        (one,) = skipped
        number = ids[("TagAnnotation", "Project").index(kind)]
        assert "Dataset/2" in (one.node, one.child)
        assert f"{kind}:{number} of {dora}: you may not link to it" in one.why
        assert f"(the group {group} is {tightened})" in one.why
    if kind:
        assert differences(bundle, place) != []
        people.change(group, permissions)
        assert applied(bundle, place).skipped == []
    assert differences(bundle, place) == []


# -- the destination ------------------------------------------------------------------------------


def refusal(command: Callable[[Bundle, Place], Any], bundle: Bundle, place: Place) -> str:
    with pytest.raises(GraphxferError) as caught:
        command(bundle, place)
    assert caught.value.exit_code == 1
    return str(caught.value)


def planned(bundle: Bundle, place: Place) -> Any:
    with place.connect() as server:
        return make_plan(bundle, server)


IMPORTS = ("WriteOwned", "WriteFile", "WriteManagedRepo")


@pytest.mark.parametrize(
    ("held", "what", "missing"),
    [
        ((), "all", IMPORTS),
        (("WriteOwned",), "all", IMPORTS[1:]),
        (("WriteOwned", "WriteFile"), "all", IMPORTS[2:]),
        (("WriteFile", "WriteManagedRepo"), "all", IMPORTS[:1]),
        (IMPORTS, "all", ()),
        ((), "attachment", IMPORTS[:2]),
        (IMPORTS[:2], "attachment", ()),
        ((), "tag", IMPORTS[:1]),
        (IMPORTS[:1], "tag", ()),
    ],
    ids=str,
)
def test_privileges_of_a_restricted_administrator(
    people: People, tmp_path: Path, held: tuple[str, ...], what: str, missing: tuple[str, ...]
) -> None:
    group = people.group("rwra--")
    bundle = small(tmp_path / "b", f"-{group}") if what == "all" else tagged(tmp_path, group)
    if what == "attachment":
        bundle = attachment(tmp_path)
    place = people.place(people.administrator("kim", *held), group)
    for command in (planned, applied):
        if missing:
            told = refusal(command, bundle, place)
            assert told.partition("needs: ")[2].partition("\n")[0] == ", ".join(missing)
        else:
            command(bundle, place)
    if not missing:
        assert differences(bundle, place) == []
        with place.connect(own_session=True) as server:
            assert undo(bundle, server).kept == []


def attachment(folder: Path) -> Bundle:
    """Return a bundle of an attached file."""
    kept = {
        node.iri: Node(node.iri, node.type, node.fields, node.edges)
        for node in small(folder / "whole").graph()
        if node.iri in ("FileAnnotation/4", "OriginalFile/2")
    }
    return write(folder / "part", kept.values(), {"OriginalFile/2": b"a,b\n1,2\n"})


@pytest.mark.parametrize("left_out", IMPORTS)
def test_the_server_wants_each_of_the_privileges(
    people: People, tmp_path: Path, left_out: str
) -> None:
    """What plan refuses, the server would refuse, too."""
    group = people.group("rwra--")
    held = [one for one in IMPORTS if one != left_out]
    file = tmp_path / "a.fake"
    file.touch()
    with pytest.raises(omero.SecurityViolation):
        import_files(people.client(people.administrator("kim", *held), group), [file])


def test_a_restricted_administrator_who_is_a_member_needs_none(
    people: People, tmp_path: Path
) -> None:
    group = people.group("rwra--")
    place = people.place(people.administrator("kim", groups=[group]), group)
    bundle = small(tmp_path / "b", f"-{group}")
    applied(bundle, place)
    assert differences(bundle, place) == []


@pytest.mark.parametrize("command", [planned, applied])
@pytest.mark.parametrize(
    ("user", "group", "told"),
    [
        ("root", "", "group system: the group is the server's own: it is the default group"),
        ("kim", "", "group system: the group is the server's own: it is the default group"),
        ("ada", "user", "group user: the group is the server's own"),
        ("root", "user", "group user: the group is the server's own"),
        ("ada", "other", "ada* is not a member of the group"),
        ("ada", "closed", "its permissions are r-r---: members may only read"),
    ],
)
def test_groups_that_cannot_be_written_to(
    people: People,
    tmp_path: Path,
    command: Callable[[Bundle, Place], Any],
    user: str,
    group: str,
    told: str,
) -> None:
    made = {name: people.group(text) for name, text in (("other", "rwra--"), ("closed", "r-r---"))}
    home = people.group("rwra--")
    people_ = {
        "root": lambda: "root",
        "kim": lambda: people.administrator("kim", *IMPORTS),
        "ada": lambda: people.user("ada", home, made["closed"]),
    }
    name = people_[user]()
    bundle = tagged(tmp_path, "nowhere")
    message = refusal(command, bundle, people.place(name, made.get(group, group)))
    assert told.replace("ada*", name) in message.replace(made.get(group, "\0"), group)
    assert "→" in message


def test_an_administrator_may_name_the_system_group(people: People, tmp_path: Path) -> None:
    place = people.place("root", "system")
    bundle = tagged(tmp_path, "of the house")
    applied(bundle, place)
    assert differences(bundle, place) == []
