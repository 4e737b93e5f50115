# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetching the files of a bundle from folders: what arrives, what is named, what is not redone."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import pytest

from graphxfer import bundle as bundles
from graphxfer import fetch as fetching
from graphxfer.bundle import Bundle, checksums, proof
from graphxfer.catalogue import Value
from graphxfer.errors import Exit, FileProblem, UnsafePath, UsageError
from graphxfer.fetch import Fetched, FetchOptions, Owner, fetch
from graphxfer.fetch.rsync import Folder
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.omero import write
from graphxfer.omero.connect import Profile, Server
from omero_sandbox import manage

PIXELS = {
    "ada_2/2026-03/14/09-26-53.589/a.tif": b"pixels of a",
    "ada_2/2026-03/14/09-26-53.589/b µ.tif": b"pixels of b" * 1000,
    "ada_2/2026-03/14/09-27-00.000/empty.txt": b"",
}
ATTACHED = b"an attachment"


class Source:
    """A source's data directory, and the graph of what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "ManagedRepository"
        self.graph = TransferGraph(Header("https://omero.example.org/", "uuid-of-the-source"))
        self.ids = 0

    def _file(self, at: Path, name: str, data: bytes, hasher: str, **fields: str) -> str:
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)
        begun = checksums.checksum(hasher or "SHA1-160")
        begun.update(data)
        proofs = {"hash": begun.hexdigest(), "hasher": hasher} if hasher else {}
        iri = f"OriginalFile/{self.ids}"
        known: dict[str, Value] = {"name": name, "size": len(data), **proofs, **fields}
        self.graph.add(Node(iri, "OriginalFile", known))
        return iri

    def image_file(self, path: str, data: bytes, hasher: str = "SHA1-160", client: str = "") -> str:
        self.ids += 1
        folder, _, name = path.rpartition("/")
        iri = self._file(
            self.repository / path, name, data, hasher, path=f"{folder}/", repo="repo-uuid"
        )
        entry = f"FilesetEntry/{self.ids}"
        path = client or f"data/raw/{name}"
        self.graph.add(Node(entry, "FilesetEntry", {"clientPath": path}, {"originalFile": (iri,)}))
        self.graph.add(Node(f"Fileset/{self.ids}", "Fileset", {}, {"usedFiles": (entry,)}))
        return iri

    def attachment(self, data: bytes, hasher: str = "SHA1-160") -> str:
        self.ids += 1
        path = self.folder / "Files" / str(self.ids)
        iri = self._file(path, "table.csv", data, hasher, path="/home/ada/")
        annotation = Node(f"FileAnnotation/{self.ids}", "FileAnnotation", {}, {"file": (iri,)})
        self.graph.add(annotation)
        return iri


@pytest.fixture
def source(tmp_path: Path) -> Source:
    source = Source(tmp_path / "OMERO")
    for path, data in PIXELS.items():
        source.image_file(path, data)
    source.attachment(ATTACHED)
    return source


@pytest.fixture
def bundle(source: Source, tmp_path: Path) -> Bundle:
    return bundles.write(tmp_path / "bundle", source.graph)


def from_folder(source: Source) -> Folder:
    return Folder(str(source.repository))


def contents(bundle: Bundle) -> dict[str, bytes]:
    return {
        path: bundle.file(entry).read_bytes()
        for entry in bundle.manifest()
        if bundle.file(entry).exists()
        for path in [entry.path]
    }


EXPECTED = {**PIXELS, "Files/4/table.csv": ATTACHED}


@pytest.mark.parametrize("jobs", [1, 3])
def test_files_and_attachments_get_their_places(source: Source, bundle: Bundle, jobs: int) -> None:
    report = fetch(bundle, from_folder(source), FetchOptions(jobs=jobs))
    assert report == Fetched(fetched=4, bytes=sum(map(len, EXPECTED.values())))
    assert contents(bundle) == EXPECTED
    left = [path.name for path in (bundle.files / ".fetch").iterdir()]
    assert left == ["checked.jsonl"]


def test_a_second_run_reads_and_brings_nothing(
    source: Source, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(bundle, from_folder(source))
    read: list[Path] = []
    true = checksums.of_file

    def noted(path: Path, *arguments: Any) -> dict[str, str]:
        read.append(path)
        return true(path, *arguments)

    monkeypatch.setattr(checksums, "of_file", noted)
    monkeypatch.setenv("PATH", "")  # no rsync
    assert fetch(bundle, from_folder(source)) == Fetched(up_to_date=4)
    assert read == []


def test_only_what_is_missing_or_bad_is_brought_again(source: Source, bundle: Bundle) -> None:
    fetch(bundle, from_folder(source))
    first, second, *_ = (bundle.file(entry) for entry in bundle.manifest())
    kept = [bundle.file(entry).stat().st_ino for entry in list(bundle.manifest())[2:]]
    first.unlink()
    second.write_bytes(b"PIXELS OF B" * 1000)
    report = fetch(bundle, from_folder(source))
    assert (report.fetched, report.up_to_date, report.problems) == (2, 2, [])
    assert contents(bundle) == EXPECTED
    assert kept == [bundle.file(entry).stat().st_ino for entry in list(bundle.manifest())[2:]]


def test_files_that_were_put_there_by_hand_are_checked_and_kept(
    source: Source, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, data in EXPECTED.items():
        (bundle.files / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle.files / path).write_bytes(data)
    monkeypatch.setenv("PATH", "")
    assert fetch(bundle, from_folder(source)) == Fetched(up_to_date=4)


def damage(source: Source, name: str, change: Callable[[Path], object]) -> None:
    change(source.repository / "ada_2/2026-03/14/09-26-53.589" / name)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: path.unlink(), "missing: No such file or directory"),
        (lambda path: path.write_bytes(b"pixe"), "truncated: 4 of 11 bytes"),
        (lambda path: path.write_bytes(b"pixels of aaaa"), "changed: 14 bytes, OMERO recorded 11"),
        (
            lambda path: path.write_bytes(b"pixels of A"),
            "changed: SHA1-160 is a9f9744471edcec9b1538469f8a43a9dba2028d6, "
            "OMERO recorded 5271174e54147ec6903cfa575a6013154862b30e",
        ),
        (lambda path: (path.unlink(), path.mkdir()), "missing: no such file"),
    ],
    ids=["missing", "truncated", "longer", "changed", "folder"],
)
def test_a_wrong_file_is_named_and_the_good_ones_are_kept(
    source: Source, bundle: Bundle, change: Callable[[Path], object], why: str
) -> None:
    damage(source, "a.tif", change)
    report = fetch(bundle, from_folder(source))
    (problem,) = report.problems
    assert (problem.path, problem.node) == (next(iter(PIXELS)), "OriginalFile/1")
    assert problem.why == why
    assert report.fetched == 3
    assert contents(bundle) == {
        path: data for path, data in EXPECTED.items() if "a.tif" not in path
    }


def test_when_the_source_is_right_again_the_rest_comes(source: Source, bundle: Bundle) -> None:
    damage(source, "a.tif", lambda path: path.write_bytes(b"pixe"))
    fetch(bundle, from_folder(source))
    damage(source, "a.tif", lambda path: path.write_bytes(b"pixels of a"))
    report = fetch(bundle, from_folder(source))
    assert (report.fetched, report.up_to_date, report.problems) == (1, 3, [])
    assert contents(bundle) == EXPECTED


@pytest.mark.parametrize("hasher", checksums.HASHERS)
def test_every_hasher_of_omero_proves(tmp_path: Path, hasher: str) -> None:
    source = Source(tmp_path / "OMERO")
    source.image_file("x/good.tif", b"0123456789", hasher)
    source.image_file("x/changed.tif", b"0123456789", hasher)
    (source.repository / "x/changed.tif").write_bytes(b"9876543210")
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    report = fetch(bundle, from_folder(source))
    named = [problem.path for problem in report.problems]
    assert named == ([] if hasher == "File-Size-64" else ["x/changed.tif"])


def test_without_a_checksum_the_size_is_all_and_that_is_told(tmp_path: Path) -> None:
    source = Source(tmp_path / "OMERO")
    source.image_file("x/a.tif", b"0123456789", hasher="")
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    assert fetch(bundle, from_folder(source)).size_only == ["x/a.tif"]
    assert fetch(bundle, from_folder(source)).size_only == ["x/a.tif"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_client_paths_are_where_files_were_imported_from(tmp_path: Path, slash: str) -> None:
    raw = tmp_path / "raw" / "a.tif"
    raw.parent.mkdir()
    raw.write_bytes(b"the same")
    source = Source(tmp_path / "OMERO")
    client = slash + str(raw).lstrip("/")
    # The same file imported twice; and once more, before it was changed.
    for number, data in enumerate((b"the same", b"the same", b"before!!")):
        source.image_file(f"ada_2/{number}/a.tif", data, client=client)
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    report = fetch(bundle, Folder("/"), FetchOptions(client_paths=True))
    assert contents(bundle) == {"ada_2/0/a.tif": b"the same", "ada_2/1/a.tif": b"the same"}
    assert [problem.path for problem in report.problems] == ["ada_2/2/a.tif"]


def test_with_client_paths_attachments_have_a_place_of_their_own(
    source: Source, bundle: Bundle
) -> None:
    for path, data in PIXELS.items():
        raw = source.folder / "data/raw" / Path(path).name
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.write_bytes(data)
    report = fetch(bundle, Folder(str(source.folder)), FetchOptions(client_paths=True))
    assert "--attachments" in report.problems[0].why
    place = Folder(str(source.folder / "Files"))
    report = fetch(
        bundle, Folder(str(source.folder)), FetchOptions(client_paths=True, attachments=place)
    )
    assert (report.fetched, report.up_to_date, report.problems) == (1, 3, [])
    assert contents(bundle) == EXPECTED


@pytest.mark.parametrize("client", ["../../etc/passwd", "data/../../x"])
def test_a_client_path_does_not_lead_out_of_the_folder(tmp_path: Path, client: str) -> None:
    source = Source(tmp_path / "OMERO")
    source.image_file("x/a.tif", b"a", client=client)
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    with pytest.raises(UnsafePath):
        fetch(bundle, Folder(str(tmp_path)), FetchOptions(client_paths=True))


def test_a_symlink_in_the_working_folder_is_refused(source: Source, bundle: Bundle) -> None:
    elsewhere = source.folder / "elsewhere"
    elsewhere.mkdir()
    (bundle.files / ".fetch" / "ManagedRepository").mkdir(parents=True)
    (bundle.files / ".fetch" / "ManagedRepository" / "ada_2").symlink_to(elsewhere)
    with pytest.raises(UnsafePath, match="symlink"):
        fetch(bundle, from_folder(source))
    assert list(elsewhere.iterdir()) == []


def test_the_working_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    source = Source(tmp_path / "OMERO")
    source.image_file(".fetch/checked.jsonl", b"[]")
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    with pytest.raises(UnsafePath, match="is reserved"):
        fetch(bundle, from_folder(source))


def test_a_torn_memory_costs_one_more_reading_at_most(source: Source, bundle: Bundle) -> None:
    fetch(bundle, from_folder(source))
    memory = bundle.files / ".fetch" / "checked.jsonl"
    memory.write_text(memory.read_text()[:-20])
    assert fetch(bundle, from_folder(source)) == Fetched(up_to_date=4)
    lines = memory.read_text().splitlines()
    assert json.loads(lines[-1])[0] == "Files/4/table.csv"
    assert len(lines) == 5


COMMAND = (sys.executable, "-c", "from graphxfer.cli import main; main()", "fetch")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)


def test_the_command_names_what_is_wrong_and_ends_with_4(source: Source, bundle: Bundle) -> None:
    damage(source, "a.tif", lambda path: path.write_bytes(b"pixe"))
    failed = run(str(bundle.folder), "--from", str(source.repository), "--json")
    assert failed.returncode == Exit.INCOMPLETE
    report = json.loads(failed.stdout)
    assert (report["fetched"], report["up_to_date"]) == (3, 0)
    assert report["problems"] == [
        {
            "path": next(iter(PIXELS)),
            "node": "OriginalFile/1",
            "why": "truncated: 4 of 11 bytes",
            "lost": True,
        }
    ]
    told = run(str(bundle.folder), "--from", str(source.repository), "--partial-ok")
    assert told.returncode == Exit.DONE
    assert f"{next(iter(PIXELS))} (OriginalFile/1): truncated: 4 of 11 bytes" in told.stderr
    assert "0 files fetched (0 B), 3 up to date, 1 missing or wrong" in told.stdout


def test_what_another_try_may_bring_ends_with_1(source: Source, bundle: Bundle) -> None:
    """The client paths are not below this folder, but the options may be wrong, too."""
    failed = run(str(bundle.folder), "--from", str(source.folder), "--client-paths", "--partial-ok")
    assert failed.returncode == Exit.FAILED
    assert "--attachments" in failed.stderr


@pytest.mark.parametrize(
    "name", ["scan (28).tif", "a: no room (122).tif", "change_dir.tif", 'change_dir "x".tif']
)
def test_a_name_is_not_taken_for_an_error(tmp_path: Path, name: str) -> None:
    """rsync's errors hold the file's name; 28 is a full disk where it is an error's number."""
    source = Source(tmp_path / "OMERO")
    source.image_file(f"x/{name}", b"gone")
    source.image_file("x/b.tif", b"there")
    (source.repository / "x" / name).unlink()
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    report = fetch(bundle, from_folder(source))
    (problem,) = report.problems
    assert (problem.node, problem.lost) == ("OriginalFile/1", True)
    assert problem.why == "missing: No such file or directory"
    assert contents(bundle) == {"x/b.tif": b"there"}


def test_an_attachment_that_never_had_bytes(tmp_path: Path) -> None:
    """Its upload broke off: OMERO has no record of it, and its file is empty, or is not there."""
    source = Source(tmp_path / "OMERO")
    for number in (1, 2):
        node = source.attachment(b"", hasher="")
        del source.graph[node].fields["size"]
        if number == 2:
            (source.folder / "Files" / "2").unlink()
    source.attachment(b"", hasher="SHA1-160")  # an empty file, and recorded so
    source.repository.mkdir()
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    report = fetch(bundle, from_folder(source))
    why = {problem.node: problem.why for problem in report.problems}
    assert why.keys() == {"OriginalFile/1", "OriginalFile/2"}
    assert "never completed" in why["OriginalFile/1"]
    assert contents(bundle) == {"Files/3/table.csv": b""}


def test_what_could_not_be_had_is_remembered(source: Source, bundle: Bundle) -> None:
    damage(source, "a.tif", lambda path: path.write_bytes(b"pixe"))
    fetch(bundle, from_folder(source))
    assert proof.problems(bundle.files) == {next(iter(PIXELS)): "truncated: 4 of 11 bytes"}
    damage(source, "a.tif", lambda path: path.write_bytes(b"pixels of a"))
    fetch(bundle, from_folder(source))
    assert proof.problems(bundle.files) == {}


@pytest.mark.parametrize("text", ["{", "1", '["a"]', '["a", "b", "c"]', "[" * 10_000, "\0\xff"])
def test_what_a_stranger_remembers_is_only_a_hint(bundle: Bundle, text: str) -> None:
    work = bundle.files / proof.WORK
    work.mkdir(parents=True)
    (work / proof.PROBLEMS).write_bytes(f'{text}\n["a.tif", "gone"]\n'.encode("latin-1"))
    assert proof.problems(bundle.files) == {"a.tif": "gone"}
    (work / proof.PROBLEMS).unlink()
    (work / proof.PROBLEMS).symlink_to("/etc/passwd")
    assert proof.problems(bundle.files) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "-oProxyCommand=id:/x"),
        ("--from", "/OMERO", "--chown", "nobody-of-that-name"),
        ("--from", "/OMERO", "--jobs", "0"),
        (),
    ],
)
def test_what_cannot_be_meant_ends_with_2(bundle: Bundle, arguments: tuple[str, ...]) -> None:
    assert run(str(bundle.folder), *arguments).returncode == Exit.USAGE


SLOW_RSYNC = """#!/bin/sh
exec {rsync} --bwlimit=200 "$@"
"""


def test_after_kill_9_the_next_run_goes_on(tmp_path: Path) -> None:
    """The process and its rsync are killed while a file is on its way."""
    source = Source(tmp_path / "OMERO")
    data = os.urandom(1_000_000)
    source.image_file("x/small.tif", b"small")
    source.image_file("x/big.tif", data)
    bundle = bundles.write(tmp_path / "bundle", source.graph)
    slow = tmp_path / "bin" / "rsync"
    slow.parent.mkdir()
    slow.write_text(SLOW_RSYNC.format(rsync=shutil.which("rsync")))
    slow.chmod(0o755)
    process = subprocess.Popen(
        [*COMMAND, str(bundle.folder), "--from", str(source.repository)],
        env={**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"},
        start_new_session=True,
    )
    partial = bundle.files / ".fetch/ManagedRepository/x/big.tif"
    while process.poll() is None and not (partial.exists() and partial.stat().st_size > 300_000):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 300_000 < partial.stat().st_size < len(data)
    assert not (bundle.files / "x/big.tif").exists()
    report = fetch(bundle, from_folder(source))
    assert (report.fetched, report.problems) == (2, [])
    assert contents(bundle) == {"x/small.tif": b"small", "x/big.tif": data}


MOUNT = "/bin/mount"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        [MOUNT, "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only a root who may mount can make a disk that is full")
    yield place
    subprocess.run(["/bin/umount", place], check=True)


def test_a_full_disk_is_said_so_and_what_came_is_kept(tmp_path: Path, small_disk: Path) -> None:
    source = Source(tmp_path / "OMERO")
    source.image_file("x/big.tif", os.urandom(400_000))
    bundle = bundles.write(small_disk / "bundle", source.graph)
    with pytest.raises(FileProblem, match="the disk is full"):
        fetch(bundle, from_folder(source))
    assert not (bundle.files / "x/big.tif").exists()
    subprocess.run([MOUNT, "-o", "remount,size=4m", small_disk], check=True)
    assert fetch(bundle, from_folder(source)).fetched == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_files_and_their_folders_get_their_owner(source: Source, bundle: Bundle) -> None:
    fetch(bundle, from_folder(source), FetchOptions(owner=Owner.parse("nobody")))
    made = [bundle.files / "ada_2", *(bundle.file(entry) for entry in bundle.manifest())]
    assert {path.stat().st_uid for path in made} == {pwd.getpwnam("nobody").pw_uid}
    assert bundle.folder.stat().st_uid == os.geteuid()


def test_an_unknown_owner_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="does not exist on this machine"):
        Owner.parse("nobody-of-that-name:users")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_who_is_not_root_gives_nothing_away_and_is_nobody_else(
    source: Source, bundle: Bundle
) -> None:
    with pytest.raises(UsageError, match="only root"):
        Owner.parse("root:root")
    with pytest.raises(UsageError, match="only root"):
        fetch(bundle, from_folder(source), FetchOptions(as_user="nobody"))


# -- over the connection ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[manage.Sandbox]:
    with manage.running(tmp_path_factory.mktemp("server")) as sandbox:
        yield sandbox


@pytest.fixture
def attached(sandbox: manage.Sandbox, tmp_path: Path) -> Bundle:
    """A bundle of three attachments that omero-py's own client uploaded."""
    client = omero.client(f"ssl://{sandbox.host}:{sandbox.port}")
    sf = client.createSession("root", "omero")
    graph = TransferGraph(
        Header("https://omero.example.org/", sf.getConfigService().getDatabaseUuid())
    )
    for number in range(3):
        local = tmp_path / f"table {number}.csv"
        local.write_bytes(ATTACHED * number)
        uploaded = sf.getQueryService().get("OriginalFile", client.upload(str(local)).id.val)
        fields: dict[str, Value] = {"name": uploaded.name.val, "path": uploaded.path.val}
        fields |= {"size": uploaded.size.val, "hash": uploaded.hash.val, "hasher": "SHA1-160"}
        graph.add(Node(f"OriginalFile/{uploaded.id.val}", "OriginalFile", fields))
    client.closeSession()
    return bundles.write(tmp_path / "bundle", graph)


def over(sandbox: manage.Sandbox) -> Profile:
    return Profile("sandbox", sandbox.host, sandbox.port, "root")


@pytest.mark.parametrize("jobs", [1, 3])
def test_files_come_over_the_connection(
    sandbox: manage.Sandbox, attached: Bundle, jobs: int
) -> None:
    with fetching.reached(over(sandbox), "omero") as server:
        assert fetch(attached, server, FetchOptions(jobs=jobs)) == Fetched(3, 3 * len(ATTACHED))
        assert isinstance(server, Server)
        calls = server.calls
        assert fetch(attached, server) == Fetched(up_to_date=3)
        assert server.calls == calls
    assert list(contents(attached).values()) == [ATTACHED * number for number in range(3)]


def test_what_the_server_has_lost_is_named(sandbox: manage.Sandbox, attached: Bundle) -> None:
    *_, short, gone = attached.manifest()
    stored = sandbox.repository.parent / "Files"
    (stored / gone.source).unlink()
    (stored / short.source).write_bytes(b"short")
    with fetching.reached(over(sandbox), "omero") as server:
        report = fetch(attached, server)
    why = {problem.node: problem.why for problem in report.problems}
    assert set(why) == {short.node, gone.node}
    assert why[short.node] == "truncated: 5 bytes at the source, OMERO recorded 13"
    there = "there are no bytes at the source"
    assert why[gone.node] == f"missing: {there}, OMERO recorded 26 bytes"
    assert all(problem.lost for problem in report.problems)
    assert report.fetched == 1


def test_what_was_deleted_since_the_export_is_named(
    sandbox: manage.Sandbox, attached: Bundle
) -> None:
    *_, gone = attached.manifest()
    with fetching.reached(over(sandbox), "omero") as server:
        assert isinstance(server, Server)
        write.delete(server, {"OriginalFile": [int(gone.node.rpartition("/")[2])]})
        report = fetch(attached, server)
    assert [(problem.node, problem.lost) for problem in report.problems] == [(gone.node, True)]
    assert report.fetched == 2


def test_another_server_than_the_bundles_is_refused(
    sandbox: manage.Sandbox, bundle: Bundle
) -> None:
    with (
        fetching.reached(over(sandbox), "omero") as server,
        pytest.raises(UsageError, match="not the server that the bundle was exported from"),
    ):
        fetch(bundle, server)


def test_what_from_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fetching.source("./files") == Folder(str(tmp_path / "files"))
    assert fetching.source("ada@host:/data") == Folder("/data", "ada@host")
    named = fetching.source("omero://ada@host.example.org/")
    assert isinstance(named, Profile)
    assert named.host == "host.example.org"


def test_the_proof_reads_a_file_once_for_several_hashers(tmp_path: Path) -> None:
    source = Source(tmp_path / "OMERO")
    for number, hasher in enumerate(checksums.HASHERS):
        source.image_file(f"x/{number}.tif", b"abc", hasher)
    entries = list(bundles.write(tmp_path / "bundle", source.graph).manifest())
    read: list[int] = []
    sums = proof.sums(entries, source.repository / "x/0.tif", read.append)
    assert set(sums) == set(checksums.HASHERS)
    assert read == [3]
    assert [proof.wrong(entry, source.repository / "x/0.tif", sums) for entry in entries] == [
        ""
    ] * 7
