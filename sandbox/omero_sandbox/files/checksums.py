# SPDX-License-Identifier: GPL-2.0-or-later
"""The checksums that OMERO keeps of its files, as it writes them.

Little-endian hex for the four-byte sums and the size: ome.util.checksum (omero-common).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import mmh3

_BLOCK = 4 * 1024 * 1024


def _hashed(make: Callable[[], object]) -> Callable[[Iterable[bytes]], str]:
    def digest(blocks: Iterable[bytes]) -> str:
        hasher = make()
        for block in blocks:
            hasher.update(block)  # type: ignore[attr-defined]
        return hasher.digest().hex()  # type: ignore[attr-defined, no-any-return]

    return digest


def _summed(function: Callable[[bytes, int], int], start: int) -> Callable[[Iterable[bytes]], str]:
    def digest(blocks: Iterable[bytes]) -> str:
        value = start
        for block in blocks:
            value = function(block, value)
        return struct.pack("<I", value).hex()

    return digest


#: ChecksumAlgorithm.value -> digest of blocks, in the order of omero.checksum.supported.
ALGORITHMS: dict[str, Callable[[Iterable[bytes]], str]] = {
    "SHA1-160": _hashed(lambda: hashlib.sha1(usedforsecurity=False)),
    "MD5-128": _hashed(lambda: hashlib.md5(usedforsecurity=False)),
    "Murmur3-128": _hashed(mmh3.mmh3_x64_128),
    "Murmur3-32": _hashed(mmh3.mmh3_32),
    "CRC-32": _summed(zlib.crc32, 0),
    "Adler-32": _summed(zlib.adler32, 1),
    "File-Size-64": lambda blocks: struct.pack("<Q", sum(map(len, blocks))).hex(),
}


def checksum(path: Path, algorithm: str) -> str:
    """Return the checksum of a file.

    Parameters
    ----------
    path : Path
        The file.
    algorithm : str
        A ChecksumAlgorithm value, such as ``SHA1-160``.
    """
    if algorithm == "File-Size-64":
        return struct.pack("<Q", path.stat().st_size).hex()
    with path.open("rb") as file:
        return ALGORITHMS[algorithm](iter(lambda: file.read(_BLOCK), b""))
