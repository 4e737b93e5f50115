# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""What names mean in a query: aliases, properties, and the joins that paths imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import omero

from omero_sandbox.database.schema import has_index, map_table
from omero_sandbox.errors import fail
from omero_sandbox.model import TYPES, Field, Type, find
from omero_sandbox.security.rights import ReadFilter

# The parts of ``details``: property -> (column, class referred to).
DETAILS = {
    "owner": ("_owner", "Experimenter"),
    "group": ("_group", "ExperimenterGroup"),
    "creationEvent": ("_creation", "Event"),
    "updateEvent": ("_update", "Event"),
    "externalInfo": ("_external", "ExternalInfo"),
}


def bad(message: str) -> Any:
    """Return a QueryException."""
    return fail(omero.QueryException, message)


@dataclass(frozen=True)
class Value:
    """A piece of SQL and what it yields.

    Attributes
    ----------
    kind : str
        A kind of Field; or ``entity`` (an id), ``class`` (a class name), ``unit``,
        ``permissions``, ``null``, ``any`` (a parameter).
    type : Type, optional
        The class of an entity.
    quantity : str
        For ``unit``: ``Length`` ...; the SQL is then that of the value, ``unit`` that of the unit.
    columns : frozenset[str]
        The columns it needs outside aggregates, as ``t1."name"``.
    """

    sql: str
    kind: str
    type: Type | None = None
    quantity: str = ""
    unit: str = ""
    columns: frozenset[str] = frozenset()
    aggregate: bool = False

    def with_sql(self, sql: str) -> Value:
        """Return the same with other SQL."""
        return replace(self, sql=sql)


@dataclass
class Range:
    """What an alias represents: rows of a class, NamedValues of a map, or a value with unit."""

    alias: str
    type: Type | None = None
    named: bool = False
    unit: Value | None = None


@dataclass
class Reference:
    """A many-to-one that has not been followed: its column holds the id."""

    range: Range
    column: str
    type: Type
    sql: str = field(init=False)

    def __post_init__(self) -> None:
        self.sql = f'{self.range.alias}."{self.column}"'


@dataclass
class Collection:
    """A one-to-many or a list of NamedValues."""

    range: Range
    field: Field


@dataclass
class Details:
    """The ``details`` of a row."""

    range: Range


Node = Range | Reference | Collection | Details | Value


class Scope:
    """The FROM clause of one query, and the scopes around it.

    Parameters
    ----------
    outer : Scope, optional
        The query that this is a subquery of.
    numbering : list[int]
        Counter of SQL aliases, shared by all scopes of a query.
    reads : ReadFilter
        Which rows are hidden.
    """

    def __init__(self, reads: ReadFilter, outer: Scope | None, numbering: list[int]) -> None:
        self.reads = reads
        self.outer = outer
        self.numbering = numbering
        self.aliases: dict[str, Range | Details] = {}
        self.ranges: list[Range] = []
        self.sources: list[str] = []
        self.conditions: list[str] = []
        self.selecting: bool = outer is not None and outer.selecting  # within a SELECT clause
        self.implied = "JOIN"  # how a path joins what it goes through
        self._joined: dict[str, tuple[Range, bool]] = {}  # by column; and whether by a path
        self._sizes: dict[tuple[str, str], str] = {}
        self._before = numbering[0]

    def owns(self, column: str) -> bool:
        """Return whether a column belongs to this query, not to an outer one."""
        return int(column.partition(".")[0].removeprefix("t")) > self._before

    def alias(self) -> str:
        """Return a new SQL alias."""
        self.numbering[0] += 1
        return f"t{self.numbering[0]}"

    def name(self, name: str | None, made: Range) -> Range:
        """Give a range its name in the query; the last join of a name has it."""
        if name is not None:
            self.aliases[name] = made
        if made not in self.ranges:
            self.ranges.append(made)
        return made

    def add_root(self, type_: Type, name: str | None) -> Range:
        """Add a class to FROM."""
        if name in self.aliases:
            raise bad(f"Duplicate definition of alias '{name}'")
        made = Range(self.alias(), type_)
        self.sources.append(f'{"CROSS JOIN " if self.sources else ""}"{type_.table}" {made.alias}')
        if len(type_.concrete) < len(find_top(type_).concrete):
            names = ", ".join(f"'{c}'" for c in type_.concrete)
            self.conditions.append(f"{made.alias}._type IN ({names})")
        hidden = self.reads.condition(type_, made.alias)
        if hidden:
            self.conditions.append(hidden)
        return self.name(name, made)

    def join(self, node: Node, kind: str, name: str | None) -> Range:
        """Add an explicit join along a reference or collection."""
        word = "LEFT JOIN" if kind == "left" else "JOIN"
        if isinstance(node, Value) and node.kind == "unit":
            if kind != "left":
                self.conditions.append(f"{node.sql} IS NOT NULL")
            return self.name(name, Range("", unit=node))
        if isinstance(node, Reference):
            made = self._find_joined(node, by_paths=True) or self._to_one(node, word, False)
        elif isinstance(node, Collection) and node.field.kind == "map":
            made = Range(self.alias(), named=True)
            on = f"{made.alias}.parent = {node.range.alias}.id"
            self.sources.append(f'{word} "{map_table(node.field)}" {made.alias} ON {on}')
        elif isinstance(node, Collection):
            target = TYPES[node.field.target or ""]
            made = Range(self.alias(), target)
            on = f'{made.alias}."{node.field.inverse}" = {node.range.alias}.id'
            hidden = self.reads.condition(target, made.alias)
            on += f" AND {hidden}" if hidden else ""
            self.sources.append(f'{word} "{target.table}" {made.alias} ON {on}')
        else:
            raise bad("outer or full join must be followed by path expression")
        return self.name(name, made)

    def follow(self, reference: Reference) -> Range:
        """Join what a path goes through, unless the query, or one around it, has joined it.

        Source: Hibernate's ``DotNode.dereferenceEntityJoin``: an inner join, but in FROM one of
        the kind that is being made; a join along the same path is used again, a left one, too.
        """
        found = self._find_joined(reference, by_paths=False)
        return found or self._to_one(reference, self.implied, True)

    def _to_one(self, reference: Reference, word: str, by_path: bool) -> Range:
        made = Range(self.alias(), reference.type)
        on = f"{made.alias}.id = {reference.sql}"
        self.sources.append(f'{word} "{reference.type.table}" {made.alias} ON {on}')
        self._joined[reference.sql] = made, by_path
        return made

    def _find_joined(self, reference: Reference, by_paths: bool) -> Range | None:
        """Return the join along a reference; of queries around perhaps only those of paths."""
        if reference.sql in self._joined:
            return self._joined[reference.sql][0]
        outer = self.outer
        while outer is not None:
            made, by_path = outer._joined.get(reference.sql, (None, False))
            if made is not None and (by_path or not by_paths):
                return made
            outer = outer.outer
        return None

    def find(self, name: str) -> Range | Details | None:
        """Return what an alias represents, in this query or an outer one."""
        found = self.aliases.get(name)
        return found if found or not self.outer else self.outer.find(name)

    def resolve(self, names: Sequence[str]) -> Node:
        """Return what a path means.

        Raises
        ------
        omero.QueryException
            When it means nothing.
        """
        start = self.find(names[0])
        if start is not None:
            return self.walk(start, names[1:], ".".join(names))
        for candidate in self._unqualified(names[0]):
            return self.walk(candidate, names, ".".join(names))
        for at in self.ranges:
            if len(names) == 1 and at.type is not None and _is_index(at.type, names[0]):
                return column(at.alias, "_index", "int")
        named = find(".".join(names))
        if named is not None:
            return Value(f"'{named.name}'", "class", named)
        if len(self.ranges) == 1 and self.ranges[0].type is not None:
            raise bad(f"could not resolve property: {names[0]} of: {self.ranges[0].type.fqn}")
        raise bad(f"'{'.'.join(names)}' is not mapped, or no alias of this query")

    def resolve_all(self, names: Sequence[str]) -> list[Node]:
        """Return what a path means; several references when classes below have one each."""
        start = self.find(names[0])
        if len(names) == 2 and isinstance(start, Range) and start.type is not None:
            found = variants(start.type, names[1])
            if len(found) > 1 and all(f.kind == "ref" for f in found):
                return [Reference(start, f.column, TYPES[f.target or ""]) for f in found]
        return [self.resolve(names)]

    def _unqualified(self, name: str) -> list[Range]:
        having = [r for r in self.ranges if r.type is not None and has_property(r.type, name)]
        if len(having) > 1 and len(self.ranges) > 1:
            raise bad(f"property '{name}' is ambiguous: name the alias")
        return having or (self.outer._unqualified(name) if self.outer else [])

    def walk(self, node: Node, names: Sequence[str], path: str) -> Node:
        """Go from a node along property names."""
        for name in names:
            node = self.step(node, name, path)
        return node

    def step(self, node: Node, name: str, path: str) -> Node:
        """Go one property further."""
        if isinstance(node, Reference):
            if name == "id":
                return Value(node.sql, "long", columns=frozenset({node.sql}))
            node = self.follow(node)
        if isinstance(node, Collection):
            if name == "size":
                return self.size(node)
            raise bad(
                f"illegal attempt to dereference collection [{path}] with element property [{name}]"
            )
        if isinstance(node, Details):
            return self._details(node, name)
        if isinstance(node, Value):
            return _unit_part(node, name, path)
        if node.unit is not None:
            return _unit_part(node.unit, name, path)
        if node.named:
            if name not in ("name", "value"):
                raise bad(f"could not resolve property: {name} of: ome.model.internal.NamedValue")
            return column(node.alias, name, "text")
        return self._property(node, name)

    def _property(self, at: Range, name: str) -> Node:
        type_ = at.type
        if type_ is None:
            raise bad(f"could not resolve property: {name}")
        if name == "id":
            return column(at.alias, "id", "long")
        if name == "version" and type_.is_mutable and not type_.is_enum:
            return column(at.alias, "version", "int")
        if name == "class":
            return column(at.alias, "_type", "class")
        if name == "details":
            return Details(at)
        made = property_of(type_, name)
        if made is None:
            raise bad(f"could not resolve property: {name} of: {type_.fqn}")
        if made.kind in ("many", "map"):
            return Collection(at, made)
        if made.kind == "ref":
            return Reference(at, made.column, TYPES[made.target or ""])
        value = column(at.alias, made.column, made.kind)
        if made.kind == "unit":
            unit = f'{at.alias}."{made.column}_unit"'
            return replace(
                value, quantity=made.target or "", unit=unit, columns=value.columns | {unit}
            )
        return value

    def _details(self, node: Details, name: str) -> Node:
        type_, alias = node.range.type, node.range.alias
        if type_ is None:
            raise bad(f"could not resolve property: {name}")
        if name == "permissions":
            is_group = type_.name == "ExperimenterGroup"
            sql = f"{alias}._permissions" if is_group else f"{alias}._group"
            return Value(
                sql, "permissions", type_, unit=f"{alias}._owner", columns=frozenset({sql})
            )
        allowed = name in DETAILS and (name == "externalInfo" or not type_.is_global)
        if not allowed or (name == "updateEvent" and not type_.is_mutable):
            raise bad(f"could not resolve property: {name} of: {type_.fqn}.details")
        own, target = DETAILS[name]
        return Reference(node.range, own, TYPES[target])

    def elements(self, node: Collection, what: str = "id") -> str:
        """Return the SELECT of a collection's elements."""
        alias = self.alias()
        if node.field.kind == "map":
            table, inverse, hidden = map_table(node.field), "parent", ""
        else:
            target = TYPES[node.field.target or ""]
            table, inverse = target.table, node.field.inverse or ""
            hidden = self.reads.condition(target, alias)
        where = f'{alias}."{inverse}" = {node.range.alias}.id' + (
            f" AND {hidden}" if hidden else ""
        )
        return f'SELECT {what} FROM "{table}" {alias} WHERE {where}'

    def size(self, node: Collection) -> Value:
        """Return the number of elements of a collection."""
        key = (node.range.alias, node.field.name)
        if key not in self._sizes:
            self._sizes[key] = f"({self.elements(node, 'count(*)')})"
        return Value(self._sizes[key], "int", columns=frozenset({f"{node.range.alias}.id"}))

    def index(self, at: Range) -> str:
        """Return the place of an element in its parent's list."""
        if not at.named and not (at.type and has_index(at.type)):
            raise bad("index(): the alias is not an element of an indexed collection")
        return f"{at.alias}._index"


def find_top(type_: Type) -> Type:
    """Return the topmost class of a hierarchy."""
    return TYPES[type_.lineage[-1]]


def _is_index(type_: Type, name: str) -> bool:
    """Return whether PostgreSQL has a column of that name for places in lists: ``well_index``.

    What HQL does not know goes through to SQL; OMERO.iviewer sorts well samples by it.
    """
    made = type_.fields.get(name.removesuffix("_index"))
    return name.endswith("_index") and made is not None and made.kind == "ref" and made.ordered


def column(alias: str, name: str, kind: str) -> Value:
    """Return a column as a value."""
    sql = f"{alias}.{name}" if name in ("id", "version", "_type") else f'{alias}."{name}"'
    return Value(sql, kind, columns=frozenset({sql}))


def has_property(type_: Type, name: str) -> bool:
    """Return whether a class has a property that HQL can name."""
    return name in ("id", "class", "details", "version") or property_of(type_, name) is not None


def property_of(type_: Type, name: str) -> Field | None:
    """Return a field of the class or, as Hibernate allows, of a class below it.

    Raises
    ------
    omero.QueryException
        When classes below it mean different things by that name.
    """
    found = variants(type_, name)
    if len(found) > 1:
        classes = ", ".join(sorted(f.owner for f in found))
        raise bad(f"property '{name}' of {type_.fqn} is ambiguous: {classes} have one each")
    return found[0] if found else None


def variants(type_: Type, name: str) -> list[Field]:
    """Return the fields that a property may be: the class's own, else those of classes below."""
    if name in type_.fields:
        return [type_.fields[name]]
    below = {f.column: f for c in type_.concrete if (f := TYPES[c].fields.get(name))}
    return list(below.values())


def _unit_part(value: Value, name: str, path: str) -> Value:
    if value.kind != "unit" or name not in ("value", "unit"):
        raise bad(f"could not resolve property: {name} in '{path}'")
    if name == "value":
        return Value(value.sql, "double", columns=frozenset({value.sql}))
    return Value(value.unit, "unitname", quantity=value.quantity, columns=frozenset({value.unit}))
