# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are missing, truncated or changed; disks that are full or read-only."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Filled
from tests.cli.person import Person, tree
from tests.places import Place
from tests.transfers import small

IMAGE, TABLE = "user_2/2026/a.tif", "Files/2/t.csv"


@pytest.fixture
def bundle(person: Person) -> Path:
    return small(person.home / "bundle", "-files").folder


def damage(path: Path, how: str) -> str:
    """Damage a file; return what is to be said about it."""
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[:-1])
    else:
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    return {"changed": "SHA1-160"}.get(how, how)


HOW = ["missing", "truncated", "changed"]


@pytest.mark.parametrize("how", HOW)
def test_fetch_names_a_file_that_is_not_as_it_was(person: Person, bundle: Path, how: str) -> None:
    repository = person.home / "OMERO/ManagedRepository"
    shutil.copytree(bundle / "files", repository)
    shutil.rmtree(bundle / "files")
    shutil.move(repository / "Files", repository.parent)
    (repository.parent / TABLE).rename(repository.parent / "Files/two")
    (repository.parent / "Files/2").rmdir()
    (repository.parent / "Files/two").rename(repository.parent / "Files/2")
    image = repository / IMAGE
    good, words = image.read_bytes(), damage(image, how)
    fetch = ("fetch", "bundle", "--from", str(repository))
    told = person.run(*fetch).failed(4, IMAGE, "OriginalFile/1", words, "→")
    assert "t.csv" not in told.err
    assert not (bundle / "files" / IMAGE).exists()
    assert (bundle / "files" / TABLE).exists()
    person.run(*fetch, "--partial-ok").done()
    image.write_bytes(good)
    assert "1 file fetched" in person.run(*fetch).done().out
    assert (bundle / "files" / IMAGE).read_bytes() == good


@pytest.mark.parametrize("how", ["missing", "truncated"])
def test_plan_names_what_would_be_left_out(
    person: Person, bundle: Path, destination: Place, how: str
) -> None:
    words = damage(bundle / "files" / TABLE, how)
    ran = person.run("plan", "bundle", destination.uri, "--strict")
    ran.failed(1, "OriginalFile/2", TABLE, words, "graphxfer fetch")
    ran = person.run("plan", "bundle", destination.uri).failed(4, "2 nodes or links skipped")
    (line,) = (line for line in ran.out.splitlines() if TABLE in line)
    assert line.startswith("Skipped: OriginalFile/2  t.csv (")
    assert words in line


def test_apply_and_verify_name_what_is_left_out(
    person: Person, bundle: Path, destination: Place
) -> None:
    uri = destination.uri
    good = (bundle / "files" / TABLE).read_bytes()
    words = damage(bundle / "files" / TABLE, "changed")
    person.run("apply", "bundle", uri, "--strict").failed(1, "OriginalFile/2", TABLE, words)
    assert "Nothing to remove" in person.run("undo", "bundle", uri).done().out
    ran = person.run("apply", "bundle", uri).failed(4, "2 nodes or links skipped", "--partial-ok")
    reason = f"its file is not as the source recorded it: {TABLE}: changed: {words}"
    assert f"Skipped: OriginalFile/2  t.csv ({reason}" in ran.out
    assert "Skipped: FileAnnotation/4 (an object that it needs cannot be moved" in ran.out
    assert "run `graphxfer fetch`, then `graphxfer apply` again" in ran.out
    assert IMAGE not in ran.out + ran.err
    ran = person.run("apply", "bundle", uri, "--partial-ok", "--json").done()
    skips = [one for one in ran.json["actions"] if one["kind"] == "skip"]
    assert [(one["node"], one["child"]) for one in skips] == [
        ("OriginalFile/2", ""),
        ("FileAnnotation/4", ""),
        ("Image/1", "FileAnnotation/4"),
    ]
    ran = person.run("verify", "bundle", uri).failed(4, "2 nodes left out")
    assert f"Left out: OriginalFile/2  t.csv ({reason}" in ran.out
    assert "no differences" in ran.out
    ran = person.run("verify", "bundle", uri, "--partial-ok", "--json").done()
    assert [(one["kind"], one["node"]) for one in ran.json] == [
        ("left out", "OriginalFile/2"),
        ("left out", "FileAnnotation/4"),
    ]
    (bundle / "files" / TABLE).write_bytes(good)
    person.run("verify", "bundle", uri).failed(3, "3 differences")  # they could be moved now
    person.run("apply", "bundle", uri).done()
    assert "no differences" in person.run("verify", "bundle", uri).done().out


# -- full disks


def test_export_onto_a_full_disk(person: Person, filled: Filled) -> None:
    arguments = ("export", filled.uri, filled.project, "--to", "bundle", "--partial-ok")
    for largest in (100, 3000):
        person.run(*arguments, largest=largest).failed(1, "bundle", "File too large")
        assert tree(person.home) == {}
    person.run(*arguments).done()


def test_fetch_onto_a_full_disk(person: Person, filled: Filled) -> None:
    person.run("export", filled.uri, filled.project, "--to", "bundle", "--partial-ok").done()
    files = person.home / "bundle/files"
    fetch = ("fetch", "bundle", "--from", filled.uri)
    person.run(*fetch, largest=300).failed(1, "File too large")
    assert not list(files.rglob("a.tif*")) or all(".fetch" in str(p) for p in files.rglob("a.tif*"))
    person.run(*fetch).done()


@pytest.fixture
def disk(person: Person) -> Iterator[Path]:
    """A small disk in the person's home."""
    place = person.home / "disk"
    place.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only a root who may mount can make such a disk")
    yield place
    subprocess.run(["/bin/umount", place], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["/bin/mount", "-o", f"remount,{options}", str(disk)], check=True)


def test_a_bundle_that_is_read_only(
    person: Person, bundle: Path, disk: Path, destination: Place
) -> None:
    """It can be looked at, planned and verified; what has to write says that it cannot."""
    shutil.move(bundle, disk / "bundle")
    remount(disk, "ro")
    at, uri = "disk/bundle", destination.uri
    person.run("summary", at).done()
    person.run("plan", at, uri).done()
    person.run("verify", at, uri).failed(2, "nothing of this bundle was applied")
    person.run("undo", at, uri).failed(2, "nothing of this bundle was applied")
    person.run("apply", at, uri).failed(1, at, "Read-only", "→")
    person.run("fetch", at, "--from", "/tmp").failed(1, at, "Read-only")
    remount(disk, "rw")
    person.run("apply", at, uri).done()
    remount(disk, "ro")
    person.run("verify", at, uri).done()
    person.run("plan", at, uri).done()
    person.run("undo", at, uri).failed(1, at, "Read-only")
    remount(disk, "rw")
    person.run("undo", at, uri).done()


def test_a_disk_that_is_full_for_the_journal(
    person: Person, bundle: Path, disk: Path, destination: Place
) -> None:
    """What was done is known when there is room again: nothing is doubled."""
    shutil.move(bundle, disk / "bundle")
    at, uri = "disk/bundle", destination.uri
    filler = disk / "filler"
    for room in (0, 90_000):
        with filler.open("wb") as stream:
            free = shutil.disk_usage(disk).free
            stream.write(bytes(max(0, free - room)))
        person.run("apply", at, uri).failed(1, at, "full")
        filler.unlink()
    person.run("apply", at, uri).done()
    person.run("verify", at, uri).done()
    person.run("undo", at, uri).done()
