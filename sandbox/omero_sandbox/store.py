# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""The store: what OMERO's IUpdate and IQuery do, as one transaction over SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import omero

from omero_sandbox.database import schema
from omero_sandbox.database.rows import Rows, Shared
from omero_sandbox.database.saving import ENCODE, Saver, real
from omero_sandbox.database.schema import hash_password, quote
from omero_sandbox.errors import fail, forbidden, invalid, misused
from omero_sandbox.graphs import deletion, moving
from omero_sandbox.hql import Query
from omero_sandbox.model import TYPES, Type, find, type_of
from omero_sandbox.security.policy import DEFAULT
from omero_sandbox.security.rights import ALL_PRIVILEGES, Caller, root
from omero_sandbox.security.roles import ROOT, SYSTEM_GROUP


class Store:
    """A database in a folder: ``DIRECTORY/omero.sqlite``, created when it is not there.

    Parameters
    ----------
    directory : Path
        The folder of the server.
    root_password : str
        Password of ``root`` when the database is created.
    binary_access : str
        The server's ``omero.policy.binary_access``.

    Attributes
    ----------
    uuid, version : str
        What IConfig.getDatabaseUuid and IConfig.getVersion answer.
    """

    version: str = schema.VERSION

    def __init__(
        self,
        directory: Path,
        root_password: str = "omero",  # noqa: S107
        binary_access: str = DEFAULT,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "omero.sqlite"
        self._free: list[sqlite3.Connection] = []
        connection = self._take()
        if schema.is_new(connection):
            schema.create(connection, root_password)
        self.uuid: str = connection.execute(
            "SELECT value FROM _server WHERE key = 'uuid'"
        ).fetchone()[0]
        sequence = dict(connection.execute("SELECT name, last FROM _sequence"))
        self._shared = Shared(binary_access, sequence)
        self._free.append(connection)

    def _take(self) -> sqlite3.Connection:
        return self._free.pop() if self._free else schema.connect(self._path)

    @contextmanager
    def transaction(self, caller: Caller, privileged: bool = False) -> Iterator[Transaction]:
        """Open a transaction: committed at the end, rolled back when an exception leaves it.

        The first write takes the (only) write lock and makes the Event: do not open a second
        transaction inside one that writes.

        Parameters
        ----------
        caller : Caller
            In whose name.
        privileged : bool
            The server's own work for the caller (OMERO's SecureAction): the rules for clients are
            not applied, owner and events are the caller's.

        Raises
        ------
        omero.SecurityViolation
            When the caller may not use the context group.
        """
        connection = self._take()
        connection.execute("BEGIN")
        tx = None
        try:
            tx = Transaction(self._shared, connection, caller, privileged)
            yield tx
            tx.finish()
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if tx is not None:
                tx.release()
            self._free.append(connection)

    def system(self, group: int = SYSTEM_GROUP) -> Caller:
        """Return root, for the server's own work: with ``privileged=True`` past client rules."""
        return root(group)

    def caller(
        self,
        user: int,
        group: int,
        session: int,
        event_type: str = "User",
        sudoer: int | None = None,
    ) -> Caller:
        """Return the Caller for a user: administrator, privileges and groups as they are now.

        Parameters
        ----------
        user, session : int
            Row ids.
        group : int
            The context group, or -1 for all.
        event_type : str
            Value of the EventType of what the caller writes.
        sudoer : int, optional
            Row id of who made the session for the user: privileges are those that both have
            (omero-server's LightAdminPrivileges.getPrivileges).
        """
        connection = self._take()
        try:
            memberships = connection.execute(
                "SELECT parent, owner FROM groupexperimentermap WHERE child = ?", (user,)
            ).fetchall()
            denied = connection.execute(
                "SELECT name FROM experimenter_config WHERE parent IN (?, ?) AND parent <> ? "
                "AND name LIKE 'AdminPrivilege:%' AND lower(value) <> 'true'",
                (user, sudoer, ROOT),
            ).fetchall()
        finally:
            self._free.append(connection)
        admin = any(group_id == SYSTEM_GROUP for group_id, _ in memberships)
        taken = {name.partition(":")[2] for (name,) in denied}
        return Caller(
            user=user,
            group=group,
            session=session,
            admin=admin,
            privileges=ALL_PRIVILEGES - taken if admin else frozenset(),
            member_of=frozenset(g for g, _ in memberships),
            leader_of=frozenset(g for g, owner in memberships if owner),
            event_type=event_type,
            sudoer=sudoer,
        )

    def authenticate(self, name: str, password: str) -> int | None:
        """Return the id of the Experimenter with this omeName when the password is right."""
        connection = self._take()
        try:
            row = connection.execute(
                "SELECT id FROM experimenter WHERE omeName = ?", (name,)
            ).fetchone()
            if row is None or not schema.password_is(connection, row[0], password):
                return None
            user: int = row[0]
            return user
        finally:
            self._free.append(connection)

    def close(self) -> None:
        """Close all connections."""
        while self._free:
            self._free.pop().close()


class Transaction(Rows):
    """One call's view of the database: what IUpdate, IQuery and the graph requests do with it.

    Made by ``Store.transaction``.
    """

    # -- writing -------------------------------------------------------------------------------

    def save(self, objects: Sequence[Any]) -> list[Any]:
        """Insert or merge object graphs and return them loaded, as IUpdate.saveAndReturnArray.

        The objects themselves are given ids, versions and details.
        """
        self._loader = None
        self.write()
        saver = Saver(self)
        saver.save(objects)
        saver.describe()
        return list(objects)

    def insert(self, objects: Sequence[Any]) -> list[int]:
        """Insert new object graphs and return the ids, as IUpdate.saveAndReturnIds.

        Raises
        ------
        omero.ApiUsageException
            When an object has an id already.
        """
        for obj in objects:
            if obj._id is not None:
                raise misused(f"saveAndReturnIds: INSERTs only! {type_of(obj).fqn} has an id")
        self.write()
        Saver(self).save(objects)
        return [obj._id._val for obj in objects]

    def delete_row(self, obj: Any) -> None:
        """Delete one row that nothing refers to, as IUpdate.deleteObject.

        Raises
        ------
        omero.ValidationException
            When something refers to it (at the end of the transaction), or it does not exist.
        omero.SecurityViolation
            When the caller may not delete it.
        """
        type_ = type_of(obj)
        self.write()
        row = self.connection.execute(
            f'SELECT _owner, _group, _type FROM "{type_.table}" WHERE id = ?',
            (obj._id._val,),
        ).fetchone()
        if row is None:
            raise invalid(f"Object not found: {type_.fqn}:Id_{obj._id._val}")
        if not self.rights.may("delete", type_, row[0], row[1]):
            raise forbidden(f"Deleting {type_.fqn}:Id_{obj._id._val} not allowed.")
        self.remove_rows(TYPES[row[2]], [obj._id._val])

    # -- reading -------------------------------------------------------------------------------

    def query(
        self,
        hql: str,
        params: Mapping[str, Any] | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[Any]:
        """Return what IQuery.findAllByQuery does; ``params`` maps names to RTypes.

        Raises
        ------
        omero.QueryException
            When the query is not understood, or not right.
        """
        self._loader = None
        return Query(hql, self.rights.reads).objects(self.loader, params or {}, offset, limit)

    def projection(
        self,
        hql: str,
        params: Mapping[str, Any] | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[list[Any]]:
        """Return what IQuery.projection does: rows of RTypes (None for null)."""
        self._loader = None
        return Query(hql, self.rights.reads).rows(self.loader, params or {}, offset, limit)

    def type(self, class_name: str) -> Type:
        """Return the type that a client names.

        Raises
        ------
        omero.ApiUsageException
            When there is none.
        """
        type_ = find(class_name)
        if type_ is None:
            raise misused(f"{class_name} does not specify a valid class.")
        return type_

    def get(self, class_name: str, id_: int) -> Any:
        """Return one object; ValidationException when it is not there or not readable."""
        found = self.find(class_name, id_)
        if found is None:
            raise invalid(f"No row with the given identifier exists: [{class_name}#{id_}]")
        return found

    def find(self, class_name: str, id_: int) -> Any | None:
        """Return one object, or None."""
        self._loader = None
        type_ = self.type(class_name)
        found = self.loader.load(type_, [id_]).get(id_)
        return found if found is not None and type_of(found).is_a(type_.name) else None

    def find_all(
        self,
        class_name: str,
        offset: int | None = None,
        limit: int | None = None,
        **equals: Any,
    ) -> list[Any]:
        """Return objects whose columns equal the given plain values, in order of id."""
        conditions = [(f't."{name}" = ?', value) for name, value in equals.items()]
        return self._select(self.type(class_name), conditions, offset, limit)

    def _select(
        self, type_: Type, conditions: list[tuple[str, Any]], offset: int | None, limit: int | None
    ) -> list[Any]:
        self._loader = None
        where = [sql for sql, _ in conditions]
        values = {f"v{at}": value for at, (_, value) in enumerate(conditions)}
        where = [sql.replace("?", f":v{at}") for at, sql in enumerate(where)]
        where.append(f"t._type IN (SELECT value FROM json_each('{json.dumps(type_.concrete)}'))")
        where.append(self.rights.reads.condition(type_, "t") or "1")
        ids = self.connection.execute(
            f'SELECT t.id FROM "{type_.table}" t WHERE {" AND ".join(where)} ORDER BY t.id '
            f"LIMIT {-1 if limit is None else int(limit)} OFFSET {int(offset or 0)}",
            {**values, **self.rights.parameters},
        ).fetchall()
        objects = self.loader.load(type_, [id_ for (id_,) in ids])
        return [objects[id_] for (id_,) in ids]

    def find_all_by_string(
        self,
        class_name: str,
        field: str,
        value: str | None,
        case_sensitive: bool = True,
        like: bool = False,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[Any]:
        """Return what IQuery.findAllByString does (a null ``value`` matches null)."""
        type_ = self.type(class_name)
        made = type_.fields.get(field)
        if made is None or made.kind != "text":
            raise fail(omero.QueryException, f"could not resolve property: {field} of: {type_.fqn}")
        column, mark = f't."{made.column}"', "?"
        if not case_sensitive:
            column, mark = f"lower({column})", "lower(?)"
        operator = "IS" if value is None else "LIKE" if like else "="
        return self._select(type_, [(f"{column} {operator} {mark}", value)], offset, limit)

    def find_all_by_example(
        self, example: Any, offset: int | None = None, limit: int | None = None
    ) -> list[Any]:
        """Return objects that equal the example's set simple fields (IQuery.findAllByExample)."""
        type_ = type_of(example)
        conditions = [
            (f't."{made.column}" = ?', ENCODE[made.kind](made, value))
            for made in type_.fields.values()
            if made.kind in ("text", "int", "long", "double", "bool", "time")
            and (value := getattr(example, made.attribute)) is not None
        ]
        return self._select(type_, conditions, offset, limit)

    # -- graphs --------------------------------------------------------------------------------

    def delete(
        self,
        targets: Mapping[str, Sequence[int]],
        child_options: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> dict[str, list[int]]:
        """Delete along OMERO's graph rules, as omero.cmd.Delete2.

        Raises
        ------
        errors.GraphFailure
            What OMERO answers with an ERR ``graph-fail``.

        Returns
        -------
        dict
            Fully-qualified class name (``ome.model.core.Image``) to the ids deleted.
        """
        return deletion.delete(self, targets, child_options, dry_run)

    def chgrp(
        self,
        targets: Mapping[str, Sequence[int]],
        group: int,
        child_options: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Move objects to another group, as omero.cmd.Chgrp2: what moves, and what is deleted."""
        return moving.chgrp(self, targets, group, child_options, dry_run)

    def chown(
        self,
        targets: Mapping[str, Sequence[int]],
        users: Sequence[int],
        to_user: int,
        child_options: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Give objects to another user, as omero.cmd.Chown2: what is given, and deleted."""
        return moving.chown(self, targets, users, to_user, child_options, dry_run)

    def chmod(self, group: int, permissions: str) -> None:
        """Set a group's permissions (``rwra--``), as omero.cmd.Chmod2 and IAdmin."""
        type_ = TYPES["ExperimenterGroup"]
        if not (self.rights.may("edit", type_, None, None) or group in self.caller.leader_of):
            raise forbidden(f"Updating {type_.fqn}:Id_{group} not allowed.")
        self.write()
        self.update_row(type_, group, {"_permissions": permissions}, None, None)

    def set_password(self, user: int, password: str) -> None:
        """Store a hashed password; the caller is checked by the service."""
        self.write()
        self.connection.execute(
            "INSERT OR REPLACE INTO _password VALUES (?, ?, ?)", (user, *hash_password(password))
        )

    def set_system(self, class_name: str, id_: int, **columns: Any) -> None:
        """Write plain column values past all client rules: OriginalFile.repo, Pixels.sha1 ...

        Server-internal: a reference is given as an id, an enumeration as its value, a timestamp
        as milliseconds. Neither version nor update event changes.
        """
        type_ = self.type(class_name)
        self.write()
        values = {}
        for name, value in columns.items():
            made = type_.fields[name]
            target = TYPES.get(made.target or "")
            if target is not None and target.is_enum and isinstance(value, str):
                value = self.enum_id(target, value)
            values[made.column] = real(value) if isinstance(value, float) else value
        sets = ", ".join(f"{quote(name)} = ?" for name in values)
        self.write_many(
            type_,
            f'UPDATE "{type_.table}" SET {sets} WHERE id = ?',
            [(*values.values(), id_)],
        )
