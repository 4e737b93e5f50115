# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer plan`, `apply`, `verify` and `undo`, one after the other, and their exit codes."""

from __future__ import annotations

import csv

import omero
import omero.all
from omero.rtypes import rstring

from graphxfer.graph import Node
from graphxfer.journal import Journal
from graphxfer.omero.write import link, save
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
    (note,) = person.run("plan", "bundle", uri, "--json").done().json["notes"]
    assert "in the files, but not in the graph: removed" in note
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


def test_the_files_metadata_may_count(person: Person, destination: Place) -> None:
    small(person.home / "f", "-cli-file")
    uri, chosen = destination.uri, ("--file-metadata", "file")
    assert "kept (--file-metadata file)" in person.run("plan", "f", uri, *chosen).done().out
    person.run("apply", "f", uri, *chosen).done()
    printed = person.run("verify", "f", uri).done().out
    assert "As in the files (--file-metadata file): " in printed
    assert "Image/1 name" in printed
    kinds = {one["kind"] for one in person.run("verify", "f", uri, "--json").done().json}
    assert kinds == {"as in file"}
    receipt = person.run("verify", "f", uri, "--receipt", "receipt.jsonld").done()
    assert "no differences" in receipt.out
    recorded = (person.home / "receipt.jsonld").read_text()
    assert "a name that a user gave" in recorded
    assert "Up to date" in person.run("apply", "f", uri).done().out
    done = person.run("apply", "f", uri, "--file-metadata", "graph", "--json").done().json
    assert {one["type"] for one in done["actions"] if one["kind"] == "update"} >= {"Image"}
    assert person.run("verify", "f", uri, "--json").done().json == []
    person.run("undo", "f", uri).done()


def test_additions_are_listed_and_may_be_allowed(person: Person, destination: Place) -> None:
    bundle = write(person.home / "b", [Node("Dataset/1", "Dataset", {"name": "added to"})], {})
    person.run("apply", "b", destination.uri).done()
    with destination.connect() as server:
        with Journal(bundle.journal(server.database_uuid)) as journal:
            dataset = journal["Dataset/1"].id
        project = omero.model.ProjectI()
        project.name = rstring("of somebody else")
        (number,) = save(server, [project])
        save(server, [link("ProjectDatasetLink", ("Project", number), ("Dataset", dataset))])
    line = f"+ Dataset/1 (counterpart Dataset:{dataset}): Project:{number} at the destination"
    assert line in person.run("verify", "b", destination.uri).failed(3, "1 addition").out
    ran = person.run("verify", "b", destination.uri, "--allow-additions").done()
    assert line in ran.out
    assert "1 node: no differences but 1 addition" in ran.out


def test_bytes_are_checked_by_the_server(person: Person, destination: Place) -> None:
    bundle = small(person.home / "b", "-cli-bytes")
    person.run("apply", "b", destination.uri).done()
    ran = person.run("verify", "b", destination.uri, "--bytes").done()
    assert "Bytes: 1 file checked by the server, 1 file read back" in ran.out
    with destination.connect() as server:
        with Journal(bundle.journal(server.database_uuid)) as journal:
            number = journal["OriginalFile/1"].id
        update = server.service("IUpdate")
        file = server.objects("select f from OriginalFile f where f.id = :id", id=number)[0]
        file.hash = None
        update.saveObject(file)
    ran = person.run("verify", "b", destination.uri, "--bytes").failed(3, "1 difference")
    assert "OriginalFile/1: bytes not checked: the destination recorded no checksum" in ran.out


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
