# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of values: which of them can be compared or mixed, as PostgreSQL has it.

SQLite compares anything with anything; PostgreSQL refuses, or reads a text that is written in the
query as what it is compared with. Tried on PostgreSQL 15.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from omero.rtypes import RBoolI, RDoubleI, RFloatI, RIntI, RLongI, RStringI, RTimeI

from omero_sandbox.database.loading import make_unit
from omero_sandbox.hql.scope import Value, bad
from omero_sandbox.model import UNITS

WHOLE = frozenset({"int", "long"})
#: ``decimal`` is a fraction written in the query: PostgreSQL calculates exactly with it.
NUMBERS = WHOLE | {"double", "decimal"}
UNKNOWN = frozenset({"any", "null"})
#: Values that have an order.
SORTED = NUMBERS | {"text", "time"}
_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")
_FAMILIES = {**dict.fromkeys(NUMBERS, "number"), "entity": "number"}
_PARAMETERS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool, RBoolI), "bool"), ((int, RIntI, RLongI), "number"), ((str, RStringI), "text"),
    ((float, RDoubleI, RFloatI), "number"), ((RTimeI,), "time"),
)  # fmt: skip


def family(kind: str) -> str:
    """Return what kinds that can be compared have in common."""
    return _FAMILIES.get(kind, kind)


def is_literal(value: Value) -> bool:
    """Return whether it is a text as the query has it."""
    return value.kind == "text" and value.sql.startswith("'")


def literal_text(value: Value) -> str:
    """Return the text of a literal."""
    return value.sql[1:-1].replace("''", "'")


def read_literal(value: Value, other: Value) -> Value:
    """Read a text literal as what it is compared with.

    Raises
    ------
    omero.QueryException
        When it is none.
    """
    text = literal_text(value)
    try:
        sql = _READERS[family(other.kind)](text.strip(), other)
    except (KeyError, ValueError) as error:
        raise bad(f"invalid input syntax for type {other.kind}: {value.sql}") from error
    return Value(sql, other.kind if other.kind != "entity" else "long")


def _number(text: str, other: Value) -> str:
    if other.kind in ("double", "decimal"):
        number = float(text)
        return repr(number) if number == number else "'NaN'"
    return str(int(text))


def _boolean(text: str, other: Value) -> str:
    return str(int((_TRUE + _FALSE).index(text.lower()) < len(_TRUE)))


def _time(text: str, other: Value) -> str:
    """Read a timestamp without time zone; the server's is UTC."""
    moment = datetime.datetime.fromisoformat(text.removesuffix("Z"))
    moment = moment.replace(tzinfo=datetime.UTC)
    return str(int(moment.timestamp() * 1000))


def _unit(text: str, other: Value) -> str:
    """Read a unit's symbol: that is what PostgreSQL's enumerations hold (psql-footer.sql)."""
    for unit in UNITS[other.quantity]._enumerators.values():
        if make_unit(other.quantity, 0, unit.name).getSymbol() == text:
            return f"'{unit.name}'"
    raise ValueError(text)


_READERS = {"number": _number, "bool": _boolean, "time": _time, "unitname": _unit}


def kind_of_parameter(value: Any) -> str:
    """Return the family of a parameter's value."""
    if value is None or getattr(value, "_val", value) is None:
        return "null"
    if hasattr(value, "_id") or hasattr(getattr(value, "_val", None), "_id"):
        return "number"
    return next((kind for types, kind in _PARAMETERS if isinstance(value, types)), "?")


def unify(values: Iterable[Value], what: str) -> str:
    """Return the kind of what may be one of several values, the first as Hibernate has it.

    Raises
    ------
    omero.QueryException
        When they cannot be mixed.
    """
    kinds = [value.kind for value in values if value.kind not in UNKNOWN]
    if not kinds:
        return "null"
    first = kinds[0]
    if any(family(kind) != family(first) for kind in kinds) or (
        first in WHOLE and not set(kinds) <= WHOLE
    ):
        raise bad(f"{what} types {', '.join(dict.fromkeys(kinds))} cannot be matched")
    return first
