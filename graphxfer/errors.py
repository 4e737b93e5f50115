# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong, said so that a person knows what, where and what to do; and the exit codes."""

from __future__ import annotations

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
        What went wrong, in one sentence.
    where : str, optional
        The file, server, node or option that it is about.
    do : str, optional
        What the reader can do about it.
    """

    exit_code = Exit.FAILED

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, where, do
        super().__init__(self.message())

    def message(self) -> str:
        """Return the whole message: `where: what` and, on a line of its own, what to do."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  → {self.do}" if self.do else text


class UsageError(GraphxferError):
    """An option or argument that cannot be meant as it is written."""

    exit_code = Exit.USAGE


class BadDocument(GraphxferError):
    """A graph, manifest, configuration or XML document that cannot be read as one."""


class UnsafePath(BadDocument):
    """A path in a bundle that leads out of it."""


class ServerFailure(GraphxferError):
    """The server refused, failed, or could not be reached."""


class LoginFailure(ServerFailure):
    """No session could be had: wrong password, unknown user, TLS refused."""


class NotThere(ServerFailure):
    """An object that was asked for does not exist there, or may not be read by this user."""


class FileProblem(GraphxferError):
    """A file that is missing, truncated, changed, or could not be written."""


class Different(GraphxferError):
    """Two graphs that should be equal are not; the differences were printed."""

    exit_code = Exit.DIFFERENT


class Incomplete(GraphxferError):
    """Some nodes could not be moved; they were listed."""

    exit_code = Exit.INCOMPLETE


class Interrupted(GraphxferError):
    """Ctrl-C, or SIGTERM, between two calls; what was done is in the journal."""

    exit_code = Exit.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted", do="run the same command again to go on")
