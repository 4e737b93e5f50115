# SPDX-License-Identifier: GPL-2.0-or-later
"""Hypothesis strategies of expressions: values and conditions over the aliases of a query."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from hypothesis.strategies import DrawFn, SearchStrategy, composite, integers, lists, sampled_from

from tests.naive.pieces import (
    Env,
    Piece,
    both,
    combine,
    contained,
    divide,
    either,
    like,
    literal,
    path,
    strict,
)
from tests.naive.rows import SCHEMA, SUBCLASSES, World

TEXTS = ["", "a0", "A0", "x", "it's", "é", "b_c", "50% of_it"]
PATTERNS = ["%", "a_", "A%", "%\\_%", "_", "%'s", "b\\%", "%0", "é"]
COMPARE = {
    "=": operator.eq, "<>": operator.ne, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass
class Scope:
    """The aliases of a query and of those around it: alias to class.

    Attributes
    ----------
    listed
        Aliases of elements of ordered lists.
    joined
        Paths that FROM has joined.
    selecting
        Within a SELECT clause, where Hibernate joins what a path ends in.
    """

    world: World
    aliases: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=count)
    selecting: bool = False

    def new(self, cls: str) -> str:
        """Return a new alias."""
        alias = f"{cls[0].lower()}{next(self.numbers)}"
        self.aliases[alias] = cls
        return alias

    def inside(self) -> Scope:
        """Return the scope of a subquery."""
        return replace(self, aliases=dict(self.aliases), listed=set(self.listed))

    def selected(self) -> Scope:
        """Return the scope of the SELECT clause."""
        return replace(self.inside(), selecting=True)


def _paths(scope: Scope, wanted: Callable[[str], bool], depth: int = 2) -> list[Piece]:
    """Return the paths of at most so many steps that end in a wanted kind."""
    found = []

    def walk(alias: str, cls: str, names: tuple[str, ...]) -> None:
        for name, kind in SCHEMA[cls].items():
            if wanted(kind):
                found.append(path(alias, *names, name))
            if kind in SCHEMA and len(names) < depth - 1:
                walk(alias, kind, (*names, name))

    for alias, cls in scope.aliases.items():
        walk(alias, cls, ())
    return found


def _choice(draw: DrawFn, pieces: list[Piece], otherwise: Any) -> Piece:
    return draw(sampled_from(pieces)) if pieces else literal(otherwise)


def _parameter(draw: DrawFn, scope: Scope, value: Any) -> Piece:
    name = f"p{next(scope.numbers)}"
    return Piece(f":{name}", lambda env: value, (), {name: value})


@composite
def whole(draw: DrawFn, scope: Scope, depth: int = 2) -> Piece:
    """Return an int."""
    ways = ["path", "literal", "parameter", "size", "length", "index"]
    ways += ["+", "-", "*", "/", "mod", "case", "coalesce", "negative"] if depth else []
    way = draw(sampled_from(ways))
    if way == "parameter":
        return _parameter(draw, scope, draw(integers(-2, 9)))
    if way == "literal":
        return literal(draw(integers(0, 9)))
    if way == "size" and (found := _paths(scope, lambda kind: kind.startswith("*"))):
        return combine("size({})", lambda rows: len(rows or ()), draw(sampled_from(found)))
    if way == "index" and scope.listed:
        alias = draw(sampled_from(sorted(scope.listed)))
        return Piece(f"index({alias})", lambda env: None if (r := env[alias]) is None else r.place)
    if way == "length":
        return combine("length({})", strict(len), draw(text(scope, 0)))
    if way == "negative":
        return combine("-({})", strict(operator.neg), draw(whole(scope, depth - 1)))
    if way in "+-*" or way in ("/", "mod"):
        return _calculation(draw, scope, way, depth)
    if way == "case":
        pieces = (draw(condition(scope, 0)), *(draw(whole(scope, depth - 1)) for _ in range(2)))
        return combine(
            "case when {} then ({}) else ({}) end", lambda c, a, b: a if c else b, *pieces
        )
    if way == "coalesce":
        pieces = tuple(draw(whole(scope, depth - 1)) for _ in range(2))
        return combine("coalesce({}, {})", lambda a, b: b if a is None else a, *pieces)
    return _choice(draw, _paths(scope, lambda kind: kind == "int"), 1)


def _calculation(draw: DrawFn, scope: Scope, way: str, depth: int) -> Piece:
    a = draw(whole(scope, depth - 1))
    if way in ("/", "mod"):
        by = literal(draw(sampled_from([2, 3])))
        if way == "/":
            return combine("({} / {})", strict(divide), a, by)
        return combine("mod({}, {})", strict(lambda x, y: x - y * divide(x, y)), a, by)
    function = {"+": operator.add, "-": operator.sub, "*": operator.mul}[way]
    return combine(f"({{}} {way} {{}})", strict(function), a, draw(whole(scope, depth - 1)))


@composite
def text(draw: DrawFn, scope: Scope, depth: int = 2) -> Piece:
    """Return a text."""
    ways = ["path", "path", "literal", "parameter"]
    ways += ["upper", "lower", "||", "concat", "substring", "case", "nullif"] if depth else []
    way = draw(sampled_from(ways))
    value = draw(sampled_from(TEXTS))
    if way == "parameter":
        return _parameter(draw, scope, value)
    if way == "literal":
        return literal(value)
    if way in ("upper", "lower"):
        return combine(f"{way}({{}})", strict(getattr(str, way)), draw(text(scope, depth - 1)))
    if way in ("||", "concat"):
        hql = "({} || {})" if way == "||" else "concat({}, {})"
        other = draw(whole(scope, 0)) if draw(integers(0, 3)) == 0 else draw(text(scope, depth - 1))
        join = strict(lambda a, b: f"{a}{b}")
        if ":" in other.hql:
            return _choice(draw, _paths(scope, lambda kind: kind == "text"), value)
        return combine(hql, join, _choice(draw, _paths(scope, lambda k: k == "text"), "x"), other)
    if way == "substring":
        start, length = draw(integers(-1, 3)), draw(integers(0, 3))
        cut = strict(lambda t: t[max(0, start - 1) : max(0, start - 1 + length)])
        return combine(f"substring({{}}, {start}, {length})", cut, draw(text(scope, depth - 1)))
    if way == "case":
        pieces = (draw(condition(scope, 0)), *(draw(text(scope, depth - 1)) for _ in range(2)))
        return combine(
            "case when {} then ({}) else ({}) end", lambda c, a, b: a if c else b, *pieces
        )
    if way == "nullif":
        pieces = (draw(text(scope, depth - 1)), literal(value))
        return combine("nullif({}, {})", lambda a, b: None if a == b else a, *pieces)
    return _choice(draw, _paths(scope, lambda kind: kind == "text"), value)


@composite
def fraction(draw: DrawFn, scope: Scope) -> Piece:
    """Return a double: made of numbers that are exact in binary."""
    found = _paths(scope, lambda kind: kind == "double")
    own = _choice(draw, found, 0.5)
    if draw(integers(0, 1)):
        return own
    number = draw(whole(scope, 0)) if found else literal(2)
    return combine("({} * {})", strict(lambda a, b: float(a) * b), own, number)


@composite
def long(draw: DrawFn, scope: Scope) -> Piece:
    """Return an id or another long."""
    ids = [path(alias, "id") for alias in scope.aliases]
    refs = _paths(scope, lambda kind: kind in SCHEMA)
    ids += [_id_of(ref) for ref in refs]
    return draw(sampled_from(ids + _paths(scope, lambda kind: kind == "long")))


def _id_of(ref: Piece) -> Piece:
    return combine("{}.id", lambda row: None if row is None else row.id, ref)


VALUES: Mapping[str, Callable[[Scope], SearchStrategy[Piece]]] = {
    "int": whole, "text": text, "double": fraction, "long": long,
}  # fmt: skip
KINDS = sampled_from(sorted(VALUES))


@composite
def condition(draw: DrawFn, scope: Scope, depth: int = 2) -> Piece:
    """Return what is true, false or null."""
    ways = ["compare", "compare", "like", "between", "in", "null", "class", "reference", "empty"]
    ways += ["and", "or", "not", "exists", "in select"] if depth else []
    way = draw(sampled_from(ways))
    if way in ("and", "or"):
        pieces = [draw(condition(scope, depth - 1)) for _ in range(2)]
        return combine(f"({{}} {way} {{}})", both if way == "and" else either, *pieces)
    if way == "not":
        return combine("not ({})", strict(operator.not_), draw(condition(scope, depth - 1)))
    if way in ("exists", "in select"):
        return draw(subquery(scope, way))
    return _simple(draw, scope, way)


def _negated(draw: DrawFn) -> tuple[str, Callable[[Any], Any]]:
    negate = draw(integers(0, 1))
    return ("not ", strict(operator.not_)) if negate else ("", lambda value: value)


def _simple(draw: DrawFn, scope: Scope, way: str) -> Piece:
    word, turn = _negated(draw)
    if way == "like":
        pieces = (draw(text(scope, 1)), literal(draw(sampled_from(PATTERNS))))
        return combine(f"{{}} {word}like {{}}", lambda *g: turn(strict(like)(*g)), *pieces)
    if way == "class":
        return _class(draw, scope)
    if way == "empty" or (way == "reference" and not scope.selecting):
        wanted = "*" if way == "empty" else ""
        found = _paths(scope, lambda k: k in SCHEMA or k.startswith("*"))
        found = [p for p in found if _is_collection(scope, p) == bool(wanted)]
        if found:
            missing = lambda value: turn(not value)  # noqa: E731
            what = "empty" if wanted else "null"
            return combine(f"{{}} is {word}{what}", missing, draw(sampled_from(found)))
    kind = draw(KINDS)
    value = draw(VALUES[kind](scope))
    if way == "null":
        return combine(f"{{}} is {word}null", lambda v: turn(v is None), value)
    if way == "between":
        ends = (draw(VALUES[kind](scope)), draw(VALUES[kind](scope)))
        inside = lambda v, a, b: turn(both(_order(v, a), _order(b, v)))  # noqa: E731
        return combine(f"{{}} {word}between {{}} and {{}}", inside, value, *ends)
    if way == "in":
        return _in(draw, scope, kind, value)
    sign = draw(sampled_from(sorted(COMPARE)))
    return combine(f"{{}} {sign} {{}}", strict(COMPARE[sign]), value, draw(VALUES[kind](scope)))


def _order(a: Any, b: Any) -> Any:
    return strict(operator.ge)(a, b)


def _is_collection(scope: Scope, piece: Piece) -> bool:
    alias, *names = piece.hql.split(".")
    cls = scope.aliases[alias]
    for name in names:
        kind = SCHEMA[cls][name]
        cls = kind
    return kind.startswith("*")


def _class(draw: DrawFn, scope: Scope) -> Piece:
    having = [alias for alias, cls in scope.aliases.items() if cls in SUBCLASSES]
    if not having:
        return combine("{} = {}", strict(operator.eq), literal(1), draw(whole(scope, 0)))
    alias = draw(sampled_from(having))
    name = draw(sampled_from(SUBCLASSES[scope.aliases[alias]]))
    left = draw(sampled_from([f"{alias}.class", f"type({alias})"]))
    same = lambda env: None if (row := env[alias]) is None else row.cls == name  # noqa: E731
    return Piece(f"{left} = {name}", same)


def _in(draw: DrawFn, scope: Scope, kind: str, value: Piece) -> Piece:
    word, turn = _negated(draw)
    plain = {"int": integers(0, 7), "text": sampled_from(TEXTS), "long": integers(-3, 9),
             "double": sampled_from([0.5, 1.0, 0.25])}[kind]  # fmt: skip
    candidates = draw(lists(plain, min_size=1, max_size=3))
    inside = lambda v: turn(contained(v, candidates))  # noqa: E731
    if draw(integers(0, 1)):
        listed = _parameter(draw, scope, candidates)
        return combine(f"{{}} {word}in ({{}})", lambda v, _: inside(v), value, listed)
    if draw(integers(0, 1)):
        candidates.append(None)
    written = ", ".join(literal(candidate).hql for candidate in candidates)
    return combine(
        "{} " + f"{word}in ({written})".replace("{", "{{").replace("}", "}}"), inside, value
    )


@composite
def subquery(draw: DrawFn, scope: Scope, way: str) -> Piece:
    """Return ``exists (...)`` or ``x in (select ...)``; the rows around can be named in it."""
    inner = scope.inside()
    cls = draw(sampled_from(sorted(SCHEMA)))
    alias = inner.new(cls)
    where = draw(condition(inner, 0))
    word, turn = _negated(draw)
    kind = draw(KINDS)
    value, selected = draw(VALUES[kind](scope)), draw(VALUES[kind](replace(
        inner.selected(), aliases={alias: cls}, listed=set())))  # fmt: skip
    if way == "exists":
        selected = Piece(alias, lambda env: env[alias])
    needed = [go for at, go in (*where.through, *selected.through) if at not in scope.joined]

    def found(env: Env) -> list[Any]:
        envs: list[Env] = [{**env, alias: row} for row in scope.world.rows[cls]]
        kept = [e for e in envs if where.value(e) is True and all(t(e) for t in needed)]
        return [selected.value(e) for e in kept]

    hql = f"(select {selected.hql} from {cls} {alias} where {where.hql})"
    parameters = {**where.parameters, **selected.parameters}
    if way == "exists":
        return Piece(f"{word}exists {hql}", lambda env: turn(bool(found(env))), (), parameters)
    return Piece(
        f"{value.hql} {word}in {hql}", lambda env: turn(contained(value.value(env), found(env))),
        value.through, {**parameters, **value.parameters},
    )  # fmt: skip
