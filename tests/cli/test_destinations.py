# SPDX-License-Identifier: GPL-2.0-or-later
"""Destinations that have a part already, journals of others, and taking things back."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from graphxfer.graph import Node
from tests.cli.conftest import Filled, Troubled
from tests.cli.person import Person
from tests.places import Place
from tests.transfers import small, write


def copied(bundle: Path, name: str) -> str:
    """Return the same bundle again, without journals: to a server it is another transfer."""
    shutil.copytree(bundle, bundle.with_name(name), ignore=shutil.ignore_patterns("journals"))
    return name


def number_of(json: object, kind: str, type_: str) -> int:
    assert isinstance(json, dict)
    lines = json["summary"]
    return sum(one["number"] for one in lines if (one["kind"], one["type"]) == (kind, type_))


def test_what_the_destination_has_already(person: Person, destination: Place) -> None:
    """A project and a tag of the same name: reused, made again, refused, or not guessed."""
    nodes = [
        Node("Project/1", "Project", {"name": "same µ"}, {"datasets": ("Dataset/1",)}),
        Node("Dataset/1", "Dataset", {"name": "same"}, {"annotations": ("TagAnnotation/1",)}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": "same tag"}),
    ]
    first, uri = write(person.home / "first", nodes, {}).folder, destination.uri
    person.run("apply", "first", uri).done()

    refused = copied(first, "refused")
    ran = person.run("apply", refused, uri, "--tags", "error")
    ran.failed(1, "TagAnnotation/1", "'same tag'", "already exists", "--tags reuse")

    merged = copied(first, "merged")
    json = person.run("apply", merged, uri, "--merge", "--json").done().json
    for kind, type_ in (("merge", "Project"), ("merge", "Dataset"), ("reuse", "TagAnnotation")):
        assert number_of(json, kind, type_) == 1
        assert number_of(json, "create", type_) == 0
    person.run("verify", merged, uri).done()

    again = copied(first, "again")
    json = person.run("apply", again, uri, "--tags", "create", "--json").done().json
    assert number_of(json, "create", "Project") == 1
    assert number_of(json, "create", "TagAnnotation") == 1
    person.run("verify", again, uri).done()

    unclear = copied(first, "unclear")
    for command in ("plan", "apply"):
        ran = person.run(command, unclear, uri, "--merge")
        ran.failed(1, "Project/1", "ambiguous", "'same µ'", "without --merge")

    # What was merged was not made by that apply, and an undo leaves it alone.
    assert person.run("undo", merged, uri, "--json").done().json["removed"] == {}
    person.run("verify", "first", uri).done()
    for name in ("again", "first"):
        assert person.run("undo", name, uri, "--json").done().json["removed"]["Project"] == 1


def test_journals_are_told_apart(person: Person, destination: Place, filled: Filled) -> None:
    """One bundle to two servers; then the journal of the one under the name of the other."""
    bundle = small(person.home / "bundle", "-two")
    uris = (destination.uri, filled.uri)
    for uri in uris:
        person.run("apply", "bundle", uri).done()
    first, second = sorted((bundle.folder / "journals").glob("*.sqlite"))
    person.run("undo", "bundle", uris[0]).done()
    person.run("verify", "bundle", uris[1]).done()
    person.run("verify", "bundle", uris[0]).failed(3, "differences")
    person.run("apply", "bundle", uris[0]).done()

    copy = person.home / copied(bundle.folder, "copy") / "journals"
    copy.mkdir()
    shutil.copy(first, copy / second.name)
    shutil.copy(second, copy / first.name)
    for command in ("plan", "apply", "verify", "undo"):
        for uri in uris:
            person.run(command, "copy", uri).failed(2, "journal of another destination", "→")
    for uri in uris:
        person.run("undo", "bundle", uri).done()


def test_a_journal_that_is_damaged(person: Person, destination: Place) -> None:
    nodes = [Node("Project/1", "Project", {"name": "damaged"})]
    bundle = write(person.home / "bundle", nodes, {})
    person.run("apply", "bundle", destination.uri).done()
    (journal,) = (bundle.folder / "journals").glob("*.sqlite")
    good = journal.read_bytes()
    for bad in (b"this is no database at all" * 10, good[: len(good) // 2]):
        journal.write_bytes(bad)
        for command in ("plan", "apply", "undo"):
            ran = person.run(command, "bundle", destination.uri)
            ran.failed(1, journal.name, "journal")
    journal.write_bytes(good)
    person.run("undo", "bundle", destination.uri).done()


def test_two_at_once(person: Person, troubled: Troubled, slow: Callable[[str, int], None]) -> None:
    small(person.home / "bundle", "-at-once")
    first = person.start("apply", "bundle", troubled.uri)
    slow("ManagedRepository.importFileset", 1)
    os.kill(first.pid, signal.SIGSTOP)  # so that it is at work however fast the others are
    try:
        for command in ("apply", "undo"):
            ran = person.run(command, "bundle", troubled.uri)
            ran.failed(2, "another graphxfer is using this journal", "bundle/journals", "→")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    person.wait(first).done()
    troubled.with_()
    person.run("verify", "bundle", troubled.uri).done()
    person.run("undo", "bundle", troubled.uri).done()


def test_undo(person: Person, troubled: Troubled) -> None:
    """Of a part, of nothing, twice; and an apply after it."""
    small(person.home / "bundle", "-undo")
    before = troubled.counts("Project", "Image", "Fileset", "Annotation", "Roi")
    person.run("undo", "bundle", troubled.uri).failed(2, "nothing of this bundle was applied", "→")
    troubled.faults("error@5:IUpdate.saveAndReturnIds", "drop@2:IUpdate.saveAndReturnIds")
    for _ in range(2):
        person.run("apply", "bundle", troubled.uri).failed(1)
    removed = person.run("undo", "bundle", troubled.uri, "--json").done().json["removed"]
    assert removed["Fileset"] == 1
    assert troubled.counts(*before) == before
    assert "Nothing to remove" in person.run("undo", "bundle", troubled.uri).done().out
    person.run("apply", "bundle", troubled.uri).done()
    person.run("verify", "bundle", troubled.uri).done()
    person.run("undo", "bundle", troubled.uri).done()
    assert troubled.counts(*before) == before
