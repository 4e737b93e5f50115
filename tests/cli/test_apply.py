# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer plan`, `apply`, `verify` and `undo`, one after the other, and their exit codes."""

from __future__ import annotations

import csv

from graphxfer.graph import Node
from tests.cli.person import Person
from tests.places import Place
from tests.transfers import small, write


def test_one_after_the_other(person: Person, destination: Place) -> None:
    bundle = small(person.home / "bundle", "-cli")
    number = len(bundle.graph())
    uri = destination.uri
    person.run("verify", "bundle", uri).failed(1 + 1, "nothing of this bundle was applied")
    planned = person.run("plan", "bundle", uri).done()
    assert "unless the import creates an equal object" in planned.out
    assert person.run("plan", "bundle", uri, "--json").done().json["notes"] == []
    person.run("apply", "bundle", uri, "--map", "map.csv").done()
    with (person.home / "map.csv").open(newline="") as stream:
        assert len(list(csv.reader(stream))) == number + 1
    assert f"{number} nodes: no difference" in person.run("verify", "bundle", uri).done().out
    assert person.run("verify", "bundle", uri, "--json").done().json == []
    assert "Up to date" in person.run("apply", "bundle", uri).done().out
    assert "would remove 1 Fileset" in person.run("undo", "bundle", uri, "--dry-run").done().out
    assert person.run("undo", "bundle", uri, "--json").done().json["removed"]["Fileset"] == 1
    ran = person.run("verify", "bundle", uri, "--json").failed(3, f"{number} differences")
    assert {one["kind"] for one in ran.json} == {"missing"}
    assert "Nothing to remove" in person.run("undo", "bundle", uri).done().out


def test_a_map_that_cannot_be_written_is_reported_first(person: Person, destination: Place) -> None:
    bundle = write(person.home / "b", [Node("Project/1", "Project", {"name": "map"})], {})
    ran = person.run("apply", "b", destination.uri, "--map", "nowhere/map.csv")
    ran.failed(1, "nowhere: the folder does not exist", "create it first")
    assert not list(bundle.folder.glob("journals/*.sqlite"))


def test_nodes_that_cannot_be_moved(person: Person, destination: Place) -> None:
    nodes = [
        Node("Image/1", "Image", {"name": "without files"}),
        Node("Dataset/1", "Dataset", {"name": "cli: skips"}, {"images": ("Image/1",)}),
    ]
    write(person.home / "bundle", nodes, {})
    for command in ("plan", "apply"):
        ran = person.run(command, "bundle", destination.uri).failed(4, "1 node or link skipped")
        assert "Skipped: Image/1  without files (it has no files" in ran.out
        person.run(command, "bundle", destination.uri, "--partial-ok").done()
    ran = person.run("verify", "bundle", destination.uri).failed(4, "1 node left out")
    assert "Left out: Image/1  without files (it has no files" in ran.out
    assert "1 node: no differences" in ran.out
    json = person.run("plan", "bundle", destination.uri, "--json").failed(4).json
    assert [one["node"] for one in json["actions"] if one["kind"] == "skip"] == [
        "Image/1",
        "Dataset/1",
    ]


def test_a_document_can_be_applied(person: Person, destination: Place) -> None:
    write(person.home / "b", [Node("Project/1", "Project", {"name": "a document"})], {})
    (person.home / "b" / "graph.jsonld").rename(person.home / "alone.jsonld")
    person.run("apply", "alone.jsonld", destination.uri).done()
    person.run("verify", "alone.jsonld", destination.uri).done()
    assert list((person.home / "alone.jsonld.journals").glob("*.sqlite"))


def test_policies_are_checked(person: Person, destination: Place) -> None:
    write(person.home / "b", [Node("Project/1", "Project", {"name": "p"})], {})
    person.run("apply", "b", destination.uri, "--tags", "perhaps").failed(2, "perhaps")
