# SPDX-License-Identifier: GPL-2.0-or-later
"""Export, fetch and verify change nothing at a server: no row of its database, and no file.

OMERO writes size, checksum and time into the record of a file that is only read, if they differ
(RawFileBean.save of ome/omero-server): so the files here are not as recorded.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.verify import verify
from omero_sandbox.manage import Sandbox
from tests.apply.test_plates import lab
from tests.places import Place, place
from tests.transfers import small

LOGS = {"event", "eventlog", "session", "_sequence", "_server"}
"""Tables that a login changes."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place("", tmp_path_factory.mktemp("server")) as running:
        yield running


def state(sandbox: Sandbox) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return all rows by table, and the checksums of all files."""
    folder = sandbox.repository.parent
    (database,) = folder.glob("**/omero.sqlite")
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        names = [row[0] for row in db.execute("select name from sqlite_master where type='table'")]
        rows = {
            name: db.execute(f'select * from "{name}"').fetchall()
            for name in names
            if name.lower() not in LOGS
        }
    finally:
        db.close()
    kept = [folder / "Files", sandbox.repository]
    files = [path for part in kept for path in part.rglob("*") if path.is_file()]
    return rows, {str(path): hashlib.sha1(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("record", ["as it is", "no hash", "no size", "nothing"])
@pytest.mark.parametrize("disk", ["as it is", "truncated", "longer", "empty", "gone"])
def test_nothing_changes(server: Place, tmp_path: Path, record: str, disk: str) -> None:
    sandbox = server.sandbox
    assert sandbox is not None
    bundle = small(tmp_path / "b", f" {record} {disk}")
    with server.connect(own_session=True) as connection:
        apply(bundle, connection)
    with lab(server) as person:
        hql = "select f.file.id from FileAnnotation f order by f.id desc"
        attachment = person.ids(hql)[0]
        project = person.ids("select p.id from Project p order by p.id desc")[0]
        cleared = {"no hash": ("hash",), "no size": ("size",), "nothing": ("hash", "size")}
        person.edit("OriginalFile", attachment, **dict.fromkeys(cleared.get(record, ())))
        hql = "select e.originalFile.id from FilesetEntry e order by e.id desc"
        image = person.query.get("OriginalFile", person.ids(hql)[0])
    (path,) = (sandbox.repository.parent / "Files").rglob(str(attachment))
    for one in (path, sandbox.repository / image.path.val.strip("/") / image.name.val):
        damage(one, disk)
    before = state(sandbox)

    with server.connect() as connection:
        exported = export(connection, {"Project": [project]}, tmp_path / "exported")
        fetch(exported, connection)
        list(verify(Bundle(bundle.folder), connection, check_bytes=True))
    after = state(sandbox)
    assert after[1] == before[1]
    assert [name for name in before[0] if after[0][name] != before[0][name]] == []


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if how != "gone":
        size = {"truncated": len(content) // 2, "empty": 0}.get(how, len(content))
        path.write_bytes(content[:size] + b"more" * (how == "longer"))
