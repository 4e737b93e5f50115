# SPDX-License-Identifier: GPL-2.0-or-later
"""Link files into a server's repository instead of uploading them: OMERO's ``ln_s``.

The steps are those of OMERO's own importer (ome/omero-blitz, ``AbstractExecFileTransfer``). Before
a file is linked, they prove that the folder on this machine is the server's repository.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
from omero.rtypes import rstring

from graphxfer.bundle import checksums
from graphxfer.catalogue import FILE
from graphxfer.errors import FileProblem, GraphxferError
from graphxfer.omero.connect import Server

NAMESPACE = "openmicroscopy.org/omero/import/fileTransfer"
CLASS = "ome.formats.importer.transfers.SymlinkFileTransfer"
"""The comment of OMERO's importer on filesets that it linked: its own class."""


def record() -> Any:
    """Return the comment that marks a fileset's files as links, as OMERO does."""
    comment = omero.model.CommentAnnotationI()
    comment.ns, comment.textValue = rstring(NAMESPACE), rstring(CLASS)
    return comment


def root(server: Server) -> Path:
    """Return the folder of a server's repository on this machine.

    Parameters
    ----------
    server : Server
        The destination.

    Raises
    ------
    FileProblem
        If it is not mounted here.
    """
    described = server.service("ManagedRepository").root()
    folder = Path(described.path.val) / described.name.val
    if not folder.is_dir():
        raise FileProblem(
            "the server's repository is not mounted on this machine",
            where=str(folder),
            do="run it where the folder is mounted at this path, or without --in-place",
        )
    return folder


def link(server: Server, opened: Callable[..., Any], file: Path, hasher: str) -> str:
    """Link a file into the repository, where the server expects it; return its checksum.

    Parameters
    ----------
    server : Server
        The destination.
    opened : callable
        Opens the store that writes the file at the server; takes a call context, optionally.
    file : Path
        The file; it is not moved.
    hasher : str
        Checksum algorithm of the fileset.

    Raises
    ------
    FileProblem
        If the folder on this machine is not the server's repository, or not writable.
    """
    store = opened()
    with _closing(store):
        target = _target(server, store)
        if target.exists() or target.is_symlink():
            raise FileProblem(
                "the file already exists", where=str(target), do="run it without --in-place"
            )
        # The server computes a new checksum only if the size has changed.
        size = file.stat().st_size
        probe = str(uuid.uuid4()).encode()
        probe += b"+" if len(probe) == size else b""
        store.write(probe, 0, len(probe))
    _prove(target, probe)
    try:
        target.unlink()
        target.symlink_to(file.absolute())
    except OSError as error:
        raise FileProblem(
            f"the link could not be created: {error.strerror}",
            where=str(target),
            do="run it as a user who may write to the server's repository",
        ) from error
    reading = {**server.context(), "omero.fs.mode": "r"}
    store = opened(reading)
    with _closing(store):
        if store.size() != size:
            raise FileProblem(
                "the server cannot read the file through the link",
                where=str(file),
                do="give the server's user read access to the file, at this path",
            )
        store.save()
    return checksums.of_file(file, [hasher])[hasher]


def _target(server: Server, store: Any) -> Path:
    """Return the file's path in the repository, on this machine."""
    rows = server.rows(
        f"select f.path, f.name from {FILE} f where f.id = :id",  # noqa: S608
        id=store.getFileId().val,
    )
    path, name = rows[0]
    return Path(f"{root(server)}/{path}{name}")


def _prove(target: Path, probe: bytes) -> None:
    """Prove that the folder is the server's repository: read here what the server wrote."""
    try:
        found = target.read_bytes()
    except OSError:
        found = b""
    if found != probe or not os.access(target, os.W_OK):
        raise FileProblem(
            "the folder is not the server's repository, or not writable",
            where=str(target.parent),
            do="run it where the repository is mounted, as a user who may write to it, "
            "or without --in-place",
        )


@contextlib.contextmanager
def _closing(store: Any) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(GraphxferError):
            store.close()
