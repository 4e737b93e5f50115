# SPDX-License-Identifier: GPL-2.0-or-later

"""Queries, tree to SQL: their clauses, and what of them is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import omero
from lark import Lark, Tree
from lark.exceptions import UnexpectedInput

from omero_sandbox.hql.functions import Functions
from omero_sandbox.hql.scope import Collection, Details, Range, Scope, Value, bad
from omero_sandbox.model import Field, Type, find
from omero_sandbox.security.rights import ReadFilter

# A column in SQL: the alias, and its number.
_COLUMN = re.compile(r't(\d+)\.(?:"\w+"|\w+)')


@dataclass
class Column:
    """One item of the select list: a value, and where it begins in the SQL row."""

    value: Value
    name: str | None
    at: int = 0


@dataclass
class Fetch:
    """A fetched association: from the object at one place of a row to the one at another."""

    parent: int
    child: int
    field: Field | None  # the collection; None for a many-to-one
    type: Type
    index: int | None = None


@dataclass
class Clauses:
    """A query's clauses but the first, FROM: that is the Scope."""

    columns: list[Column]
    distinct: bool = False
    shape: str = "rows"
    where: Value | None = None
    groups: list[Value] = field(default_factory=list)
    having: Value | None = None
    orders: list[tuple[Value, bool]] = field(default_factory=list)  # and whether descending


@dataclass
class Compiled:
    """A query as SQL, and how its rows become objects and values."""

    text: str
    sql: str
    columns: list[Column]
    fetches: list[Fetch]
    entities: list[tuple[int, Type]]
    parameters: dict[str, set[str]]
    shape: str  # "rows", or "map" or "list" for "select new map(...)"
    fetches_collections: bool


@lru_cache(maxsize=1)
def parser() -> Lark:
    """Return the parser of HQL: half a second's work, done once."""
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True, propagate_positions=True)


@lru_cache(maxsize=2048)
def compile_hql(text: str, reads: ReadFilter) -> Compiled:
    """Return the SQL of a query for callers with the same kind of rights.

    Raises
    ------
    omero.QueryException
        When the text is not understood; the message quotes the place.
    """
    try:
        tree = parser().parse(text)
    except UnexpectedInput as error:
        place = error.get_context(text).rstrip() if error.pos_in_stream is not None else text
        raise bad(
            f"unexpected token near line {error.line}, column {error.column} [{text}]\n{place}"
        ) from error
    try:
        return Compiler(text, reads).compile(tree.children[0])
    except omero.QueryException as error:
        if text not in error.message:
            error.message += f" [{text}]"
        raise


class Compiler(Functions):
    """Compiles one query; a new Scope for each subquery."""

    def __init__(self, text: str, reads: ReadFilter) -> None:
        super().__init__(text)
        self.reads = reads
        self.numbering = [0]
        self.fetched: list[tuple[Range, Range, Field | None]] = []

    def compile(self, tree: Tree[Any]) -> Compiled:
        """Compile the whole query."""
        scope = Scope(self.reads, None, self.numbering)
        clauses = self._clauses(scope, tree)
        entities: list[tuple[int, Type]] = []
        sql: list[str] = []
        places: dict[str, int] = {}
        for item in clauses.columns:
            item.at = len(sql)
            sql.append(item.value.sql)
            if item.value.kind == "entity" and item.value.type:
                places.setdefault(item.value.sql, item.at)
                entities.append((item.at, item.value.type))
            elif item.value.kind in ("unit", "permissions"):
                sql.append(item.value.unit)
        fetches = self._fetches(sql, places, entities)
        return Compiled(
            self.text, self._sql(scope, clauses, sql, places), clauses.columns, fetches, entities,
            self.parameters, clauses.shape, any(made for _, _, made in self.fetched),
        )  # fmt: skip

    def subquery(self, outer: Scope, tree: Tree[Any]) -> tuple[str, list[Value]]:
        """Compile a subquery; return its SQL and its values, as they are for the query around."""
        scope = Scope(self.reads, outer, self.numbering)
        before = len(self.fetched)
        clauses = self._clauses(scope, tree)
        if len(self.fetched) > before:
            raise self.bad("fetch may not be used in subqueries")
        values = [c.value for c in clauses.columns]
        places = {v.sql: at for at, v in enumerate(values) if v.kind == "entity"}
        named = [f"{v.sql} AS x" if at == 0 else v.sql for at, v in enumerate(values)]
        sql = self._sql(scope, clauses, named, places)
        around = frozenset(m[0] for m in _COLUMN.finditer(sql) if not scope.owns(m[0]))
        return sql, [replace(v, columns=around, aggregate=False) for v in values]

    def _clauses(self, scope: Scope, tree: Tree[Any]) -> Clauses:
        select, ranges, where, grouping, ordering = tree.children
        self._ranges(scope, ranges)
        made = self._select(scope, select)
        if where is not None:
            made.where = self.condition(scope, where.children[0], "WHERE")
            if made.where.aggregate:
                raise self.bad("aggregate functions are not allowed in WHERE")
        if grouping is not None:
            exprs, having = grouping.children
            made.groups = [self.value(scope, e) for e in exprs.children]
            if having is not None:
                made.having = self.condition(scope, having, "HAVING")
        self._ordering(scope, made, ordering)
        self._check_groups(scope, made)
        return made

    def _sql(self, scope: Scope, clauses: Clauses, items: list[str], places: dict[str, int]) -> str:
        if clauses.distinct:
            self._check_distinct(items, clauses, places)
        sql = f"SELECT {'DISTINCT ' if clauses.distinct else ''}{', '.join(items)}"
        sql += f" FROM {' '.join(scope.sources)}"
        conditions = scope.conditions + ([f"({clauses.where.sql})"] if clauses.where else [])
        sql += f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql += f" GROUP BY {', '.join(v.sql for v in clauses.groups)}" if clauses.groups else ""
        sql += f" HAVING {clauses.having.sql}" if clauses.having else ""
        # PostgreSQL sorts nulls after everything else
        ends = {False: " NULLS LAST", True: " DESC NULLS FIRST"}
        terms = [
            part + ends[down]
            for value, down in clauses.orders
            for part in ((value.sql, value.unit) if value.kind == "unit" else (value.sql,))
        ]
        return sql + (f" ORDER BY {', '.join(terms)}" if terms else "")

    def _fetches(
        self, sql: list[str], places: dict[str, int], entities: list[tuple[int, Type]]
    ) -> list[Fetch]:
        fetches = []
        for owner, made, collection in self.fetched:
            parent = places.get(f"{owner.alias}.id")
            if parent is None:
                raise self.bad(
                    "query specified join fetching, but the owner of the fetched association "
                    "was not present in the select list"
                )
            if made.type is None:
                continue
            child = places.setdefault(f"{made.alias}.id", len(sql))
            if child == len(sql):
                sql.append(f"{made.alias}.id")
                entities.append((child, made.type))
            index = None
            if collection is not None and collection.ordered:
                index = len(sql)
                sql.append(f"{made.alias}._index")
            fetches.append(Fetch(parent, child, collection, made.type, index))
        return fetches

    # -- clauses -------------------------------------------------------------------------------

    def _ranges(self, scope: Scope, tree: Tree[Any]) -> None:
        for item in tree.children:
            path, name, *joins = item.children
            names = [str(n) for n in path.children]
            type_ = find(".".join(names))
            if type_ is None:
                raise self.bad(f"{'.'.join(names)} is not mapped")
            scope.add_root(type_, name and str(name))
            for join in joins:
                self._join(scope, join)

    def _join(self, scope: Scope, tree: Tree[Any]) -> None:
        kind, fetch, path, name, with_ = tree.children
        how = "left" if kind is not None and kind.data == "left" else "inner"
        names = [str(n) for n in path.children]
        scope.implied = "LEFT JOIN" if how == "left" else "JOIN"
        if fetch is not None and how == "left":
            nodes = scope.resolve_all(names)
        else:
            nodes = [scope.resolve(names)]
        scope.implied = "JOIN"
        for node in nodes:
            if isinstance(node, Details) and name and fetch is None and with_ is None:
                scope.aliases[str(name)] = node  # Hibernate's ComponentJoin: another name for it
                continue
            if isinstance(node, Range | Details) or (
                isinstance(node, Value) and node.kind != "unit"
            ):
                raise self.bad(f"cannot join '{'.'.join(names)}': no association")
            before = len(scope.sources)
            made = scope.join(node, how, str(name) if name and node is nodes[0] else None)
            if with_ is not None and len(scope.sources) == before:
                raise self.bad("a with-clause of a join that was made before is not supported")
            if with_ is not None and fetch is not None:
                raise self.bad("with-clause not allowed on fetched associations; use filters")
            if with_ is not None:
                self._with(scope, with_)
            if fetch is not None and not isinstance(node, Value):
                collection = node.field if isinstance(node, Collection) else None
                self.fetched.append((node.range, made, collection))

    def _with(self, scope: Scope, tree: Tree[Any]) -> None:
        """Add a condition to the join that was made last."""
        before = len(scope.sources)
        condition = self.condition(scope, tree.children[0], "WITH").sql
        if len(scope.sources) != before:
            raise self.bad("with-clause expressions did not reference the from-clause element")
        scope.sources[-1] += f" AND {condition}"

    def _select(self, scope: Scope, tree: Tree[Any] | None) -> Clauses:
        if tree is None:
            fetched = {id(made) for _, made, _ in self.fetched}
            own = [r for r in scope.ranges if id(r) not in fetched and r.type is not None]
            return Clauses([Column(self.entity(r), None) for r in own])
        distinct, body = tree.children
        shape, items = ("rows", body) if body.data == "items" else body.children
        before, scope.selecting = scope.selecting, True
        columns = []
        for item in items.children:
            expression, name = item.children
            columns.append(Column(self.value(scope, expression), name and str(name)))
        scope.selecting = before
        shape = shape if isinstance(shape, str) else str(shape.data)
        return Clauses(columns, distinct is not None, shape)

    def _ordering(self, scope: Scope, clauses: Clauses, tree: Tree[Any] | None) -> None:
        names = {c.name: c.value for c in clauses.columns if c.name and scope.outer is None}
        for item in tree.children if tree is not None else ():
            expression, direction = item.children
            # hql-sql.g's resultVariableRef: the name of a selected value comes first
            is_name = expression.data == "path" and len(expression.children) == 1
            value = names.get(str(expression.children[0])) if is_name else None
            value = value or self.value(scope, expression)
            if expression.data in ("string", "null") or (
                expression.data == "number" and (value.kind == "decimal")
            ):
                raise self.bad("non-integer constant in ORDER BY")
            if value.kind == "class":
                raise self.bad("sorting by class is not supported")
            down = direction is not None and direction.data == "desc"
            clauses.orders.append((value, down))

    def _check_groups(self, scope: Scope, clauses: Clauses) -> None:
        """Refuse what PostgreSQL refuses: a column beside aggregates that is not grouped by."""
        values = [c.value for c in clauses.columns] + [value for value, _ in clauses.orders]
        values += [clauses.having] if clauses.having else []
        if any(value.aggregate for value in clauses.groups):
            raise self.bad("aggregate functions are not allowed in GROUP BY")
        if not clauses.groups and not any(value.aggregate for value in values):
            return
        groups = frozenset(value.sql for value in clauses.groups)
        for needed in self._ungrouped(values, groups):
            if scope.owns(needed) and f"{needed.partition('.')[0]}.id" not in groups:
                raise self.bad(
                    f"column {needed} must appear in the GROUP BY clause or be used in an "
                    "aggregate function"
                )

    @staticmethod
    def _ungrouped(values: Iterable[Value], groups: frozenset[str]) -> set[str]:
        """Return the columns of values that are not in GROUP BY themselves."""
        return {c for v in values if v.sql not in groups for c in v.columns - groups}

    def _check_distinct(self, items: list[str], clauses: Clauses, places: dict[str, int]) -> None:
        """Refuse what PostgreSQL refuses: DISTINCT sorted by what is not selected."""
        selected = {place.partition(".")[0] for place in places}
        items = [item.removesuffix(" AS x") for item in items]
        for value, _ in clauses.orders:
            plain = "(" not in value.sql and value.sql.partition(".")[0] in selected
            if value.sql not in items and not plain:
                raise self.bad(
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
                )
