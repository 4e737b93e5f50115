# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""The rows of one transaction: ids, events, logs, inserts, updates and removals."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omero_sandbox.database.loading import Loader
from omero_sandbox.database.schema import map_table
from omero_sandbox.errors import invalid
from omero_sandbox.model import TYPES, Type
from omero_sandbox.security.policy import BinaryAccess
from omero_sandbox.security.rights import ALL_GROUPS, Caller, Rights

#: Owner and group of an object.
Place = tuple[int, int]
#: Classes whose changes are not logged.
NOT_LOGGED = {"Event", "EventLog", "Session", "Share", "Node"}


class Shared:
    """What all transactions of a database share: the write lock, sequences and caches.

    Parameters
    ----------
    binary_access : str
        The server's ``omero.policy.binary_access``.
    sequence : dict[str, int]
        Table to the last id that was used.
    """

    def __init__(self, binary_access: str, sequence: dict[str, int]) -> None:
        self.write_lock = threading.Lock()
        self.sequence = sequence
        self.enum_ids: dict[tuple[str, str], int] = {}
        self._binary_access = binary_access
        self._groups: dict[int, str] | None = None
        self._policy: BinaryAccess | None = None

    def groups(self, connection: sqlite3.Connection) -> dict[int, str]:
        """Return group id -> permissions."""
        if self._groups is None:
            self._groups = dict(
                connection.execute("SELECT id, _permissions FROM experimentergroup")
            )
        return self._groups

    def policy(self, connection: sqlite3.Connection) -> BinaryAccess:
        """Return whose files may be downloaded."""
        if self._policy is None:
            self._policy = BinaryAccess.of(self._binary_access, connection)
        return self._policy

    def forget(self) -> None:
        """Drop what is kept of groups and enumerations: a transaction changed them."""
        self._groups = self._policy = None
        self.enum_ids = {}


class Rows:
    """The rows that one transaction of a caller sees and writes.

    Parameters
    ----------
    shared : Shared
        What it has in common with the other transactions of the database.
    connection : sqlite3.Connection
        A connection with an open transaction.
    caller : Caller
        The user, group and session that it runs for.
    privileged : bool
        Whether it is the server's own work, to which the rules for clients do not apply.
    """

    def __init__(
        self, shared: Shared, connection: sqlite3.Connection, caller: Caller, privileged: bool
    ) -> None:
        self._shared = shared
        self.connection = connection
        self.caller = caller
        groups, policy = shared.groups(connection), shared.policy(connection)
        self.rights = Rights(caller, groups, policy, privileged)
        self._writing = False
        self._event: int | None = None
        self._touched: set[str] = set()
        self._stale = False
        self._loader: Loader | None = None

    @property
    def is_writing(self) -> bool:
        """Whether it has the write lock, so that no other transaction may write."""
        return self._writing

    def write(self) -> None:
        """Take the write lock, once."""
        if not self._writing:
            self.connection.execute("COMMIT")
            self._shared.write_lock.acquire()
            self._writing = True
            self.connection.execute("BEGIN IMMEDIATE")

    def finish(self) -> None:
        """Commit."""
        if self._touched:
            self.connection.executemany(
                "UPDATE _sequence SET last = ? WHERE name = ?",
                [(self._shared.sequence[table], table) for table in self._touched],
            )
        try:
            self.connection.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise invalid(f"could not execute statement: {error}") from error
        if self._stale:
            self._shared.forget()

    def release(self) -> None:
        """Give the write lock back."""
        if self._writing:
            self._writing = False
            self._shared.write_lock.release()

    @property
    def loader(self) -> Loader:
        """The objects of the current reply."""
        if self._loader is None:
            self._loader = Loader(self.connection, self.rights)
        return self._loader

    def next_id(self, table: str) -> int:
        """Return a new id; ids are never used twice."""
        return self.next_ids(table, 1)[0]

    def next_ids(self, table: str, count: int) -> range:
        """Return new ids."""
        self.write()
        self._touched.add(table)
        last = self._shared.sequence[table]
        self._shared.sequence[table] = last + count
        return range(last + 1, last + 1 + count)

    def enum_id(self, type_: Type, value: str) -> int | None:
        """Return the id of an enumeration's value."""
        known = self._shared.enum_ids
        if (type_.name, value) not in known:
            rows = self.connection.execute(f'SELECT value, id FROM "{type_.table}"')
            known.update({(type_.name, v): id_ for v, id_ in rows})
        return known.get((type_.name, value))

    def event(self, group: int | None = None) -> int:
        """Return the Event of this transaction; the first call makes it."""
        if self._event is None:
            self._event = self.next_id("event")
            caller = self.caller
            context = caller.group if caller.group != ALL_GROUPS else group
            self.connection.execute(
                "INSERT INTO event (id, _type, time, experimenter, experimenterGroup, type, "
                "session) VALUES (?, 'Event', ?, ?, ?, ?, ?)",
                (
                    self._event, int(time.time() * 1000), caller.user, context or 0,
                    self.enum_id(TYPES["EventType"], caller.event_type), caller.session,
                ),
            )  # fmt: skip
        return self._event

    def log(self, action: str, objects: Iterable[tuple[Type, int]]) -> None:
        """Write the EventLogs of what was done."""
        logged = [(id_, type_.fqn) for type_, id_ in objects if type_.name not in NOT_LOGGED]
        if logged:
            event, ids = self.event(), self.next_ids("eventlog", len(logged))
            self.connection.executemany(
                "INSERT INTO eventlog (id, _type, entityId, entityType, action, event)"
                " VALUES (?, 'EventLog', ?, ?, ?, ?)",
                ((own, *what, action, event) for own, what in zip(ids, logged, strict=True)),
            )

    def write_many(self, type_: Type, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for all rows; a broken constraint is a ValidationException."""
        self.write()
        self._stale |= type_.is_global
        try:
            self.connection.executemany(sql, rows)
        except sqlite3.IntegrityError as error:
            raise invalid(f"could not insert or update [{type_.fqn}]: {error}") from error

    def update_row(
        self,
        type_: Type,
        id_: int,
        changed: Mapping[str, Any],
        version: int | None,
        place: Place | None,
    ) -> dict[str, Any]:
        """Write changed columns, the next version and the update event; return these two."""
        own: dict[str, Any] = {}
        if version is not None and type_.is_mutable:
            own["version"] = version + 1
        if not type_.is_global and type_.is_mutable:
            own["_update"] = self.event(place[1] if place else None)
        values = {**changed, **own}
        if values:
            sets = ", ".join(f'"{name}" = ?' for name in values)
            self.write_many(
                type_,
                f'UPDATE "{type_.table}" SET {sets} WHERE id = ?',
                [(*values.values(), id_)],
            )
            self.log("UPDATE", [(type_, id_)])
        return own

    def add_namespaces(self, names: Iterable[str]) -> None:
        """Make the Namespace rows that are missing, as OMERO's annotation trigger does."""
        for name in sorted(names):
            known = self.connection.execute("SELECT 1 FROM namespace WHERE name = ?", (name,))
            if known.fetchone() is None:
                self.connection.execute(
                    "INSERT INTO namespace (id, _type, version, name) "
                    "VALUES (?, 'Namespace', 0, ?)",
                    (self.next_id("namespace"), name),
                )

    def check_folders(self) -> None:
        """Refuse a folder inside itself, as OMERO's trigger does."""
        row = self.connection.execute(
            "WITH RECURSIVE up (start, id) AS (SELECT id, parentFolder FROM folder "
            "WHERE parentFolder NOTNULL UNION SELECT up.start, f.parentFolder FROM up "
            "JOIN folder f ON f.id = up.id WHERE f.parentFolder NOTNULL) "
            "SELECT start FROM up WHERE start = id LIMIT 1"
        ).fetchone()
        if row is not None:
            raise invalid(
                f"cyclic parent-child relationship of ome.model.containers.Folder:Id_{row[0]}"
            )

    def remove_rows(self, type_: Type, ids: Sequence[int]) -> None:
        """Delete rows of one class, and their lists of NamedValues."""
        self._stale |= type_.is_global
        given = json.dumps(list(ids))
        for made in type_.fields.values():
            if made.kind == "map":
                self.connection.execute(
                    f'DELETE FROM "{map_table(made)}" WHERE parent IN '
                    "(SELECT value FROM json_each(?))",
                    (given,),
                )
        self.connection.execute(
            f'DELETE FROM "{type_.table}" WHERE id IN (SELECT value FROM json_each(?))',
            (given,),
        )
        self.log("DELETE", ((type_, id_) for id_ in ids))

    def group_permissions(self) -> dict[int, str]:
        """Return group id -> permissions as this transaction sees them."""
        return dict(self.connection.execute("SELECT id, _permissions FROM experimentergroup"))
