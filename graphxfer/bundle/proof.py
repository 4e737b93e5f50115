# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a file is what OMERO recorded of it; and a memory of that, so that it is read once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from graphxfer.bundle import checksums
from graphxfer.bundle.manifest import FileEntry


def hashers(entries: Iterable[FileEntry]) -> set[str]:
    """Return the algorithms that prove these entries; none where OMERO recorded no checksum."""
    return {one.hasher for one in entries if one.checksum and one.hasher in checksums.HASHERS}


def sums(
    entries: Iterable[FileEntry], path: Path, advance: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Return the checksums that entries need of a file, read once.

    Parameters
    ----------
    entries : iterable of FileEntry
        Which stand for the same file.
    path : Path
        The file.
    advance : callable
        Called with the count of bytes that were read.

    Returns
    -------
    dict
        Checksums by algorithm; empty where the size tells already that none can be right.
    """
    size = path.stat().st_size
    likely = [one for one in entries if one.size in (None, size)]
    return checksums.of_file(path, hashers(likely), advance) if hashers(likely) else {}


def wrong(entry: FileEntry, path: Path, found: dict[str, str]) -> str:
    """Return what is wrong with a file; empty if it is as OMERO recorded it.

    Parameters
    ----------
    entry : FileEntry
        What OMERO recorded.
    path : Path
        The file.
    found : dict
        Its checksums, as :func:`sums` returns them.
    """
    size = path.stat().st_size
    if entry.size is not None and size < entry.size:
        return f"truncated: {size:,} of {entry.size:,} bytes"
    if entry.size is not None and size > entry.size:
        return f"changed: {size:,} bytes, OMERO recorded {entry.size:,}"
    if hashers([entry]) and found[entry.hasher] != entry.checksum.lower():
        return f"changed: {entry.hasher} is {found[entry.hasher]}, OMERO recorded {entry.checksum}"
    return ""


class Checked:
    """What was found good, with its size and time then: an unchanged file is not read again.

    One JSON list a line: path, size, mtime in ns, hasher, checksum. Lines are only added; a line
    that a crash tore costs one more reading of its file.

    Parameters
    ----------
    path : Path
        Where it is kept.
    """

    def __init__(self, path: Path) -> None:
        self._known: dict[str, list[object]] = {}
        text = path.read_text() if path.exists() else ""
        for line in text.splitlines():
            with contextlib.suppress(ValueError, TypeError):
                name, *facts = json.loads(line)
                self._known[name] = facts
        self._stream = path.open("a")
        if text and not text.endswith("\n"):
            self._stream.write("\n")

    @staticmethod
    def _facts(entry: FileEntry, path: Path) -> list[object]:
        status = path.stat()
        return [status.st_size, status.st_mtime_ns, entry.hasher, entry.checksum]

    def good(self, entry: FileEntry, path: Path) -> bool:
        """Whether the file is what it was when it was found good."""
        return self._known.get(entry.path) == self._facts(entry, path)

    def add(self, entry: FileEntry, path: Path) -> None:
        """Remember that the file is good now."""
        self._stream.write(json.dumps([entry.path, *self._facts(entry, path)]) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Close the file that it is kept in."""
        self._stream.close()
