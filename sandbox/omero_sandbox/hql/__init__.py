# SPDX-License-Identifier: GPL-2.0-or-later
"""HQL as clients send it: grammar -> tree -> SQL -> objects or rows of RTypes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from omero.rtypes import RBoolI, RListI, RLongI, RMapI, RObjectI, RStringI, unwrap

from omero_sandbox.database.loading import DECODE, Loader, make_unit
from omero_sandbox.database.saving import real
from omero_sandbox.hql.compiler import Column, Compiled, compile_hql
from omero_sandbox.hql.kinds import UNKNOWN, family, kind_of_parameter
from omero_sandbox.hql.scope import bad
from omero_sandbox.model import TYPES, Type
from omero_sandbox.security.rights import ReadFilter

__all__ = ["Query", "ReadFilter"]


class Query:
    """A query for one kind of caller.

    Parameters
    ----------
    text : str
        The HQL.
    reads : ReadFilter
        Which rows the caller's rights hide.
    """

    def __init__(self, text: str, reads: ReadFilter) -> None:
        self.compiled: Compiled = compile_hql(text, reads)

    def objects(
        self, loader: Loader, params: Mapping[str, Any], offset: int | None, limit: int | None
    ) -> list[Any]:
        """Return entities as IQuery.findAllByQuery: one per SQL row, repeated or not."""
        compiled = self.compiled
        first = compiled.columns[0].value
        if len(compiled.columns) != 1 or first.kind != "entity" or compiled.shape != "rows":
            raise bad(
                f"findAllByQuery needs one entity in select; use projection [{compiled.text}]"
            )
        rows, objects = self._found(loader, params, offset, limit)
        return [objects[0].get(row[0]) for row in rows]

    def rows(
        self, loader: Loader, params: Mapping[str, Any], offset: int | None, limit: int | None
    ) -> list[list[Any]]:
        """Return rows of RTypes, as IQuery.projection.

        Source of the types: omero-blitz ``omero/util/IceMapper`` (toRType).
        """
        compiled = self.compiled
        rows, objects = self._found(loader, params, offset, limit)
        readers = [self._reader(column, loader, objects) for column in compiled.columns]
        if compiled.shape == "map":
            names = [c.name or str(at) for at, c in enumerate(compiled.columns)]
            maps = [{n: read(row) for n, read in zip(names, readers, strict=True)} for row in rows]
            return [[RMapI({n: _of_map(n, v) for n, v in made.items()})] for made in maps]
        values = [[read(row) for read in readers] for row in rows]
        return [[RListI(row)] for row in values] if compiled.shape == "list" else values

    def _found(
        self, loader: Loader, params: Mapping[str, Any], offset: int | None, limit: int | None
    ) -> tuple[list[tuple[Any, ...]], dict[int, dict[int, Any]]]:
        """Return the rows of the answer, and the objects that they name.

        Entities with fetched collections come once each, and are counted in memory: Hibernate's
        QueryTranslatorImpl.list does so when there is a limit, and omero-server's
        ``ome/services/query/Query.doInHibernate`` always sets one.
        """
        columns = self.compiled.columns
        single = len(columns) == 1 and columns[0].value.kind == "entity"
        if not (self.compiled.fetches_collections and single):
            rows = self._run(loader, params, offset, limit)
            return rows, self._load(loader, rows)
        rows = self._run(loader, params, None, None)
        objects = self._load(loader, rows)
        first = list({row[0]: row for row in reversed(rows)}.values())[::-1]
        start = offset or 0
        return first[start : None if limit is None else start + limit], objects

    def _run(
        self, loader: Loader, params: Mapping[str, Any], offset: int | None, limit: int | None
    ) -> list[tuple[Any, ...]]:
        values = {n: self._bind(n, kinds, params) for n, kinds in self.compiled.parameters.items()}
        values |= loader.rights.parameters
        sql = self.compiled.sql
        if offset is not None or limit is not None:
            sql += " LIMIT :_limit OFFSET :_offset"
            values |= {"_limit": -1 if limit is None else limit, "_offset": offset or 0}
        try:
            return loader.connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            raise bad(
                "could not execute query: a number out of range, a division by zero or a subquery "
                f"of several rows? ({error}) [{self.compiled.text}]"
            ) from error

    def _bind(self, name: str, kinds: set[str], params: Mapping[str, Any]) -> Any:
        if name not in params:
            raise bad(f"Not all named parameters have been set: [{name}] [{self.compiled.text}]")
        given = params[name]
        value = _plain(given)
        if isinstance(value, list | tuple | set):
            if "list" not in kinds:
                raise bad(f"parameter :{name} is a list, used as one value [{self.compiled.text}]")
            if not value:
                raise bad(f"unexpected end of subtree: empty list :{name} [{self.compiled.text}]")
            for item in getattr(given, "_val", given):
                self._check(name, kinds, item)
            return json.dumps([_plain(item) for item in value])
        self._check(name, kinds, given)
        return json.dumps([value]) if "list" in kinds else value

    def _check(self, name: str, kinds: set[str], given: Any) -> None:
        """Refuse what PostgreSQL has no operator for: a text compared with a number ..."""
        kind = kind_of_parameter(given)
        wanted = {family(k) for k in kinds - UNKNOWN - {"list"}}
        if kind != "null" and wanted - {kind}:
            raise bad(
                f"operator does not exist: parameter :{name} is {kind}, compared with "
                f"{', '.join(sorted(wanted))} [{self.compiled.text}]"
            )

    def _load(self, loader: Loader, rows: list[tuple[Any, ...]]) -> dict[int, dict[int, Any]]:
        """Load all entities of the rows and connect what was fetched."""
        objects: dict[int, dict[int, Any]] = {}
        for at, type_ in self.compiled.entities:
            objects[at] = loader.load(type_, {row[at] for row in rows if row[at] is not None})
        for fetch in self.compiled.fetches:
            if fetch.field is None:
                continue
            parents, children = objects[fetch.parent], objects[fetch.child]
            loader.collect(
                fetch.field,
                (
                    (
                        parents[row[fetch.parent]],
                        children.get(row[fetch.child]),
                        row[fetch.index] if fetch.index is not None else None,
                    )
                    for row in rows
                    if row[fetch.parent] is not None
                ),
            )
        return objects

    def _reader(
        self, column: Column, loader: Loader, objects: dict[int, dict[int, Any]]
    ) -> Callable[[tuple[Any, ...]], Any]:
        """Return the function that reads one column of a row as RType."""
        value, at = column.value, column.at
        decode = _decoder(value.kind, value.quantity)
        if value.kind == "entity":
            if at not in objects:  # an aggregate of entities
                return lambda row: None if row[at] is None else RLongI(row[at])
            found = objects[at]
            return lambda row: None if row[at] is None else RObjectI(found[row[at]])
        if value.kind == "unit":
            quantity = value.quantity
            return lambda row: None if row[at] is None else _unit(quantity, row[at], row[at + 1])
        if value.kind == "permissions":
            type_ = value.type or TYPES["Image"]
            return lambda row: _permissions(loader, type_, row[at], row[at + 1])
        if value.kind == "bytes":
            text = self.compiled.text

            def refuse(row: tuple[Any, ...]) -> None:
                if row[at] is not None:
                    raise bad(f"Unsupported conversion to rtype from [B [{text}]")

            return refuse
        return lambda row: None if row[at] is None else decode(row[at])


def _plain(value: Any) -> Any:
    """Return the plain value of a parameter as SQLite takes it."""
    if hasattr(value, "_id"):
        return value._id._val
    plain = unwrap(value)
    if hasattr(plain, "_id"):
        return plain._id._val
    if isinstance(plain, bool):
        return int(plain)
    return real(plain) if isinstance(plain, float) else plain


def _decoder(kind: str, quantity: str) -> Callable[[Any], Any]:
    if kind == "class":
        return lambda value: RStringI(TYPES[value].fqn)
    if kind in ("any", "null"):
        return lambda value: RStringI(value) if isinstance(value, str) else _number(value)
    if kind == "unitname":
        return RStringI
    if kind == "strings":
        return lambda value: RListI([RStringI(item) for item in json.loads(value)])
    return DECODE.get("double" if kind == "decimal" else kind, RStringI)


def _number(value: Any) -> Any:
    """Return a number of unknown kind as RLong or RDouble."""
    return DECODE["double" if isinstance(value, float) else "long"](value)


def _unit(quantity: str, value: Any, unit: str) -> Any:
    made = make_unit(quantity, value, unit)
    return RMapI(
        {
            "value": DECODE["double"](value),
            "unit": RStringI(unit),
            "symbol": RStringI(made.getSymbol()),
            "string": RStringI(f"{float(value)} {made.getSymbol()}"),
        }
    )


def _permissions(loader: Loader, type_: Type, stated: Any, owner: int | None) -> Any:
    """Return permissions as IQuery.projection does: text under ``perm``, and what is allowed."""
    if type_.name == "ExperimenterGroup":
        return _allowed(loader.rights.permissions(type_, None, None, stated))
    return _allowed(loader.rights.permissions(type_, owner, stated))


def _allowed(permissions: Any) -> Any:
    allowed = {
        f"can{what}": RBoolI(getattr(permissions, f"can{what}")())
        for what in ("Annotate", "Edit", "Link", "Delete", "Chgrp", "Chown")
    }
    return RMapI({"perm": RStringI(str(permissions)), **allowed})


def _of_map(name: str, value: Any) -> Any:
    """Return a value of ``new map``; where the name asks for it, an entity's permissions.

    Source: omero-server's ``QueryImpl.projection``.
    """
    if name.endswith("_details_permissions") and isinstance(value, RObjectI):
        return _allowed(value.val.details.permissions)
    return value
