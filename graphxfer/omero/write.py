# SPDX-License-Identifier: GPL-2.0-or-later
"""Create OMERO objects from nodes and links; save, update and delete in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rbool, rdouble, rint, rlong, rstring, rtime

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Maker, Type, Value, Via
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.graph.correspondence import There
from graphxfer.omero.connect import Server

SMALL = 500
"""The most objects or links of one call; a link takes 2.5 kB of memory until it is saved."""
LARGE = 200
"""The most objects with parts (ROIs with their shapes) of one call."""
WEIGHT = 10_000_000
"""The most bytes of one call, about; masks and polygons are large."""


# -- objects from nodes -------------------------------------------------------------------------

_SIMPLE: Mapping[Type, Callable[[Any], Any]] = {
    Type.STRING: rstring,
    Type.INT: rint,
    Type.LONG: rlong,
    Type.DOUBLE: rdouble,
    Type.BOOLEAN: rbool,
    Type.TIME: rtime,
    Type.BYTES: bytes,
    Type.PAIRS: lambda pairs: [omero.model.NamedValue(name, value) for name, value in pairs],
}


def new(class_name: str) -> Any:
    """Return a new OMERO object of a class."""
    return getattr(omero.model, f"{class_name}I")()


def reference(class_name: str, id_: int) -> Any:
    """Return an unloaded object, which only has an id; a loaded one would overwrite the row."""
    return getattr(omero.model, f"{class_name}I")(id_, False)


def wrap(field: Field, value: Value | None) -> Any:
    """Return a field's value as an attribute of an OMERO object."""
    if value is None:
        return None
    if field.type is Type.ENUM:
        wrapped = new(field.of)
        wrapped.value = rstring(value)
        return wrapped
    if field.type is Type.QUANTITY and isinstance(value, catalogue.Quantity):
        return getattr(omero.model, f"{field.of}I")(value.value, value.unit)
    if field.type is Type.TRANSFORM and isinstance(value, catalogue.AffineTransform):
        wrapped = new(field.of)
        for name, number in value._asdict().items():
            setattr(wrapped, name, rdouble(number))
        return wrapped
    return _SIMPLE[field.type](value)


class Builder:
    """Builds OMERO objects from a graph's nodes.

    Parameters
    ----------
    graph : TransferGraph
        The source's graph.
    ids : callable
        Returns the id at the destination of a node's counterpart.
    hasher : callable
        Returns the checksum algorithm for a node's file; empty if it has none.
    """

    def __init__(
        self, graph: TransferGraph, ids: Callable[[str], int], hasher: Callable[[Node], str]
    ) -> None:
        self._graph, self._ids, self._hasher = graph, ids, hasher

    def build(self, node: Node) -> Any:
        """Return a new object for a node, with its parts."""
        entry, created = class_of(node), new(node.type)
        for field in entry.fields:
            value = node.fields.get(field.name)
            if field.attribute == "hasher":
                value = self._hasher(node) or None
            elif (field.varies and not field.required) or field.computed:
                continue
            if value is not None:
                setattr(created, field.attribute, wrap(field, value))
        for edge in entry.edges:
            self._attach(created, node, edge)
        return created

    def _attach(self, created: Any, node: Node, edge: Edge) -> None:
        targets = node.edges.get(edge.name, ())
        if edge.via is Via.REFERENCE and targets and not _of_server(edge.target):
            target = self._graph[targets[0]]
            setattr(created, edge.attribute, reference(target.type, self._ids(target.iri)))
        elif edge.via is Via.LIST:
            # The generated classes have no general way to add to a list; their own methods do this.
            children = getattr(created, f"_{edge.attribute}Seq")
            for target in (self._graph[iri] for iri in targets if iri in self._graph):
                child = self.build(target)
                setattr(child, edge.inverse, created)
                children.append(child)


def _of_server(class_name: str) -> bool:
    return all(entry.maker is Maker.SERVER for entry in catalogue.subclasses(class_name))


def link(class_name: str, parent: tuple[str, int], child: tuple[str, int]) -> Any:
    """Return a new link between two existing objects, given as (class, id)."""
    created = new(class_name)
    created.parent, created.child = reference(*parent), reference(*child)
    return created


# -- batches --------------------------------------------------------------------------------------


def weight(graph: TransferGraph, node: Node) -> int:
    """Return the bytes of a node in a call, with its parts, about."""
    own = 200 + sum(
        len(value) if isinstance(value, (str, bytes)) else 40 * len(value)
        for value in node.fields.values()
        if isinstance(value, (str, bytes, tuple))
    )
    return own + sum(weight(graph, part) for part in parts(graph, node))


def parts(graph: TransferGraph, node: Node) -> list[Node]:
    """Return the parts that are saved with a node, in order."""
    return [
        graph[iri]
        for edge in class_of(node).edges
        if edge.via is Via.LIST
        for iri in node.edges.get(edge.name, ())
        if iri in graph
    ]


def batches(graph: TransferGraph, nodes: Iterable[Node]) -> Iterator[list[Node]]:
    """Divide nodes into batches for one call each: of one class, and not too large.

    A node that refers to a node of the same batch begins the next batch.
    """
    batch: list[Node] = []
    heavy, iris = 0, set[str]()
    for node in nodes:
        entry, more = class_of(node), weight(graph, node)
        most = LARGE if any(edge.via is Via.LIST for edge in entry.edges) else SMALL
        references = (edge.name for edge in entry.edges if edge.via is Via.REFERENCE)
        needs = {target for name in references for target in node.edges.get(name, ())}
        full = len(batch) >= most or heavy + more > WEIGHT
        if batch and (full or batch[0].type != node.type or needs & iris):
            yield batch
            batch, heavy, iris = [], 0, set()
        batch.append(node)
        heavy += more
        iris.add(node.iri)
    if batch:
        yield batch


# -- saving, updating, deleting -----------------------------------------------------------------


def save(server: Server, objects: Sequence[Any]) -> list[int]:
    """Save objects in one transaction and return their ids, in order.

    New objects are inserted; one that was loaded, and changed since, makes the whole call fail.
    """
    update = server.service("IUpdate")
    if all(one.id is None for one in objects):
        return list(update.saveAndReturnIds(list(objects)))  # which takes new objects only
    return [one.id.val for one in update.saveAndReturnArray(list(objects))]


Wanted = Mapping[int, Sequence[tuple[Field, Value | None]]]
"""Fields and their new values, by the object's id."""
References = Mapping[int, Sequence[tuple[Edge, There | None]]]
"""References and their new targets, by the object's id."""
May = Callable[[int, Field | Edge, "Value | There | None"], bool]
"""Whether a field or reference may be set, given the object's id and the present value."""


def update(
    server: Server,
    entry: Class,
    wanted: Wanted,
    references: References | None = None,
    may: May = lambda *_: True,
) -> int:
    """Set fields and references of existing objects; return how many objects differed.

    The objects are loaded and saved: their other fields stay unchanged. OMERO refuses to save an
    object that was changed since it was loaded, so a copy of the call that arrives late does
    nothing. Only entries of filesets have no version by which OMERO could know that.

    Parameters
    ----------
    server : Server
        The destination.
    entry : Class
        Their class.
    wanted : mapping
        Fields and their new values, by the object's id.
    references : mapping, optional
        References and their new targets, by the object's id.
    may : callable, optional
        Tells whether to set a field or reference, given its present value.
    """
    changed, targets = [], references or {}
    for found in _loaded(server, entry, sorted({*wanted, *targets})):
        number, differs = found.id.val, False
        for field, value in wanted.get(number, ()):
            now = _plain(field, getattr(found, field.attribute))
            if now != value and repr(now) != repr(value) and may(number, field, now):
                # The empty list, as OMERO does not distinguish it from null.
                new = wrap(field, () if value is None and field.type is Type.PAIRS else value)
                setattr(found, field.attribute, new)
                differs = True
        for edge, there in targets.get(number, ()):
            other = getattr(found, edge.attribute)
            known = None if other is None else There(_class_name(other), other.id.val)
            alike = other is not None and there is not None and other.id.val == there.id
            if not (alike or known is there) and may(number, edge, known):
                setattr(found, edge.attribute, None if there is None else reference(*there))
                differs = True
        if differs:
            changed.append(found)
    if changed:
        server.service("IUpdate").saveArray(changed)
    return len(changed)


def _loaded(server: Server, entry: Class, ids: Sequence[int]) -> Sequence[Any]:
    """Load objects, with what their fields consist of."""
    joined = (Type.ENUM, Type.TRANSFORM, Type.PAIRS)
    fetched = [
        f"left outer join fetch x.{field.attribute}"
        for field in entry.fields
        if field.type in joined and "." not in field.attribute
    ]
    hql = f"select distinct x from {entry.name} x {' '.join(fetched)} where x.id in (:ids)"  # noqa: S608
    found: Sequence[Any] = server.objects(hql, ids=list(ids))
    return found


def _class_name(found: Any) -> str:
    return type(found).__name__.removesuffix("I")


def _plain(field: Field, value: Any) -> Value | None:
    """Return the graph's form of an attribute's value."""
    if value is None:
        return None
    if field.type is Type.ENUM:
        return str(value.value.val)
    if field.type is Type.QUANTITY:
        return catalogue.Quantity(value.getValue(), str(value.getUnit()))
    if field.type is Type.TRANSFORM:
        numbers = catalogue.AffineTransform._fields
        return catalogue.AffineTransform(*(getattr(value, name).val for name in numbers))
    if field.type is Type.BYTES:
        return bytes(value) or None
    if field.type is Type.PAIRS:
        return tuple((pair.name, pair.value) for pair in value if pair is not None) or None
    plain: Value = value.val
    return plain


def _independent() -> list[str]:
    """Return the classes whose objects need no others; for subclasses their abstract class."""
    return sorted(
        {
            entry.parent or entry.name
            for entry in catalogue.CLASSES.values()
            if entry.root
            or (entry.maker in (Maker.USER, Maker.EITHER) and not _needs_another(entry))
        }
    )


def _needs_another(entry: Class) -> bool:
    return bool(entry.part_of) or any(edge.required for edge in entry.edges)


def _dependent() -> dict[str, set[str]]:
    """Return what the classes need that cannot exist alone, and that links also lead to.

    OMERO wants to keep such an object while a link of a remaining object leads to it, and refuses
    to delete what it needs: a Screen's Reagent that a Well of a remaining Plate has. So it is
    deleted with what it needs, and only then: or it would go with the last link to it, too.
    """
    linked = {
        edge.target
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
        if edge.via is Via.LINK
    }
    return {
        name: {entry.part_of, *(edge.target for edge in entry.edges if edge.required)}
        for name, entry in catalogue.CLASSES.items()
        if name in linked and _needs_another(entry)
    }


def delete(
    server: Server,
    targets: Mapping[str, Sequence[int]],
    *,
    alone: bool = False,
    dry_run: bool = False,
) -> dict[str, list[int]]:
    """Delete objects, and everything that OMERO deletes with them.

    Parameters
    ----------
    server : Server
        The destination.
    targets : mapping
        Ids by class.
    alone : bool
        Delete only their parts and links. Else OMERO also deletes objects that only they have:
        Datasets that are in no other Project, a file that no other annotation has.
    dry_run : bool
        Only report what would be deleted.

    Returns
    -------
    dict
        What was deleted, or would be: ids by class.
    """
    command = omero.cmd.Delete2(
        targetObjects={name: [int(i) for i in ids] for name, ids in targets.items()}, dryRun=dry_run
    )
    if alone:
        dependent = _dependent()
        included = sorted(name for name, needs in dependent.items() if needs & targets.keys())
        excluded = sorted({*_independent(), *dependent} - {*included})
        command.childOptions = [
            omero.cmd.graphs.ChildOption(includeType=included, excludeType=excluded)
        ]
    response = server.submit(command)
    return {
        name.rpartition(".")[2]: [int(number) for number in ids]
        for name, ids in response.deletedObjects.items()
    }
