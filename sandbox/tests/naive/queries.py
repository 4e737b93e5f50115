# SPDX-License-Identifier: GPL-2.0-or-later
"""Hypothesis strategies of whole queries, and their answers."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis.strategies import DrawFn, booleans, composite, integers, none, sampled_from

from tests.naive.expressions import KINDS, VALUES, Scope, condition
from tests.naive.pieces import Env, Piece, path
from tests.naive.rows import ORDERED, SCHEMA, Row, World

Sort = tuple[Piece, bool]  # and whether descending


@dataclass
class Query:
    """A query, and its answer.

    Attributes
    ----------
    rows
        What a projection returns; entities as rows.
    """

    hql: str
    parameters: dict[str, Any]
    offset: int | None
    limit: int | None
    rows: list[Any]


@dataclass
class Source:
    """A FROM clause: text, aliases, the combinations of rows that it has, WITH conditions."""

    hql: str
    scope: Scope
    envs: list[Env]
    conditions: tuple[Piece, ...] = ()


@composite
def sources(draw: DrawFn, world: World) -> Source:
    """Return a FROM clause of one or two classes, with joins."""
    scope = Scope(world)
    cls = draw(sampled_from(sorted(SCHEMA)))
    alias = scope.new(cls)
    rows: list[Env] = [{alias: row} for row in world.rows[cls]]
    made = Source(f"{cls} as {alias}", scope, rows)
    for _ in range(draw(integers(0, 2))):
        made = draw(joined(made))
    if draw(integers(0, 4)) == 0:
        cls = draw(sampled_from(["Project", "Fileset"]))
        alias = scope.new(cls)
        envs: list[Env] = [{**env, alias: row} for env in made.envs for row in world.rows[cls]]
        made = Source(f"{made.hql}, {cls} {alias}", scope, envs, made.conditions)
    return made


@composite
def joined(draw: DrawFn, source: Source) -> Source:
    """Return a FROM clause with one join more."""
    scope = source.scope
    ways = [
        (alias, name, kind.lstrip("*").partition(".")[0])
        for alias, cls in scope.aliases.items()
        for name, kind in SCHEMA[cls].items()
        if (kind in SCHEMA or kind.startswith("*")) and f"{alias}.{name}" not in scope.joined
    ]
    if not ways:
        return source
    alias, name, target = draw(sampled_from(ways))
    is_list = f"{scope.aliases[alias]}.{name}" in ORDERED
    outer = draw(booleans())
    new = scope.new(target)
    only = None
    to_one = target == SCHEMA[scope.aliases[alias]][name]
    # Of the joined rows alone: no implied joins in WITH. Of no to-one joins: paths use them again.
    if not to_one and draw(integers(0, 3)) == 0:
        own = replace(scope, aliases={new: target}, listed=set())
        only = draw(condition(own, 0).filter(lambda piece: not piece.through))
    if is_list:
        scope.listed.add(new)
    if to_one:
        scope.joined.add(f"{alias}.{name}")
    envs: list[Env] = []
    for env in source.envs:
        at = env[alias]
        value = at.get(name) if at is not None else None
        rows = value if isinstance(value, list) else [] if value is None else [value]
        inner: list[Env] = [{**env, new: row} for row in rows]
        inner = [e for e in inner if only is None or only.value(e) is True]
        envs += inner or ([{**env, new: None}] if outer else [])
    word = draw(sampled_from(["left join", "left outer join"] if outer else ["join", "inner join"]))
    hql = f"{source.hql} {word} {alias}.{name} {new}" + (f" with {only.hql}" if only else "")
    return Source(hql, scope, envs, source.conditions + ((only,) if only else ()))


def kept(source: Source, where: Piece, *others: Piece) -> list[Env]:
    """Return the combinations of rows that WHERE and all implied joins leave."""
    paths = dict(t for piece in (where, *others) for t in piece.through)
    through = [go for at, go in paths.items() if at not in source.scope.joined]
    return [
        env
        for env in source.envs
        if all(t(env) is not None for t in through) and where.value(env) is True
    ]


def compare(a: Any, b: Any) -> int:
    """Order values; null is the greatest of all."""
    if a is None or b is None:
        return (a is None) - (b is None)
    return (a > b) - (a < b)


def ordered(items: list[Any], keys: Sequence[tuple[Callable[[Any], Any], bool]]) -> list[Any]:
    """Return items in order of the keys, each with whether it goes down."""

    def both(a: Any, b: Any) -> int:
        for key, down in keys:
            found = compare(key(a), key(b))
            if found:
                return -found if down else found
        return 0

    return sorted(items, key=functools.cmp_to_key(both))


def _page(draw: DrawFn, rows: list[Any]) -> tuple[int | None, int | None, list[Any]]:
    offset, limit = draw(none() | integers(0, 3)), draw(none() | integers(1, 4))
    start = offset or 0
    return offset, limit, rows[start : None if limit is None else start + limit]


def _order_by(sorts: Sequence[Sort]) -> str:
    return " order by " + ", ".join(f"{p.hql} {'desc' if down else 'asc'}" for p, down in sorts)


def _all(source: Source, *pieces: Piece) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for piece in (*pieces, *source.conditions):
        found |= piece.parameters
    return found


def _not_constant(piece: Piece) -> bool:
    """Tell whether an alias is named."""
    return re.search(r"\b[a-z]\d+\b", re.sub("'[^']*'", "", piece.hql)) is not None


@composite
def plain(draw: DrawFn, world: World) -> Query:
    """Return ``select values from ... where ... order by ...``."""
    source = draw(sources(world))
    scope = source.scope
    count = draw(integers(1, 3))
    values = [draw(VALUES[draw(KINDS)](scope.selected()).filter(_selectable)) for _ in range(count)]
    where = draw(condition(scope))
    by = draw(VALUES[draw(KINDS)](scope).filter(lambda p: _selectable(p) and _not_constant(p)))
    sorts: list[Sort] = [(by, draw(booleans()))]
    sorts += [(path(alias, "id"), draw(booleans())) for alias in scope.aliases]
    envs = kept(source, where, *values, by)
    envs = ordered(envs, [(piece.value, down) for piece, down in sorts])
    rows = [[value.value(env) for value in values] for env in envs]
    offset, limit, rows = _page(draw, rows)
    hql = f"select {', '.join(v.hql for v in values)} from {source.hql} where {where.hql}"
    parameters = _all(source, where, by, *values)
    return Query(hql + _order_by(sorts), parameters, offset, limit, rows)


def _selectable(piece: Piece) -> bool:
    return not piece.hql.startswith(":")


@composite
def distinct(draw: DrawFn, world: World) -> Query:
    """Return ``select distinct values ... order by`` the same values."""
    source = draw(sources(world))
    values = [
        draw(VALUES[draw(KINDS)](source.scope.selected()).filter(_distinct)) for _ in range(2)
    ]
    where = draw(condition(source.scope, 1))
    rows = [[v.value(env) for v in values] for env in kept(source, where, *values)]
    rows = [list(row) for row in dict.fromkeys(map(tuple, rows))]
    sorts = [(value, draw(booleans())) for value in values]
    keys = [((lambda row, at=at: row[at]), down) for at, (_, down) in enumerate(sorts)]
    offset, limit, rows = _page(draw, ordered(rows, keys))
    hql = f"select distinct {', '.join(v.hql for v in values)} from {source.hql} where {where.hql}"
    parameters = _all(source, where, *values)
    return Query(hql + _order_by(sorts), parameters, offset, limit, rows)


def _distinct(piece: Piece) -> bool:
    """Without parameters: PostgreSQL sees another parameter in ORDER BY than in SELECT."""
    return ":" not in piece.hql and _not_constant(piece)


AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count({})": len,
    "count(distinct {})": lambda values: len(set(values)),
    "sum({})": lambda values: sum(values) if values else None,
    "min({})": lambda values: min(values, default=None),
    "max({})": lambda values: max(values, default=None),
    "avg({})": lambda values: sum(values) / len(values) if values else None,
}


@composite
def grouped(draw: DrawFn, world: World) -> Query:
    """Return aggregates, by a group that has one value in each row, or over all rows."""
    source = draw(sources(world))
    where = draw(condition(source.scope, 1))
    key = draw(
        VALUES[draw(sampled_from(["int", "text"]))](source.scope.selected()).filter(_distinct)
    )
    kind = draw(KINDS)
    value = draw(VALUES[kind](source.scope.selected()).filter(_distinct))
    names = [n for n in AGGREGATES if kind != "text" or n[:3] not in ("sum", "avg")]
    name = draw(sampled_from(names))
    least = draw(integers(0, 2))
    by = draw(booleans())
    envs = kept(source, where, value, *([key] if by else []))
    groups: dict[Any, list[Env]] = {} if by else {None: []}
    for env in envs:
        groups.setdefault(key.value(env) if by else None, []).append(env)
    rows = []
    for group, members in groups.items():
        values = [v for env in members if (v := value.value(env)) is not None]
        if by and len(members) <= least:
            continue
        rows.append(([group] if by else []) + [AGGREGATES[name](values), len(members)])
    aggregates = f"{name.format(value.hql)}, count(*)"
    parameters = _all(source, where, value, key)
    if not by:
        hql = f"select {aggregates} from {source.hql} where {where.hql}"
        return Query(hql, parameters, None, None, rows)
    down = draw(booleans())
    hql = (
        f"select {key.hql}, {aggregates} from {source.hql} where {where.hql} "
        f"group by {key.hql} having count(*) > {least}"
    )
    rows = ordered(rows, [(lambda row: row[0], down)])
    return Query(hql + _order_by([(key, down)]), parameters, None, None, rows)


@composite
def fetching(draw: DrawFn, world: World) -> tuple[Query, str]:
    """Return entities with a fetched collection, its name, and (entity, elements) as rows."""
    cls, name = draw(sampled_from(COLLECTIONS))
    outer = draw(booleans())
    scope = Scope(world)
    alias = scope.new(cls)
    where = draw(condition(scope, 1))
    down = draw(booleans())
    found: list[tuple[Row, list[Row]]] = []
    for row in world.rows[cls]:
        env = {alias: row}
        if where.value(env) is True and all(go(env) is not None for _, go in where.through):
            elements = row.get(name)
            if elements or outer:
                found.append((row, elements))
    found = sorted(found, key=lambda pair: pair[0].id, reverse=down)
    offset, limit, rows = _page(draw, found)
    word = draw(sampled_from(["", "distinct "]))
    hql = (
        f"select {word}{alias} from {cls} {alias} {'left outer ' if outer else ''}join fetch "
        f"{alias}.{name} where {where.hql} order by {alias}.id {'desc' if down else 'asc'}"
    )
    return Query(hql, where.parameters, offset, limit, rows), name


COLLECTIONS = [
    (cls, name) for cls, own in SCHEMA.items() for name, kind in own.items() if kind[0] == "*"
]
