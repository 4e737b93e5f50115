# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Tree to SQL: one method for each rule of the grammar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import omero
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from graphxfer.sandbox.hql.scope import (
    Collection,
    Details,
    Node,
    Range,
    Reference,
    Scope,
    Value,
    bad,
    find_top,
)
from graphxfer.sandbox.model import DISCRIMINATOR, Field, Type, find
from graphxfer.sandbox.security import ReadFilter

NUMBERS = {"int", "long", "double"}
AGGREGATES = {"count", "sum", "avg", "min", "max", "minindex", "maxindex"}
# Functions of one SQL name: number of arguments, kind of the result ("" for that of the first).
FUNCTIONS = {
    "lower": (1, "text"), "upper": (1, "text"), "trim": (1, "text"), "length": (1, "int"),
    "abs": (1, ""), "coalesce": (None, ""), "nullif": (2, ""), "substring": (None, "text"),
    "concat": (None, "text"), "sqrt": (1, "double"), "mod": (2, "int"), "locate": (2, "int"),
    "str": (1, "text"),
}  # fmt: skip
CASTS = {
    "string": ("TEXT", "text"), "int": ("INTEGER", "int"), "integer": ("INTEGER", "int"),
    "long": ("INTEGER", "long"), "double": ("REAL", "double"), "float": ("REAL", "double"),
}  # fmt: skip


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
class Compiled:
    """A query as SQL, and how its rows become objects and values."""

    text: str
    sql: str
    columns: list[Column]
    fetches: list[Fetch]
    entities: list[tuple[int, Type]]
    parameters: dict[str, set[str]]
    is_distinct: bool
    is_map: bool
    fetches_collections: bool = field(init=False)

    def __post_init__(self) -> None:
        self.fetches_collections = any(f.field for f in self.fetches)


@lru_cache(maxsize=1)
def _parser() -> Lark:
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
        tree = _parser().parse(text)
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


class Compiler:
    """Compiles one query; a new Scope for each subquery."""

    def __init__(self, text: str, reads: ReadFilter) -> None:
        self.text = text
        self.reads = reads
        self.numbering = [0]
        self.parameters: dict[str, set[str]] = {}
        self.fetched: list[tuple[Range, Range, Field | None]] = []

    # -- queries -------------------------------------------------------------------------------

    def compile(self, tree: Tree[Any]) -> Compiled:
        """Compile the whole query."""
        scope = Scope(self.reads, None, self.numbering)
        select, ranges, where, grouping, ordering = tree.children
        self._ranges(scope, ranges)
        columns, is_distinct, is_map = self._select(scope, select)
        conditions = self._where(scope, where)
        tail, groups = self._grouping(scope, grouping)
        orders = self._ordering(scope, ordering)
        self._check_groups(columns, grouping is not None, groups)
        entities: list[tuple[int, Type]] = []
        sql: list[str] = []
        places: dict[str, int] = {}
        for item in columns:
            item.at = len(sql)
            sql.append(item.value.sql)
            if item.value.kind == "entity" and item.value.type:
                places.setdefault(item.value.sql, item.at)
                entities.append((item.at, item.value.type))
            elif item.value.kind in ("unit", "permissions"):
                sql.append(item.value.unit)
        fetches = self._fetches(sql, places, entities)
        if is_distinct:
            self._check_distinct(sql, orders, places)
        word = "DISTINCT " if is_distinct else ""
        statement = f"SELECT {word}{', '.join(sql)} FROM {' '.join(scope.sources)}"
        statement += conditions(scope) + tail
        statement += f" ORDER BY {', '.join(orders)}" if orders else ""
        return Compiled(
            self.text, statement, columns, fetches, entities, self.parameters, is_distinct, is_map
        )

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

    def subquery(self, outer: Scope, tree: Tree[Any]) -> tuple[str, Value]:
        """Compile a subquery; return its SQL and its (first) value."""
        scope = Scope(self.reads, outer, self.numbering)
        select, ranges, where, grouping, ordering = tree.children
        before = len(self.fetched)
        self._ranges(scope, ranges)
        if len(self.fetched) > before:
            raise self.bad("fetch may not be used in subqueries")
        columns, is_distinct, _ = self._select(scope, select)
        conditions = self._where(scope, where)
        tail, _ = self._grouping(scope, grouping)
        orders = self._ordering(scope, ordering)
        items = ", ".join(c.value.sql for c in columns)
        sql = f"SELECT {'DISTINCT ' if is_distinct else ''}{items} FROM {' '.join(scope.sources)}"
        sql += conditions(scope) + tail + (f" ORDER BY {', '.join(orders)}" if orders else "")
        return sql, columns[0].value

    def bad(self, message: str) -> Any:
        """Return a QueryException that quotes the query."""
        return bad(f"{message} [{self.text}]")

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
        if fetch is not None and how == "left":
            nodes = scope.resolve_all(names)
        else:
            nodes = [scope.resolve(names)]
        for node in nodes:
            if isinstance(node, Range | Details) or (
                isinstance(node, Value) and node.kind != "unit"
            ):
                raise self.bad(f"cannot join '{'.'.join(names)}': no association")
            made = scope.join(node, how, str(name) if name and node is nodes[0] else None)
            if with_ is not None:
                self._with(scope, with_)
            if fetch is not None and not isinstance(node, Value):
                collection = node.field if isinstance(node, Collection) else None
                self.fetched.append((node.range, made, collection))

    def _with(self, scope: Scope, tree: Tree[Any]) -> None:
        """Add a condition to the join that was made last."""
        before = len(scope.sources)
        condition = self.value(scope, tree.children[0]).sql
        if len(scope.sources) != before:
            raise self.bad("with-clause expressions did not reference the from-clause element")
        scope.sources[-1] += f" AND {condition}"

    def _select(self, scope: Scope, tree: Tree[Any] | None) -> tuple[list[Column], bool, bool]:
        if tree is None:
            fetched = {id(made) for _, made, _ in self.fetched}
            own = [r for r in scope.ranges if id(r) not in fetched and r.type is not None]
            return [Column(self._entity(r), None) for r in own], False, False
        distinct, body = tree.children
        is_map = body.data == "new"
        items = body.children[0] if is_map else body
        columns = []
        for item in items.children:
            expression, name = item.children
            columns.append(Column(self._selected(scope, expression), name and str(name)))
        return columns, distinct is not None, is_map

    def _selected(self, scope: Scope, tree: Tree[Any]) -> Value:
        """Return an item of the select list: a reference is followed, for it is to be loaded."""
        if tree.data != "path":
            return self.value(scope, tree)
        node = scope.resolve([str(n) for n in tree.children])
        if isinstance(node, Reference):
            node = scope.follow(node)
        return self._as_value(node, tree)

    def _where(self, scope: Scope, tree: Tree[Any] | None) -> Callable[[Scope], str]:
        condition = self.value(scope, tree.children[0]).sql if tree is not None else ""

        def build(scope: Scope) -> str:
            parts = [*scope.conditions, *([f"({condition})"] if condition else [])]
            return f" WHERE {' AND '.join(parts)}" if parts else ""

        return build

    def _grouping(self, scope: Scope, tree: Tree[Any] | None) -> tuple[str, frozenset[str]]:
        if tree is None:
            return "", frozenset()
        exprs, having = tree.children
        values = [self.value(scope, e) for e in exprs.children]
        sql = f" GROUP BY {', '.join(v.sql for v in values)}"
        if having is not None:
            sql += f" HAVING {self.value(scope, having).sql}"
        return sql, frozenset().union(*(v.columns for v in values))

    def _ordering(self, scope: Scope, tree: Tree[Any] | None) -> list[str]:
        """Return the terms of ORDER BY; PostgreSQL sorts nulls after everything else."""
        terms = []
        for item in tree.children if tree is not None else ():
            expression, direction = item.children
            value = self.value(scope, expression)
            down = direction is not None and direction.data == "desc"
            end = " DESC NULLS FIRST" if down else " NULLS LAST"
            parts = (value.sql, value.unit) if value.kind == "unit" else (value.sql,)
            terms += [sql + end for sql in parts]
        return terms

    def _check_groups(
        self, columns: Sequence[Column], is_grouped: bool, groups: frozenset[str]
    ) -> None:
        """Refuse what PostgreSQL refuses: a column beside aggregates that is not grouped by."""
        if not is_grouped and not any(c.value.aggregate for c in columns):
            return
        for item in columns:
            for needed in item.value.columns - groups:
                if f"{needed.partition('.')[0]}.id" not in groups:
                    raise self.bad(
                        f"column {needed} must appear in the GROUP BY clause or be used in an "
                        "aggregate function"
                    )

    def _check_distinct(self, sql: list[str], orders: list[str], places: dict[str, int]) -> None:
        """Refuse what PostgreSQL refuses: DISTINCT sorted by what is not selected."""
        selected = {place.partition(".")[0] for place in places}
        for term in orders:
            expression = term.removesuffix(" DESC NULLS FIRST").removesuffix(" NULLS LAST")
            plain = "(" not in expression and expression.partition(".")[0] in selected
            if expression not in sql and not plain:
                raise self.bad(
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
                )

    # -- expressions ---------------------------------------------------------------------------

    def value(self, scope: Scope, tree: Tree[Any]) -> Value:
        """Compile an expression."""
        method = getattr(self, f"_on_{tree.data.rstrip('_')}", None)
        if method is None:
            raise self.bad(f"'{tree.data}' is not supported here")
        result: Value = method(scope, *tree.children)
        return result

    def _entity(self, made: Range) -> Value:
        sql = f"{made.alias}.id"
        return Value(sql, "entity", made.type, columns=frozenset({sql}))

    def _as_value(self, node: Node, tree: Tree[Any]) -> Value:
        if isinstance(node, Value):
            return node
        if isinstance(node, Reference):
            return Value(node.sql, "entity", node.type, columns=frozenset({node.sql}))
        if isinstance(node, Range) and node.unit is not None:
            return node.unit
        if isinstance(node, Range) and node.type is not None:
            return self._entity(node)
        raise self.bad(f"'{'.'.join(tree.children)}' is not a value")

    def _on_path(self, scope: Scope, *names: Token) -> Value:
        return self._as_value(scope.resolve([str(n) for n in names]), Tree("path", list(names)))

    def _on_parameter(self, scope: Scope, name: Token) -> Value:
        self.parameters.setdefault(str(name), set())
        return Value(f":{name}", "any")

    def _on_string(self, scope: Scope, token: Token) -> Value:
        return Value(str(token), "text")

    def _on_number(self, scope: Scope, token: Token) -> Value:
        text = str(token).lower()
        if text[-1] in "ldf":
            kind = "long" if text[-1] == "l" else "double"
            return Value(text[:-1], kind)
        return Value(text, "double" if set(text) & set(".e") else "int")

    def _on_true(self, scope: Scope) -> Value:
        return Value("1", "bool")

    def _on_false(self, scope: Scope) -> Value:
        return Value("0", "bool")

    def _on_null(self, scope: Scope) -> Value:
        return Value("NULL", "null")

    def _combine(self, sql: str, kind: str, *values: Value) -> Value:
        columns = frozenset().union(*(v.columns for v in values))
        return Value(sql, kind, columns=columns, aggregate=any(v.aggregate for v in values))

    def _binary(self, scope: Scope, word: str, left: Tree[Any], right: Tree[Any]) -> Value:
        a, b = self.value(scope, left), self.value(scope, right)
        return self._combine(f"({a.sql} {word} {b.sql})", "bool", a, b)

    def _on_or(self, scope: Scope, left: Tree[Any], right: Tree[Any]) -> Value:
        return self._binary(scope, "OR", left, right)

    def _on_and(self, scope: Scope, left: Tree[Any], right: Tree[Any]) -> Value:
        return self._binary(scope, "AND", left, right)

    def _on_not(self, scope: Scope, inner: Tree[Any]) -> Value:
        value = self.value(scope, inner)
        return self._combine(f"(NOT {value.sql})", "bool", value)

    def _on_compare(
        self, scope: Scope, left: Tree[Any], operator: Token, right: Tree[Any]
    ) -> Value:
        a, b = self._comparable(self.value(scope, left), self.value(scope, right))
        word = {"!=": "<>", "^=": "<>"}.get(str(operator), str(operator))
        return self._combine(f"({a.sql} {word} {b.sql})", "bool", a, b)

    def _comparable(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Check that two values can be compared, and note what parameters have to be."""
        for value, other in ((a, b), (b, a)):
            if value.kind == "any" and value.sql.startswith(":"):
                self.parameters[value.sql[1:]].add(other.kind)
            if value.kind == "unit":
                raise self.bad("a value with unit cannot be compared: name its .value or .unit")
        literal = {a.kind, b.kind}
        if literal <= {"text", "int", "long", "double", "bool", "time"} and "text" in literal:
            text = a if a.kind == "text" else b
            if literal != {"text"} and not text.sql.startswith("'"):
                raise self.bad(f"operator does not exist: {a.kind} = {b.kind}")
        classes = [self._class_name(v, w) for v, w in ((a, b), (b, a))]
        return classes[0], classes[1]

    def _class_name(self, value: Value, other: Value) -> Value:
        """Turn a discriminator compared with ``.class`` into the class name that rows have."""
        if other.kind == "class" and value.kind == "text" and value.sql.startswith("'"):
            named = value.sql.strip("'")
            for type_ in map(find, (named, *_by_discriminator(named))):
                if type_ is not None:
                    return Value(f"'{type_.name}'", "class", type_)
        if other.kind == "unitname" and value.kind == "text":
            return value
        return value

    def _on_compare_all(self, scope: Scope, *parts: Any) -> Value:
        raise self.bad("all, any and some are not supported")

    def _on_like(
        self, scope: Scope, left: Tree[Any], negated: Any, right: Tree[Any], escape: Any
    ) -> Value:
        a, b = self.value(scope, left), self.value(scope, right)
        if b.kind == "any" and b.sql.startswith(":"):
            self.parameters[b.sql[1:]].add("text")
        by = self.value(scope, escape).sql if escape is not None else "'\\'"
        word = "NOT LIKE" if negated is not None else "LIKE"
        return self._combine(f"({a.sql} {word} {b.sql} ESCAPE {by})", "bool", a, b)

    def _on_between(
        self, scope: Scope, inner: Tree[Any], negated: Any, low: Tree[Any], high: Tree[Any]
    ) -> Value:
        value, a, b = (self.value(scope, t) for t in (inner, low, high))
        self._comparable(value, a)
        self._comparable(value, b)
        word = "NOT BETWEEN" if negated is not None else "BETWEEN"
        return self._combine(f"({value.sql} {word} {a.sql} AND {b.sql})", "bool", value, a, b)

    def _on_in(self, scope: Scope, inner: Tree[Any], negated: Any, candidates: Tree[Any]) -> Value:
        value = self.value(scope, inner)
        word = "NOT IN" if negated is not None else "IN"
        if candidates.data == "subquery":
            sql, _ = self.subquery(scope, candidates.children[0])
            return self._combine(f"({value.sql} {word} ({sql}))", "bool", value)
        if candidates.data == "elements":
            sql = self._elements(scope, candidates)
            return self._combine(f"({value.sql} {word} ({sql}))", "bool", value)
        listed = candidates.children[0]
        trees = listed.children if listed.data == "exprs" else [listed]
        values = [self.value(scope, t) for t in trees]
        if len(values) == 1 and values[0].kind == "any" and values[0].sql.startswith(":"):
            name = values[0].sql[1:]
            self.parameters[name] |= {value.kind, "list"}
            sql = f"({value.sql} {word} (SELECT value FROM json_each(:{name})))"
            return self._combine(sql, "bool", value)
        values = [self._comparable(value, v)[1] for v in values]
        sql = f"({value.sql} {word} ({', '.join(v.sql for v in values)}))"
        return self._combine(sql, "bool", value, *values)

    def _on_is_null(self, scope: Scope, inner: Tree[Any], negated: Any) -> Value:
        value = self.value(scope, inner)
        word = "IS NOT NULL" if negated is not None else "IS NULL"
        return self._combine(f"({value.sql} {word})", "bool", value)

    def _collection(self, scope: Scope, path: Tree[Any]) -> Collection:
        node = scope.resolve([str(n) for n in path.children])
        if not isinstance(node, Collection):
            raise self.bad(f"'{'.'.join(path.children)}' is not a collection")
        return node

    def _on_is_empty(self, scope: Scope, path: Tree[Any], negated: Any) -> Value:
        size = scope.size(self._collection(scope, path))
        return self._combine(f"({size.sql} {'>' if negated is not None else '='} 0)", "bool", size)

    def _elements(self, scope: Scope, tree: Tree[Any]) -> str:
        node = self._collection(scope, tree.children[0])
        if node.field.kind == "map":
            raise self.bad("elements() of a list of NamedValues is not supported")
        return scope.elements(node)

    def _on_member(self, scope: Scope, inner: Tree[Any], negated: Any, path: Tree[Any]) -> Value:
        value = self.value(scope, inner)
        sql = self._elements(scope, Tree("elements", [path]))
        word = "NOT IN" if negated is not None else "IN"
        return self._combine(f"({value.sql} {word} ({sql}))", "bool", value)

    def _on_exists(self, scope: Scope, tree: Tree[Any]) -> Value:
        sql = (
            self._elements(scope, tree)
            if tree.data == "elements"
            else self.subquery(scope, tree)[0]
        )
        return Value(f"EXISTS ({sql})", "bool")

    def _on_scalar(self, scope: Scope, tree: Tree[Any]) -> Value:
        sql, value = self.subquery(scope, tree)
        return Value(f"({sql})", value.kind, value.type)

    def _on_concat(self, scope: Scope, left: Tree[Any], right: Tree[Any]) -> Value:
        a, b = self.value(scope, left), self.value(scope, right)
        return self._combine(f"({a.sql} || {b.sql})", "text", a, b)

    def _on_arithmetic(
        self, scope: Scope, left: Tree[Any], operator: Token, right: Tree[Any]
    ) -> Value:
        a, b = self.value(scope, left), self.value(scope, right)
        for value in (a, b):
            if value.kind not in NUMBERS | {"any", "null"}:
                raise self.bad(f"operator {operator} needs numbers, not {value.kind}")
        return self._combine(f"({a.sql} {operator} {b.sql})", _widest(a, b), a, b)

    def _on_negative(self, scope: Scope, inner: Tree[Any]) -> Value:
        value = self.value(scope, inner)
        return value.with_sql(f"(-{value.sql})")

    def _on_cast(self, scope: Scope, inner: Tree[Any], target: Token) -> Value:
        value = self.value(scope, inner)
        if str(target).lower() not in CASTS:
            raise self.bad(f"cast to {target} is not supported")
        sql_type, kind = CASTS[str(target).lower()]
        return self._combine(f"CAST({value.sql} AS {sql_type})", kind, value)

    def _on_case(self, scope: Scope, *parts: Tree[Any] | None) -> Value:
        return self._cases(scope, "CASE", [], parts)

    def _on_switch(self, scope: Scope, subject: Tree[Any], *parts: Tree[Any] | None) -> Value:
        value = self.value(scope, subject)
        return self._cases(scope, f"CASE {value.sql}", [value], parts)

    def _cases(
        self, scope: Scope, sql: str, values: list[Value], parts: Sequence[Tree[Any] | None]
    ) -> Value:
        kind = "null"
        for part in parts:
            if part is None:
                continue
            inner = [self.value(scope, t) for t in part.children]
            values += inner
            result = inner[-1]
            kind = result.kind if kind in ("null", "any") else kind
            if part.data == "when":
                sql += f" WHEN {inner[0].sql} THEN {result.sql}"
            else:
                sql += f" ELSE {result.sql}"
        return self._combine(f"{sql} END", kind, *values)

    # -- functions -----------------------------------------------------------------------------

    def _on_call(
        self, scope: Scope, name: Token, distinct: Any, arguments: Tree[Any] | None
    ) -> Value:
        function = str(name).lower()
        inner = arguments.children[0] if arguments is not None else None
        if inner is not None and inner.data == "star":
            if function != "count":
                raise self.bad(f"{name}(*) is not supported")
            return Value("count(*)", "long", aggregate=True)
        trees = inner.children if inner is not None else []
        special = {"type": self._type, "index": self._index, "size": self._size}.get(function)
        if special is not None and len(trees) == 1:
            return special(scope, trees[0])
        if function in AGGREGATES and len(trees) == 1:
            return self._aggregate(scope, function, distinct is not None, trees[0])
        if function not in FUNCTIONS:
            raise self.bad(f"function {name} is not supported")
        return self._function(scope, function, [self.value(scope, t) for t in trees])

    def _function(self, scope: Scope, function: str, values: list[Value]) -> Value:
        count, kind = FUNCTIONS[function]
        if (count is not None and len(values) != count) or not values:
            raise self.bad(f"{function}: wrong number of arguments")
        kinds = [v.kind for v in values if v.kind not in ("any", "null")]
        sql = [v.sql for v in values]
        text = {
            "substring": f"substr({', '.join(sql)})",
            "concat": f"({' || '.join(sql)})",
            "mod": f"({sql[0]} % {sql[-1]})",
            "locate": f"instr({sql[-1]}, {sql[0]})",
            "str": f"CAST({sql[0]} AS TEXT)",
        }.get(function, f"{function}({', '.join(sql)})")
        return self._combine(text, kind or (kinds[0] if kinds else "any"), *values)

    def _aggregate(self, scope: Scope, function: str, distinct: bool, tree: Tree[Any]) -> Value:
        if function in ("minindex", "maxindex"):
            return Value(f"{function[:3]}({self._index(scope, tree).sql})", "int", aggregate=True)
        value = self.value(scope, tree)
        if function in ("sum", "avg") and value.kind not in NUMBERS:
            raise self.bad(f"{function} needs numbers, not {value.kind}")
        kind = {
            "count": "long", "avg": "double",
            "sum": "long" if value.kind in ("int", "long") else value.kind,
        }.get(function, value.kind)  # fmt: skip
        sql = f"{function}({'DISTINCT ' if distinct else ''}{value.sql})"
        return replace(Value(sql, kind, aggregate=True), type=value.type)

    def _type(self, scope: Scope, tree: Tree[Any]) -> Value:
        value = self.value(scope, tree)
        if value.kind == "class":
            return value
        if value.kind != "entity" or value.type is None:
            raise self.bad("type() needs an entity")
        if value.sql.endswith(".id"):
            sql = f"{value.sql.removesuffix('.id')}._type"
            return Value(sql, "class", columns=frozenset({sql}))
        top = find_top(value.type)
        sql = f'(SELECT _type FROM "{top.table}" WHERE id = {value.sql})'
        return Value(sql, "class", columns=value.columns)

    def _range(self, scope: Scope, tree: Tree[Any]) -> Range:
        node = scope.resolve([str(n) for n in tree.children]) if tree.data == "path" else None
        if not isinstance(node, Range):
            raise self.bad("index() needs the alias of a joined list")
        return node

    def _index(self, scope: Scope, tree: Tree[Any]) -> Value:
        sql = scope.index(self._range(scope, tree))
        return Value(sql, "int", columns=frozenset({sql}))

    def _size(self, scope: Scope, tree: Tree[Any]) -> Value:
        return scope.size(self._collection(scope, tree))


def _by_discriminator(name: str) -> list[str]:
    return [class_ for class_, value in DISCRIMINATOR.items() if value == name]


def _widest(a: Value, b: Value) -> str:
    kinds = {a.kind, b.kind}
    for kind in ("double", "long", "int"):
        if kind in kinds:
            return kind
    return "any"
