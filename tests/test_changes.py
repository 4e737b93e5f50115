# SPDX-License-Identifier: GPL-2.0-or-later
"""What changes after an apply, at either end: what plan says, and what apply leaves.

All fields of the catalogue are changed; `verify` is the oracle of what apply leaves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphxfer import bundle as bundles
from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Field, Maker
from graphxfer.errors import ServerFailure
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.graph.correspondence import There
from graphxfer.journal import Journal
from graphxfer.omero import lookup, read, write
from graphxfer.omero.server import Server
from graphxfer.plan import (
    CONFLICT,
    DELETED,
    HERE,
    REMOVED,
    THERE,
    Action,
    ApplyOptions,
    Create,
    Done,
    Import,
    Keep,
    Link,
    Match,
    Plan,
    Remove,
    Restore,
    Tags,
    Update,
    Upload,
)
from graphxfer.plan.planner import make_plan
from graphxfer.undo import undo
from tests.apply.test_apply import added, applied, counted, differences
from tests.places import Place
from tests.test_mutations import Changer, rich, value
from tests.transfers import file_node, fileset, small, tiff

CREATE: dict[str, Any] = {"tags": Tags.CREATE}
Change = Callable[[dict[str, Node]], None]


def planned(bundle: Bundle, place: Place, **options: Any) -> Plan:
    with place.connect() as server:
        return make_plan(bundle, server, ApplyOptions(**CREATE, **options))


def there_of(bundle: Bundle, server: Server) -> dict[str, There]:
    with Journal(bundle.journal(server.database_uuid)) as journal:
        return journal.same()


def exported(bundle: Bundle, change: Change, **contents: bytes) -> Bundle:
    """Write a newer export into the folder of a bundle, with the files that changed."""
    nodes = {node.iri: copy.deepcopy(node) for node in bundle.graph()}
    change(nodes)
    newer = bundles.write(bundle.folder, TransferGraph(bundle.graph().header, nodes.values()))
    for name, content in contents.items():
        entry = newer.manifest().of(name.replace("_", "/"))
        assert entry is not None
        newer.file(entry).parent.mkdir(parents=True, exist_ok=True)
        newer.file(entry).write_bytes(content)
    return newer


def without(*gone: str) -> Change:
    """Return a change that removes nodes, and the edges to them."""

    def change(nodes: dict[str, Node]) -> None:
        for iri in gone:
            del nodes[iri]
        for node in nodes.values():
            for name, targets in node.edges.items():
                node.edges[name] = tuple(one for one in targets if one not in gone)

    return change


def of(plan: Plan, *kinds: type[Action]) -> set[tuple[str, str, tuple[str, ...]]]:
    return {
        (one.node, one.reason.partition(":")[0], tuple(sorted(one.fields)))
        for one in plan.of(*kinds)
    }


def nothing_but_done(plan: Plan) -> bool:
    return all(type(one) is Done for one in plan.actions)


# -- all fields of all classes --------------------------------------------------------------------


def changeable(nodes: Collection[Node]) -> Iterator[tuple[Node, Field]]:
    """Iterate over the fields that a person can change after an apply."""
    for node in nodes:
        entry = class_of(node)
        imported = entry.maker is Maker.IMPORT or "repo" in node.fields
        for field in entry.fields:
            if not (field.varies or field.computed) and (field.editable or not imported):
                yield node, field


def another(node: Node, field: Field) -> Any:
    now = node.fields.get(field.name)
    return next(v for n in (0, 1) if (v := value(field, n)) != now)


@pytest.fixture
def changer(destination: Place, tmp_path: Path) -> Iterator[Changer]:
    bundle = rich(tmp_path / "b")
    applied(bundle, destination, **CREATE)
    with destination.connect() as server:
        yield Changer(bundle, bundle, server)


def set_here(new: Callable[[Node, Field], Any]) -> Change:
    def change(nodes: dict[str, Node]) -> None:
        for node, field in list(changeable(nodes.values())):
            if (changed := new(node, field)) is None:
                node.fields.pop(field.name, None)
            else:
                node.fields[field.name] = changed

    return change


def set_there(changer: Changer, new: Callable[[Node, Field], Any]) -> None:
    for node, field in changeable(changer.nodes):
        changer.field(node, field, new(node, field), None).do()


def names(changer: Changer) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node, field in changeable(changer.nodes):
        found.setdefault(node.iri, set()).add(field.name)
    return found


def by_node(plan: Plan, kind: type[Action], why: str) -> dict[str, set[str]]:
    some = [one for one in plan.of(kind) if type(one) is kind and one.reason.startswith(f"{why}: ")]
    return {one.node: set(one.fields) for one in some}


def test_every_field_that_is_changed_here(changer: Changer, destination: Place) -> None:
    wanted = names(changer)
    assert sum(map(len, wanted.values())) > 200
    newer = exported(changer.bundle, set_here(another))
    assert by_node(planned(newer, destination), Update, HERE) == wanted
    assert differences(newer, destination) != []
    assert applied(newer, destination, **CREATE).kept == []
    assert differences(newer, destination) == []
    assert nothing_but_done(planned(newer, destination))


def test_every_field_that_is_changed_there(changer: Changer, destination: Place) -> None:
    wanted = names(changer)
    set_there(changer, another)
    assert by_node(planned(changer.bundle, destination), Keep, THERE) == wanted
    before = differences(changer.bundle, destination)
    done = applied(changer.bundle, destination, **CREATE)
    assert by_node(done, Keep, THERE) == wanted
    assert differences(changer.bundle, destination) == before != []
    assert by_node(planned(changer.bundle, destination, repair=True), Restore, THERE) == wanted
    assert applied(changer.bundle, destination, repair=True, **CREATE).kept == []
    assert differences(changer.bundle, destination) == []
    assert nothing_but_done(planned(changer.bundle, destination))


def test_every_field_that_is_changed_at_both_ends_alike(
    changer: Changer, destination: Place
) -> None:
    set_there(changer, another)
    newer = exported(changer.bundle, set_here(another))
    assert nothing_but_done(planned(newer, destination))
    assert nothing_but_done(applied(newer, destination, **CREATE))
    # Both agree now: the first value again is a change at the source only.
    again = exported(newer, set_here(another))
    assert by_node(planned(again, destination), Update, HERE) == names(changer)


def test_every_field_that_is_changed_at_both_ends_differently(
    changer: Changer, destination: Place
) -> None:
    def nothing(node: Node, field: Field) -> Any:
        return node.fields.get(field.name) if field.required else None

    def here(node: Node, field: Field) -> Any:
        return another(node, field)

    wanted = {
        node: some
        for node, all_ in names(changer).items()
        if (some := {n for n in all_ if _can_be_null(changer, node, n)})
    }
    set_there(changer, nothing)
    newer = exported(changer.bundle, set_here(here))
    assert by_node(planned(newer, destination), Keep, CONFLICT) == wanted
    before = differences(newer, destination)
    done = applied(newer, destination, **CREATE)  # the required ones are changed here only
    assert by_node(done, Keep, CONFLICT) == wanted
    assert set(differences(newer, destination)) < set(before)
    assert all(" is " in one.detail and " here" in one.detail for one in done.kept)
    assert by_node(planned(newer, destination), Keep, CONFLICT) == wanted
    assert applied(newer, destination, repair=True, **CREATE).kept == []
    assert differences(newer, destination) == []


def _can_be_null(changer: Changer, iri: str, name: str) -> bool:
    """Tell whether a field can become null: it is not required, and is not null now."""
    node = changer.bundle.graph()[iri]
    field = class_of(node).field(name)
    return field is not None and not field.required and name in node.fields


def test_without_a_base_a_difference_is_a_conflict(changer: Changer, destination: Place) -> None:
    """A journal of an earlier version has none; where the two agree, it is recorded then."""
    path = changer.bundle.journal(changer.server.database_uuid)
    with Journal(path, writing=True) as journal:
        journal._db.execute("drop table base")
    dataset = changer.bundle.graph()["Dataset/11"]
    name, description = (class_of(dataset).field(n) for n in ("name", "description"))
    assert name is not None
    assert description is not None
    changer.field(dataset, name, "another", None).do()
    assert of(planned(changer.bundle, destination), Keep) == {("Dataset/11", CONFLICT, ("name",))}
    applied(changer.bundle, destination, **CREATE)
    newer = exported(
        changer.bundle, lambda nodes: nodes["Dataset/11"].fields.update(description="newer")
    )
    plan = planned(newer, destination)
    assert of(plan, Keep) == {("Dataset/11", CONFLICT, ("name",))}
    assert of(plan, Update) == {("Dataset/11", HERE, ("description",))}


# -- references -----------------------------------------------------------------------------------


def test_references_at_either_end(destination: Place, tmp_path: Path) -> None:
    bundle = applied_small(destination, tmp_path)
    with destination.connect() as server:
        same = there_of(bundle, server)
        roi = server.objects("select r from Roi r where r.id = :id", id=same["Roi/1"].id)[0]
        roi.image = None
        server.service("IUpdate").saveObject(roi)
    newer = exported(bundle, lambda nodes: nodes["Roi/2"].edges.update(image=("Image/1",)))
    plan = planned(newer, destination)
    assert of(plan, Keep) == {("Roi/1", THERE, ("image",))}
    assert of(plan, Update) == {("Roi/2", HERE, ("image",))}
    applied(newer, destination, **CREATE)
    assert [one.partition(" ")[0] for one in differences(newer, destination)] == ["Roi/1"]
    applied(newer, destination, repair=True, **CREATE)
    assert differences(newer, destination) == []


# -- nodes, links, parts, bytes -------------------------------------------------------------------


def applied_small(place: Place, folder: Path) -> Bundle:
    bundle = small(folder / "b")
    applied(bundle, place, **CREATE)
    return bundle


def test_links_and_nodes_at_either_end(destination: Place, tmp_path: Path) -> None:
    bundle = applied_small(destination, tmp_path)
    with destination.connect() as server:
        same = there_of(bundle, server)
        ends = same["Dataset/1"].id, same["TagAnnotation/1"].id
        hql = "select l.id from DatasetAnnotationLink l where l.parent.id = :p and l.child.id = :c"
        write.delete(server, {"DatasetAnnotationLink": server.rows(hql, p=ends[0], c=ends[1])[0]})
        write.delete(server, {"Point": [same["Point/3"].id]})

    def change(nodes: dict[str, Node]) -> None:
        without("Mask/2")(nodes)
        nodes["Image/1"].edges["annotations"] = ("MapAnnotation/3", "CommentAnnotation/9")
        nodes["CommentAnnotation/9"] = Node(
            "CommentAnnotation/9", "CommentAnnotation", {"textValue": "newer"}
        )
        nodes["Rectangle/9"] = Node("Rectangle/9", "Rectangle", {"x": 5.0})
        nodes["Roi/1"].edges["shapes"] = ("Rectangle/9", "Point/1")

    newer = exported(bundle, change)
    plan = planned(newer, destination)
    links = {(one.node, one.child): one.reason for one in plan.of(Link)}
    assert links == {
        ("Dataset/1", "TagAnnotation/1"): DELETED,
        ("Image/1", "CommentAnnotation/9"): "",
    }
    creating = {one.node: one.reason for one in plan.of(Create)}
    assert creating.keys() == {"Point/3", "CommentAnnotation/9", "Rectangle/9"}
    assert creating["Point/3"] == DELETED
    removed = {("Image/1", "TagAnnotation/1"), ("Image/1", "FileAnnotation/4"), ("Mask/2", "")}
    assert {(one.node, one.child) for one in plan.of(Keep)} == removed
    assert {one.reason for one in plan.kept} == {REMOVED}

    assert {(o.node, o.child) for o in applied(newer, destination, **CREATE).kept} == removed
    told = differences(newer, destination)
    assert told
    assert all("also has" in one for one in told)
    plan = planned(newer, destination, delete=True)
    assert {(one.node, one.child) for one in plan.of(Remove)} == removed
    assert applied(newer, destination, delete=True, **CREATE).kept == []
    assert differences(newer, destination) == []
    assert nothing_but_done(planned(newer, destination))


def test_a_newer_export_with_another_image_and_without_the_first(
    destination: Place, tmp_path: Path
) -> None:
    with destination.connect() as server:
        before = counted(server)
    bundle = applied_small(destination, tmp_path)
    content = tiff(tmp_path / "second.tif", 7)
    gone = [
        one.iri
        for one in bundle.graph()
        if one.type
        in ("Fileset", "FilesetEntry", "Image", "Pixels", "Channel", "LogicalChannel", "Roi")
        or one.iri in ("OriginalFile/1", "Point/1", "Mask/2", "Point/3")
    ]

    def change(nodes: dict[str, Node]) -> None:
        without(*gone)(nodes)
        image = Node("Image/7", "Image", {"name": "second", "series": 0})
        for node in fileset(7, content, "b.tif", [image]):
            nodes[node.iri] = node
        nodes["Dataset/1"].edges["images"] = ("Image/7",)

    newer = exported(bundle, change, OriginalFile_7=content)
    plan = planned(newer, destination)
    assert {one.node for one in plan.of(Import)} == {"Fileset/7"}
    assert "Image/7" in {one.node for one in plan.of(Match)}
    rois = {"Roi/1", "Roi/2", "Point/1", "Mask/2", "Point/3"}
    assert {one.node for one in plan.kept} == {"Fileset/1", *rois}
    assert {one.reason for one in plan.kept} == {REMOVED}
    applied(newer, destination, **CREATE)
    with destination.connect() as server:
        assert added(before, counted(server))["Image"] == 2
    assert applied(newer, destination, delete=True, **CREATE).kept == []
    assert differences(newer, destination) == []
    with destination.connect(own_session=True) as server:
        assert added(before, counted(server))["Image"] == 1
        undo(newer, server)
        assert added(before, counted(server)) == {}


def test_an_undo_after_a_newer_export_removes_all_of_the_older(
    destination: Place, tmp_path: Path
) -> None:
    with destination.connect() as server:
        before = counted(server)
    bundle = rich(tmp_path / "b")
    applied(bundle, destination, **CREATE)
    project = next(node for node in bundle.graph() if node.type == "Project")
    newer = exported(
        bundle, without(*(one.iri for one in bundle.graph() if one.iri != project.iri))
    )
    for _ in range(2):
        applied(newer, destination, **CREATE)
    with destination.connect(own_session=True) as server:
        undo(newer, server)
        assert added(before, counted(server)) == {}


def test_what_others_use_is_not_removed(destination: Place, tmp_path: Path) -> None:
    bundle = applied_small(destination, tmp_path)
    with destination.connect() as server:
        same = there_of(bundle, server)
        (project,) = write.save(server, [_project()])
        ends = ("Project", project), tuple(same["Dataset/1"])
        write.save(server, [write.link("ProjectDatasetLink", *ends)])  # type: ignore[arg-type]
    newer = exported(bundle, without("Dataset/1"))
    done = applied(newer, destination, delete=True, **CREATE)
    (kept,) = done.kept
    assert (kept.node, kept.reason) == ("Dataset/1", REMOVED)
    assert "ProjectDatasetLink" in kept.detail
    with destination.connect() as server:
        assert lookup.present(server, "Dataset", [same["Dataset/1"].id])


def _project() -> Any:
    made = write.new("Project")
    made.name = write.wrap(catalogue.CLASSES["Project"].fields[0], "of another")
    return made


def test_bytes_of_an_attachment_at_either_end(destination: Place, tmp_path: Path) -> None:
    bundle = applied_small(destination, tmp_path)
    table = b"a,b\n3,4\n5,6\n"

    def change(nodes: dict[str, Node]) -> None:
        nodes["OriginalFile/2"] = file_node("OriginalFile/2", "t.csv", table, imported=False)

    newer = exported(bundle, change)  # its file is not fetched yet
    assert {one.node for one in planned(newer, destination).skipped} == {"OriginalFile/2"}
    assert {one.node for one in applied(newer, destination, **CREATE).skipped} == {"OriginalFile/2"}
    newer = exported(bundle, change, OriginalFile_2=table)
    assert of(planned(newer, destination), Upload) == {("OriginalFile/2", HERE, ("hash", "size"))}
    applied(newer, destination, **CREATE)
    assert differences(newer, destination) == []
    with destination.connect() as server:
        there = there_of(newer, server)["OriginalFile/2"].id
        store, context = server.service("RawFileStore"), server.context(server.group_id)
        store.setFileId(there, context)
        store.write(b"overwritten", 0, 11, context)
        store.save(context)
        store.close(context)
    assert of(planned(newer, destination), Keep) == {("OriginalFile/2", THERE, ("hash",))}
    applied(newer, destination, repair=True, **CREATE)
    assert differences(newer, destination) == []
    assert nothing_but_done(planned(newer, destination))


def test_a_late_copy_of_an_update_does_nothing(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = applied_small(destination, tmp_path)
    calls: list[Any] = []
    loaded = write._loaded

    def keep(server: Server, *arguments: Any) -> Any:
        found = loaded(server, *arguments)
        calls.extend(found)
        return found

    monkeypatch.setattr(write, "_loaded", keep)
    first = exported(bundle, lambda nodes: nodes["Dataset/1"].fields.update(name="first"))
    applied(first, destination, **CREATE)
    second = exported(first, lambda nodes: nodes["Dataset/1"].fields.update(name="second"))
    (late,) = calls
    applied(second, destination, **CREATE)
    with destination.connect() as server:
        with pytest.raises(ServerFailure, match="OptimisticLock"):
            server.service("IUpdate").saveArray([late])
        same = there_of(second, server)["Dataset/1"]
        (found,) = read.fetch_nodes(server, {same.type: [same.id]})
        assert found.fields["name"] == "second"


def test_a_change_there_after_the_plan_is_not_overwritten(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = applied_small(destination, tmp_path)
    newer = exported(bundle, lambda nodes: nodes["Dataset/1"].fields.update(name="newer"))
    update = write.update

    def late(server: Server, entry: Any, *arguments: Any) -> int:
        if entry.name == "Dataset":
            same = there_of(newer, server)["Dataset/1"]
            field = entry.field("name")
            update(server, entry, {same.id: [(field, "of a person")]})
        return update(server, entry, *arguments)

    monkeypatch.setattr(write, "update", late)
    done = applied(newer, destination, **CREATE)
    assert any("Dataset/1: name" in note for note in done.notes)
    assert of(planned(newer, destination), Keep) == {("Dataset/1", CONFLICT, ("name",))}
