# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of HQL with their meaning: a text, and a function of the rows that aliases stand for.

Null is None, and everything is SQL's three-valued logic; integers are divided as PostgreSQL does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.naive.rows import Row

Env = Mapping[str, Row | None]


@dataclass(frozen=True)
class Piece:
    """An expression.

    Attributes
    ----------
    through
        Implied joins, by path: a combination of rows without one of their rows is none, unless
        the query has joined that path itself.
    parameters
        Values by name.
    """

    hql: str
    value: Callable[[Env], Any]
    through: tuple[tuple[str, Callable[[Env], Row | None]], ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


def combine(hql: str, function: Callable[..., Any], *pieces: Piece) -> Piece:
    """Return a piece made of others: ``{}`` in the text are theirs."""
    parameters: dict[str, Any] = {}
    for piece in pieces:
        parameters |= piece.parameters
    return Piece(
        hql.format(*(p.hql for p in pieces)),
        lambda env: function(*(p.value(env) for p in pieces)),
        tuple(t for p in pieces for t in p.through),
        parameters,
    )


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is null when an argument is."""
    return lambda *given: None if None in given else function(*given)


def literal(value: Any) -> Piece:
    """Return a value as it is written in a query."""
    text = "null" if value is None else str(value)
    if isinstance(value, str):
        text = "'" + value.replace("'", "''") + "'"
    return Piece(text, lambda env: value)


def path(alias: str, *names: str) -> Piece:
    """Return the value at the end of a path; all but its last step are implied joins."""

    def go(env: Env, count: int) -> Any:
        at: Any = env[alias]
        for name in names[:count]:
            at = None if at is None else at.id if name == "id" else at.get(name)
        return at

    steps = len(names) - (2 if names[-1:] == ("id",) else 1)
    through = tuple(
        (".".join((alias, *names[:n])), lambda env, n=n: go(env, n)) for n in range(1, steps + 1)
    )
    return Piece(".".join((alias, *names)), lambda env: go(env, len(names)), through)


def both(a: Any, b: Any) -> Any:
    """Return ``a and b``."""
    return False if False in (a, b) else None if None in (a, b) else True


def either(a: Any, b: Any) -> Any:
    """Return ``a or b``."""
    return True if True in (a, b) else None if None in (a, b) else False


def contained(value: Any, candidates: Sequence[Any]) -> Any:
    """Return ``value in (candidates)``."""
    if not candidates:
        return False
    if value is None:
        return None
    return True if value in candidates else None if None in candidates else False


def like(text: str, pattern: str, escape: str = "\\") -> bool:
    """Return ``text like pattern``."""
    made, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == escape and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += {"%": ".*", "_": "."}.get(letter, re.escape(letter))
        at += 1
    return re.fullmatch(made, text, re.DOTALL) is not None


def divide(a: int, b: int) -> int:
    """Return the quotient, cut off."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
