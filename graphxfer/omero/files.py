# SPDX-License-Identifier: GPL-2.0-or-later
"""Download and upload files with OMERO's RawFileStore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import omero

from graphxfer.bundle import checksums
from graphxfer.errors import FileProblem, GraphxferError, LostFile, ServerFailure, counted
from graphxfer.omero.connect import Server

_LOST = (omero.ResourceError, omero.ValidationException, omero.ApiUsageException)
"""Exceptions for a file that is not on the server's disk, or not in its database any more."""
_OF_ALL = (omero.SessionException, omero.ConcurrencyException)
"""Exceptions that concern the connection or the server, and not only one file."""
_NO_FILE = 0
"""No OriginalFile has this id."""
BLOCK = 8 * 1024 * 1024
"""Bytes of one call; OMERO refuses more than 64,000,000."""


def download_all(
    server: Server,
    files: Mapping[int, tuple[int | None, Path]],
    jobs: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[int, FileProblem]:
    """Download files, several at once; partial ones are resumed.

    Parameters
    ----------
    server : Server
        The source.
    files : mapping
        The size in OMERO's record and the path to write, by the id of the OriginalFile.
    jobs : int
        Number of files to download at once.
    advance : callable
        Called with the number of bytes that were downloaded.

    Returns
    -------
    dict
        Why a file failed, by its id.
    """

    def one(file_id: int) -> FileProblem | None:
        size, target = files[file_id]
        try:
            download(server, file_id, size, target, advance)
        except FileProblem as problem:
            return problem
        return None

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
    """Download a file; a partial one is resumed.

    Parameters
    ----------
    server : Server
        The source.
    file_id : int
        Id of the OriginalFile.
    size : int or None
        The size in OMERO's record.
    target : Path
        The file to write; if it exists, the download resumes at its end.
    advance : callable
        Called with the number of bytes that were downloaded.

    Raises
    ------
    LostFile
        If the file is gone, the server refuses it, or its size is not the recorded one.
    FileProblem
        If the server fails for this file.
    ServerFailure
        If the connection is lost.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if size == 0:
        target.write_bytes(b"")
        return
    context = server.context(-1)
    with _errors_of_one_file(), _reading(server, file_id, context) as store:
        actual = store.size(context) if _exists(store, context) else None
        if not actual:
            recorded = "" if size is None else f", OMERO recorded {counted(size, 'byte')}"
            raise LostFile(f"missing: there are no bytes at the source{recorded}")
        if size is not None and actual != size:
            what = "truncated" if actual < size else "changed"
            raise LostFile(
                f"{what}: {counted(actual, 'byte')} at the source, OMERO recorded {size:,}"
            )
        with target.open("ab") as out:
            if out.tell() > actual:
                out.seek(out.truncate(0))
            position = out.tell()
            advance(position)
            while position < actual:
                # Beyond the end OMERO answers with zeros: do not read there.
                out.write(store.read(position, min(BLOCK, actual - position), context))
                advance(out.tell() - position)
                position = out.tell()


class Attachment(NamedTuple):
    """A file to read back: its id, the size in the server's record, and the algorithms to use."""

    id: int
    recorded_size: int | None
    hashers: Collection[str]


class ReadBack(NamedTuple):
    """What is on the server's disk: the size (None: nothing), the checksums, or why unreadable."""

    size: int | None
    sums: dict[str, str]
    problem: str = ""


def read_back(
    server: Server,
    attachments: Iterable[Attachment],
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[ReadBack]:
    """Read files that are not in a repository, and yield what is on the server's disk.

    Parameters
    ----------
    server : Server
        The server.
    attachments : iterable of Attachment
        The files.
    advance : callable
        Called with the number of bytes that were read.

    Raises
    ------
    ServerFailure
        If the connection is lost.
    """
    context = server.context(-1)
    for one in attachments:
        try:
            with _errors_of_one_file(), _reading(server, one.id, context) as store:
                found = _read_sums(store, one, context, advance)
        except FileProblem as problem:
            found = ReadBack(one.recorded_size, {}, problem.what)
        yield found


def _read_sums(
    store: Any, one: Attachment, context: dict[str, str], advance: Callable[[int], None]
) -> ReadBack:
    begun = {name: checksums.checksum(name) for name in one.hashers}
    if not _exists(store, context):
        return ReadBack(None, {})
    size, position = store.size(context), 0
    while position < size:  # beyond the end there are zeros
        block = store.read(position, min(BLOCK, size - position), context)
        if not block:
            break
        for each in begun.values():
            each.update(block)
        position += len(block)
        advance(len(block))
    return ReadBack(size, {name: each.hexdigest() for name, each in begun.items()})


def upload(
    server: Server,
    file_id: int,
    source: Path,
    hasher: str,
    group: int,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[int, str]:
    """Upload a file to an OriginalFile outside of a repository (an attachment).

    Parameters
    ----------
    server : Server
        The destination.
    file_id : int
        Id of the OriginalFile.
    source : Path
        The file.
    hasher : str
        Checksum algorithm of the OriginalFile.
    group : int
        Group of the OriginalFile.
    advance : callable
        Called with the number of bytes that were uploaded.

    Returns
    -------
    tuple
        Size and checksum in the server's record.

    Raises
    ------
    FileProblem
        If the server recorded another size or checksum than the file has.
    """
    context, begun, position = server.context(group), checksums.checksum(hasher), 0
    with source.open("rb") as stream, _store(server, context) as store:
        store.setFileId(file_id, context)
        while block := stream.read(BLOCK):
            store.write(block, position, len(block), context)
            begun.update(block)
            position += len(block)
            advance(len(block))
        store.truncate(position, context)  # an interrupted upload may have written more
        saved = store.save(context)
    recorded = saved.size.val, saved.hash.val
    if recorded != (position, begun.hexdigest()):
        raise FileProblem(
            f"uploaded {counted(position, 'byte')} with {hasher} {begun.hexdigest()}, but the "
            f"server recorded {counted(recorded[0], 'byte')} with {recorded[1]}",
            where=str(source),
            do="run the same command again",
        )
    return recorded


WITHHELD = (
    "the server refuses the download: you may not read the file, or omero.policy.binary_access "
    "forbids it (files of plates need +plate there); fetch from the repository's folder instead "
    "(--from user@host:/OMERO/ManagedRepository)"
)


@contextlib.contextmanager
def _errors_of_one_file() -> Iterator[None]:
    """Turn server failures that concern only one file into a FileProblem."""
    try:
        yield
    except ServerFailure as failure:
        cause = failure.__cause__
        if isinstance(cause, omero.SecurityViolation):
            raise LostFile(WITHHELD) from failure
        if isinstance(cause, _LOST):
            raise LostFile(failure.what) from failure
        if isinstance(cause, omero.ServerError) and not isinstance(cause, _OF_ALL):
            raise FileProblem(failure.what) from failure
        raise


@contextlib.contextmanager
def _store(server: Server, context: dict[str, str]) -> Iterator[Any]:
    """Open a RawFileStore; it serves one file only."""
    store = server.service("RawFileStore")
    try:
        yield store
    finally:
        # Closing saves, which may be refused; then there is nothing to save.
        with contextlib.suppress(GraphxferError):
            store.close(context)


@contextlib.contextmanager
def _reading(server: Server, file_id: int, context: dict[str, str]) -> Iterator[Any]:
    """Open a RawFileStore for a file that is read, and leave the server as it is.

    For who may write a file, asking for the size creates an empty one where it is gone: callers
    first ask whether it exists. Closing a session overwrites the record of a file whose size is not
    the recorded one. So the store is closed before, in no group: this fails, and changes nothing.
    """
    with _store(server, context) as store:
        store.setFileId(file_id, context)
        yield store


def _exists(store: Any, context: dict[str, str]) -> bool:
    """Tell whether a file exists; if not, let the store forget it, as closing would create it.

    Only then: a store of a file in a repository stays open behind one that forgets it.
    """
    if store.exists(context):
        return True
    with contextlib.suppress(GraphxferError):
        store.setFileId(_NO_FILE, context)
    return False
