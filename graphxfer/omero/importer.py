# SPDX-License-Identifier: GPL-2.0-or-later
"""Import filesets through the server's ManagedRepository, without Java.

The steps are those of OMERO's own importer (ome/omero-blitz, ``ImportLibrary``): importFileset,
upload the files or link them in place, verifyUpload with their checksums, and wait for the response
of the import.
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
from graphxfer.omero import directories, import_errors, in_place
from graphxfer.omero.connect import Server
from graphxfer.omero.import_errors import About

BLOCK = 5_000_000
"""Bytes of one write; OMERO refuses more than 64,000,000."""
DEFAULT_HASHER = "SHA1-160"
"""OMERO's default checksum algorithm."""
FIRST_LOOK, LATER_LOOKS = 2.0, 60.0
"""Seconds without a callback until the server is queried: callbacks may be lost."""
LISTENING = 0.5
"""Seconds between two checks whether to stop."""
CARRIED = "graphxfer.import"
"""Name of an import's token in the version info of its upload job."""

_CHECK_FILE = "check that the file is complete, and that the destination's Bio-Formats reads it"
_RESUME = "run the same command again to resume"
_SEE_LOG = f"see the server's log; then {_RESUME}"


class Part(NamedTuple):
    """One file of a fileset.

    Parameters
    ----------
    file : Path
        The file on this machine.
    client_path : str
        Its client path at the server.
    checksum : str
        The expected checksum; empty if unknown.
    """

    file: Path
    client_path: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """A fileset to import.

    Parameters
    ----------
    node : str
        Its IRI, for messages.
    parts : tuple of Part
        Its files, in the source's order: the server opens the first.
    hasher : str
        Checksum algorithm of its files at the destination.
    in_place : bool
        Link the files into the repository instead of uploading them.
    streams : int
        Number of its files to upload at once.
    """

    node: str
    parts: tuple[Part, ...]
    hasher: str = DEFAULT_HASHER
    in_place: bool = False
    streams: int = 1


class Stopped(GraphxferError):
    """An upload or import was interrupted, because of something else."""


class ImportFailure(ServerFailure):
    """The server could not import a fileset; its incomplete fileset may remain."""


class ServerBusy(ImportFailure):
    """The server could not import a fileset at that moment."""


class ImportRefused(ImportFailure):
    """The server cannot import these files; others are not affected.

    Parameters
    ----------
    reason : str
        What the server says.
    where : str
        The first file, and the node.
    """

    def __init__(self, reason: str, *, where: str) -> None:
        super().__init__(
            f"the server could not import the file: {reason}", where=where, do=_CHECK_FILE
        )
        self.reason = reason


def choose_hasher(recorded: set[str], offered: Sequence[str]) -> str:
    """Return the checksum algorithm for a fileset.

    It is the source's, if all files have the same and the server offers it: then one checksum
    covers the way from the source's disk to the destination's.

    Examples
    --------
    >>> choose_hasher({"MD5-128"}, ["SHA1-160", "MD5-128"])
    'MD5-128'
    >>> choose_hasher({"MD5-128", "CRC-32"}, ["SHA1-160", "MD5-128"])
    'SHA1-160'
    """
    if len(recorded) == 1 and (only := next(iter(recorded))) in offered:
        return only if only in checksums.HASHERS else DEFAULT_HASHER
    return DEFAULT_HASHER


def offered_hashers(server: Server) -> list[str]:
    """Return the checksum algorithms that a server's repository offers."""
    repository = server.service("ManagedRepository")
    return [one.value.val for one in repository.listChecksumAlgorithms()]


def import_fileset(
    server: Server,
    sending: Sending,
    token: str = "",
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
    token : str
        Text that the import carries, so that what it creates is found again.
    verifying : callable
        Called when all files are uploaded, before the server begins to import them.
    stop : threading.Event
        If set, the upload stops between two blocks.
    advance : callable
        Called with the number of bytes that were uploaded.

    Raises
    ------
    ImportRefused
        If the server cannot import these files.
    ServerBusy
        If it could not at that moment.
    ImportFailure
        If it cannot for another reason; the message has the file and the reason.
    """
    process = _begin(server, sending, token, stop)
    try:
        hashes = _upload_all(server, process, sending, stop, advance)
        verifying()
        handle = _verify(process, hashes, sending)
        last = process.getHandle()
    finally:
        # From now on, the server does not begin the import again.
        with contextlib.suppress(GraphxferError):
            process.close()
    fileset = _wait(server, handle, sending, stop)
    if last is not None and last.proxy.ice_getIdentity() != handle.proxy.ice_getIdentity():
        _wait(server, last, sending, stop)  # The request came twice, and so do the images.
    return fileset


def reserve(server: Server, node: str, token: str) -> None:
    """Create a fileset that carries a token and will not be imported.

    Parameters
    ----------
    server : Server
        The destination.
    node : str
        IRI of a fileset, for messages.
    token : str
        The token.
    """
    sending = Sending(node, (Part(Path("nothing"), "nothing"),))
    process = _begin(server, sending, token, threading.Event())
    with contextlib.suppress(GraphxferError):
        process.close()


def _begin(server: Server, sending: Sending, token: str, stop: threading.Event) -> Any:
    """Create the fileset, and return the process of its import."""
    repository = server.service("ManagedRepository")
    begin = partial(repository.importFileset, _fileset(sending, token), _settings(sending.hasher))
    return directories.begin(server, begin, stop)


def _verify(process: Any, hashes: list[str], sending: Sending) -> Any:
    """Let the server compare the checksums and begin the import; return the handle."""
    try:
        return process.verifyUpload(hashes)
    except ServerFailure as failure:
        wrong = failure.__cause__
        if not isinstance(wrong, omero.ChecksumValidationException):
            raise
        names = [sending.parts[index].client_path for index in sorted(wrong.failingChecksums or ())]
        reason = f"it stored other bytes than were uploaded: {', '.join(names[:5])}"
        raise ImportRefused(reason, where=_where(sending)) from failure


# -- the request ---------------------------------------------------------------------------------


def _fileset(sending: Sending, token: str = "") -> Any:
    fileset = omero.model.FilesetI()
    for part in sending.parts:
        entry = omero.model.FilesetEntryI()
        entry.clientPath = rstring(part.client_path)
        fileset.addFilesetEntry(entry)
    job = omero.model.UploadJobI()
    job.versionInfo = [omero.model.NamedValue(name, value) for name, value in _versions(token)]
    fileset.linkJob(job)
    if sending.in_place:
        fileset.linkAnnotation(in_place.record())
    return fileset


def _versions(token: str) -> Iterator[tuple[str, str]]:
    yield CARRIED, token
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


def _upload_all(
    server: Server,
    process: Any,
    sending: Sending,
    stop: threading.Event,
    advance: Callable[[int], None],
) -> list[str]:
    """Upload all files or link them in place, and return their checksums."""

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
                do="run `graphxfer fetch` again",
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
            # An empty write creates the file, which may be empty.
            while (block := stream.read(BLOCK)) or position == 0:
                if stop.is_set():
                    raise Stopped(
                        "interrupted during the upload",
                        where=str(file),
                        do="run the same command again to resume",
                    )
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
    """Return the store that writes a file of a fileset at the server.

    Raises
    ------
    ServerFailure
        If the server returns none, as it could not open the file.
    """
    store = process.getUploader(index, context) if context else process.getUploader(index)
    if store is None:
        raise ServerFailure(
            "the server could not create the file in its repository",
            where=str(file),
            do="check that the repository is not full or read-only, and see the server's log",
        )
    return store


# -- the server's import ------------------------------------------------------------------------


class _Finished(omero.callbacks.CmdCallbackI):
    """Waits for the end of a command, without a first question to the server."""

    def initialPoll(self, foreground_poll: bool = False) -> None:
        """Do nothing: :func:`_response` asks later, as most imports take a while."""

    def onFinished(self, rsp: Any, status: Any, current: Any) -> None:
        """Free what is not needed: the callback may live long."""
        _lighten(rsp)


def _lighten(response: Any) -> None:
    """Free the images of a response, except the first, which has the fileset."""
    if isinstance(response, omero.grid.ImportResponse) and response.pixels:
        for pixels in response.pixels[1:]:
            # Images and pixels refer to each other, so that Python would free them late.
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
            raise Stopped(
                "interrupted before the import finished",
                where=_first_file(sending),
                do="run the same command again to resume",
            )
        if isinstance(response, omero.cmd.ERR):
            raise _failure(response, sending)
        if not response.pixels:
            raise ImportRefused("the import created no images", where=_where(sending))
        fileset = response.pixels[0].image.fileset
        for pixels in response.pixels:
            pixels.unloadImage()  # as in _lighten
        return int(fileset.id.val) if fileset else _fileset_id(handle)
    finally:
        with contextlib.suppress(GraphxferError):
            # Closing the handle of a running import would cancel it.
            callback.close(not stop.is_set())


def _response(callback: _Finished, handle: Any, stop: threading.Event) -> Any:
    """Return the response of an import; None if `stop` is set."""
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


def _failure(error: Any, sending: Sending) -> ImportFailure:
    """Return the failure for an import's error, with file and fileset."""
    reason, where = import_errors.reason(error), _where(sending)
    match import_errors.about(error):
        case About.FILES:
            return ImportRefused(reason, where=where)
        case About.LOAD:
            return ServerBusy(f"the server was too busy: {reason}", where=where, do=_RESUME)
        case About.SERVER:
            return ImportFailure(f"the server failed: {reason}", where=where, do=_SEE_LOG)


def _where(sending: Sending) -> str:
    return f"{_first_file(sending)} ({sending.node})"


def _first_file(sending: Sending) -> str:
    return str(sending.parts[0].file)
