# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.grid.Table: OMERO.tables, kept by omero-py's own HDF5 storage."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import Ice
import omero
import omero.all
from omero.rtypes import unwrap

from omero_sandbox.errors import fail, forbidden, misused
from omero_sandbox.service import Call, Service

MIMETYPE = "OMERO.tables"


class Table(Service):
    """One table; the rules are omero.tables.TableI's (omero-py).

    Parameters
    ----------
    call : Call
        The call that opens it.
    row : Any
        Its OriginalFile.
    """

    interface = omero.grid.Table
    stateful = True

    def __init__(self, call: Call, row: Any) -> None:
        from omero.hdfstorageV2 import HDFLIST

        path = call.server.repository.path_of(row)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._row = row
        self._writable = row.details.permissions.canEdit()
        self._current = SimpleNamespace(adapter=call.server.adapter)
        self._storage = HDFLIST.getOrCreate(str(path), self, False)
        self._stamp = time.time()  # later than the storage's own: older ones are locked out

    def getOriginalFile(self, call: Call) -> Any:
        return self._row

    # -- reading --------------------------------------------------------------------------------

    def getHeaders(self, call: Call) -> Any:
        return self._storage.cols(None, self._current)

    def getNumberOfRows(self, call: Call) -> int:
        return int(self._storage.rows())

    def getWhereList(
        self, call: Call, condition: str, variables: Any, start: int, stop: int, step: int
    ) -> Any:
        return self._storage.getWhereList(
            self._stamp, condition, unwrap(variables), None, start, stop or None, step or None
        )

    def readCoordinates(self, call: Call, rowNumbers: Sequence[int]) -> Any:
        return self._storage.readCoordinates(self._stamp, rowNumbers, self._current)

    def read(self, call: Call, colNumbers: Sequence[int], start: int, stop: int) -> Any:
        end = None if start == stop == 0 else stop
        return self._storage.read(self._stamp, colNumbers, start, end, self._current)

    def slice(self, call: Call, colNumbers: Sequence[int], rowNumbers: Sequence[int]) -> Any:
        return self._storage.slice(self._stamp, colNumbers, rowNumbers, self._current)

    def getAllMetadata(self, call: Call) -> Any:
        return self._storage.get_meta_map()

    def getMetadata(self, call: Call, key: str) -> Any:
        return self._storage.get_meta_map().get(key)

    # -- writing --------------------------------------------------------------------------------

    @property
    def _writing(self) -> Any:
        if not self._writable:
            raise forbidden(f"Current user cannot write to file {self._row.id.val}")
        return self._storage

    def initialize(self, call: Call, cols: Any) -> None:
        self._writing.initialize(cols)

    def addColumn(self, call: Call, col: Any) -> int:
        raise misused("NYI")

    def addData(self, call: Call, cols: Any) -> None:
        self._writing.append(cols)

    def update(self, call: Call, modified_data: Any) -> None:
        self._writing.update(self._stamp, modified_data)

    def setMetadata(self, call: Call, key: str, value: Any) -> None:
        self._writing.add_meta_map({key: value})

    def setAllMetadata(self, call: Call, dict: Any) -> None:
        self._writing.add_meta_map(dict, replace=True)

    def delete(self, call: Call) -> None:
        if not self._writable:
            raise forbidden(f"Current user cannot write to file {self._row.id.val}")
        call.server.withdraw(self)
        deleted = call.tx.delete({"OriginalFile": [self._row.id.val]})
        call.server.repository.forget(call, deleted)

    def close(self, call: Call) -> None:
        """Let go of the file; its row gets size and checksum when the table was changed."""
        modified = self._storage is not None and self._storage.modified()
        call.server.withdraw(self)
        if modified and self._writable:
            call.server.repository.rehash(call.tx, self._row.id.val)

    def released(self) -> None:
        storage, self._storage = self._storage, None
        if storage is not None:
            storage.decr(self)


def enabled() -> bool:
    """Return whether PyTables is installed."""
    return importlib.util.find_spec("tables") is not None


def open_table(call: Call, id: int) -> Any:
    """Open the table in a file and return its proxy.

    Raises
    ------
    omero.InternalException
        When PyTables is not installed.
    """
    if not enabled():
        raise fail(omero.InternalException, "Tables are not enabled: PyTables is not installed")
    return call.server.publish(Table(call, call.tx.get("OriginalFile", id)), call.session)


class Columns(Ice.ObjectFactory):
    """Makes the columns that clients send; loads PyTables only when there is one."""

    def create(self, type: str) -> Any:
        """Return an empty column of a type such as ``::omero::grid::LongColumn``."""
        import omero.columns

        return getattr(omero.columns, f"{type.rpartition('::')[2]}I")()

    def destroy(self) -> None:
        """Nothing to release."""

    def register(self, communicator: Any) -> None:
        """Register for all kinds of columns."""
        for name in dir(omero.grid):
            if name.endswith("Column") and name != "Column":
                communicator.addObjectFactory(self, f"::omero::grid::{name}")
