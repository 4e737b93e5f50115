# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan says what an apply would do, and does nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphxfer import unmovable
from graphxfer.bundle import Bundle, Document
from graphxfer.bundle.manifest import Manifest
from graphxfer.errors import FileProblem, UsageError
from graphxfer.graph import Header, LeftOut, Node, TransferGraph
from graphxfer.plan import ApplyOptions, Create, Import, Link, Match, Merge, Plan, Skip
from graphxfer.plan.planner import DONE, OWNED, make_plan
from graphxfer.undo import undo
from tests.apply.test_apply import added, applied, container, counted, make
from tests.places import Place, create_groups
from tests.transfers import SOURCE, fileset, small, write


def planned(bundle: Bundle, place: Place, **options: Any) -> Plan:
    with place.connect() as server:
        return make_plan(bundle, server, ApplyOptions(**options))


def in_memory(folder: Path, *nodes: Node, **header: Any) -> Bundle:
    """Return a bundle without files that is not written."""
    graph = TransferGraph(Header("https://omero.example.org/", SOURCE, **header), nodes)
    return Document(folder / "graph.jsonld", graph, Manifest(), folder)


def test_it_tells_all_and_makes_nothing(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-plan")
    with destination.connect() as server:
        before = counted(server)
        plan = make_plan(bundle, server)
        assert added(before, counted(server)) == {}
        assert not bundle.journal(server.database_uuid).exists()
    numbers: dict[tuple[str, str], int] = {}
    for line in plan.summary():
        numbers[line.kind, line.type] = numbers.get((line.kind, line.type), 0) + line.number
    assert numbers[Import.kind, "Fileset"] == numbers[Match.kind, "Image"] == 1
    assert numbers[Create.kind, "TagAnnotation"] == 2
    assert numbers[Link.kind, "ImageAnnotationLink"] == 3
    assert sum(numbers[kind, name] for kind, name in numbers if kind != Link.kind) == len(
        bundle.graph()
    )
    (importing,) = plan.of(Import)
    assert importing.bytes == (tmp_path / "b.tif").stat().st_size
    assert plan.as_json()["summary"][0]["number"] == 1


def test_what_is_referred_to_comes_first(destination: Place, tmp_path: Path) -> None:
    plan = planned(small(tmp_path / "b", "-order"), destination)
    order = [action.node for action in plan.of(Create)]
    assert order.index("OriginalFile/2") < order.index("FileAnnotation/4")
    assert order.index("Roi/1") < order.index("Point/1")


def test_after_an_apply_there_is_nothing_to_do(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-done")
    applied(bundle, destination)
    plan = planned(bundle, destination)
    assert plan.nothing_to_do
    assert {action.reason for action in plan.actions} == {DONE}


def test_unknown_classes_are_listed(destination: Place, tmp_path: Path) -> None:
    bundle = in_memory(tmp_path, Node("Galaxy/1", "Galaxy"))
    (action,) = planned(bundle, destination).skipped
    assert action == Skip("Galaxy/1", "Galaxy", "graphxfer does not know this class")


def test_what_an_export_left_out_is_reported(destination: Place, tmp_path: Path) -> None:
    left = (
        LeftOut("RenderingDef", 3, "rendering settings are not moved yet"),
        LeftOut("Image", 1, "not readable"),
    )
    notes = planned(in_memory(tmp_path, left_out=left), destination).notes
    assert notes == [
        "Not covered: 3 rendering settings (RenderingDef)",
        "Left out: 1 Image (not readable)",
    ]


def test_owners_of_links_are_reported(destination: Place, tmp_path: Path) -> None:
    link = {"parent": ("Dataset/1",), "child": ("TagAnnotation/1",), "owner": ("Experimenter/9",)}
    bundle = in_memory(
        tmp_path,
        Node("Dataset/1", "Dataset", {"name": "d"}, {"annotations": ("TagAnnotation/1",)}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": "a tag of others"}),
        Node("DatasetAnnotationLink/5", "DatasetAnnotationLink", {}, dict(link)),
    )
    plan = planned(bundle, destination)
    assert [action.reason for action in plan.of(Link)] == [OWNED]
    assert plan.skipped == []


def test_images_that_cannot_be_distinguished(destination: Place, tmp_path: Path) -> None:
    images = [Node(f"Image/{n}", "Image", {"name": "a", "series": 0}) for n in (1, 2)]
    bundle = write(tmp_path / "b", fileset(1, b"x", "a.tif", images), {"OriginalFile/1": b"x"})
    first, *others = planned(bundle, destination).skipped
    assert (first.node, first.reason) == ("Fileset/1", unmovable.AMBIGUOUS)
    assert first.detail == "Image/1 and Image/2 by Image.fileset"
    assert {one.node for one in others} == {"Image/1", "Image/2", "OriginalFile/1"}


def test_missing_and_truncated_files_are_named(destination: Place, tmp_path: Path) -> None:
    bundle = small(tmp_path / "b", "-missing")
    first, second = bundle.manifest()
    bundle.file(first).unlink()
    bundle.file(second).write_bytes(b"")
    plan = planned(bundle, destination)
    why = {one.node: one.why for one in plan.skipped}
    assert why["OriginalFile/1"] == "its file is missing: user_2/2026/a.tif"
    assert why["OriginalFile/2"] == (
        "its file is not as the source recorded it: Files/2/t.csv: truncated: 0 of 8 bytes"
    )
    assert "2 files missing or wrong: run `graphxfer fetch`" in plan.notes[-1]


def test_in_place_needs_the_repository(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small(tmp_path / "b", "-visible")
    planned(bundle, destination, in_place=True)
    if destination.sandbox is None:
        pytest.skip("its repository cannot be hidden")
    repository = destination.sandbox.repository
    hidden = repository.with_name("Hidden")
    repository.rename(hidden)
    try:
        with pytest.raises(FileProblem, match="not mounted on this machine"):
            planned(bundle, destination, in_place=True)
    finally:
        hidden.rename(repository)


def test_a_journal_of_another_graph_is_refused(destination: Place, tmp_path: Path) -> None:
    node = Node("Project/1", "Project", {"name": "p"})
    applied(write(tmp_path / "b", [node], {}), destination)
    with destination.connect() as server:
        path = Bundle(tmp_path / "b").journal(server.database_uuid)
        other = Document(
            tmp_path / "other.jsonld",
            TransferGraph(Header("https://omero.example.org/", "another source"), [node]),
            Manifest(),
            tmp_path,
        )
        other.journals.mkdir()
        path.rename(other.journal(server.database_uuid))
        with pytest.raises(UsageError, match="another source"):
            make_plan(other, server)


def test_only_what_asks_for_it_is_merged(destination: Place, tmp_path: Path) -> None:
    (number,) = make(destination, container("Dataset", "only when asked"))
    bundle = write(tmp_path / "b", [Node("Dataset/1", "Dataset", {"name": "only when asked"})], {})
    assert [type(action) for action in planned(bundle, destination).actions] == [Create]
    (action,) = planned(bundle, destination, merge=True).actions
    assert (type(action), action.destination) == (Merge, number)


def test_a_journal_of_another_group_is_refused(destination: Place, tmp_path: Path) -> None:
    create_groups(destination, "another group")
    bundle = write(tmp_path / "b", [Node("Project/1", "Project", {"name": "grouped"})], {})
    applied(bundle, destination)
    elsewhere = replace(destination, uri=destination.uri.rpartition("/")[0] + "/another group")
    for command in (planned, applied):
        with pytest.raises(UsageError, match="applied to another group"):
            command(bundle, elsewhere)
    with destination.connect(own_session=True) as server:
        undo(bundle, server)
    applied(bundle, elsewhere)
