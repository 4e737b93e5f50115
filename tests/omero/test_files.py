# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes in and out of a running server."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import pytest
from omero.model import ChecksumAlgorithmI, OriginalFileI
from omero.rtypes import rlong, rstring, unwrap

from graphxfer.bundle import checksums
from graphxfer.errors import FileProblem, LostFile
from graphxfer.omero import files
from graphxfer.omero.connect import Profile, Server, connect
from omero_sandbox import manage


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[manage.Sandbox]:
    with manage.running(tmp_path_factory.mktemp("server")) as sandbox:
        yield sandbox


@pytest.fixture
def server(sandbox: manage.Sandbox) -> Iterator[Server]:
    where = Profile("sandbox", sandbox.host, sandbox.port, "root")
    with connect(where, password="omero") as server:
        yield server


@pytest.fixture
def ordinary(sandbox: manage.Sandbox) -> Iterator[Any]:
    """omero-py's own client: what others would see and do."""
    client = omero.client(f"ssl://{sandbox.host}:{sandbox.port}")
    client.createSession("root", "omero")
    yield client
    client.closeSession()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(os.urandom(100_000))
    return path


def row(client: Any, id_: int) -> Any:
    return client.sf.getQueryService().get("OriginalFile", id_, client.getContext(-1))


def facts(client: Any, id_: int) -> tuple[Any, ...]:
    found = row(client, id_)
    return unwrap(found.size), unwrap(found.hash), found.details.updateEvent.id.val


def on_disk(sandbox: manage.Sandbox, id_: int) -> Path:
    return sandbox.repository.parent / "Files" / str(id_)


@pytest.fixture(params=[1_000, 100_000, 8_000_000])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", request.param)


@pytest.mark.usefixtures("blocks")
def test_a_file_comes_as_it_is(server: Server, ordinary: Any, data: Path, tmp_path: Path) -> None:
    id_ = ordinary.upload(str(data)).id.val
    arrived: list[int] = []
    files.download(server, id_, 100_000, tmp_path / "x" / "copy", arrived.append)
    assert (tmp_path / "x" / "copy").read_bytes() == data.read_bytes()
    assert sum(arrived) == 100_000


def test_of_a_partial_file_only_the_rest_is_read(
    server: Server, ordinary: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK", 10_000)
    id_ = ordinary.upload(str(data)).id.val
    whole, partial = tmp_path / "whole", tmp_path / "partial"
    partial.write_bytes(data.read_bytes()[:70_000])
    calls = server.calls
    files.download(server, id_, 100_000, partial)
    for_the_rest = server.calls - calls
    files.download(server, id_, 100_000, whole)
    assert partial.read_bytes() == whole.read_bytes() == data.read_bytes()
    assert server.calls - calls - for_the_rest == for_the_rest + 7


def test_a_partial_file_that_is_too_long_is_begun_again(
    server: Server, ordinary: Any, data: Path, tmp_path: Path
) -> None:
    id_ = ordinary.upload(str(data)).id.val
    copy = tmp_path / "copy"
    copy.write_bytes(os.urandom(200_000))
    files.download(server, id_, 100_000, copy)
    assert copy.read_bytes() == data.read_bytes()


def test_a_file_of_another_size_is_named_and_not_read(
    server: Server, sandbox: manage.Sandbox, ordinary: Any, data: Path, tmp_path: Path
) -> None:
    id_ = ordinary.upload(str(data)).id.val
    on_disk(sandbox, id_).write_bytes(b"short")
    with pytest.raises(
        FileProblem, match="truncated: 5 bytes at the source, OMERO recorded 100,000"
    ):
        files.download(server, id_, 100_000, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_good_file_is_not_changed_by_reading(
    server: Server, ordinary: Any, data: Path, tmp_path: Path
) -> None:
    id_ = ordinary.upload(str(data)).id.val
    before = facts(ordinary, id_)
    files.download(server, id_, 100_000, tmp_path / "copy")
    assert facts(ordinary, id_) == before


def download(server: Server, id_: int, size: int | None, folder: Path) -> None:
    files.download(server, id_, size, folder / "copy")


def read_back(server: Server, id_: int, size: int | None, folder: Path) -> None:
    list(files.read_back(server, [files.Attachment(id_, size, ["SHA1-160"])]))


@pytest.mark.parametrize("read", [download, read_back])
@pytest.mark.parametrize("how", ["never written", "gone", "truncated", "longer"])
def test_a_file_that_is_not_as_recorded_is_left_so(
    server: Server,
    sandbox: manage.Sandbox,
    ordinary: Any,
    data: Path,
    tmp_path: Path,
    read: Callable[..., None],
    how: str,
) -> None:
    """A look at it would make OMERO record what is there now, and create what is gone."""
    id_ = created(ordinary, None) if how == "never written" else ordinary.upload(str(data)).id.val
    disk, before = on_disk(sandbox, id_), facts(ordinary, id_)
    if how == "gone":
        disk.unlink()
    elif how != "never written":
        disk.write_bytes(b"x" * (5 if how == "truncated" else 200_000))
    there = disk.read_bytes() if disk.exists() else None
    lost = pytest.raises(LostFile) if read is download else contextlib.nullcontext()
    with lost:
        read(server, id_, before[0], tmp_path)
    assert facts(ordinary, id_) == before
    assert (disk.read_bytes() if disk.exists() else None) == there


def test_an_empty_file_is_not_even_opened(server: Server, ordinary: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    id_ = created(ordinary, "SHA1-160")
    files.upload(server, id_, tmp_path / "empty", "SHA1-160", server.group_id)
    before, calls = facts(ordinary, id_), server.calls
    files.download(server, id_, 0, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b""
    assert server.calls == calls
    assert facts(ordinary, id_) == before


def test_several_at_once_and_what_does_not_come_is_told(
    server: Server, sandbox: manage.Sandbox, ordinary: Any, data: Path, tmp_path: Path
) -> None:
    good = [ordinary.upload(str(data)).id.val for _ in range(3)]
    gone = ordinary.upload(str(data)).id.val
    on_disk(sandbox, gone).unlink()
    unknown = 10**9
    wanted = {id_: (100_000, tmp_path / str(id_)) for id_ in (*good, gone, unknown)}
    told = files.download_all(server, wanted, jobs=3)
    assert set(told) == {gone, unknown}
    assert all((tmp_path / str(id_)).read_bytes() == data.read_bytes() for id_ in good)
    assert not on_disk(sandbox, gone).exists()


def created(client: Any, hasher: str | None) -> int:
    file = OriginalFileI()
    file.name, file.path = rstring("data.bin"), rstring("/here/")
    if hasher is not None:
        file.size, file.hash = rlong(0), rstring("")
        file.hasher = ChecksumAlgorithmI()
        file.hasher.value = rstring(hasher)
    return int(client.sf.getUpdateService().saveAndReturnObject(file).id.val)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("hasher", ["SHA1-160", "Murmur3-128", "File-Size-64"])
def test_what_is_uploaded_is_what_others_read(
    server: Server, ordinary: Any, data: Path, tmp_path: Path, hasher: str
) -> None:
    id_ = created(ordinary, hasher)
    begun = checksums.checksum(hasher)
    begun.update(data.read_bytes())
    recorded = files.upload(server, id_, data, hasher, server.group_id)
    assert recorded == (100_000, begun.hexdigest())
    assert facts(ordinary, id_)[:2] == recorded
    ordinary.download(OriginalFileI(id_, False), str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == data.read_bytes()


def test_uploading_again_leaves_nothing_of_a_longer_try(
    server: Server, ordinary: Any, data: Path, tmp_path: Path
) -> None:
    id_ = created(ordinary, "SHA1-160")
    files.upload(server, id_, data, "SHA1-160", server.group_id)
    (tmp_path / "short").write_bytes(b"short")
    recorded = files.upload(server, id_, tmp_path / "short", "SHA1-160", server.group_id)
    assert recorded == (5, hashlib.sha1(b"short", usedforsecurity=False).hexdigest())


def test_a_file_of_which_the_server_keeps_another_sum_is_a_problem(
    server: Server, ordinary: Any, data: Path
) -> None:
    id_ = created(ordinary, "MD5-128")
    with pytest.raises(FileProblem, match="but the server recorded"):
        files.upload(server, id_, data, "SHA1-160", server.group_id)
