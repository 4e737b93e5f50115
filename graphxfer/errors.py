# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors with what happened, where, and what to do; exit codes; numbers in messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the command line; the one place where they are defined."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIFFERENT = 3
    INCOMPLETE = 4
    INTERRUPTED = 130


class GraphxferError(Exception):
    """A failure that a person can cause or meet.

    Parameters
    ----------
    what : str
        What happened, in one sentence.
    where : str, optional
        The file, server, node or option.
    do : str, optional
        What the reader can do: a command, an option.
    """

    exit_code = Exit.FAILED

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, where, do
        super().__init__(self.message())

    def message(self) -> str:
        """Return the whole message: `where: what` and, on a line of its own, what to do.

        Examples
        --------
        >>> print(UsageError("the port is missing", where="a.toml", do="write port =").message())
        a.toml: the port is missing
          → write port =
        """
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  → {self.do}" if self.do else text


class UsageError(GraphxferError):
    """An option or argument that is not valid."""

    exit_code = Exit.USAGE


class BadDocument(GraphxferError):
    """A graph, manifest, configuration or XML document that cannot be read."""


class UnsafePath(BadDocument):
    """A path in a bundle that leads out of it."""


class ServerFailure(GraphxferError):
    """The server refused, failed, or could not be reached."""


class Refused(ServerFailure):
    """The server refused a request, and did nothing of it; `reason` has its words."""

    reason = ""


class LoginFailure(ServerFailure):
    """The login failed: wrong password, unknown user, TLS refused."""


class NotThere(ServerFailure):
    """A requested object does not exist, or this user may not read it."""


class FileProblem(GraphxferError):
    """A file that is missing, truncated, changed, or could not be written."""


class LostFile(FileProblem):
    """A file that is gone, refused or damaged at the source: another try gives the same."""


class Different(GraphxferError):
    """Two graphs that should be equal differ; the differences are printed."""

    exit_code = Exit.DIFFERENT


class Incomplete(GraphxferError):
    """Some nodes could not be moved; they are listed."""

    exit_code = Exit.INCOMPLETE


class Interrupted(GraphxferError):
    """Ctrl-C or SIGTERM, between two calls; the journal has what was done."""

    exit_code = Exit.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted", do="run the same command again to resume")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number of things, which agree with it.

    Parameters
    ----------
    number : int
        How many.
    one : str
        What one of them is called.
    many : str, optional
        What several are called, where that is not `one` with an ``s``.

    Examples
    --------
    >>> counted(1, "image"), counted(2000, "image"), counted(0, "entry", "entries")
    ('1 image', '2,000 images', '0 entries')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def counted_each(numbers: Mapping[str, int]) -> str:
    """Return numbers of things, by what they are called.

    Examples
    --------
    >>> counted_each({"Image": 2000, "Roi": 1})
    '2,000 Image, 1 Roi'
    """
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items())


def listed(things: Sequence[object], most: int) -> str:
    """Return the first of some things, and how many more there are.

    Parameters
    ----------
    things : sequence
        What to list.
    most : int
        How many are named.

    Examples
    --------
    >>> listed(["Image:1", "Image:2", "Image:3"], 2), listed(["Image:1"], 2)
    ('Image:1, Image:2 and 1 more', 'Image:1')
    """
    more = len(things) - most
    return ", ".join(map(str, things[:most])) + (f" and {more:,} more" if more > 0 else "")


def human(size: float) -> str:
    """Return a count of bytes with a unit.

    Examples
    --------
    >>> human(999), human(1_500_000_000)
    ('999 B', '1.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
