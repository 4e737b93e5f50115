# SPDX-License-Identifier: GPL-2.0-or-later
"""An import as clients do it: the sequence of omero-py's testlib and of the in-place transfers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import omero
import omero.all
import omero.callbacks
from omero.rtypes import rbool, rstring

HASHER = "SHA1-160"


def fileset(client_paths: Sequence[str], reader: str = "") -> Any:
    made = omero.model.FilesetI()
    for path in client_paths:
        entry = omero.model.FilesetEntryI()
        entry.clientPath = rstring(path)
        made.addFilesetEntry(entry)
    job = omero.model.UploadJobI()
    if reader:
        job.versionInfo = [omero.model.NamedValue("bioformats.reader", reader)]
    made.linkJob(job)
    return made


def settings(**more: Any) -> Any:
    made = omero.grid.ImportSettings(doThumbnails=rbool(False), noStatsInfo=rbool(True), **more)
    made.checksumAlgorithm = omero.model.ChecksumAlgorithmI()
    made.checksumAlgorithm.value = rstring(HASHER)
    return made


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def upload(process: Any, contents: Sequence[bytes]) -> list[str]:
    for number, data in enumerate(contents):
        store = process.getUploader(number)
        store.write(b"", 0, 0)
        store.write(data, 0, len(data))
        store.close()
    return [sha1(data) for data in contents]


def finish(client: Any, handle: Any) -> Any:
    callback = omero.callbacks.CmdCallbackI(client, handle)
    try:
        return callback.loop(100, 200)
    finally:
        callback.close(True)


def import_files(client: Any, files: dict[str, bytes], *, reader: str = "", **options: Any) -> Any:
    """Import files given by client path and content; return the response, also an ERR."""
    repository = client.getManagedRepository()
    process = repository.importFileset(fileset(list(files), reader), settings(**options))
    handle = process.verifyUpload(upload(process, list(files.values())))
    process.close()
    return finish(client, handle)


def link_in_place(client: Any, process: Any, number: int, source: Path) -> str:
    """Put a symlink for a file, as SymlinkFileTransfer (omero-blitz) does; return its checksum."""
    repository = client.getManagedRepository()
    store = process.getUploader(number)
    root = repository.root()
    everywhere = client.getContext(-1)
    row = client.sf.getQueryService().get("OriginalFile", store.getFileId().val, everywhere)
    target = Path(root.path.val) / root.name.val / f"{row.path.val}{row.name.val}"
    assert not target.exists()
    probe = b"a probe of the file system"
    store.write(probe, 0, len(probe))
    store.close()
    assert target.read_bytes() == probe
    target.unlink()
    target.symlink_to(source)
    reading = {**client.getContext(), "omero.fs.mode": "r"}
    store = process.getUploader(number, reading)
    assert store.size() == source.stat().st_size
    saved = store.save()
    store.close()
    assert saved.size.val == source.stat().st_size
    return sha1(source.read_bytes())
