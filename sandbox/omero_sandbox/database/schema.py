# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""The SQLite file behind the store: a table per class hierarchy, and a new server's first rows.

Columns are named after OMERO's attributes; those that start with ``_`` are the store's own:
``_type`` (class), ``_owner _group _creation _update _external`` (details) and ``_index`` (place in
the parent's list).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import time
import uuid
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from omero_sandbox.database import postgres
from omero_sandbox.model import (
    BIT_SIZE,
    CHECK,
    ENUMERATIONS,
    TYPES,
    UNIQUE,
    Field,
    Type,
    tables,
)
from omero_sandbox.security.roles import GUEST, GUEST_GROUP, ROOT, SYSTEM_GROUP, USER_GROUP

VERSION = "5.6.16"
DETAILS = ("_owner", "_group", "_creation", "_update", "_external")
SQL_TYPES = {
    "text": "TEXT", "int": "INTEGER", "long": "INTEGER", "double": "REAL", "bool": "INTEGER",
    "time": "INTEGER", "bytes": "BLOB", "strings": "TEXT", "ref": "INTEGER", "unit": "REAL",
}  # fmt: skip

_NOBODY = "0" * 36


class WrongDatabase(Exception):
    """A database whose tables are not those of this version of the sandbox."""


def quote(*names: str) -> str:
    """Return column names quoted and joined by commas."""
    return ", ".join(f'"{name}"' for name in names)


def map_table(made: Field) -> str:
    """Return the name of the table that keeps a list of NamedValues."""
    return f"{made.owner}_{made.name}".lower()


@cache
def has_index(type_: Type) -> bool:
    """Return whether rows have a place in their parent's list."""
    fields = type_.fields.values()
    return type_.name == "GroupExperimenterMap" or any(
        f.kind == "ref" and f.ordered for f in fields
    )


def _column(made: Field, top: Type) -> Iterable[str]:
    name = made.column
    constraints = " NOT NULL" if made.required and made.owner == top.name else ""
    rule = CHECK.get(f"{made.owner}.{made.name}")
    if rule:
        condition = rule.replace("VALUE", f'"{name}"')
        constraints += f' CONSTRAINT "{made.owner}.{made.name}" CHECK ({condition})'
    if made.kind == "ref":
        target = TYPES[made.target or ""].table
        constraints += f' REFERENCES "{target}" (id) DEFERRABLE INITIALLY DEFERRED'
    yield f'"{name}" {SQL_TYPES[made.kind]}{constraints}'
    if made.kind == "unit":
        yield f'"{name}_unit" TEXT'


def schema() -> Iterable[str]:
    """Yield the statements that make the tables."""
    yield "CREATE TABLE _server (key TEXT PRIMARY KEY, value)"
    yield "CREATE TABLE _password (experimenter INTEGER PRIMARY KEY, salt BLOB, hash BLOB)"
    yield "CREATE TABLE _sequence (name TEXT PRIMARY KEY, last INTEGER NOT NULL)"
    for table, types in tables().items():
        top = types[0]
        fields = {f.column: f for t in types for f in t.fields.values() if f.columns}
        columns = ["id INTEGER PRIMARY KEY", "_type TEXT NOT NULL", "version INTEGER"]
        columns += [f"{name} INTEGER" for name in DETAILS]
        columns += ["_permissions TEXT"] if table == "experimentergroup" else []
        columns += ["_index INTEGER"] if has_index(top) else []
        columns += [line for f in fields.values() for line in _column(f, top)]
        unique = UNIQUE.get(top.name, "value" if top.is_enum else "")
        if top.is_link and not unique:
            unique = "parent child _owner"
        if unique:
            columns.append(f"UNIQUE ({quote(*unique.split())})")
        yield f'CREATE TABLE "{table}" ({", ".join(columns)})'
        for f in fields.values():
            is_first = unique.split()[:1] == [f.name]
            if f.kind == "ref" and not TYPES[f.target or ""].is_enum and not is_first:
                yield f'CREATE INDEX "{table}_{f.column}" ON "{table}" ("{f.column}")'
        yield f'CREATE INDEX "{table}__external" ON "{table}" (_external) WHERE _external NOTNULL'
        for f in {f.name: f for t in types for f in t.fields.values() if f.kind == "map"}.values():
            for name in {
                map_table(g) for t in types for g in t.fields.values() if g.name == f.name
            }:
                yield (
                    f'CREATE TABLE "{name}" (parent INTEGER NOT NULL REFERENCES "{table}" (id) '
                    "DEFERRABLE INITIALLY DEFERRED, _index INTEGER NOT NULL, name TEXT NOT NULL, "
                    "value TEXT NOT NULL, PRIMARY KEY (parent, _index)) WITHOUT ROWID"
                )


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether the database is still empty.

    Raises
    ------
    WrongDatabase
        When its tables are those of another version.
    """
    found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master") if sql}
    if found and found != set(schema()):
        raise WrongDatabase(
            "The database was made by another version of omero-sandbox: start a server"
            " with another name, or remove the folder"
        )
    return not found


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that may be handed from thread to thread; transactions are explicit."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=60, cached_statements=512
    )
    for pragma in (
        "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY",
        "cache_size=-32000", "mmap_size=268435456",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    # PostgreSQL's LIKE is case-sensitive.
    connection.execute("PRAGMA case_sensitive_like=ON")
    postgres.register(connection)
    return connection


def hash_password(password: str, salt: bytes | None = None) -> tuple[bytes, bytes]:
    """Return (salt, hash)."""
    salt = salt or secrets.token_bytes(16)
    return salt, hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)


def password_is(connection: sqlite3.Connection, user: int, password: str) -> bool:
    """Return whether the user has this password; without one they cannot log in."""
    row = connection.execute(
        "SELECT salt, hash FROM _password WHERE experimenter = ?", (user,)
    ).fetchone()
    return row is not None and hmac.compare_digest(hash_password(password, row[0])[1], row[1])


def _insert(connection: sqlite3.Connection, type_: str, **values: object) -> None:
    columns = {"_type": type_, **values}
    marks = ", ".join("?" * len(columns))
    connection.execute(
        f'INSERT INTO "{TYPES[type_].table}" ({quote(*columns)}) VALUES ({marks})',
        tuple(columns.values()),
    )


def create(connection: sqlite3.Connection, root_password: str) -> None:
    """Make the tables, and the rows that a new OMERO server has (omero-model psql-footer.vm)."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in schema():
        connection.execute(statement)
    for name, values in ENUMERATIONS.items():
        for id_, value in enumerate(values, 1):
            extra = {"bitSize": BIT_SIZE[value]} if name == "PixelsType" else {}
            _insert(connection, name, id=id_, value=value, **extra)
    now = int(time.time() * 1000)
    for id_, name, permissions in (
        (SYSTEM_GROUP, "system", "rw----"), (USER_GROUP, "user", "rwr-r-"),
        (GUEST_GROUP, "guest", "rw----"),
    ):  # fmt: skip
        _insert(
            connection, "ExperimenterGroup", id=id_, name=name, _permissions=permissions, ldap=0,
            version=0,
        )  # fmt: skip
    for id_, name, first, last in (
        (ROOT, "root", "root", "root"),
        (GUEST, "guest", "Guest", "Account"),
    ):
        _insert(
            connection, "Experimenter", id=id_, omeName=name, firstName=first, lastName=last,
            ldap=0, version=0,
        )  # fmt: skip
    for id_, (group, user, index, owner) in enumerate(
        ((SYSTEM_GROUP, ROOT, 0, 1), (USER_GROUP, ROOT, 1, 0), (GUEST_GROUP, GUEST, 0, 0))
    ):
        _insert(
            connection, "GroupExperimenterMap", id=id_, parent=group, child=user, _index=index,
            owner=owner, version=0,
        )  # fmt: skip
    _insert(
        connection, "Node", id=0, uuid=_NOBODY, conn="N/A", up=now,
        version=0,
    )  # fmt: skip
    _insert(
        connection, "Session", id=0, uuid=_NOBODY, node=0, owner=ROOT,
        timeToIdle=0, timeToLive=0, started=now, closed=now, defaultEventType="BOOTSTRAP",
        message="Initialization", version=0,
    )  # fmt: skip
    _insert(
        connection, "Event", id=0, time=now, experimenter=ROOT, experimenterGroup=SYSTEM_GROUP,
        session=0, type=ENUMERATIONS["EventType"].index("Internal") + 1,
    )  # fmt: skip
    _insert(
        connection, "DBPatch", id=1, currentVersion="OMERO5.4", currentPatch=0,
        previousVersion="OMERO5.4", previousPatch=0, finished=now, message="Database ready.",
    )  # fmt: skip
    connection.execute(
        "INSERT INTO _password VALUES (?, ?, ?)", (ROOT, *hash_password(root_password))
    )
    connection.execute("INSERT INTO _server VALUES ('uuid', ?)", (str(uuid.uuid4()),))
    for table in tables():
        connection.execute(
            f'INSERT INTO _sequence SELECT ?, coalesce(max(id), 0) FROM "{table}"',
            (table,),
        )
    connection.execute("COMMIT")
