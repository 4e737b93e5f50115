# SPDX-License-Identifier: GPL-2.0-or-later
"""Native imports: files arrive whole, few calls are made, and failures name the file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from graphxfer.bundle import checksums
from graphxfer.errors import FileProblem, GraphxferError
from graphxfer.omero import importer, in_place, lookup, unfinished
from graphxfer.omero.importer import ImportFailure, ImportRefused, Part, Sending, Stopped
from graphxfer.omero.server import Server
from tests.places import Place
from tests.transfers import tiff


def run(server: Server, sending: Sending, verifying: Callable[[], None] = lambda: None) -> int:
    return importer.import_fileset(server, sending, verifying=verifying, stop=threading.Event())


def files_of(server: Server, fileset: int) -> list[list[object]]:
    return server.rows(
        "select o.name, o.size, o.hash, h.value from FilesetEntry e join e.originalFile o"
        " join o.hasher h where e.fileset.id = :id order by e.id",
        id=fileset,
    )


@pytest.mark.parametrize("hasher", checksums.HASHERS)
def test_a_file_arrives_with_its_checksum(destination: Place, tmp_path: Path, hasher: str) -> None:
    content = tiff(tmp_path / "a.tif")
    expected = checksums.of_file(tmp_path / "a.tif", [hasher])[hasher]
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif", expected),), hasher)
    with destination.connect(own_session=True) as server:
        fileset = run(server, sending)
        assert files_of(server, fileset) == [["a.tif", len(content), expected, hasher]]


def test_the_log_of_an_import_does_not_count(destination: Place, tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif")
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif"),))
    with destination.connect(own_session=True) as server:
        fileset = run(server, sending)
        of_job = (
            "select l.child.id from JobOriginalFileLink l, FilesetJobLink f"
            " where f.child.id = l.parent.id and f.parent.id = :id"
        )
        logs = [row[0] for row in server.rows(of_job, id=fileset)]
        file = "select e.originalFile.id from FilesetEntry e where e.fileset.id = :id"
        files = [row[0] for row in server.rows(file, id=fileset)]
        assert logs
        assert lookup.others(server, "OriginalFile", [*logs, *files], sessions=[]) == files


def test_an_import_takes_few_calls(destination: Place, tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif")
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif"),))
    with destination.connect(own_session=True) as server:
        run(server, sending)  # the first of a session finds the repository and its directories
        before = server.calls
        run(server, sending)
        assert server.calls - before <= 8 + 1  # and one write


def test_many_files_in_order_some_empty(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BLOCK", 100)
    tiff(tmp_path / "z.tif")
    (tmp_path / "a.log").write_bytes(b"")
    (tmp_path / "b.log").write_bytes(b"x" * 250)
    parts = tuple(Part(tmp_path / name, f"data/{name}") for name in ("z.tif", "b.log", "a.log"))
    with destination.connect(own_session=True) as server:
        fileset = run(server, Sending("Fileset/1", parts, streams=3))
        names = [(row[0], row[1]) for row in files_of(server, fileset)]
        assert names == [
            ("z.tif", (tmp_path / "z.tif").stat().st_size),
            ("b.log", 250),
            ("a.log", 0),
        ]


def test_a_failure_names_file_and_reason(destination: Place, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\x00 but then nothing that makes sense")
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif"),))
    with destination.connect(own_session=True) as server:
        with pytest.raises(ImportFailure) as caught:
            run(server, sending)
        assert str(tmp_path / "a.tif") in str(caught.value)
        assert "Fileset/1" in str(caught.value)
        assert "(error-on-init)" in str(caught.value)  # ManagedImportRequestI.init (omero-blitz)
        assert isinstance(caught.value, ImportRefused)


def test_a_changed_file_is_not_imported(destination: Place, tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif")
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif", "0" * 40),))
    told: list[bool] = []
    with (
        destination.connect(own_session=True) as server,
        pytest.raises(FileProblem, match="changed"),
    ):
        run(server, sending, verifying=lambda: told.append(True))
    assert told == []


def test_an_upload_can_be_stopped(destination: Place, tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif")
    stop = threading.Event()
    stop.set()
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif"),))
    with destination.connect(own_session=True) as server, pytest.raises(Stopped):
        importer.import_fileset(server, sending, verifying=lambda: None, stop=stop)


@pytest.mark.parametrize(
    ("recorded", "offered", "chosen"),
    [
        ({"MD5-128"}, ["SHA1-160", "MD5-128"], "MD5-128"),
        ({"MD5-128"}, ["SHA1-160"], "SHA1-160"),
        ({"MD5-128", "CRC-32"}, ["SHA1-160", "MD5-128", "CRC-32"], "SHA1-160"),
        (set(), ["SHA1-160", "MD5-128"], "SHA1-160"),
        ({"SHA3-of-the-future"}, ["SHA3-of-the-future"], "SHA1-160"),
    ],
)
def test_choice_of_checksum(recorded: set[str], offered: list[str], chosen: str) -> None:
    assert importer.choose_hasher(recorded, offered) == chosen


def test_state_tells_whether_an_import_is_complete(destination: Place, tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif")
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/unique/a.tif"),))
    with destination.connect(own_session=True) as server:
        session = server.session_id
        begun: list[unfinished.State] = []

        def look() -> None:
            (fileset,) = unfinished.of(server, "carried here")
            begun.append(unfinished.state(server, fileset, session, ["series"]))

        stop = threading.Event()
        fileset = importer.import_fileset(
            server, sending, "carried here", verifying=look, stop=stop
        )
        assert unfinished.of(server, "carried here") == [fileset]
        assert begun == [unfinished.State(begun=False, over=False, places=set())]
        done = unfinished.state(server, fileset, session, ["series"])
        assert done == unfinished.State(begun=True, over=False, places={(0,)})
    with destination.connect() as server:
        assert unfinished.state(server, fileset, session, ["series"]).over


# -- in place -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, 36])
def test_in_place_links_the_file(destination: Place, tmp_path: Path, length: int | None) -> None:
    if destination.sandbox is None:
        pytest.skip("the server's repository is not visible here")
    content = tiff(tmp_path / "a.tif")
    parts = [Part(tmp_path / "a.tif", "data/a.tif")]
    if length is not None:  # as long as the probe is by default
        (tmp_path / "b.txt").write_bytes(b"y" * length)
        parts.append(Part(tmp_path / "b.txt", "data/b.txt"))
    with destination.connect(own_session=True) as server:
        fileset = run(server, Sending("Fileset/1", tuple(parts), in_place=True))
        rows = files_of(server, fileset)
        sizes = [part.file.stat().st_size for part in parts]
        sums = [checksums.of_file(part.file, ["SHA1-160"])["SHA1-160"] for part in parts]
        assert [row[1:3] for row in rows] == [list(pair) for pair in zip(sizes, sums, strict=True)]
        path = server.rows(
            "select o.path, o.name from FilesetEntry e join e.originalFile o"
            " where e.fileset.id = :id order by e.id",
            id=fileset,
        )[0]
        link = in_place.root(server) / path[0] / path[1]
        assert link.is_symlink()
        assert link.read_bytes() == content
        note = server.rows(
            "select a.textValue from FilesetAnnotationLink l, CommentAnnotation a"
            " where l.child.id = a.id and l.parent.id = :id",
            id=fileset,
        )
        assert note == [["ome.formats.importer.transfers.SymlinkFileTransfer"]]


def test_in_place_needs_the_repository(
    destination: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiff(tmp_path / "a.tif")
    (tmp_path / "elsewhere").mkdir()
    sending = Sending("Fileset/1", (Part(tmp_path / "a.tif", "data/a.tif"),), in_place=True)
    # As on another machine, where the same path is another folder.
    monkeypatch.setattr(in_place, "root", lambda server: tmp_path / "elsewhere")
    with (
        destination.connect(own_session=True) as server,
        pytest.raises(GraphxferError, match="not the server's repository"),
    ):
        run(server, sending)
    assert list((tmp_path / "elsewhere").iterdir()) == []
