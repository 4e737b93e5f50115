# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply: what a graph says is there afterwards, exactly once, whatever happened in between."""

from __future__ import annotations

import contextlib
import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.rtypes import rstring

from graphxfer import catalogue
from graphxfer.apply import apply, idmap
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Maker
from graphxfer.errors import GraphxferError, ServerFailure
from graphxfer.graph import Node, id_of
from graphxfer.journal import How, Journal
from graphxfer.omero.server import Server
from graphxfer.plan import ApplyOptions, Reuse, Skip, Tags
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.places import Place
from tests.transfers import fileset, small, tiff, write

CLASSES = sorted(
    {name for name, entry in catalogue.CLASSES.items() if entry.maker is not Maker.SERVER}
    | set(catalogue.link_classes())
)


def counted(server: Server) -> Counter[str]:
    """Count all that a transfer can make, and that is not a directory."""
    where = {"OriginalFile": " where x.mimetype is null or x.mimetype not in ('Directory')"}
    return Counter(
        {
            name: server.rows(f"select count(x.id) from {name} x{where.get(name, '')}")[0][0]
            for name in CLASSES
        }
    )


def applied(bundle: Bundle, place: Place, **options: Any) -> Any:
    with place.connect(own_session=True) as server:
        return apply(bundle, server, ApplyOptions(**options))


def differences(bundle: Bundle, place: Place) -> list[str]:
    with place.connect() as server:
        return [str(one) for one in verify(bundle, server)]


def journal_of(bundle: Bundle, place: Place) -> Journal:
    with place.connect() as server:
        return Journal(bundle.journal(server.database_uuid))


def added(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in CLASSES if after[name] != before[name]}


def test_all_arrives_and_a_second_run_does_nothing(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-all")
    with destination.connect(own_session=True) as server:
        before = counted(server)
        plan = apply(bundle, server)
        assert plan.skipped == []
        assert plan.notes == []
        made = added(before, counted(server))
        assert list(verify(bundle, server)) == []
    assert made["Image"] == made["Fileset"] == made["Roi"] - 1 == 1
    assert made["TagAnnotation"] == 2
    assert made["ImageAnnotationLink"] == 3
    with destination.connect(own_session=True) as server:
        calls = server.calls
        assert apply(bundle, server).nothing_to_do
        # Of each class, whether all is still there, its nodes, and their edges; and whether a call
        # of an earlier run arrived late: what filesets there are, and whether one has images twice.
        assert server.calls <= calls + 3 * len([name for name in CLASSES if made.get(name)]) + 2
        assert added(before, counted(server)) == made


def test_bytes_arrive(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-bytes")
    applied(bundle, destination)
    with journal_of(bundle, destination) as journal, destination.connect() as server:
        for node in ("OriginalFile/1", "OriginalFile/2"):
            entry = bundle.manifest().of(node)
            assert entry is not None
            store = server.service("RawFileStore")
            context = server.context(-1)
            store.setFileId(journal[node].id, context)
            content = bundle.file(entry).read_bytes()
            assert store.read(0, len(content), context) == content
            assert store.size(context) == len(content)
            store.close(context)


def test_the_map_tells_old_and_new_ids(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-map")
    applied(bundle, destination)
    with destination.connect() as server:
        idmap.write(bundle, server.database_uuid, tmp_path / "map.csv")
        with (tmp_path / "map.csv").open(newline="") as stream:
            rows = {(row["type"], row["old"]): row for row in csv.DictReader(stream)}
        assert len(rows) == len(bundle.graph())
        assert rows["Image", "1"]["how"] == "matched"
        assert rows["Mask", "2"]["how"] == "created"
        hql = "select i.name from Image i where i.id = :id"
        found = server.rows(hql, id=int(rows["Image", "1"]["new"]))
        assert found == [["a name that a user gave"]]


# -- interrupted --------------------------------------------------------------------------------


class Interruption:
    """Interrupts a run at its n-th call: before it is sent, or before its result is known."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int, *, after: bool) -> None:
        self.calls, self.last, self.after, self.patch = 0, last, after, patch
        self.call = Server.call

    def __enter__(self) -> Interruption:
        def call(server: Server, *arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self.last and not self.after:
                raise KeyboardInterrupt
            result = self.call(server, *arguments)
            if self.calls == self.last:
                raise KeyboardInterrupt
            return result

        self.patch.setattr(Server, "call", call)
        return self

    def __exit__(self, *_: object) -> None:
        self.patch.setattr(Server, "call", self.call)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_interrupted_at_any_call(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    bundle = small(tmp_path / "b", f"-interrupted-{after}")
    with destination.connect(own_session=True) as server:
        before = counted(server)
        first = server.calls
        apply(bundle, server)
        calls = server.calls - first
        whole = added(before, counted(server))
    with destination.connect(own_session=True) as server:
        undo(bundle, server)
        assert added(before, counted(server)) == {}
    for last in range(1, calls + 1, 12):
        with (
            destination.connect(own_session=True) as server,
            contextlib.suppress(KeyboardInterrupt),
            Interruption(monkeypatch, last, after=after),
        ):
            apply(bundle, server)
        with destination.connect(own_session=True) as server:
            apply(bundle, server)
            assert added(before, counted(server)) == whole, f"interrupted at call {last}"
            assert [str(one) for one in verify(bundle, server)] == []
            undo(bundle, server)
            assert added(before, counted(server)) == {}, f"undone after call {last}"


@pytest.fixture
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Restart a sandbox of this test's own with faults."""
    from tests.places import place

    with place("FAULTY", tmp_path_factory.mktemp("faulty")) as server:
        if server.sandbox is None:
            pytest.skip("only sandboxes have faults")
        sandbox = server.sandbox

        def restart(*faults: str) -> Place:
            sandbox.restart(*(f"--fault={fault}" for fault in faults))
            uri = server.uri.rpartition("@")[0] + f"@{sandbox.host}:{sandbox.port}/Imaging"
            return Place(uri, server.password, sandbox)

        yield restart


@pytest.mark.parametrize(
    "operation",
    [
        "IUpdate.saveAndReturnIds",
        "IUpdate.saveArray",
        "ManagedRepository.importFileset",
        "ImportProcess.verifyUpload",
        "RawFileStore.write",
        "RawFileStore.save",
    ],
)
def test_connection_lost_during_a_write(
    faulty: Callable[..., Place], tmp_path: Path, operation: str
) -> None:
    bundle = small(tmp_path / "b")
    place = faulty()
    with place.connect() as server:
        before = counted(server)
    place = faulty(f"drop@2:{operation}" if operation.endswith("Ids") else f"drop@1:{operation}")
    with pytest.raises(ServerFailure):
        applied(bundle, place)
    place = faulty()
    applied(bundle, place)
    assert differences(bundle, place) == []
    with place.connect() as server:
        made = added(before, counted(server))
    assert made["Fileset"] == made["Image"] == made["FileAnnotation"] == made["Dataset"] == 1
    assert made["TagAnnotation"] == made["Roi"] == 2
    assert made["ImageAnnotationLink"] == 3


# -- what is there already ----------------------------------------------------------------------


def make(place: Place, *objects: Any) -> list[int]:
    with place.connect() as server:
        return list(server.service("IUpdate").saveAndReturnIds(list(objects)))


def tag(text: str, namespace: str | None = None) -> Any:
    made = omero.model.TagAnnotationI()
    made.textValue = rstring(text)
    made.ns = rstring(namespace) if namespace else None
    return made


def container(type_: str, name: str) -> Any:
    made = getattr(omero.model, f"{type_}I")()
    made.name = rstring(name)
    return made


def test_equal_tags_are_reused_each_for_one(destination: Place, tmp_path: Path) -> None:
    first, second, _ = make(destination, tag("twice"), tag("twice"), tag("twice", "other"))
    texts = {f"TagAnnotation/{n}": "twice" for n in (1, 2, 3)}
    nodes = [Node(iri, "TagAnnotation", {"textValue": text}) for iri, text in texts.items()]
    dataset = Node("Dataset/1", "Dataset", {"name": "d"}, {"annotations": tuple(texts)})
    bundle = write(tmp_path / "b", [dataset, *nodes], {})
    plan = applied(bundle, destination)
    chosen = [action.destination for action in plan.of(Reuse)]
    assert chosen == [first, second]
    assert any(f"TagAnnotation {first}, {second}" in note for note in plan.notes)
    assert differences(bundle, destination) == []
    with journal_of(bundle, destination) as journal:
        hows = [journal[iri].how for iri in texts]
        assert hows == [How.REUSED, How.REUSED, How.CREATED]


def test_links_that_are_there_are_not_made_again(destination: Place, tmp_path: Path) -> None:
    nodes = [
        Node("Dataset/1", "Dataset", {"name": "linked"}, {"annotations": ("TagAnnotation/1",)}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": "linked"}),
    ]
    applied(write(tmp_path / "one", nodes, {}), destination)
    with destination.connect() as server:
        before = counted(server)
    again = write(tmp_path / "two", nodes, {})
    applied(again, destination, merge=True)
    with destination.connect() as server:
        assert added(before, counted(server)) == {}
    assert differences(again, destination) == []


@pytest.mark.parametrize("policy", list(Tags))
def test_tag_policies(destination: Place, tmp_path: Path, policy: Tags) -> None:
    (there,) = make(destination, tag(f"policy {policy}"))
    node = Node("TagAnnotation/1", "TagAnnotation", {"textValue": f"policy {policy}"})
    bundle = write(tmp_path / "b", [node], {})
    if policy is Tags.ERROR:
        with pytest.raises(
            GraphxferError, match=f"already exists at the destination: TagAnnotation:{there}"
        ):
            applied(bundle, destination, tags=policy)
        return
    applied(bundle, destination, tags=policy)
    with journal_of(bundle, destination) as journal:
        assert (journal["TagAnnotation/1"].id == there) is (policy is Tags.REUSE)


def test_containers_are_merged_only_when_asked(destination: Place, tmp_path: Path) -> None:
    (there,) = make(destination, container("Project", "merge me"))
    node = Node("Project/1", "Project", {"name": "merge me"})
    bundle = write(tmp_path / "merged", [node], {})
    applied(bundle, destination, merge=True)
    with journal_of(bundle, destination) as journal:
        assert journal["Project/1"] == ("Project", there, How.MERGED, True)
    bundle = write(tmp_path / "made", [node], {})
    applied(bundle, destination)
    with journal_of(bundle, destination) as journal:
        assert journal["Project/1"].how is How.CREATED
        assert journal["Project/1"].id != there


def test_a_merge_is_never_guessed(destination: Place, tmp_path: Path) -> None:
    make(destination, container("Dataset", "two"), container("Dataset", "two"))
    bundle = write(tmp_path / "b", [Node("Dataset/1", "Dataset", {"name": "two"})], {})
    with pytest.raises(GraphxferError, match="ambiguous: several containers have its"):
        applied(bundle, destination, merge=True)


def test_which_to_merge_may_be_told_by_where_it_is(destination: Place, tmp_path: Path) -> None:
    nodes = [
        Node("Project/1", "Project", {"name": "in p"}, {"datasets": ("Dataset/1",)}),
        Node("Dataset/1", "Dataset", {"name": "in p: d"}),
    ]
    applied(write(tmp_path / "one", nodes, {}), destination)
    make(destination, container("Dataset", "in p: d"))
    bundle = write(tmp_path / "two", nodes, {})
    assert len(list(applied(bundle, destination, merge=True).of(Reuse))) == 2
    assert differences(bundle, destination) == []


# -- what an import makes -----------------------------------------------------------------------


def test_a_file_that_is_no_image(destination: Place, tmp_path: Path) -> None:
    nodes = fileset(1, b"not an image", "a.tif", [Node("Image/1", "Image", {"name": "a"})])
    bundle = write(tmp_path / "b", nodes, {"OriginalFile/1": b"not an image"})
    with destination.connect(own_session=True) as server:
        before = counted(server)
        why = [one.why for one in apply(bundle, server).skipped]
        assert why[0].startswith("the destination could not import it: ")
        assert added(before, counted(server)) == {}
        undo(bundle, server)
        assert added(before, counted(server)) == {}


def test_a_failure_leaves_the_other_filesets(destination: Place, tmp_path: Path) -> None:
    good = tiff(tmp_path / "good.tif")
    nodes = [
        *fileset(1, b"bad", "bad.tif", [Node("Image/1", "Image", {"name": "bad"})]),
        *fileset(2, good, "good.tif", [Node("Image/2", "Image", {"name": "good"})]),
    ]
    bundle = write(tmp_path / "b", nodes, {"OriginalFile/1": b"bad", "OriginalFile/2": good})
    with pytest.raises(ServerFailure, match=r"bad\.tif"):
        applied(bundle, destination, streams=2, strict=True)
    with journal_of(bundle, destination) as journal:
        assert journal["Fileset/2"].how is How.IMPORTED
        assert "Fileset/1" not in journal


def test_another_image_than_the_graph_says(destination: Place, tmp_path: Path) -> None:
    content = tiff(tmp_path / "a.tif")
    nodes = fileset(1, content, "a.tif", [Node("Image/1", "Image", {"name": "a"})])
    next(node for node in nodes if node.type == "Pixels").fields["sizeX"] = 99
    bundle = write(tmp_path / "b", nodes, {"OriginalFile/1": content})
    with pytest.raises(GraphxferError, match="sizeX is 16, expected 99"):
        applied(bundle, destination)
    with destination.connect(own_session=True) as server:
        assert undo(bundle, server).removed == {"Fileset": 1}


def test_files_are_checked_before_anything_is_made(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-corrupt")
    entry = bundle.manifest().of("OriginalFile/1")
    assert entry is not None
    content = bundle.file(entry).read_bytes()
    bundle.file(entry).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with destination.connect(own_session=True) as server:
        before = counted(server)
        with pytest.raises(GraphxferError, match=r"OriginalFile/1: .*a\.tif: changed"):
            apply(bundle, server, ApplyOptions(strict=True))
        bundle.file(entry).unlink()
        with pytest.raises(GraphxferError, match=r"OriginalFile/1: .*missing: .*a\.tif"):
            apply(bundle, server, ApplyOptions(strict=True))
        assert added(before, counted(server)) == {}


def test_nodes_that_cannot_be_moved_are_told(destination: Place, tmp_path: Path) -> None:
    nodes = [
        Node("Image/1", "Image", {"name": "without files"}),
        Node("Roi/1", "Roi", {"name": "on it"}, {"image": ("Image/1",)}),
        Node("Dataset/1", "Dataset", {"name": "skips"}, {"images": ("Image/1", "Image/99")}),
    ]
    bundle = write(tmp_path / "b", nodes, {})
    plan = applied(bundle, destination)
    told = {(action.node, action.child) for action in plan.skipped}
    assert told == {("Image/1", ""), ("Roi/1", ""), ("Dataset/1", "Image/99")}
    links = {action.child: action.reason for action in plan.of(Skip) if action.child}
    assert links == {
        "Image/1": "one of its ends cannot be moved",
        "Image/99": "the linked object is not in the graph",
    }
    with journal_of(bundle, destination) as journal:
        assert [id_of(node) for node in journal.nodes()] == [1]
