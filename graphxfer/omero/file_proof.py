# SPDX-License-Identifier: GPL-2.0-or-later
"""Prove the bytes of files at the destination.

The server computes the checksums of the files in its repository itself. It leaves out, without a
word, all that it cannot check: attachments, files without a recorded checksum, files of another
repository. So only files that it can check are passed to it. It has no such call for attachments;
they are read back, and their checksums computed here. So are files whose checksum in the
destination's record is of another algorithm than the source's: it says nothing about the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import Ice

from graphxfer.errors import ServerFailure, counted
from graphxfer.omero.connect import Server
from graphxfer.omero.files import Attachment, ReadBack, read_back

BYTES, FILES = 1_000_000_000, 500
"""The most bytes and files of one call: the server reads all of them before it answers."""
DIFFERENT = "its bytes at the destination do not have the recorded checksum"
GONE = "its bytes are not on the destination's disk"


class StoredFile(NamedTuple):
    """A file at the destination.

    Parameters
    ----------
    id : int
        Id of the OriginalFile.
    repository : str
        UUID of its repository; empty for an attachment.
    size, recorded_size : int or None
        The bytes that it should have, and those in the destination's record; None if unknown.
    recorded : tuple of str
        Algorithm and checksum in the destination's record; empty texts if it has none.
    expected : mapping
        All checksums that it should have, by algorithm: also those of the source.
    """

    id: int
    repository: str
    size: int | None
    recorded_size: int | None
    recorded: tuple[str, str]
    expected: Mapping[str, str]

    @property
    def other_algorithm(self) -> bool:
        """Whether the source's checksum is of another algorithm than the destination's."""
        return all(self.recorded) and bool(self.expected.keys() - {self.recorded[0]})


@dataclass(slots=True)
class Proof:
    """What is proven of files.

    Parameters
    ----------
    by_server : int
        How many files the server checked itself; all are right.
    read : set
        Ids of the files that were read back, and are right.
    wrong, unknown : dict
        Why a file is wrong, and why its bytes could not be checked, by id.
    """

    by_server: int = 0
    read: set[int] = field(default_factory=set)
    wrong: dict[int, str] = field(default_factory=dict)
    unknown: dict[int, str] = field(default_factory=dict)


def prove(
    server: Server, stored: Sequence[StoredFile], advance: Callable[[int], None] = lambda _: None
) -> Proof:
    """Check the bytes of files at the destination.

    Parameters
    ----------
    server : Server
        The destination.
    stored : sequence of StoredFile
        The files.
    advance : callable
        Called with the number of bytes that were checked.

    Raises
    ------
    ServerFailure
        If the connection is lost.
    """
    proof = Proof()
    uuid = server.service("ManagedRepository").root().hash.val
    managed, attached = list[StoredFile](), list[StoredFile]()
    for one in stored:
        if not all(one.recorded) and not one.expected:
            proof.unknown[one.id] = "no checksum was recorded"
        elif not one.repository:
            attached.append(one)
        elif one.repository != uuid:
            proof.unknown[one.id] = "it is in another repository"
        elif not all(one.recorded):
            proof.unknown[one.id] = "the destination recorded no checksum"
        elif one.other_algorithm:
            attached.append(one)
        else:
            managed.append(one)
    for batch in _batches(managed):
        _by_server(server, [one.id for one in batch], proof)
        advance(sum(one.size or 0 for one in batch))
    reading = [Attachment(one.id, one.recorded_size, one.expected) for one in attached]
    for one, found in zip(attached, read_back(server, reading, advance), strict=True):
        if found.problem:
            proof.unknown[one.id] = found.problem
        elif why := _wrong(one, found):
            proof.wrong[one.id] = why
        else:
            proof.read.add(one.id)
    return proof


def _batches(stored: Sequence[StoredFile]) -> Iterator[list[StoredFile]]:
    batch, size = list[StoredFile](), 0
    for one in stored:
        if batch and (size + (one.size or 0) > BYTES or len(batch) == FILES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size or 0
    if batch:
        yield batch


def _by_server(server: Server, ids: list[int], proof: Proof) -> None:
    """Let the server compute checksums; halve the batch if a file makes the whole call fail."""
    try:
        different = server.service("ManagedRepository").verifyChecksums(ids)
    except ServerFailure as failure:
        cause = failure.__cause__
        if not isinstance(cause, Ice.UnknownException):
            raise
        if len(ids) > 1:
            half = len(ids) // 2
            _by_server(server, ids[:half], proof)
            _by_server(server, ids[half:], proof)
        elif "FileNotFoundException" in cause.unknown or "NoSuchFile" in cause.unknown:
            proof.wrong[ids[0]] = GONE
        else:
            proof.unknown[ids[0]] = f"the server cannot read it: {failure.what}"
        return
    proof.wrong.update(dict.fromkeys(different, DIFFERENT))
    proof.by_server += len(ids) - len(different)


def _wrong(one: StoredFile, found: ReadBack) -> str:
    """Return what is wrong with an attachment; empty if it is as recorded."""
    if found.size is None:
        return "" if one.size == 0 else GONE
    if one.size not in (None, found.size):
        size = counted(found.size, "byte")
        return f"it has {size} on the destination's disk, expected {one.size:,}"
    return "" if found.sums == one.expected else DIFFERENT
