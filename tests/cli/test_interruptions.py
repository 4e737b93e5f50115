# SPDX-License-Identifier: GPL-2.0-or-later
"""What is interrupted is said so, leaves nothing half-written, and goes on when run again.

Connections break, servers die or fail, people press Ctrl-C: in the middle of every command.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Troubled
from tests.cli.person import Person, Ran, tree
from tests.transfers import small

LOST = "the connection was lost"
AGAIN = "run the same command again"


def exported(person: Person, troubled: Troubled) -> Ran:
    return person.run(
        "export", troubled.uri, troubled.project, "--to", "bundle", "--partial-ok", "--json"
    )


def parts(folder: Path) -> list[str]:
    """Return what a command left that is neither there nor not there."""
    return [str(path) for path in folder.rglob("*") if path.name.endswith((".part", ".tmp"))]


EXPECTED = {
    "Project": 1,
    "Dataset": 1,
    "Image": 1,
    "Fileset": 1,
    "Roi": 2,
    "Shape": 3,
    "Annotation": 4,
    "ImageAnnotationLink": 3,
    "ProjectDatasetLink": 1,
}
"""What one `small` transfer makes."""


def counts(troubled: Troubled) -> dict[str, int]:
    return troubled.counts(*EXPECTED)


def arrived_once(person: Person, troubled: Troubled, before: dict[str, int]) -> None:
    """Check that a transfer is there, whole and once; and take it back for the next test."""
    person.run("verify", "bundle", troubled.uri).done()
    after = counts(troubled)
    assert {name: after[name] - before[name] for name in EXPECTED} == EXPECTED
    assert "Up to date" in person.run("apply", "bundle", troubled.uri).done().out
    person.run("undo", "bundle", troubled.uri).done()
    assert counts(troubled) == before


# -- dropped connections, errors, dead servers


def test_export_when_the_connection_drops(person: Person, troubled: Troubled) -> None:
    troubled.faults("drop@3:IQuery.projection", "drop@30:IQuery.projection")
    for _ in range(2):
        exported(person, troubled).failed(1, LOST, AGAIN, troubled.sandbox.host)
        assert tree(person.home) == {}
    assert exported(person, troubled).done().json["nodes"]["Project"] == 1


def test_fetch_when_the_connection_drops(person: Person, troubled: Troubled) -> None:
    troubled.faults(
        "drop@1:RawFileStore.read", "drop@3:RawFileStore.size", "error@5:RawFileStore.size"
    )
    exported(person, troubled).done()
    fetch = ("fetch", "bundle", "--from", troubled.uri)
    for _ in range(2):
        person.run(*fetch).failed(1, LOST, AGAIN)
    files = {path for path in tree(person.home / "bundle/files") if not path.startswith(".fetch")}
    ran = person.run(*fetch)
    if ran.code:  # the server's error about one file is that file's, and named so
        ran.failed(1, "OriginalFile/", "an error was requested")
        ran = person.run(*fetch)
    assert "0 missing or wrong" in ran.done().out
    assert files <= set(tree(person.home / "bundle/files"))
    assert not (person.home / "bundle/files/.fetch/Files").exists()


def test_apply_when_the_connection_drops(person: Person, troubled: Troubled) -> None:
    """The server has done what it was asked, and nobody heard so: never is it done twice."""
    small(person.home / "bundle", "-drop")
    before = counts(troubled)
    faults = (
        "drop@1:RawFileStore.write",
        "drop@1:ImportProcess.verifyUpload",
        "drop@3:IUpdate.saveAndReturnIds",
        "drop@9:IUpdate.saveAndReturnIds",
        "drop@2:IUpdate.saveArray",
    )
    troubled.faults(*faults)
    failures = 0
    while (ran := person.run("apply", "bundle", troubled.uri)).code:
        ran.failed(1, LOST, AGAIN)
        failures += 1
        assert failures <= len(faults)
    assert failures == len(faults)
    arrived_once(person, troubled, before)


def test_apply_when_the_server_fails(person: Person, troubled: Troubled) -> None:
    """An error of the server's names the call; nothing was done by it."""
    small(person.home / "bundle", "-error")
    before = counts(troubled)
    faults = (
        "error@1:ManagedRepository.importFileset",
        "error@1:RawFileStore.write",
        "error@1:ImportProcess.verifyUpload",
        "error@2:IUpdate.saveAndReturnIds",
        "error@8:IUpdate.saveAndReturnIds",
        "error@1:IUpdate.saveArray",
    )
    troubled.faults(*faults)
    failures = 0
    while (ran := person.run("apply", "bundle", troubled.uri)).code:
        ran.failed(1, "InternalException", "an error was requested", troubled.sandbox.host, "→")
        failures += 1
        assert failures <= len(faults)
    assert failures == len(faults)
    arrived_once(person, troubled, before)


def test_verify_when_the_connection_drops(person: Person, troubled: Troubled) -> None:
    small(person.home / "bundle", "-verify")
    before = counts(troubled)
    troubled.faults()
    person.run("apply", "bundle", troubled.uri).done()
    troubled.faults("drop@9:IQuery.projection", "error@40:IQuery.projection")
    ran = person.run("verify", "bundle", troubled.uri).failed(1, LOST, AGAIN)
    assert ran.out == ""
    ran = person.run("verify", "bundle", troubled.uri).failed(1, "an error was requested")
    assert ran.out == ""
    arrived_once(person, troubled, before)


def test_apply_when_the_server_dies(person: Person, troubled: Troubled) -> None:
    small(person.home / "bundle", "-dies")
    before = counts(troubled)
    for call in ("1:ImportProcess.verifyUpload", "4:IUpdate.saveAndReturnIds"):
        troubled.faults(f"kill@{call}")
        person.run("apply", "bundle", troubled.uri).failed(1, LOST, AGAIN)
        troubled.sandbox.wait()
    person.run("apply", "bundle", troubled.uri).failed(
        1, "cannot be reached", "that the server is up"
    )
    troubled.with_()
    person.run("apply", "bundle", troubled.uri).done()
    arrived_once(person, troubled, before)


def test_apply_when_the_repository_is_full(person: Person, troubled: Troubled) -> None:
    """What was begun of a fileset is not shown to anybody, does not pile up, and can be undone."""
    small(person.home / "bundle", "-full")
    before = counts(troubled)
    begun = before | {"Fileset": before["Fileset"] + 1}
    troubled.faults("full@1")
    for _ in range(2):
        person.run("apply", "bundle", troubled.uri).failed(1, "No space left on device", "→")
        assert counts(troubled) in (before, begun)
    person.run("undo", "bundle", troubled.uri).done()
    assert counts(troubled) == before
    troubled.with_()
    person.run("apply", "bundle", troubled.uri).done()
    arrived_once(person, troubled, before)


# -- Ctrl-C


def interrupt(person: Person, process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the terminal tells all processes of the group."""
    os.killpg(process.pid, signal.SIGINT)
    ran = person.wait(process)
    ran.failed(130, "interrupted", AGAIN)
    assert ran.err.count("graphxfer:") == 1


def test_ctrl_c(person: Person, troubled: Troubled, slow: Callable[[str, int], None]) -> None:
    export = ("export", troubled.uri, troubled.project, "--to", "bundle", "--partial-ok")
    process = person.start(*export)
    slow("IQuery.projection", 5)
    interrupt(person, process)
    assert tree(person.home) == {}
    person.run(*export).done()

    process = person.start("fetch", "bundle", "--from", troubled.uri)
    slow("RawFileStore.setFileId", 1)
    interrupt(person, process)
    assert not list((person.home / "bundle/files").glob("user*"))
    assert "0 missing" in person.run("fetch", "bundle", "--from", troubled.uri).done().out


def test_ctrl_c_in_an_apply(
    person: Person, troubled: Troubled, slow: Callable[[str, int], None]
) -> None:
    small(person.home / "bundle", "-ctrl-c")
    before = counts(troubled)
    for operation, times in (("ImportProcess.getUploader", 1), ("IUpdate.saveAndReturnIds", 5)):
        process = person.start("apply", "bundle", troubled.uri)
        slow(operation, times)
        interrupt(person, process)
    troubled.with_()
    person.run("apply", "bundle", troubled.uri).done()
    arrived_once(person, troubled, before)


def test_ctrl_c_in_an_rsync(person: Person) -> None:
    bundle = small(person.home / "bundle")
    repository = person.home / "ManagedRepository/user_2/2026"
    repository.mkdir(parents=True)
    shutil.move(bundle.files / "user_2/2026/a.tif", repository / "a.tif")
    (person.home / "Files").mkdir()
    slow = person.home / "bin/rsync"
    slow.parent.mkdir()
    slow.write_text(
        f'#!/bin/sh\ntouch {person.home}/begun\nsleep 60\nexec {shutil.which("rsync")} "$@"\n'
    )
    slow.chmod(0o755)
    fetch = ("fetch", "bundle", "--from", str(person.home / "ManagedRepository"))
    process = person.start(*fetch, env={"PATH": f"{slow.parent}:{os.environ['PATH']}"})
    while not (person.home / "begun").exists():
        assert process.poll() is None
        time.sleep(0.02)
    interrupt(person, process)
    assert not (bundle.files / "user_2/2026/a.tif").exists()
    person.run(*fetch).done()
