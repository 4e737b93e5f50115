# SPDX-License-Identifier: GPL-2.0-or-later
"""Function calls and aggregates, tree to SQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from lark import Token, Tree

from omero_sandbox.hql.expressions import Expressions
from omero_sandbox.hql.kinds import NUMBERS, SORTED, UNKNOWN, WHOLE, unify
from omero_sandbox.hql.scope import Range, Scope, Value, find_top

AGGREGATES = {"count", "sum", "avg", "min", "max", "minindex", "maxindex"}
_TEXT = frozenset({"text"})


class Function(NamedTuple):
    """What a function takes and yields.

    Attributes
    ----------
    takes : tuple[frozenset[str], ...]
        Kinds of each argument.
    kind : str
        Of the result; "" for that of the first argument.
    sql : str
        With a place for each argument.
    """

    takes: tuple[frozenset[str], ...]
    kind: str
    sql: str


FUNCTIONS = {
    ("lower", 1): Function((_TEXT,), "text", "lower({})"),
    ("upper", 1): Function((_TEXT,), "text", "upper({})"),
    ("trim", 1): Function((_TEXT,), "text", "trim({})"),
    ("length", 1): Function((_TEXT | {"bytes"},), "int", "length({})"),
    ("substring", 2): Function((_TEXT, WHOLE), "text", "substring({}, {})"),
    ("substring", 3): Function((_TEXT, WHOLE, WHOLE), "text", "substring({}, {}, {})"),
    ("locate", 2): Function((_TEXT, _TEXT), "int", "instr({1}, {0})"),
    ("str", 1): Function((_TEXT | WHOLE,), "text", "CAST({} AS TEXT)"),
    ("abs", 1): Function((NUMBERS,), "", "abs({})"),
    ("sqrt", 1): Function((NUMBERS,), "double", "sqrt({})"),
    ("mod", 2): Function((WHOLE, WHOLE), "int", "({} % _nonzero({}))"),
}


class Functions(Expressions):
    """Compiles calls."""

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
        return self._function(scope, function, [self.value(scope, t) for t in trees])

    def _function(self, scope: Scope, function: str, values: list[Value]) -> Value:
        if function == "concat" and len(values) > 1:
            return self.concat(values)
        if function == "coalesce" and len(values) > 1:
            sql = f"coalesce({', '.join(v.sql for v in values)})"
            return self.combine(sql, unify(values, "COALESCE"), *values)
        if function == "nullif" and len(values) == 2:
            a, b = self.comparable(values[0], values[1])
            return self.combine(f"nullif({a.sql}, {b.sql})", a.kind, a, b)
        made = FUNCTIONS.get((function, len(values)))
        if made is None:
            raise self.bad(f"function {function} of {len(values)} arguments is not supported")
        for value, kinds in zip(values, made.takes, strict=True):
            self.expect(value, kinds, function)
        sql = made.sql.format(*(v.sql for v in values))
        if function == "abs" and values[0].kind == "double":
            sql = f"_{sql}"
        return self.combine(sql, made.kind or values[0].kind, *values)

    def _aggregate(self, scope: Scope, function: str, distinct: bool, tree: Tree[Any]) -> Value:
        if function in ("minindex", "maxindex"):
            return Value(f"{function[:3]}({self._index(scope, tree).sql})", "int", aggregate=True)
        value = self.value(scope, tree)
        takes = {"sum": NUMBERS, "avg": NUMBERS, "min": SORTED, "max": SORTED}.get(function)
        if value.aggregate:
            raise self.bad("aggregate function calls cannot be nested")
        if value.kind in ("unit", "permissions") or (
            takes is not None and value.kind not in takes | UNKNOWN
        ):
            raise self.bad(f"function does not exist: {function}({value.kind})")
        kind = {
            "count": "long", "avg": "double", "sum": "long" if value.kind in WHOLE else value.kind,
        }.get(function, value.kind)  # fmt: skip
        name = function
        if value.kind in ("double", "decimal") and function in ("sum", "avg"):
            name = "_sum_decimal" if (function, value.kind) == ("sum", "decimal") else f"_{name}"
        sql = f"{name}({'DISTINCT ' if distinct else ''}{value.sql})"
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
        sql = f'(SELECT _type FROM "{top.table}" WHERE id = {value.sql})'  # noqa: S608 - a class
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
        return scope.size(self.collection(scope, tree))
