# SPDX-License-Identifier: GPL-2.0-or-later
"""HQL from the catalogue, and nodes from the rows of its answers.

Only forms that Hibernate 3.6 accepts are used: see the tables of fields in ome/omero-model, and
``BlitzGateway.getAnnotationCounts`` for ``type(alias.class)``. A nullable association has an outer
join of its own: a path through it would drop the rows where it is null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from graphxfer import catalogue
from graphxfer.catalogue import (
    AffineTransform,
    Class,
    Edge,
    Field,
    Follow,
    LinkBeyond,
    Maker,
    Quantity,
    Type,
    Value,
    Via,
)
from graphxfer.graph import Node, iri

Row = list[Any]

WHOLE = (Type.BYTES, Type.PAIRS)
"""Types of values that a projection cannot have: their objects are loaded."""


class Projection:
    """The columns to select for a class, and how a row becomes a node.

    Parameters
    ----------
    entry : Class
        The class; its alias in HQL is ``obj``.

    Attributes
    ----------
    select, joins : str
        Parts of a query: ``select {select} from Image obj {joins} where …``.
    whole : tuple of Field
        Fields for which objects are loaded.
    references : list
        Edges that are references, with the column of the target's id.
    """

    def __init__(self, entry: Class) -> None:
        self._entry = entry
        self._selected = ["obj.id"]
        self._joined: list[str] = []
        self.whole = tuple(field for field in entry.fields if field.type in WHOLE)
        plain = [f for f in entry.fields if f.type not in (*WHOLE, Type.QUANTITY, Type.TRANSFORM)]
        self._names = [field.name for field in plain]
        for field in plain:
            self._selected.append(self._path(field))
        self._first, self._last = 1, len(self._selected)
        self._compound = [
            (field.name, *self._columns(field))
            for field in entry.fields
            if field.type in (Type.QUANTITY, Type.TRANSFORM)
        ]
        self.references: list[tuple[Edge, int]] = []
        self._targets: list[tuple[str, int, Callable[[Row], tuple[str, ...]]]] = []
        for edge in entry.edges:
            if edge.via is Via.REFERENCE:
                column, targets_of = self._target(edge)
                self.references.append((edge, column))
                self._targets.append((edge.name, column, targets_of))
        self.select, self.joins = ", ".join(self._selected), " ".join(self._joined)

    def _join(self, path: str) -> str:
        """Add an outer join of an association, and return its alias."""
        alias = f"j{len(self._joined)}"
        self._joined.append(f"left outer join obj.{path} {alias}")
        return alias

    def _path(self, field: Field) -> str:
        """Return the column of a field that has one."""
        if field.type is Type.ENUM:
            return f"{self._join(field.attribute)}.value"
        association, _, attribute = field.attribute.rpartition(".")
        return f"{self._join(association) if association else 'obj'}.{attribute}"

    def _columns(self, field: Field) -> tuple[int, Callable[[Row], Value]]:
        """Select a field of several columns; return the first, and a function from row to value."""
        first = len(self._selected)
        make: type[Quantity | AffineTransform] = Quantity
        parts = [f"obj.{field.attribute}.{part}" for part in ("value", "unit")]
        if field.type is Type.TRANSFORM:
            make, alias = AffineTransform, self._join(field.attribute)
            parts = [f"{alias}.{part}" for part in AffineTransform._fields]
        self._selected += parts
        place = slice(first, len(self._selected))
        return first, lambda row: make(*row[place])

    def _target(self, edge: Edge) -> tuple[int, Callable[[Row], tuple[str, ...]]]:
        """Select a reference; return its column, and the function from row to targets."""
        column = len(self._selected)
        if is_abstract(edge.target):
            alias = self._join(edge.attribute)
            self._selected += [f"{alias}.id", f"type({alias}.class)"]
            return column, lambda row: (iri(class_name(row[column + 1]), row[column]),)
        self._selected.append(f"obj.{edge.attribute}.id")
        make = _shared if catalogue.CLASSES[edge.target].maker is Maker.SERVER else _single
        return column, lambda row: make(edge.target, row[column])

    def node(self, row: Row) -> Node:
        """Return the node of a row."""
        values = zip(self._names, row[self._first : self._last], strict=True)
        fields = {name: value for name, value in values if value is not None}
        for name, column, value_of in self._compound:
            if row[column] is not None:
                fields[name] = value_of(row)
        edges = {
            name: targets_of(row)
            for name, column, targets_of in self._targets
            if row[column] is not None
        }
        return Node(iri(self._entry.name, row[0]), self._entry.name, fields, edges)


def _single(target: str, id_: int) -> tuple[str, ...]:
    return (iri(target, id_),)


_shared = cache(_single)
"""`_single` with a cache: many objects have the same few owners."""


@cache
def projection(name: str) -> Projection:
    """Return the projection of a class, or of a link class."""
    entry = catalogue.CLASSES.get(name) or catalogue.link_node(name)
    assert entry is not None, name  # noqa: S101
    return Projection(entry)


def is_direct(name: str) -> bool:
    """Tell whether a row has all fields of this class."""
    return not is_abstract(name) and not projection(name).whole


def is_abstract(name: str) -> bool:
    """Tell whether a class is abstract: edges name it for its subclasses."""
    return name not in catalogue.CLASSES


@cache
def family(name: str) -> str:
    """Return the class whose table has the rows of a class: ids are unique within it."""
    return catalogue.CLASSES[name].parent or name if name in catalogue.CLASSES else name


@cache
def class_name(java: str) -> str:
    """Return a class's name from its Java name.

    Examples
    --------
    >>> class_name("ome.model.roi.Rectangle")
    'Rectangle'
    """
    return java.rpartition(".")[2]


def kind(found: Sequence[str], target: str) -> str:
    """Return the class in a row, or else the class that the edge names."""
    return class_name(found[0]) if found else target


def is_named_by(target: str) -> bool:
    """Tell whether objects of a class have a namespace (annotations)."""
    return all(entry.field("namespace") for entry in catalogue.subclasses(target))


def nodes(name: str, where: str = "obj.id") -> str:
    """Return the query for the nodes of a class, by their ids or by a reference's ids."""
    of = projection(name)
    return (
        f"select {of.select} from {name} obj {of.joins} "  # noqa: S608
        f"where {where} in (:ids) and obj.id > :after order by obj.id"
    )


def ids(name: str, where: str) -> str:
    """Return the query for the ids of a class, by their ids or by a reference's ids."""
    return (
        f"select obj.id from {name} obj "  # noqa: S608
        f"where {where} in (:ids) and obj.id > :after order by obj.id"
    )


def subjects(name: str, edge: Edge) -> str:
    """Return the query for the subjects of an edge: ids of the object and the subject.

    If the edge is followed only within an import, these are the subjects of the same import: all
    objects of an import have the same creation event.
    """
    rows, subject, object_ = _AT_ENDS[edge.via]
    rows = rows.format(subject=name, edge=edge.attribute)
    same = f" and {subject}.{_EVENT} = {object_}.{_EVENT}" if edge.follow is Follow.IMPORT else ""
    return (
        f"select obj.id, {subject}.id from {rows} "  # noqa: S608
        f"where {object_}.id in (:ids) and obj.id > :after{same} order by obj.id"
    )


_EVENT = "details.creationEvent.id"
_AT_ENDS = {
    Via.REFERENCE: ("{subject} obj join obj.{edge} o", "obj", "o"),
    Via.LIST: ("{subject} p join p.{edge} obj", "p", "obj"),
    Via.LINK: ("{edge} obj join obj.parent p join obj.child c", "p", "c"),
}
"""The HQL of an edge's rows, and the aliases of subject and object."""


def referring(name: str, edge: Edge) -> str:
    """Return the query for all edges of a kind that lead to objects.

    Columns: id of the object or link to page by, id of the edge's object, id of its subject, and
    the subject's class if several classes share the links. What an import annotates for itself is
    left out.
    """
    rows, subject, object_ = _AT_ENDS[edge.via]
    rows, link = rows.format(subject=name, edge=edge.attribute), catalogue.link_node(edge.attribute)
    several = link is not None and any(is_abstract(end.target) for end in link.edges[:1])
    kind = f", type({subject}.class)" if several else ""
    plain = edge.via is not Via.LINK and catalogue.CLASSES[name].field("namespace")
    named = f" and ({subject}.ns is null or {subject}.ns not in (:ns))" if plain else ""
    return (
        f"select obj.id, {object_}.id, {subject}.id{kind} from {rows} "  # noqa: S608
        f"where {object_}.id in (:ids) and obj.id > :after{named} order by obj.id"
    )


def referring_beyond(link: LinkBeyond) -> str:
    """Return the query for links that lead to objects from classes outside of the catalogue.

    The columns are those of :func:`referring`. A link that was created together with its child is
    an import's: a file can have folders, and annotations of its microscope.
    """
    kind = ", type(p.class)" if link.several else ""
    return (
        f"select obj.id, c.id, p.id{kind} from {link.name} obj "  # noqa: S608
        "join obj.parent p join obj.child c where c.id in (:ids) and obj.id > :after "
        f"and obj.{_EVENT} <> c.{_EVENT} order by obj.id"
    )


def children(parent: str, edge: Edge, *, whole: bool) -> str:
    """Return the query for an ordered collection: child's columns, parent's id, index.

    Parameters
    ----------
    parent : str
        The class with the collection.
    edge : Edge
        The collection.
    whole : bool
        Whether to select all columns of a node; else only the child's id, and its class if the
        edge names an abstract one.
    """
    of = projection(edge.target) if whole else None
    kind = ", type(obj.class)" if is_abstract(edge.target) else ""
    return (
        f"select {of.select if of else f'obj.id{kind}'}, p.id, index(obj) "  # noqa: S608
        f"from {parent} p join p.{edge.attribute} obj {of.joins if of else ''} "
        "where p.id in (:ids) and obj.id > :after order by obj.id"
    )


def links(edge: Edge) -> str:
    """Return the query for links by parent: ids of link, parent, owner, child; child's class."""
    kind = ", type(c.class)" if is_abstract(edge.target) else ""
    named = " and (c.ns is null or c.ns not in (:ns))" if is_named_by(edge.target) else ""
    return (
        f"select obj.id, obj.parent.id, obj.details.owner.id, c.id{kind} "  # noqa: S608
        f"from {edge.attribute} obj join obj.child c "
        f"where obj.parent.id in (:ids) and obj.id > :after{named} order by obj.id"
    )


def sets(edge: Edge) -> str:
    """Return the query for the tag sets of objects: ids of link and tag set, its class."""
    return (
        f"select obj.id, p.id, type(p.class) from {edge.attribute} obj join obj.parent p "  # noqa: S608
        "where obj.child.id in (:ids) and p.ns = :ns and obj.id > :after order by obj.id"
    )


def count(name: str, path: str) -> str:
    """Return the query that counts the objects of a class that refer to others."""
    return f"select count(obj.id) from {name} obj where obj.{path} in (:ids)"  # noqa: S608


def whole(name: str, field: Field) -> str:
    """Return the query that loads objects with a field that a projection cannot have."""
    fetch = f"left outer join fetch obj.{field.attribute} " if field.type is Type.PAIRS else ""
    return f"select distinct obj from {name} obj {fetch}where obj.id in (:ids)"  # noqa: S608


def whole_value(obj: Any, field: Field) -> Value | None:
    """Return the value of such a field; OMERO does not distinguish empty from null."""
    value = getattr(obj, field.attribute)
    if not value:
        return None
    if field.type is Type.BYTES:
        return bytes(value)
    # Gaps in the list's index are None.
    return tuple((pair.name, pair.value) for pair in value if pair is not None)
