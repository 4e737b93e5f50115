# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes in and out of a server: OMERO's RawFileStore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import omero

from graphxfer.bundle import checksums
from graphxfer.errors import FileProblem, GraphxferError, ServerFailure
from graphxfer.omero.connect import Server

_OF_ONE_FILE = (omero.ResourceError, omero.SecurityViolation, omero.ValidationException)
"""What a server throws where it is a matter of this file alone."""
BLOCK = 8 * 1024 * 1024
"""Bytes of one call; repository files refuse more than 64,000,000."""


def download_all(
    server: Server,
    files: Mapping[int, tuple[int | None, Path]],
    jobs: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[int, str]:
    """Copy files from a server, several at once; a partial one is resumed.

    Parameters
    ----------
    server : Server
        The source.
    files : mapping
        By the id of the OriginalFile: its size as OMERO recorded it, and where it goes.
    jobs : int
        How many at once.
    advance : callable
        Called with the count of bytes that arrived.

    Returns
    -------
    dict
        Why a file did not come, by its id.
    """

    def one(file_id: int) -> str:
        size, target = files[file_id]
        try:
            download(server, file_id, size, target, advance)
        except FileProblem as problem:
            return problem.what
        return ""

    with ThreadPoolExecutor(jobs) as pool:
        try:
            outcomes = dict(zip(files, pool.map(one, files), strict=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return {file_id: why for file_id, why in outcomes.items() if why}


def download(
    server: Server,
    file_id: int,
    size: int | None,
    target: Path,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Copy a file from a server; what is there of it already is not read again.

    OMERO rewrites size and hash of its own record when a file of another size is closed, so that
    reading may change the source (ome/omero-server, RawFileBean.save). Hence the group -1, in
    which it does not open files for writing; the sizes compared before anything is read; and no
    opening of empty files at all.

    Parameters
    ----------
    server : Server
        The source.
    file_id : int
        Id of the OriginalFile.
    size : int or None
        Its size as OMERO recorded it.
    target : Path
        Where it goes; a partial file is gone on with.
    advance : callable
        Called with the count of bytes that arrived.

    Raises
    ------
    FileProblem
        If the server has no such bytes, or more or fewer than it recorded.
    ServerFailure
        If the connection is lost.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if size == 0:
        target.write_bytes(b"")
        return
    context = server.context(-1)
    with _told(), _store(server, context) as store:
        store.setFileId(file_id, context)
        there = store.size(context)
        if size is not None and there != size:
            what = "truncated" if there < size else "changed"
            raise FileProblem(f"{what}: {there:,} bytes there, OMERO recorded {size:,}")
        with target.open("ab") as out:
            if out.tell() > there:
                out.seek(out.truncate(0))
            position = out.tell()
            advance(position)
            while position < there:
                # Beyond the end OMERO answers with zeros: never ask for more than there is.
                out.write(store.read(position, min(BLOCK, there - position), context))
                advance(out.tell() - position)
                position = out.tell()


def upload(
    server: Server,
    file_id: int,
    source: Path,
    hasher: str,
    group: int,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[int, str]:
    """Write a file's bytes to an OriginalFile that has been created without a repository.

    Parameters
    ----------
    server : Server
        The destination.
    file_id : int
        Id of the OriginalFile.
    source : Path
        The file.
    hasher : str
        Its checksum algorithm there.
    group : int
        Its group.
    advance : callable
        Called with the count of bytes that were sent.

    Returns
    -------
    tuple
        Size and checksum, as the server recorded them.

    Raises
    ------
    FileProblem
        If the server recorded another size or checksum than that of the bytes that were read.
    """
    context, begun, position = server.context(group), checksums.checksum(hasher), 0
    with source.open("rb") as stream, _store(server, context) as store:
        store.setFileId(file_id, context)
        while block := stream.read(BLOCK):
            store.write(block, position, len(block), context)
            begun.update(block)
            position += len(block)
            advance(len(block))
        store.truncate(position, context)  # an earlier try may have written more
        saved = store.save(context)
    recorded = saved.size.val, saved.hash.val
    if recorded != (position, begun.hexdigest()):
        raise FileProblem(
            f"{position:,} bytes with {hasher} {begun.hexdigest()} were sent, but the server "
            f"recorded {recorded[0]:,} bytes with {recorded[1]}",
            where=str(source),
            do="run the same command again",
        )
    return recorded


WITHHELD = (
    "the server does not give it out: you may not read it, or its omero.policy.binary_access says "
    "so, which keeps the files of plates unless it has +plate; take them from the repository's "
    "folder (--from user@host:/OMERO/ManagedRepository), with rsync"
)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell what a server throws about one file from what it throws about everything."""
    try:
        yield
    except ServerFailure as failure:
        cause = failure.__cause__
        if isinstance(cause, omero.SecurityViolation):
            raise FileProblem(WITHHELD) from failure
        if isinstance(cause, _OF_ONE_FILE):
            raise FileProblem(failure.what) from failure
        raise


@contextlib.contextmanager
def _store(server: Server, context: dict[str, str]) -> Iterator[Any]:
    """Open a RawFileStore for one file: it cannot be set to another."""
    store = server.service("RawFileStore")
    try:
        yield store
    finally:
        # Closing saves; where that is not allowed there is nothing to be saved either.
        with contextlib.suppress(GraphxferError):
            store.close(context)
