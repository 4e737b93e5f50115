# SPDX-License-Identifier: GPL-2.0-or-later
"""The checksums that OMERO records for its files, in OMERO's spelling.

Names are the values of OMERO's ``ChecksumAlgorithm``. The four-byte and Murmur sums, and the size,
are written in little-endian order, as Guava does (ome/omero-common, ``ome.util.checksum``).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import mmh3

from graphxfer.errors import UsageError

BLOCK = 4 * 1024 * 1024


class Checksum(Protocol):
    """A checksum being computed, with the interface of hashlib's objects."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """Return the checksum of all bytes so far, in OMERO's spelling."""


class _Zlib:
    """CRC-32 and Adler-32: four bytes, the lowest first."""

    def __init__(self, function: Callable[[bytes, int], int], start: int) -> None:
        self._function, self._value = function, start

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def hexdigest(self) -> str:
        return struct.pack("<I", self._value).hex()


class _Murmur:
    """Murmur3 with seed 0; mmh3's digests have Guava's byte order."""

    def __init__(self, hasher: mmh3.mmh3_32 | mmh3.mmh3_x64_128) -> None:
        self._hasher = hasher

    def update(self, data: bytes, /) -> None:
        self._hasher.update(data)

    def hexdigest(self) -> str:
        return self._hasher.digest().hex()


class _FileSize:
    """The count of bytes: eight bytes, the lowest first."""

    def __init__(self) -> None:
        self._size = 0

    def update(self, data: bytes, /) -> None:
        self._size += len(data)

    def hexdigest(self) -> str:
        return struct.pack("<Q", self._size).hex()


_ALGORITHMS: dict[str, Callable[[], Checksum]] = {
    "SHA1-160": lambda: hashlib.sha1(usedforsecurity=False),
    "MD5-128": lambda: hashlib.md5(usedforsecurity=False),
    "Murmur3-32": lambda: _Murmur(mmh3.mmh3_32()),
    "Murmur3-128": lambda: _Murmur(mmh3.mmh3_x64_128()),
    "Adler-32": lambda: _Zlib(zlib.adler32, 1),
    "CRC-32": lambda: _Zlib(zlib.crc32, 0),
    "File-Size-64": _FileSize,
}

HASHERS = tuple(_ALGORITHMS)
"""OMERO's names of the algorithms."""


def checksum(hasher: str) -> Checksum:
    """Return a new checksum.

    Parameters
    ----------
    hasher : str
        One of :data:`HASHERS`.

    Raises
    ------
    UsageError
        If OMERO has no algorithm of that name.

    Examples
    --------
    >>> begun = checksum("CRC-32")
    >>> begun.update(b"abc")
    >>> begun.hexdigest()
    'c2412435'
    """
    try:
        return _ALGORITHMS[hasher]()
    except KeyError:
        raise UsageError(
            f"the checksum algorithm {hasher!r} is unknown",
            do=f"OMERO has {', '.join(HASHERS)}",
        ) from None


def of_file(
    path: Path, hashers: Collection[str], advance: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Return a file's checksums by algorithm; the file is read once.

    Parameters
    ----------
    path : Path
        The file.
    hashers : collection of str
        Some of :data:`HASHERS`.
    advance : callable
        Called with the number of bytes after each block.

    Raises
    ------
    UsageError
        If OMERO has no algorithm of one of the names.
    OSError
        If the file cannot be read.
    """
    sums = {name: checksum(name) for name in hashers}
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            for begun in sums.values():
                begun.update(block)
            advance(len(block))
    return {name: begun.hexdigest() for name, begun in sums.items()}
