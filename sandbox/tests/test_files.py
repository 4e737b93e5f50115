# SPDX-License-Identifier: GPL-2.0-or-later
"""Attachments: RawFileStore on files outside the repository.

Source: ome.services.RawFileBean (omero-server); omero-py clients.py, upload and download.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from omero.rtypes import rstring, unwrap

from omero_sandbox import manage


@pytest.fixture
def client(lab: Callable[..., Any]) -> Any:
    return lab("rwra--").member()


def new_file(client: Any) -> int:
    row = omero.model.OriginalFileI()
    row.name, row.path, row.mimetype = rstring("a.txt"), rstring("/home/"), rstring("text/plain")
    row.hasher = omero.model.ChecksumAlgorithmI()
    row.hasher.value = rstring("MD5-128")
    return int(client.sf.getUpdateService().saveAndReturnObject(row).id.val)


def test_there_and_back(client: Any, tmp_path: Path, server: manage.Sandbox) -> None:
    data = bytes(range(256)) * 5000
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    uploaded = client.upload(str(path), type="application/octet-stream")
    row = client.sf.getQueryService().get("OriginalFile", uploaded.id.val)
    assert row.size.val == len(data)
    assert row.hash.val == hashlib.sha1(data, usedforsecurity=False).hexdigest()
    assert (server.directory / "Files" / str(row.id.val)).read_bytes() == data
    client.download(row, str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == data


def test_save_sets_size_and_hash(client: Any) -> None:
    store = client.sf.createRawFileStore()
    store.setFileId(new_file(client))
    store.write(b"hello world", 0, 5)  # only as much as is said
    saved = store.save()
    assert saved.size.val == 5
    assert saved.hash.val == hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    assert store.truncate(2)
    assert not store.truncate(4)
    assert store.save().size.val == 2
    store.close()


def test_reading_past_the_end_gives_zeros(client: Any) -> None:
    store = client.sf.createRawFileStore()
    store.setFileId(new_file(client))
    store.write(b"abc", 0, 3)
    assert store.read(1, 5) == b"bc\0\0\0"
    assert store.size() == 3
    store.close()


def test_a_store_needs_a_file(client: Any) -> None:
    store = client.sf.createRawFileStore()
    with pytest.raises(omero.ApiUsageException):
        store.read(0, 1)
    store.close()


def recorded(client: Any, id_: int) -> tuple[Any, ...]:
    row = client.sf.getQueryService().get("OriginalFile", id_)
    return unwrap(row.size), unwrap(row.hash), row.details.updateEvent.id.val


NOTHING = hashlib.md5(b"", usedforsecurity=False).hexdigest()


def test_a_look_at_a_missing_file_creates_it(client: Any) -> None:
    """Tried on a real server: in all groups at once only the row stays as it is."""
    id_ = new_file(client)
    before, everywhere = recorded(client, id_), client.getContext(-1)
    store = client.sf.createRawFileStore()
    store.setFileId(id_, everywhere)
    assert not store.exists(everywhere)
    assert store.size(everywhere) == 0
    assert store.exists(everywhere)
    with pytest.raises(omero.InternalException, match="NullPointerException"):
        store.close(everywhere)
    assert recorded(client, id_) == before
    id_ = new_file(client)
    store = client.sf.createRawFileStore()
    store.setFileId(id_)
    store.close()
    assert recorded(client, id_)[:2] == (0, NOTHING)


def test_a_store_forgets_its_file(client: Any) -> None:
    """Tried on a real server: so nothing is changed by closing it."""
    id_ = new_file(client)
    before = recorded(client, id_)
    store = client.sf.createRawFileStore()
    store.setFileId(id_)
    assert not store.exists()
    with pytest.raises(omero.ValidationException, match="No row with the given identifier"):
        store.setFileId(0)
    store.close()
    assert recorded(client, id_) == before
    store = client.sf.createRawFileStore()
    store.setFileId(id_)
    assert not store.exists()
    store.close()


def test_others_create_no_missing_file(lab: Callable[..., Any]) -> None:
    """Tried on a real server: the file does not exist for those who may not write it."""
    group = lab("rwra--")
    mine, other = group.member(), group.member()
    id_ = new_file(mine)
    store = other.sf.createRawFileStore()
    store.setFileId(id_)
    with pytest.raises(omero.ResourceError):
        store.size()
    assert not store.exists()
    with pytest.raises(omero.ResourceError):
        store.close()


def test_closing_a_reader_rewrites_the_row_of_a_changed_file(
    client: Any, server: manage.Sandbox
) -> None:
    # RawFileBean.close saves; save compares the size on disk with that in the database
    id_ = new_file(client)
    store = client.sf.createRawFileStore()
    store.setFileId(id_)
    store.write(b"abc", 0, 3)
    store.close()
    (server.directory / "Files" / str(id_)).write_bytes(b"abcd")
    store = client.sf.createRawFileStore()
    store.setFileId(id_)
    store.read(0, 1)
    store.close()
    assert client.sf.getQueryService().get("OriginalFile", id_).size.val == 4


def test_others_read_but_do_not_write(lab: Callable[..., Any]) -> None:
    group = lab("rwra--")
    mine, other = group.member(), group.member()
    id_ = new_file(mine)
    store = mine.sf.createRawFileStore()
    store.setFileId(id_)
    store.write(b"abc", 0, 3)
    store.close()
    store = other.sf.createRawFileStore()
    store.setFileId(id_)
    assert store.read(0, 3) == b"abc"
    with pytest.raises(omero.SecurityViolation):
        store.write(b"x", 0, 1)
    store.close()


def test_a_deleted_attachment_is_gone_from_the_disk(client: Any, server: manage.Sandbox) -> None:
    id_ = new_file(client)
    store = client.sf.createRawFileStore()
    store.setFileId(id_)
    store.write(b"abc", 0, 3)
    store.close()
    path = server.directory / "Files" / str(id_)
    assert path.exists()
    request = omero.cmd.Delete2(targetObjects={"OriginalFile": [id_]})
    client.submit(request, loops=50, ms=100).close(True)
    assert not path.exists()
