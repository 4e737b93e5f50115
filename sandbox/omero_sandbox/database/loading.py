# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Rows to objects: what a reply holds, each object once.

Values are written straight into ``obj.__dict__``, and nulls not at all: omero-py's constructors
and setters are slow.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

import omero
from omero.model import DetailsI, NamedValue
from omero.rtypes import RBoolI, RDoubleI, RIntI, RLongI, RStringI, RTimeI

from omero_sandbox.database.schema import map_table
from omero_sandbox.errors import forbidden
from omero_sandbox.model import TYPES, UNITS, Field, Type, tables
from omero_sandbox.security.policy import belongings
from omero_sandbox.security.rights import Rights

_FIXED = ("id", "_type", "version", "_owner", "_group", "_creation", "_update", "_external")
NOTHING = (False, False)
TRUE, FALSE = RBoolI(True), RBoolI(False)
small_int = lru_cache(65536)(RIntI)


def _maker(cls: Any, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what makes an RType of a value, without the three constructors of its class."""

    def make(value: Any) -> Any:
        made = cls.__new__(cls)
        made.__dict__["_val"] = convert(value)
        return made

    return make


rlong = _maker(RLongI, int)

# How a value in a column becomes an RType.
DECODE: dict[str, Callable[[Any], Any]] = {
    "text": _maker(RStringI, str),
    "int": small_int,
    "long": rlong,
    "double": _maker(RDoubleI, float),
    "bool": lambda value: TRUE if value else FALSE,
    "time": _maker(RTimeI, int),
    "bytes": lambda value: value,
    "strings": json.loads,
}
#: How a value that is not null is read from a row.
Step = Callable[["Loader", tuple[Any, ...]], Any]


@cache
def template(cls: type) -> dict[str, Any]:
    """Return the attributes of an unloaded instance."""
    return dict(vars(cls(0, False)), _id=None)


@cache
def unit_class(quantity: str) -> type:
    """Return ``LengthI`` for ``Length``."""
    found: type = getattr(omero.model, f"{quantity}I")
    return found


def make_unit(quantity: str, value: Any, unit: str) -> Any:
    """Return a value with unit from its two columns."""
    made = unit_class(quantity)()
    made._value = float(value)
    made._unit = getattr(UNITS[quantity], unit)
    return made


def _step(made: Field, at: int, type_at: int | None) -> Step:
    """Return the function that reads one field from a row."""
    target = made.target or ""
    if made.kind == "unit":
        return lambda loader, row: make_unit(target, row[at], row[at + 1])
    if made.kind == "ref":
        if type_at is not None:
            return lambda loader, row: loader.shell(row[type_at], row[at])
        name = TYPES[target].concrete[0]
        return lambda loader, row: loader.shell(name, row[at])
    decode = DECODE[made.kind]
    return lambda loader, row: decode(row[at])


@cache
def plan(table: str) -> tuple[str, dict[str, list[tuple[str, int, Step]]]]:
    """Return the SELECT for a table's rows and, by class, how each attribute is read from one.

    That is: (attribute, its place in the row, what reads it when it is not null).
    """
    types = tables()[table]
    fields = {f.column: f for t in types for f in t.fields.values() if f.columns}
    extra = ["_permissions"] if table == "experimentergroup" else []
    select = [f't."{c}"' for c in (*_FIXED, *extra)]
    places: dict[str, tuple[int, int | None]] = {}
    for f in fields.values():
        at, type_at = len(select), None
        select += [f't."{c}"' for c in f.columns]
        if f.kind == "ref" and len(TYPES[f.target or ""].concrete) > 1:
            type_at = len(select)
            target = TYPES[f.target or ""].table
            select.append(f'(SELECT _type FROM "{target}" WHERE id = t."{f.column}")')
        places[f.column] = (at, type_at)
    steps = {
        t.name: [
            (f.attribute, places[f.column][0], _step(f, *places[f.column]))
            for f in t.fields.values()
            if f.columns
        ]
        for t in types
        if t.cls
    }
    ids = "SELECT value FROM json_each(?)"
    sql = f'SELECT {", ".join(select)} FROM "{table}" t WHERE t.id IN ({ids})'
    return sql, steps


@cache
def eager(name: str) -> tuple[Field, ...]:
    """Return the references of a class that are loaded with it: those to abstract classes.

    Hibernate cannot make a proxy without knowing the class: omero-model, templates/object.vm.
    """
    fields = TYPES[name].fields.values()
    return tuple(f for f in fields if f.kind == "ref" and not TYPES[f.target or ""].cls)


class Loader:
    """The objects of one reply, by table and id; what is not loaded is an unloaded instance."""

    def __init__(self, connection: sqlite3.Connection, rights: Rights) -> None:
        self.connection = connection
        self.rights = rights
        self.objects: dict[tuple[str, int], Any] = {}
        self._details: dict[tuple[Any, ...], dict[str, Any]] = {}

    def shell(self, name: str, id_: int) -> Any:
        """Return the object of this class and id, unloaded if it has not been loaded."""
        type_ = TYPES[name]
        key = (type_.table, id_)
        obj = self.objects.get(key)
        if obj is None:
            cls: Any = type_.cls
            obj = self.objects[key] = cls.__new__(cls)
            state = obj.__dict__
            state.update(template(cls))
            state["_id"] = rlong(id_)
        return obj

    def load(self, type_: Type, ids: Iterable[int]) -> dict[int, Any]:
        """Return id -> loaded object, for the ids that exist.

        Raises
        ------
        omero.SecurityViolation
            When one of them may not be read.
        """
        result: dict[int, Any] = {}
        missing = []
        for id_ in dict.fromkeys(ids):
            obj = self.objects.get((type_.table, id_))
            if obj is not None and obj._loaded:
                result[id_] = obj
            else:
                missing.append(id_)
        if missing:
            self._read(type_, missing, result)
        return result

    def _read(self, type_: Type, ids: list[int], result: dict[int, Any]) -> None:
        sql, steps = plan(type_.table)
        may_read = self.rights.may_read
        belongs = belongings(self.connection, type_.table, ids)
        by_class: dict[str, list[int]] = defaultdict(list)
        for row in self.connection.execute(sql, (json.dumps(ids),)):
            id_, name, version, owner, group, creation, update, external = row[:8]
            own = TYPES[name]
            if not may_read(own, owner, group):
                raise forbidden(f"Cannot read {own.fqn}:Id_{id_}")
            obj = self.shell(name, id_)
            state = obj.__dict__
            state["_loaded"] = True
            if version is not None and "_version" in state:
                state["_version"] = small_int(version)
            for attribute, at, step in steps[name]:
                if row[at] is not None:
                    state[attribute] = step(self, row)
            if own.table == "session":
                self._check_session(obj)
            stated = row[8] if name == "ExperimenterGroup" else None
            details = self.details(
                own, owner, group, creation, update, stated, belongs.get(id_, NOTHING)
            )
            if external is not None:
                details.__dict__["_externalInfo"] = self.shell("ExternalInfo", external)
            state["_details"] = details
            result[id_] = obj
            by_class[name].append(id_)
        for name, found in by_class.items():
            for made in TYPES[name].fields.values():
                if made.kind == "map":
                    self._read_maps(made, found, result)
            for made in eager(name):
                wanted = (result[id_].__dict__[made.attribute] for id_ in found)
                self.load(TYPES[made.target or ""], [o._id._val for o in wanted if o is not None])

    def _check_session(self, session: Any) -> None:
        sudoer = session._sudoer
        if not self.rights.may_read_session(
            session._owner._id._val, None if sudoer is None else sudoer._id._val
        ):
            raise forbidden(f"Cannot read ome.model.meta.Session:Id_{session._id._val}")

    def _read_maps(self, made: Field, ids: list[int], result: dict[int, Any]) -> None:
        for id_ in ids:
            result[id_].__dict__[made.attribute] = []
        rows = self.connection.execute(
            f'SELECT parent, name, value FROM "{map_table(made)}" '
            "WHERE parent IN (SELECT value FROM json_each(?)) ORDER BY parent, _index",
            (json.dumps(ids),),
        )
        for parent, name, value in rows:
            result[parent].__dict__[made.attribute].append(NamedValue(name, value))

    def details(
        self,
        type_: Type,
        owner: int | None,
        group: int | None,
        creation: int | None,
        update: int | None,
        stated: str | None = None,
        belongs: tuple[bool, bool] = NOTHING,
    ) -> Any:
        """Return a DetailsI; ``stated`` and ``belongs`` are those of ``Rights.permissions``."""
        key = (type_, owner, group, creation, update, stated, belongs)
        same = self._details.get(key)
        if same is None:
            same = self._details[key] = dict(_details_template())
            same["_permissions"] = self.rights.permissions(type_, owner, group, stated, belongs)
            if owner is not None:
                same["_owner"] = self.shell("Experimenter", owner)
                same["_group"] = self.shell("ExperimenterGroup", group or 0)
                same["_creationEvent"] = self.shell("Event", creation or 0)
                if update is not None:
                    same["_updateEvent"] = self.shell("Event", update)
        made = DetailsI.__new__(DetailsI)
        made.__dict__.update(same)
        return made

    def collect(self, made: Field, pairs: Iterable[tuple[Any, Any, int | None]]) -> None:
        """Fill fetched collections from (parent, child or None, place in the list or None).

        A list has None where an index is missing, as Hibernate's lists have.
        """
        attribute, flag = made.attribute, f"_{made.name}Loaded"
        children: dict[int, tuple[Any, dict[int, tuple[Any, int | None]]]] = {}
        for parent, child, place in pairs:
            _, found = children.setdefault(id(parent), (parent, {}))
            if child is not None:
                found[id(child)] = (child, place)
        for parent, found in children.values():
            if made.ordered:
                values: list[Any] = []
                for child, place in sorted(found.values(), key=lambda pair: pair[1] or 0):
                    values += [None] * ((place or 0) - len(values))
                    values.append(child)
            else:
                values = [child for child, _ in found.values()]
            parent.__dict__[attribute] = values
            parent.__dict__[flag] = True


@cache
def _details_template() -> dict[str, Any]:
    return dict(vars(DetailsI()))
