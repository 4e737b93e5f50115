# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of files against OMERO's record; good files are remembered, to be read only once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from graphxfer.bundle import checksums
from graphxfer.bundle.manifest import FileEntry
from graphxfer.errors import counted

WORK = ".fetch"
"""The folder below ``files/`` that files are copied to before they are checked."""
CHECKED = "checked.jsonl"
"""The list of good files, in that folder."""
PROBLEMS = "problems.jsonl"
"""The list of files that the last fetch could not have, in that folder: a path and why, a line."""
_LARGEST, _LONGEST = 64_000_000, 500


def hashers(entries: Iterable[FileEntry]) -> set[str]:
    """Return the checksum algorithms of entries; none where OMERO recorded no checksum."""
    return {one.hasher for one in entries if one.checksum and one.hasher in checksums.HASHERS}


def sums(
    entries: Iterable[FileEntry], path: Path, advance: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Return the checksums of a file that its entries need; it is read once.

    Parameters
    ----------
    entries : iterable of FileEntry
        Entries of the same file.
    path : Path
        The file.
    advance : callable
        Called with the number of bytes that were read.

    Returns
    -------
    dict
        Checksums by algorithm; empty if the size alone shows that none can match.
    """
    size = path.stat().st_size
    likely = [one for one in entries if one.size in (None, size)]
    return checksums.of_file(path, hashers(likely), advance) if hashers(likely) else {}


def wrong(entry: FileEntry, path: Path, found: dict[str, str]) -> str:
    """Return what is wrong with a file; empty if it matches OMERO's record.

    Parameters
    ----------
    entry : FileEntry
        OMERO's record.
    path : Path
        The file.
    found : dict
        Its checksums, from :func:`sums`.
    """
    if differs := wrong_size(entry, path.stat().st_size):
        return differs
    if hashers([entry]) and found[entry.hasher] != entry.checksum.lower():
        return f"changed: {entry.hasher} is {found[entry.hasher]}, OMERO recorded {entry.checksum}"
    return ""


def wrong_size(entry: FileEntry, size: int) -> str:
    """Return how a size differs from OMERO's record; empty if it does not."""
    if entry.size is None or size == entry.size:
        return ""
    if size < entry.size:
        return f"truncated: {size:,} of {counted(entry.size, 'byte')}"
    return f"changed: {counted(size, 'byte')}, OMERO recorded {entry.size:,}"


class Checked:
    """The list of files that were good, with size and time: unchanged ones are not read again.

    One JSON list a line: path, size, mtime in ns, hasher, checksum. Lines are only added. If a
    crash tears a line, its file is read once more.

    Parameters
    ----------
    path : Path
        The list's file.
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
        """Tell whether a file is unchanged since it was good."""
        return self._known.get(entry.path) == self._facts(entry, path)

    def add(self, entry: FileEntry, path: Path) -> None:
        """Add a file that is good now."""
        self._stream.write(json.dumps([entry.path, *self._facts(entry, path)]) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Close the list's file."""
        self._stream.close()


@contextlib.contextmanager
def checked(files: Path) -> Iterator[Checked | None]:
    """Open the list of files that a fetch has checked; None if there is no such list.

    Parameters
    ----------
    files : Path
        The bundle's folder of files.
    """
    path = files / WORK / CHECKED
    if not path.is_file() or path.is_symlink() or path.parent.is_symlink():
        yield None
        return
    try:
        opened = Checked(path)
    except OSError:  # a read-only disk
        yield None
        return
    with contextlib.closing(opened):
        yield opened


def write_problems(files: Path, problems: Sequence[tuple[str, str]]) -> None:
    """Remember which files a fetch could not have, and why.

    Parameters
    ----------
    files : Path
        The bundle's folder of files.
    problems : sequence of tuple
        Path and reason of each.
    """
    path = files / WORK / PROBLEMS
    if not problems:
        path.unlink(missing_ok=True)
        return
    beside = path.with_suffix(".part")
    beside.write_text("".join(json.dumps(one) + "\n" for one in problems))
    beside.replace(path)


def problems(files: Path) -> dict[str, str]:
    """Return why the last fetch could not have files, by their paths; for messages only.

    Parameters
    ----------
    files : Path
        The bundle's folder of files.
    """
    path = files / WORK / PROBLEMS
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return {}
    found = {}
    if path.stat().st_size <= _LARGEST:
        for line in path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                name, why = json.loads(line)
                found[str(name)] = str(why)[:_LONGEST]
    return found
