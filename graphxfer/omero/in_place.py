# SPDX-License-Identifier: GPL-2.0-or-later
"""Files linked into a server's repository instead of uploaded: OMERO's ``ln_s``.

The steps are those of OMERO's own importer (ome/omero-blitz, ``AbstractExecFileTransfer``): it
proves that the folder here and the server's repository are the same before it links anything.
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
"""What OMERO's importer notes on filesets that it linked: its own class."""


def record() -> Any:
    """Return the comment by which OMERO notes on a fileset that its files are links."""
    comment = omero.model.CommentAnnotationI()
    comment.ns, comment.textValue = rstring(NAMESPACE), rstring(CLASS)
    return comment


def root(server: Server) -> Path:
    """Return the folder of a server's repository, which is to be visible here.

    Raises
    ------
    FileProblem
        If it is not.
    """
    described = server.service("ManagedRepository").root()
    folder = Path(described.path.val) / described.name.val
    if not folder.is_dir():
        raise FileProblem(
            "the server's repository is not visible here",
            where=str(folder),
            do="run it where that folder is mounted at the same path, or without --in-place",
        )
    return folder


def link(server: Server, opened: Callable[..., Any], file: Path, hasher: str) -> str:
    """Link a file to where the server expects it, and return its checksum.

    Parameters
    ----------
    server : Server
        The destination.
    opened : callable
        Opens the store that writes the file there; in another call context where one is given.
    file : Path
        The file, which stays where it is.
    hasher : str
        The checksum algorithm of the fileset.

    Raises
    ------
    FileProblem
        If the folder here is not the server's, or may not be written to.
    """
    store = opened()
    with _closing(store):
        target = _target(server, store)
        if target.exists() or target.is_symlink():
            raise FileProblem("there is a file already", where=str(target))
        # The server computes a checksum anew only where the size has changed.
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
            f"the link could not be made: {error.strerror}",
            where=str(target),
            do="run it as a user who may write to the server's repository",
        ) from error
    reading = {**server.context(), "omero.fs.mode": "r"}
    store = opened(reading)
    with _closing(store):
        if store.size() != size:
            raise FileProblem(
                "the server cannot read it through the link",
                where=str(file),
                do="let the server's user read the file, at the same path",
            )
        store.save()
    return checksums.of_file(file, [hasher])[hasher]


def _target(server: Server, store: Any) -> Path:
    """Return where the file is to be, as a path here."""
    rows = server.rows(
        f"select f.path, f.name from {FILE} f where f.id = :id",  # noqa: S608
        id=store.getFileId().val,
    )
    path, name = rows[0]
    return Path(f"{root(server)}/{path}{name}")


def _prove(target: Path, probe: bytes) -> None:
    """Prove that the folder here is the server's: what was written there is read here."""
    try:
        found = target.read_bytes()
    except OSError:
        found = b""
    if found != probe or not os.access(target, os.W_OK):
        raise FileProblem(
            "this is not the server's own folder, or it may not be written to here",
            where=str(target.parent),
            do="run it where the server's repository is mounted, as a user who may write to it; "
            "or without --in-place",
        )


@contextlib.contextmanager
def _closing(store: Any) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(GraphxferError):
            store.close()
