# SPDX-License-Identifier: GPL-2.0-or-later
"""What the error of an import is about: its files, or the server.

OMERO answers with a name for the error, a message, and a stack trace, whose exceptions tell more
(ome/omero-blitz, ManagedImportRequestI): the same name is used for a file that Bio-Formats cannot
read, and for a database that has no connection left.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any


class About(Enum):
    """What an error is about."""

    FILES = auto()
    """The server cannot import these files. Others are not affected."""
    LOAD = auto()
    """The server could not do it at that moment. It may do it now."""
    SERVER = auto()
    """The server cannot import any files: its disk is full."""


_OF_FILES = {
    "error-on-init",
    "import-unknown-format",
    "import-missing-library",
    "import-file-exception",
    "import-request-failure",
}
"""Names of errors that may be about the files; all others are about the server."""
_EXCEPTION = re.compile(r"^(?:Caused by: )?((?:\w+\.)+[A-Z]\w*)", re.MULTILINE)
"""An exception in a stack trace, of Java or Python; not the lines of code."""
_LOAD = re.compile(
    r"\.(?:DatabaseBusy|ConcurrencyException|TryAgain|TooManyUsers|OptimisticLock|LockTimeout"
    r"|InternalException|CannotAcquireLock|DeadlockLoser|CannotCreateTransaction"
    r"|CannotGetJdbcConnection|JDBCConnection|ConnectionLost|ConnectTimeout|TimeoutException)"
)
"""Exceptions of a server that has no connection or thread left, or does too much at once."""
_RACE = "unexpected end of subtree"
"""A query with an empty list, which a server makes if its first imports begin at the same time."""
_SERVER = re.compile(
    r"^(?:omero\.|ome\.conditions\.|Ice\.|Glacier2\.|IceInternal\.|org\.hibernate\.|java\.sql\."
    r"|org\.springframework\.|org\.postgresql\.|java\.lang\.(?:OutOfMemory|StackOverflow|Linkage"
    r"|NoClassDefFound))"
)
"""Exceptions that no reader of files raises."""
_VALUES = re.compile(r"\.(?:ValidationException|DataIntegrityViolation|ConstraintViolation)")
"""Exceptions for values in a file that the database cannot have."""
_VIOLATION = re.compile(r"\.SecurityViolation")
"""At first: the files use others, which the fileset does not have (ManagedReaderSecurityCheck)."""
_DISK = re.compile(
    "No space left|Disk quota|Permission denied|Operation not permitted|Too many open files"
    "|Input/output error|Read-only file system|[Ss]tale (NFS )?file handle|Cannot allocate memory"
    "|Connection (reset|refused|timed out)|Broken pipe"
)
"""What an operating system says if it is not about one file."""


def about(error: Any) -> About:
    """Return what the error of an import is about.

    Parameters
    ----------
    error : omero.cmd.ERR
        The response of an import.
    """
    parameters = error.parameters or {}
    text = "\n".join(str(parameters.get(name) or "") for name in ("message", "stacktrace"))
    raised = _EXCEPTION.findall(text)
    if _RACE in text or any(map(_LOAD.search, raised)):
        return About.LOAD
    if error.name not in _OF_FILES or _DISK.search(text):
        return About.SERVER
    if any(map(_VALUES.search, raised)):
        return About.FILES
    if error.name == "error-on-init" and any(map(_VIOLATION.search, raised)):
        return About.FILES
    return About.SERVER if any(map(_SERVER.search, raised)) else About.FILES


def reason(error: Any) -> str:
    """Return the message of an error, on one line, with its name.

    Parameters
    ----------
    error : omero.cmd.ERR
        The response of an import.
    """
    words = str((error.parameters or {}).get("message") or "").split()
    return f"{' '.join(words)[:MOST]} ({error.name})" if words else str(error.name)


MOST = 500
"""The most characters of a message."""
