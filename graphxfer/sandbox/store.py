# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: what OMERO's IUpdate and IQuery do, as one transaction over SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphxfer.sandbox.security import Caller


class Store:
    """A database in a folder: ``DIRECTORY/omero.sqlite``, created when it is not there.

    Parameters
    ----------
    directory
        The folder of the server.
    root_password
        Password of ``root`` when the database is created.

    Attributes
    ----------
    uuid, version
        What IConfig.getDatabaseUuid and IConfig.getVersion answer.
    """

    uuid: str
    version: str

    def __init__(self, directory: Path, root_password: str = "omero") -> None:
        raise NotImplementedError

    @contextmanager
    def transaction(self, caller: Caller) -> Iterator[Transaction]:
        """Open a transaction: committed at the end, rolled back when an exception leaves it.

        Reads see one snapshot. The first write takes the (only) write lock and makes the Event.
        """
        raise NotImplementedError

    def system(self, group: int = 0) -> Caller:
        """Return root, for the server's own work; it may write what clients may not."""
        raise NotImplementedError

    def caller(self, user: int, group: int, session: int, event_type: str = "User") -> Caller:
        """Return the Caller for a user: administrator, privileges and groups as they are now.

        A ``group`` of ``None`` is not taken; pass the session's group or -1.
        """
        raise NotImplementedError

    def authenticate(self, name: str, password: str) -> int | None:
        """Return the id of the Experimenter with this omeName when the password is right."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError


class Transaction:
    """One call's view of the database. Made by ``Store.transaction``."""

    caller: Caller

    def save(self, objects: Sequence[Any]) -> list[Any]:
        """Insert or merge object graphs and return them loaded, as IUpdate.saveAndReturnArray."""
        raise NotImplementedError

    def insert(self, objects: Sequence[Any]) -> list[int]:
        """Insert new object graphs and return the ids, as IUpdate.saveAndReturnIds.

        Raises
        ------
        omero.ApiUsageException
            When an object has an id already.
        """
        raise NotImplementedError

    def delete_row(self, obj: Any) -> None:
        """Delete one row that nothing refers to, as IUpdate.deleteObject."""
        raise NotImplementedError

    def query(
        self,
        hql: str,
        params: Mapping[str, Any] | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[Any]:
        """Return what IQuery.findAllByQuery does; ``params`` maps names to RTypes."""
        raise NotImplementedError

    def projection(
        self,
        hql: str,
        params: Mapping[str, Any] | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[list[Any]]:
        """Return what IQuery.projection does: rows of RTypes (None for null)."""
        raise NotImplementedError

    def get(self, class_name: str, id: int) -> Any:
        """Return one object; ValidationException when it is not there or not readable."""
        raise NotImplementedError

    def find(self, class_name: str, id: int) -> Any | None:
        """Return one object, or None."""
        raise NotImplementedError

    def find_all(
        self,
        class_name: str,
        offset: int | None = None,
        limit: int | None = None,
        **equals: Any,
    ) -> list[Any]:
        """Return objects whose columns equal the given plain values, in order of id."""
        raise NotImplementedError

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
        raise NotImplementedError

    def find_all_by_example(
        self, example: Any, offset: int | None = None, limit: int | None = None
    ) -> list[Any]:
        """Return objects that equal the example's set simple fields (IQuery.findAllByExample)."""
        raise NotImplementedError

    def delete(
        self,
        targets: Mapping[str, Sequence[int]],
        child_options: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> dict[str, list[int]]:
        """Delete along OMERO's graph rules, as omero.cmd.Delete2.

        Returns
        -------
        dict
            Fully-qualified class name (``ome.model.core.Image``) to the ids deleted.
        """
        raise NotImplementedError

    def chgrp(
        self,
        targets: Mapping[str, Sequence[int]],
        group: int,
        child_options: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Move objects to another group, as omero.cmd.Chgrp2: what moves, and what is deleted."""
        raise NotImplementedError

    def chown(
        self,
        targets: Mapping[str, Sequence[int]],
        users: Sequence[int],
        to_user: int,
        child_options: Sequence[Any] = (),
        dry_run: bool = False,
    ) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Give objects to another user, as omero.cmd.Chown2: what is given, and deleted."""
        raise NotImplementedError

    def chmod(self, group: int, permissions: str) -> None:
        """Set a group's permissions (``rwra--``), as omero.cmd.Chmod2 and IAdmin."""
        raise NotImplementedError

    def set_password(self, user: int, password: str) -> None:
        """Store a hashed password; the caller is checked by the service."""
        raise NotImplementedError

    def set_system(self, class_name: str, id: int, **columns: Any) -> None:
        """Write plain column values past all client rules: OriginalFile.repo, Pixels.sha1 ...

        Server-internal: a nullable reference is given as an id, an enumeration as its value,
        a timestamp as milliseconds.
        """
        raise NotImplementedError
