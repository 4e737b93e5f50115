# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Expressions, tree to SQL: one method for each rule of the grammar."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from lark import Token, Tree

from omero_sandbox.hql.kinds import (
    NUMBERS,
    SORTED,
    UNKNOWN,
    WHOLE,
    family,
    is_literal,
    literal_text,
    read_literal,
    unify,
)
from omero_sandbox.hql.scope import Collection, Node, Range, Reference, Scope, Value, bad
from omero_sandbox.model import DISCRIMINATOR, find

CASTS = {
    "string": ("TEXT", "text"), "int": ("INTEGER", "int"), "integer": ("INTEGER", "int"),
    "long": ("INTEGER", "long"), "double": ("REAL", "double"), "float": ("REAL", "double"),
}  # fmt: skip


class Expressions(ABC):
    """Compiles expressions; what a query is, is the Compiler's.

    Attributes
    ----------
    parameters : dict[str, set[str]]
        Names of parameters, and the kinds that they are used as; ``list`` for lists.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.parameters: dict[str, set[str]] = {}

    @abstractmethod
    def subquery(self, outer: Scope, tree: Tree[Any]) -> tuple[str, list[Value]]:
        """Compile a subquery; return its SQL and its values."""

    def bad(self, message: str) -> Any:
        """Return a QueryException that quotes the query."""
        return bad(f"{message} [{self.text}]")

    def value(self, scope: Scope, tree: Tree[Any]) -> Value:
        """Compile an expression."""
        method = getattr(self, f"_on_{tree.data.rstrip('_')}", None)
        if method is None:
            raise self.bad(f"'{tree.data}' is not supported here")
        result: Value = method(scope, *tree.children)
        return result

    def condition(self, scope: Scope, tree: Tree[Any], place: str) -> Value:
        """Compile what has to be true or false."""
        value = self.value(scope, tree)
        if value.kind != "bool":
            raise self.bad(f"argument of {place} must be type boolean, not type {value.kind}")
        return value

    def expect(self, value: Value, kinds: frozenset[str], place: str) -> Value:
        """Refuse a value of another kind; note what a parameter has to be."""
        if value.kind == "any" and value.sql.startswith(":"):
            self.parameters[value.sql[1:]].add("text" if "text" in kinds else "int")
        elif value.kind not in kinds | UNKNOWN:
            raise self.bad(f"function does not exist: {place}({value.kind})")
        return value

    def combine(self, sql: str, kind: str, *values: Value) -> Value:
        """Return what is made of other values."""
        columns = frozenset().union(*(v.columns for v in values))
        return Value(sql, kind, columns=columns, aggregate=any(v.aggregate for v in values))

    # -- names and literals --------------------------------------------------------------------

    def entity(self, made: Range) -> Value:
        """Return the id of a row as its entity."""
        sql = f"{made.alias}.id"
        return Value(sql, "entity", made.type, columns=frozenset({sql}))

    def as_value(self, node: Node, tree: Tree[Any]) -> Value:
        """Return what a path means as a value."""
        if isinstance(node, Value):
            return node
        if isinstance(node, Reference):
            return Value(node.sql, "entity", node.type, columns=frozenset({node.sql}))
        if isinstance(node, Range) and node.unit is not None:
            return node.unit
        if isinstance(node, Range) and node.type is not None:
            return self.entity(node)
        raise self.bad(f"'{'.'.join(tree.children)}' is not a value")

    def _on_path(self, scope: Scope, *names: Token) -> Value:
        node = scope.resolve([str(n) for n in names])
        if isinstance(node, Reference) and scope.selecting:
            # Hibernate's DotNode.dereferenceEntity joins what is in the select clause
            node = scope.follow(node)
        return self.as_value(node, Tree("path", list(names)))

    def _on_parameter(self, scope: Scope, name: Token) -> Value:
        self.parameters.setdefault(str(name), set())
        return Value(f":{name}", "any")

    def _on_string(self, scope: Scope, token: Token) -> Value:
        return Value(str(token), "text")

    def _on_number(self, scope: Scope, token: Token) -> Value:
        text = str(token).lower()
        if text[-1] in "df" or set(text) & set(".e"):
            return Value(repr(float(text.rstrip("df"))), "decimal")
        number = int(text.rstrip("l"))
        if number >= 2**63:
            raise self.bad(f"{token} is out of range")
        return Value(str(number), "long" if text[-1] == "l" or number >= 2**31 else "int")

    def _on_true(self, scope: Scope) -> Value:
        return Value("1", "bool")

    def _on_false(self, scope: Scope) -> Value:
        return Value("0", "bool")

    def _on_null(self, scope: Scope) -> Value:
        return Value("NULL", "null")

    # -- conditions ----------------------------------------------------------------------------

    def _binary(self, scope: Scope, word: str, left: Tree[Any], right: Tree[Any]) -> Value:
        a, b = self.condition(scope, left, word), self.condition(scope, right, word)
        return self.combine(f"({a.sql} {word} {b.sql})", "bool", a, b)

    def _on_or(self, scope: Scope, left: Tree[Any], right: Tree[Any]) -> Value:
        return self._binary(scope, "OR", left, right)

    def _on_and(self, scope: Scope, left: Tree[Any], right: Tree[Any]) -> Value:
        return self._binary(scope, "AND", left, right)

    def _on_not(self, scope: Scope, inner: Tree[Any]) -> Value:
        value = self.condition(scope, inner, "NOT")
        return self.combine(f"(NOT {value.sql})", "bool", value)

    def _on_compare(
        self, scope: Scope, left: Tree[Any], operator: Token, right: Tree[Any]
    ) -> Value:
        word = {"!=": "<>", "^=": "<>"}.get(str(operator), str(operator))
        a, b = self.value(scope, left), self.value(scope, right)
        if word in ("=", "<>") and (a.kind == "null") != (b.kind == "null"):
            # Hibernate's HqlParser.processEqualityExpression: "= null" is "is null"
            value = b if a.kind == "null" else a
            return self.combine(f"({value.sql} IS {'NOT ' * (word == '<>')}NULL)", "bool", value)
        a, b = self.comparable(a, b, sorted_=word not in ("=", "<>"))
        return self.combine(f"({a.sql} {word} {b.sql})", "bool", a, b)

    def comparable(self, a: Value, b: Value, sorted_: bool = False) -> tuple[Value, Value]:
        """Return two values as they can be compared, and note what parameters have to be.

        Raises
        ------
        omero.QueryException
            When PostgreSQL has no operator for them.
        """
        for value, other in ((a, b), (b, a)):
            if value.kind == "any" and value.sql.startswith(":"):
                self.parameters[value.sql[1:]].add(other.kind)
            if value.kind == "unit":
                raise self.bad("a value with unit cannot be compared: name its .value or .unit")
        a, b = self._read(a, b), self._read(b, a)
        kinds = {a.kind, b.kind} - UNKNOWN
        if len({family(kind) for kind in kinds}) > 1 or (
            sorted_ and not kinds <= SORTED | {"entity", "bool"}
        ):
            raise self.bad(f"operator does not exist: {a.kind} = {b.kind}")
        return a, b

    def _read(self, value: Value, other: Value) -> Value:
        """Read a text literal as what it is compared with."""
        if not is_literal(value) or other.kind in UNKNOWN | {"text"}:
            return value
        return self._class(value) if other.kind == "class" else read_literal(value, other)

    def _class(self, value: Value) -> Value:
        """Turn a discriminator or a class's name into the name that rows have."""
        name = literal_text(value)
        named = (name, *(class_ for class_, own in DISCRIMINATOR.items() if own == name))
        for type_ in map(find, named):
            if type_ is not None:
                return Value(f"'{type_.name}'", "class", type_)
        raise self.bad(f"{value.sql} is not a class")

    def _on_compare_all(self, scope: Scope, *parts: Any) -> Value:
        raise self.bad("all, any and some are not supported")

    def _on_like(
        self, scope: Scope, left: Tree[Any], negated: Any, right: Tree[Any], escape: Any
    ) -> Value:
        text = frozenset({"text"})
        a, b = (self.expect(self.value(scope, t), text, "like") for t in (left, right))
        by = self.value(scope, escape).sql if escape is not None else "'\\'"
        word = "NOT LIKE" if negated is not None else "LIKE"
        return self.combine(f"({a.sql} {word} {b.sql} ESCAPE {by})", "bool", a, b)

    def _on_between(
        self, scope: Scope, inner: Tree[Any], negated: Any, low: Tree[Any], high: Tree[Any]
    ) -> Value:
        value, a, b = (self.value(scope, t) for t in (inner, low, high))
        _, a = self.comparable(value, a, sorted_=True)
        value, b = self.comparable(value, b, sorted_=True)
        word = "NOT BETWEEN" if negated is not None else "BETWEEN"
        return self.combine(f"({value.sql} {word} {a.sql} AND {b.sql})", "bool", value, a, b)

    def _on_in(self, scope: Scope, inner: Tree[Any], negated: Any, candidates: Tree[Any]) -> Value:
        value = self.value(scope, inner)
        word = "NOT IN" if negated is not None else "IN"
        if candidates.data == "subquery":
            sql, found = self.subquery(scope, candidates.children[0])
            if len(found) > 1:
                raise self.bad("subquery has too many columns")
            self.comparable(value, found[0])
            return self.combine(f"({value.sql} {word} ({sql}))", "bool", value, found[0])
        if candidates.data == "elements":
            sql = self._elements(scope, candidates)
            return self.combine(f"({value.sql} {word} ({sql}))", "bool", value)
        listed = candidates.children[0]
        trees = listed.children if listed.data == "exprs" else [listed]
        values = [self.value(scope, t) for t in trees]
        if len(values) == 1 and values[0].kind == "any" and values[0].sql.startswith(":"):
            name = values[0].sql[1:]
            self.parameters[name] |= {value.kind, "list"}
            sql = f"({value.sql} {word} (SELECT value FROM json_each(:{name})))"
            return self.combine(sql, "bool", value)
        values = [self.comparable(value, v)[1] for v in values]
        sql = f"({value.sql} {word} ({', '.join(v.sql for v in values)}))"
        return self.combine(sql, "bool", value, *values)

    def _on_is_null(self, scope: Scope, inner: Tree[Any], negated: Any) -> Value:
        value = self.value(scope, inner)
        word = "IS NOT NULL" if negated is not None else "IS NULL"
        return self.combine(f"({value.sql} {word})", "bool", value)

    # -- collections and subqueries ------------------------------------------------------------

    def collection(self, scope: Scope, path: Tree[Any]) -> Collection:
        """Return what a path means, which has to be a collection."""
        node = scope.resolve([str(n) for n in path.children])
        if not isinstance(node, Collection):
            raise self.bad(f"'{'.'.join(path.children)}' is not a collection")
        return node

    def _on_is_empty(self, scope: Scope, path: Tree[Any], negated: Any) -> Value:
        size = scope.size(self.collection(scope, path))
        return self.combine(f"({size.sql} {'>' if negated is not None else '='} 0)", "bool", size)

    def _elements(self, scope: Scope, tree: Tree[Any]) -> str:
        node = self.collection(scope, tree.children[0])
        if node.field.kind == "map":
            raise self.bad("elements() of a list of NamedValues is not supported")
        return scope.elements(node)

    def _on_member(self, scope: Scope, inner: Tree[Any], negated: Any, path: Tree[Any]) -> Value:
        value = self.value(scope, inner)
        sql = self._elements(scope, Tree("elements", [path]))
        word = "NOT IN" if negated is not None else "IN"
        return self.combine(f"({value.sql} {word} ({sql}))", "bool", value)

    def _on_exists(self, scope: Scope, tree: Tree[Any]) -> Value:
        if tree.data == "elements":
            return Value(f"EXISTS ({self._elements(scope, tree)})", "bool")
        sql, values = self.subquery(scope, tree)
        return self.combine(f"EXISTS ({sql})", "bool", values[0])

    def _on_scalar(self, scope: Scope, tree: Tree[Any]) -> Value:
        """Compile a subquery that is a value: PostgreSQL refuses a second row."""
        sql, values = self.subquery(scope, tree)
        if len(values) > 1:
            raise self.bad("subquery must return only one column")
        value = values[0]
        made = Value(f"(SELECT _single(x) FROM ({sql}))", value.kind, value.type)
        return self.combine(made.sql, made.kind, value)

    # -- calculation ---------------------------------------------------------------------------

    def _on_concat(self, scope: Scope, left: Tree[Any], right: Tree[Any]) -> Value:
        return self.concat([self.value(scope, left), self.value(scope, right)])

    def concat(self, values: list[Value]) -> Value:
        """Return texts put together; whole numbers are texts here, too."""
        for value in values:
            self.expect(value, WHOLE | {"text"}, "||")
        if all(v.kind not in UNKNOWN | {"text"} for v in values):
            raise self.bad("operator does not exist: || of numbers")
        return self.combine(f"({' || '.join(v.sql for v in values)})", "text", *values)

    def _on_arithmetic(
        self, scope: Scope, left: Tree[Any], operator: Token, right: Tree[Any]
    ) -> Value:
        a, b = self.value(scope, left), self.value(scope, right)
        kinds = {a.kind, b.kind}
        if not kinds <= (WHOLE if str(operator) == "%" else NUMBERS) | UNKNOWN:
            raise self.bad(f"operator does not exist: {a.kind} {operator} {b.kind}")
        for value in (a, b):
            self.expect(value, NUMBERS, str(operator))
        kind = next((k for k in ("double", "decimal", "any", "long", "int") if k in kinds), "any")
        if kind in WHOLE:
            return self.combine(self._whole(a, str(operator), b, kind), kind, a, b)
        return self.combine(f"_{kind}({a.sql}, '{operator}', {b.sql})", kind, a, b)

    def _whole(self, a: Value, operator: str, b: Value, kind: str) -> str:
        divisor = f"_nonzero({b.sql})" if operator in "/%" else b.sql
        return f"_{kind}({a.sql} {operator} {divisor})"

    def _on_negative(self, scope: Scope, inner: Tree[Any]) -> Value:
        value = self.expect(self.value(scope, inner), NUMBERS, "-")
        if value.kind == "double":
            return value.with_sql(f"_double(-1, '*', {value.sql})")
        return value.with_sql(f"(-{value.sql})")

    def _on_cast(self, scope: Scope, inner: Tree[Any], target: Token) -> Value:
        value = self.value(scope, inner)
        sql_type, kind = CASTS.get(str(target).lower(), ("", ""))
        if not kind or not (value.kind in WHOLE or kind == value.kind):
            raise self.bad(f"cast of {value.kind} to {target} is not supported")
        sql = f"CAST({value.sql} AS {sql_type})"
        return self.combine(f"_{kind}({sql})" if kind in WHOLE else sql, kind, value)

    def _on_case(self, scope: Scope, *parts: Tree[Any] | None) -> Value:
        return self._cases(scope, "CASE", None, parts)

    def _on_switch(self, scope: Scope, subject: Tree[Any], *parts: Tree[Any] | None) -> Value:
        value = self.value(scope, subject)
        return self._cases(scope, f"CASE {value.sql}", value, parts)

    def _cases(
        self, scope: Scope, sql: str, subject: Value | None, parts: Sequence[Tree[Any] | None]
    ) -> Value:
        values = [] if subject is None else [subject]
        results = []
        for part in parts:
            if part is None:
                continue
            *when, then = part.children
            result = self.value(scope, then)
            if not when:
                sql += f" ELSE {result.sql}"
            elif subject is None:
                test = self.condition(scope, when[0], "CASE/WHEN")
                sql += f" WHEN {test.sql} THEN {result.sql}"
                values.append(test)
            else:
                test = self.comparable(subject, self.value(scope, when[0]))[1]
                sql += f" WHEN {test.sql} THEN {result.sql}"
                values.append(test)
            results.append(result)
        return self.combine(f"{sql} END", unify(results, "CASE"), *values, *results)
