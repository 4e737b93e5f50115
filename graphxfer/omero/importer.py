# SPDX-License-Identifier: GPL-2.0-or-later
"""Filesets into a server, natively: its ManagedRepository keeps the files and makes the images.

The sequence is that of OMERO's own importer (ome/omero-blitz, ``ImportLibrary``): importFileset,
the files (uploaded, or linked in place), verifyUpload with their checksums, and the response of the
import that the server then begins.
"""

from __future__ import annotations

import contextlib
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import omero
import omero.all
import omero.callbacks
from omero.rtypes import rbool, rstring

from graphxfer import __version__
from graphxfer.bundle import checksums
from graphxfer.errors import FileProblem, GraphxferError, ServerFailure
from graphxfer.omero import in_place
from graphxfer.omero.connect import Server

BLOCK = 5_000_000
"""Bytes of one write; a repository refuses more than 64,000,000."""
USUAL = "SHA1-160"
"""OMERO's usual checksum algorithm."""
FIRST_LOOK, LATER_LOOKS = 2.0, 60.0
"""Seconds without news from the server after which it is asked: news may be lost."""
LISTENING = 0.5
"""Seconds after which it is seen whether the import is to be waited for any longer."""


class Part(NamedTuple):
    """One file of a fileset.

    Parameters
    ----------
    file : Path
        Where it is here.
    client_path : str
        Its path as it is told to the server.
    checksum : str
        What its checksum is to be; empty where that is not known.
    """

    file: Path
    client_path: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """A fileset to be imported.

    Parameters
    ----------
    node : str
        What messages call it.
    parts : tuple of Part
        Its files, in the source's order: the server opens the first.
    hasher : str
        The checksum algorithm that its files are to have there.
    in_place : bool
        Link the files into the repository instead of uploading them.
    streams : int
        How many of its files are uploaded at once.
    """

    node: str
    parts: tuple[Part, ...]
    hasher: str = USUAL
    in_place: bool = False
    streams: int = 1


class Stopped(GraphxferError):
    """An upload was given up, because of something else."""


class ImportFailure(ServerFailure):
    """The server could not import a fileset, and left something of it behind."""

    def __init__(self, what: str, *, fileset: int | None, where: str = "", do: str = "") -> None:
        super().__init__(what, where=where, do=do)
        self.fileset = fileset


def choose_hasher(recorded: set[str], offered: Sequence[str]) -> str:
    """Return the checksum algorithm for a fileset.

    The source's own, where all files have the same and the server offers it: then one checksum
    proves the file from the source's disk to the destination's.
    """
    if len(recorded) == 1 and (only := next(iter(recorded))) in offered:
        return only if only in checksums.HASHERS else USUAL
    return USUAL


def offered_hashers(server: Server) -> list[str]:
    """Return the checksum algorithms that a server's repository has."""
    repository = server.service("ManagedRepository")
    return [one.value.val for one in repository.listChecksumAlgorithms()]


def import_fileset(
    server: Server,
    sending: Sending,
    *,
    verifying: Callable[[], None],
    stop: threading.Event,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Import a fileset and return its id.

    Parameters
    ----------
    server : Server
        The destination.
    sending : Sending
        What to import.
    verifying : callable
        Called when all files are there, before the server is told to import them.
    stop : threading.Event
        When it is set, the upload is given up between two blocks.
    advance : callable
        Called with the count of bytes that were sent.

    Raises
    ------
    ImportFailure
        If the server cannot import it; it names the file and the reason.
    """
    repository = server.service("ManagedRepository")
    process = repository.importFileset(_fileset(sending), _settings(sending.hasher))
    try:
        hashes = _send(server, process, sending, stop, advance)
        verifying()
        handle = process.verifyUpload(hashes)
    finally:
        with contextlib.suppress(GraphxferError):
            process.close()
    return _wait(server, handle, sending, stop)


# -- what the server is told ----------------------------------------------------------------------


def _fileset(sending: Sending) -> Any:
    fileset = omero.model.FilesetI()
    for part in sending.parts:
        entry = omero.model.FilesetEntryI()
        entry.clientPath = rstring(part.client_path)
        fileset.addFilesetEntry(entry)
    job = omero.model.UploadJobI()
    job.versionInfo = [omero.model.NamedValue(name, value) for name, value in _versions()]
    fileset.linkJob(job)
    if sending.in_place:
        fileset.linkAnnotation(in_place.record())
    return fileset


def _versions() -> Iterator[tuple[str, str]]:
    yield "client.name", "graphxfer"
    yield "client.version", __version__
    yield "client.language.name", "Python"
    yield "client.language.version", platform.python_version()
    yield "os.name", platform.system()
    yield "os.version", platform.release()
    yield "os.architecture", platform.machine()


def _settings(hasher: str) -> Any:
    settings = omero.grid.ImportSettings()
    settings.doThumbnails = rbool(True)
    settings.noStatsInfo = rbool(False)
    settings.checksumAlgorithm = omero.model.ChecksumAlgorithmI()
    settings.checksumAlgorithm.value = rstring(hasher)
    return settings


# -- files --------------------------------------------------------------------------------------


def _send(
    server: Server,
    process: Any,
    sending: Sending,
    stop: threading.Event,
    advance: Callable[[int], None],
) -> list[str]:
    """Bring all files to where the server imports them, and return their checksums."""

    def one(index: int) -> str:
        part = sending.parts[index]
        if sending.in_place:
            opened = partial(_uploader, process, index, part.file)
            found = in_place.link(server, opened, part.file, sending.hasher)
            advance(part.file.stat().st_size)
        else:
            found = _upload(process, index, part.file, sending.hasher, stop, advance)
        if part.checksum and found != part.checksum.lower():
            raise FileProblem(
                f"changed: its {sending.hasher} is {found}, not {part.checksum}",
                where=str(part.file),
                do="fetch it anew",
            )
        return found

    if sending.streams == 1 or len(sending.parts) == 1:
        return [one(index) for index in range(len(sending.parts))]
    with ThreadPoolExecutor(sending.streams) as pool:
        try:
            return list(pool.map(one, range(len(sending.parts))))
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _upload(
    process: Any,
    index: int,
    file: Path,
    hasher: str,
    stop: threading.Event,
    advance: Callable[[int], None],
) -> str:
    """Upload a file and return its checksum."""
    store = _uploader(process, index, file)
    begun, position = checksums.checksum(hasher), 0
    try:
        with file.open("rb") as stream:
            # A write of nothing makes the file, which may be empty.
            while (block := stream.read(BLOCK)) or position == 0:
                if stop.is_set():
                    raise Stopped("the upload was given up", where=str(file))
                store.write(block, position, len(block))
                begun.update(block)
                position += len(block)
                advance(len(block))
                if not block:
                    break
    finally:
        store.close()
    return begun.hexdigest()


def _uploader(process: Any, index: int, file: Path, context: dict[str, str] | None = None) -> Any:
    """Return the store that writes a fileset's file there.

    Raises
    ------
    ServerFailure
        If the server answers with none: it could not open its file.
    """
    store = process.getUploader(index, context) if context else process.getUploader(index)
    if store is None:
        raise ServerFailure(
            "the server could not open the file that it was to be written to",
            where=str(file),
            do="see the server's log; is its repository full or read-only?",
        )
    return store


# -- the server's import ------------------------------------------------------------------------


class _Finished(omero.callbacks.CmdCallbackI):
    """Waits for the end of a command, and does not ask for it at once."""

    def initialPoll(self, foreground_poll: bool = False) -> None:
        """Leave the first question to :func:`_response`: most imports take a while."""

    def onFinished(self, rsp: Any, status: Any, current: Any) -> None:
        """Let go of what nobody asks for; this callback may be there for long."""
        _lighten(rsp)


def _lighten(response: Any) -> None:
    """Let go of an import's images but for the first, of which the fileset is asked for."""
    if isinstance(response, omero.grid.ImportResponse) and response.pixels:
        for pixels in response.pixels[1:]:
            # They refer to each other, which would keep all of them for long.
            pixels.image = None
            pixels.unloadChannels()
        del response.pixels[1:]
        response.objects = []


def _wait(server: Server, handle: Any, sending: Sending, stop: threading.Event) -> int:
    """Wait until the server has imported a fileset; return its id."""
    callback = _Finished(server.client, handle)
    try:
        response = _response(callback, handle, stop)
        if response is None:
            raise Stopped("its import was not waited for", where=_told(sending))
        if isinstance(response, omero.cmd.ERR):
            raise _failure(response, handle, sending)
        if not response.pixels:
            raise ImportFailure(
                "the server found no image in it", fileset=_fileset_id(handle), where=_told(sending)
            )
        fileset = response.pixels[0].image.fileset
        for pixels in response.pixels:
            pixels.unloadImage()  # they refer to each other, which would keep them for long
        return int(fileset.id.val) if fileset else _fileset_id(handle)
    finally:
        with contextlib.suppress(GraphxferError):
            # To close the handle of an import that goes on would cancel it.
            callback.close(not stop.is_set())


def _response(callback: _Finished, handle: Any, stop: threading.Event) -> Any:
    """Return what came of an import; None if it is not to be waited for any more."""
    patience, waited = FIRST_LOOK, 0.0
    while not stop.is_set():
        if callback.block(1000 * LISTENING):
            return callback.getResponse()
        waited += LISTENING
        if waited >= patience:
            if (response := handle.getResponse()) is not None:
                _lighten(response)
                return response
            patience, waited = min(2 * patience, LATER_LOOKS), 0.0
    return None


def _fileset_id(handle: Any) -> int:
    return int(handle.getRequest().activity.parent.id.val)


def _failure(error: Any, handle: Any, sending: Sending) -> ImportFailure:
    """Return what an import's error says, with the file that it is about."""
    parameters = error.parameters or {}
    lines = str(parameters.get("message") or error.name).strip().splitlines()
    return ImportFailure(
        f"the server could not import it: {lines[0] if lines else error.name} ({error.name})",
        fileset=_fileset_id(handle),
        where=f"{_told(sending)} ({sending.node})",
        do="is the file whole, and does the destination's Bio-Formats read this format?",
    )


def _told(sending: Sending) -> str:
    return str(sending.parts[0].file)
