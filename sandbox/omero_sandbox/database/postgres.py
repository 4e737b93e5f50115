# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL's functions, for SQLite: where SQLite's own would answer something else.

Tried on PostgreSQL 15. An error raised here is one that PostgreSQL raises; SQLite keeps no more of
it than that there was one.
"""

from __future__ import annotations

import math
import operator
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Number = int | float | str | None  # a double that is not a number is kept as "NaN"
_EXACT = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    functions: tuple[tuple[str, int, Callable[..., Any]], ...] = (
        ("lower", 1, lambda text: _letters(text, str.lower)),
        ("upper", 1, lambda text: _letters(text, str.upper)),
        ("substring", 2, substring),
        ("substring", 3, substring),
        ("sqrt", 1, square_root),
        ("_abs", 1, lambda value: None if value is None else kept(abs(float(value)))),
        ("_int", 1, lambda value: whole(value, 31)),
        ("_long", 1, lambda value: whole(value, 63)),
        ("_nonzero", 1, _nonzero),
        ("_double", 3, arithmetic),
        ("_decimal", 3, exact_arithmetic),
        ("_any", 3, given_arithmetic),
    )
    for name, count, function in functions:
        connection.create_function(name, count, function, deterministic=True)
    for name, aggregate in (
        ("_sum", Sum), ("_avg", Average), ("_sum_decimal", ExactSum), ("_single", Single),
    ):  # fmt: skip
        connection.create_aggregate(name, 1, aggregate)  # type: ignore[arg-type]


def kept(value: float) -> float | str:
    """Return a double as SQLite keeps it: it knows no NaN, which PostgreSQL sorts last."""
    return value if value == value else "NaN"


def _letters(text: str | None, change: Callable[[str], str]) -> str | None:
    """Change letter by letter: those that would become two stay as they are."""
    if text is None or text.isascii():
        return None if text is None else change(text)
    return "".join(new if len(new := change(old)) == 1 else old for old in text)


def substring(text: str | None, start: int | None, length: int | None = 2**31) -> str | None:
    """Return a part of a text; places before the first count, and are empty."""
    if text is None or start is None or length is None:
        return None
    if length < 0:
        raise ValueError("negative substring length not allowed")
    return text[max(0, start - 1) : max(0, start - 1 + length)]


def square_root(value: Number) -> Number:
    """Return the square root."""
    return None if value is None else kept(math.sqrt(float(value)))


def whole(value: Any, bits: int) -> Any:
    """Refuse a whole number that is too large; SQLite makes a real of one beyond 64 bits."""
    if value is not None and not (isinstance(value, int) and -(2**bits) <= value < 2**bits):
        raise ArithmeticError("out of range")
    return value


def _nonzero(value: Any) -> Any:
    if value == 0:
        raise ZeroDivisionError("division by zero")
    return value


def arithmetic(left: Number, sign: str, right: Number) -> Number:
    """Calculate with doubles."""
    if left is None or right is None:
        return None
    a, b = float(left), float(right)
    result = float(_EXACT[sign](a, b))
    if math.isinf(result) and not (math.isinf(a) or math.isinf(b)):
        raise ArithmeticError("value out of range: overflow")
    return kept(result)


def exact_arithmetic(left: Number, sign: str, right: Number) -> Number:
    """Calculate with decimal fractions, as PostgreSQL does with those written in a query."""
    if left is None or right is None:
        return None
    return float(_EXACT[sign](Decimal(str(left)), Decimal(str(right))))


def given_arithmetic(left: Number, sign: str, right: Number) -> Number:
    """Calculate with parameters, whose types are not known before the call."""
    if not (isinstance(left, int) and isinstance(right, int)):
        return arithmetic(left, sign, right)
    if sign not in "/%":
        return whole(_EXACT[sign](left, right), 63)
    quotient = abs(left) // abs(_nonzero(right)) * (1 if (left < 0) == (right < 0) else -1)
    return quotient if sign == "/" else left - right * quotient


class Sum:
    """sum() of doubles."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, value: Number) -> None:
        """Take a value."""
        if value is not None:
            self.values.append(float(value))

    def finalize(self) -> Number:
        """Return the sum; null if there was no value."""
        return kept(sum(self.values)) if self.values else None


class Average(Sum):
    """avg() of doubles."""

    def finalize(self) -> Number:
        """Return the mean; null if there was no value."""
        return kept(sum(self.values) / len(self.values)) if self.values else None


class ExactSum:
    """sum() of decimal fractions."""

    def __init__(self) -> None:
        self.total: Decimal | None = None

    def step(self, value: Number) -> None:
        """Take a value."""
        if value is not None:
            self.total = (self.total or Decimal(0)) + Decimal(str(value))

    def finalize(self) -> float | None:
        """Return the sum; null if there was no value."""
        return None if self.total is None else float(self.total)


class Single:
    """The value of a subquery that may have one row only."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def step(self, value: Any) -> None:
        """Take a row."""
        self.rows.append(value)
        if len(self.rows) > 1:
            raise ValueError("more than one row returned by a subquery used as an expression")

    def finalize(self) -> Any:
        """Return the value; null if there was no row."""
        return self.rows[0] if self.rows else None
