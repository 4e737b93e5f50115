# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.RawFileStore: the bytes of attachments and of files in the repository."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import IO, Any

import omero
import omero.all
from omero.rtypes import rlong

from omero_sandbox.errors import fail, forbidden, misused
from omero_sandbox.files.repository import original_file
from omero_sandbox.security.policy import RESTRICTED
from omero_sandbox.service import Call, Stateful
from omero_sandbox.work import CLIENT, SESSION

log = logging.getLogger(__name__)

#: RepoRawFileStoreI refuses to read more at once (omero-blitz).
_MOST = 64_000_000
#: What a real server says when it saves in no group.
_NO_GROUP = (
    " Wrapped Exception: (java.lang.NullPointerException):\n"
    'Cannot invoke "ome.model.meta.ExperimenterGroup.getId()" because the return value of'
    ' "ome.security.basic.CurrentDetails.getGroup()" is null'
)


class RawFileStore(Stateful):
    """Reads and writes one file; the rules are ome.services.RawFileBean's (omero-server).

    Parameters
    ----------
    row : Any
        The OriginalFile, of a store that the repository gave out for it.
    mode : str
        ``r`` or ``rw``.

    Attributes
    ----------
    offset : int
        Where the last block that was written ends.
    """

    interface = omero.api.RawFileStore

    def __init__(self, row: Any = None, mode: str = "rw") -> None:
        self._row, self._mode = row, mode
        self._bound = self._of_repository = row is not None
        self._path: Path | None = None
        self._file: IO[bytes] | None = None
        self._modified = False
        self.offset = 0
        self.closed = False

    def setFileId(self, call: Call, fileId: int) -> None:
        if self._bound:
            raise misused(f"Cannot reset id to {fileId}")
        self._close_file()
        self._row, self._modified = None, False  # an unknown id is an error, and leaves no file
        row = original_file(call.tx, fileId)
        self._of_repository = row.repo is not None
        if self._of_repository:
            needs_client(call)
            self._mode = "r"
        else:
            self._mode = "rw" if row.details.permissions.canEdit() else "r"
        self._row, self._path = row, call.server.repository.path_of(row)

    def getFileId(self, call: Call) -> Any:
        return rlong(self._row.id.val) if self._row is not None else None

    def _open(self, call: Call) -> IO[bytes]:
        if self._row is None:
            raise misused("This RawFileStore has not been properly initialized: call setFileId()")
        if self._file is None:
            path = self._path = call.server.repository.path_of(self._row)
            try:
                if self._mode == "rw" and not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                    self._modified = True
                self._file = path.open("rb" if self._mode == "r" else "r+b")
            except OSError as error:
                message = f"Cannot open {path.name}: {error.strerror}"
                raise fail(omero.ResourceError, message) from error
        return self._file

    def exists(self, call: Call) -> bool:
        return self._row is not None and call.server.repository.path_of(self._row).exists()

    def size(self, call: Call) -> int:
        return os.fstat(self._open(call).fileno()).st_size

    def read(self, call: Call, position: int, length: int) -> bytes:
        """Return exactly ``length`` bytes: past the end of the file they are zeros."""
        if self._of_repository and length > _MOST:
            raise misused(f"Can read at most {_MOST} bytes at once")
        self._check_restriction(call)
        call.server.faults.disk(length)
        file = self._open(call)
        file.seek(position)
        return file.read(length).ljust(length, b"\0")

    def _check_restriction(self, call: Call) -> None:
        """Apply the binary access policy: BinaryAccessPolicy (omero-server)."""
        permissions = self._row.details.permissions if self._row is not None else None
        if permissions is not None and permissions.isRestricted(RESTRICTED):
            raise forbidden(f"Download is restricted for OriginalFile:{self._row.id.val}")

    def write(self, call: Call, buf: bytes, position: int, length: int) -> None:
        file = self._writable(call)
        data = bytes(buf)[:length]
        call.server.repository.room(max(0, position + len(data) - self.size(call)))
        file.seek(position)
        file.write(data)
        file.flush()
        self._modified, self.offset = True, position + length

    def truncate(self, call: Call, length: int) -> bool:
        """Shorten the file; False when it is not longer than that."""
        file = self._writable(call)
        if self.size(call) <= length:
            return False
        file.truncate(length)
        self._modified = True
        return True

    def _writable(self, call: Call) -> IO[bytes]:
        if self._mode == "r":
            raise forbidden("The file is not open for writing")
        return self._open(call)

    def save(self, call: Call) -> Any:
        """Bring the row up to date, and return it: size, checksum, time.

        Not only after writing. Opening a file that is gone, by who may write it, creates an empty
        one; and the row of a file that was only read is overwritten, if its size is another (tried
        on a real server, in all groups at once and in one).
        """
        if self._row is None:
            return None
        size = os.fstat(self._open(call).fileno()).st_size
        row = original_file(call.tx, self._row.id.val)
        if not self._modified and (row.size is None or row.size.val == size):
            return None
        if call.group < 0:
            raise fail(omero.InternalException, _NO_GROUP)
        if not row.details.permissions.canEdit():
            raise forbidden(f"Updating ome.model.core.OriginalFile:Id_{row.id.val} not allowed.")
        self._modified = False
        return call.server.repository.rehash(call.tx, row.id.val)

    def close(self, call: Call) -> None:
        try:
            self.save(call)
        finally:
            call.server.withdraw(self)

    def released(self) -> None:
        self.closed = True
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def needs_client(call: Call) -> None:
    """Check the context of a repository call: an explicit one replaces the implicit one.

    Raises
    ------
    omero.ApiUsageException
        When session or client is not named: SessionI and PublicRepositoryI (omero-blitz).
    """
    for key in (SESSION, CLIENT):
        if not call.context.get(key):
            raise misused("Uuid cannot be null.")
