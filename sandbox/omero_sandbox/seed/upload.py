# SPDX-License-Identifier: GPL-2.0-or-later
"""A small native uploader for the seed program: files in, Pixels out.

It is a plain OMERO client, written independently of other importers, so that it checks them.
Source of the sequence: ome/omero-blitz `omero/Repositories.ice`.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import omero
import omero.cmd
import omero.grid
from omero.model import ChecksumAlgorithmI, FilesetEntryI, FilesetI, NamedValue, UploadJobI
from omero.rtypes import rbool, rstring

BLOCK = 4 * 1024 * 1024
CLIENT_FOLDER = "graphxfer-seed"


class ImportFailed(Exception):
    """The server could not import a fileset; the message is the server's."""


def upload(client: Any, files: Sequence[Path], target: Any = None) -> list[Any]:
    """
    Import the files of one fileset.

    Parameters
    ----------
    client : Any
        A connected `omero.client`; its group is where the images go.
    files : Sequence[Path]
        The file to open first, then those that belong to it.
    target : Any
        Dataset or Screen to link to.

    Returns
    -------
    list of Pixels
        In series order, as the server returned them.

    Raises
    ------
    ImportFailed
        When the server reports an error instead.
    """
    settings = omero.grid.ImportSettings(
        target, None, None, None, [], rbool(True), rbool(False), _sha1()
    )
    process = client.getManagedRepository().importFileset(_fileset(files), settings)
    try:
        hashes = [_send(process, i, file) for i, file in enumerate(files)]
        handle = process.verifyUpload(hashes)
    finally:
        process.close()
    return list(_wait(handle, files[0].name).pixels)


def _sha1() -> Any:
    algorithm = ChecksumAlgorithmI()
    algorithm.value = rstring("SHA1-160")
    return algorithm


def _fileset(files: Sequence[Path]) -> Any:
    fileset = FilesetI()
    for file in files:
        entry = FilesetEntryI()
        entry.clientPath = rstring(f"{CLIENT_FOLDER}/{file.name}")
        fileset.addFilesetEntry(entry)
    job = UploadJobI()
    job.versionInfo = [NamedValue("client.language.name", "Python")]
    fileset.linkJob(job)
    return fileset


def _send(process: Any, index: int, file: Path) -> str:
    """Send one file; return its checksum."""
    digest = hashlib.sha1(usedforsecurity=False)
    store = process.getUploader(index)
    try:
        store.write(b"", 0, 0)  # makes an empty file legal
        position = 0
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                store.write(block, position, len(block))
                digest.update(block)
                position += len(block)
    finally:
        store.close()
    return digest.hexdigest()


def _wait(handle: Any, name: str) -> Any:
    """Wait for the import; the wait between two questions grows up to a second."""
    pause = 0.02
    while (response := handle.getResponse()) is None:
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)
    handle.close()
    if isinstance(response, omero.cmd.ERR):
        raise ImportFailed(f"{name}: {response.name}: {response.parameters.get('message', '')}")
    return response
