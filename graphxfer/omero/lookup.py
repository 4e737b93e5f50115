# SPDX-License-Identifier: GPL-2.0-or-later
"""Find what already exists at the destination: queries from the catalogue, in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Maker, Via
from graphxfer.graph import Header, Node, TransferGraph, class_of, fileset_tree
from graphxfer.graph.correspondence import There
from graphxfer.omero import queries, read
from graphxfer.omero.connect import Server

CHUNK = 1000
"""The most ids or values of one query."""

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Divide items into lists of at most `size`."""
    whole = list(items)
    return (whole[start : start + size] for start in range(0, len(whole), size))


# -- objects that may be reused -----------------------------------------------------------------


class Candidate(NamedTuple):
    """An existing object that may be reused for a node: id, owner's id, identity."""

    id: int
    owner: int
    identity: tuple[object, ...]


def alike(server: Server, entry: Class, values: Iterable[object]) -> list[Candidate]:
    """Return the objects of a class with some values, in the group to write to.

    Parameters
    ----------
    server : Server
        The destination.
    entry : Class
        A class with an identity.
    values : iterable
        Values of the first field of its identity.

    Returns
    -------
    list of Candidate
        Lowest ids first.
    """
    attributes = [field.attribute for name in entry.identity if (field := entry.field(name))]
    hql = (
        f"select x.id, x.details.owner.id, {', '.join(f'x.{name}' for name in attributes)}"  # noqa: S608
        f" from {entry.name} x where x.{attributes[0]} in (:values)"
        " and x.details.group.id = :group order by x.id"
    )
    return sorted(
        Candidate(row[0], row[1], tuple(row[2:]))
        for some in chunks(dict.fromkeys(values))
        for row in server.rows(hql, values=some, group=server.group_id)
    )


def linked(server: Server, link_class: str, parents: Iterable[int]) -> set[tuple[int, int]]:
    """Return the (parent, child) ids of all links from some objects, whoever created them."""
    hql = f"select l.parent.id, l.child.id from {link_class} l where l.parent.id in (:ids)"  # noqa: S608
    return {
        (parent, child)
        for some in chunks(sorted(set(parents)))
        for parent, child in server.rows(hql, ids=some)
    }


# -- objects created in a session ---------------------------------------------------------------


_LOGS = (
    "select l.child.id from FilesetJobLink f, JobOriginalFileLink l"
    " where f.child.id = l.parent.id and l.child.id in (:ids)"
)
"""Files that the jobs of filesets have: the logs of imports."""


def others(
    server: Server,
    class_name: str,
    ids: Iterable[int],
    sessions: Sequence[int],
    events: Sequence[int] = (),
) -> list[int]:
    """Return the ids of objects that were created in none of some sessions and events.

    The query asks for the objects that were: what the user may not read counts as others', too.
    The log of an import is not others': the server creates it, in an event of its own.

    Parameters
    ----------
    server : Server
        The destination.
    class_name : str
        Their class, or link class.
    ids : iterable of int
        Ids of objects.
    sessions : sequence of int
        Sessions that only graphxfer worked in.
    events : sequence of int
        Creation events: those of imports.
    """
    event = "x.details.creationEvent"
    hql = (
        f"select x.id from {class_name} x where x.id in (:ids)"  # noqa: S608
        f" and ({event}.session.id in (:sessions) or {event}.id in (:events))"
    )
    # A list of a query may not be empty, and there is no id of -1.
    made = {"sessions": [*sessions, -1], "events": [*events, -1]}
    wanted = set(ids)
    ours = {row[0] for some in chunks(wanted) for row in server.rows(hql, ids=some, **made)}
    if class_name == catalogue.FILE:
        left = sorted(wanted - ours)
        ours |= {row[0] for some in chunks(left) for row in server.rows(_LOGS, ids=some)}
    return sorted(wanted - ours)


def import_events(server: Server, filesets: Iterable[int]) -> list[int]:
    """Return the events in which filesets and their images were created.

    The importer saves what it reads from a file in one transaction (OMEROMetadataStore.saveToDB of
    ome/omero-server), so all of it has the event of the images.

    Parameters
    ----------
    server : Server
        The destination.
    filesets : iterable of int
        Ids of the filesets.
    """
    members = ((catalogue.FILESET, "id"), (catalogue.IMAGE, "fileset.id"))
    queries_ = [
        f"select distinct x.details.creationEvent.id from {name} x where x.{fileset} in (:ids)"  # noqa: S608
        for name, fileset in members
    ]
    some = list(chunks(sorted(filesets)))
    found = {row[0] for hql in queries_ for ids in some for row in server.rows(hql, ids=ids)}
    return sorted(found)


def present(server: Server, class_name: str, ids: Iterable[int]) -> list[int]:
    """Return the ids of those objects that still exist."""
    hql = f"select x.id from {class_name} x where x.id in (:ids)"  # noqa: S608
    return [row[0] for some in chunks(ids) for row in server.rows(hql, ids=some)]


# -- parts, and objects created by imports ------------------------------------------------------


def part_ids(server: Server, owner: str, edge: Edge, ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the ids of objects' parts (a ROI's shapes), in order."""
    hql = (
        f"select x.id, p.id from {owner} x join x.{edge.attribute} p"  # noqa: S608
        " where x.id in (:ids) order by x.id, index(p)"
    )
    found: defaultdict[int, list[int]] = defaultdict(list)
    for some in chunks(ids):
        for number, part in server.rows(hql, ids=some):
            found[number].append(part)
    return dict(found)


def holders(server: Server, filesets: Iterable[int]) -> Iterator[tuple[int, There]]:
    """Iterate over the objects whose parts show images of filesets: the Wells of their samples.

    Parameters
    ----------
    server : Server
        The destination.
    filesets : iterable of int
        Ids of the filesets.

    Yields
    ------
    tuple
        The id of a fileset, and an object that has a part which shows one of its images.
    """
    some = list(chunks(filesets))
    for owner in catalogue.CLASSES.values():
        for list_ in owner.edges:
            part = catalogue.CLASSES.get(list_.target) if list_.via is Via.LIST else None
            for edge in part.edges if part is not None else ():
                if edge.via is Via.REFERENCE and edge.target == catalogue.IMAGE:
                    hql = (
                        f"select distinct i.fileset.id, x.{list_.inverse}.id from {list_.target} x"  # noqa: S608
                        f" join x.{edge.attribute} i where i.fileset.id in (:ids)"
                    )
                    for ids in some:
                        for fileset, holder in server.rows(hql, ids=ids):
                            yield fileset, There(owner.name, holder)


def import_trees(
    server: Server, ids: Iterable[int], events: Collection[int] | None = None
) -> TransferGraph:
    """Read all objects that the imports of filesets created.

    ROIs and annotations that users have added since are not among them.

    Parameters
    ----------
    server : Server
        The destination.
    ids : iterable of int
        Ids of the filesets.
    events : collection of int, optional
        What :func:`import_events` returns for them.
    """
    filesets = list(ids)
    graph = TransferGraph(Header(server.profile.base, server.database_uuid))
    wanted = {There(fileset_tree.FILESET, number) for number in filesets}
    seen = set[There]()
    while wanted:
        seen |= wanted
        more = list(read.fetch_nodes(server, by_type(wanted)))
        for node in more:
            graph.add(node)
        found = {There.of(target) for node in more for target in _next(node)}
        wanted = (found | _leading(server, more)) - seen
    of_imports = set(import_events(server, filesets)) if events is None else events
    added = _added(server, graph, of_imports)
    return graph.without(added) if added else graph


def _added(server: Server, graph: TransferGraph, events: Collection[int]) -> set[str]:
    """Return the IRIs of those ROIs and annotations that no import created."""
    added = set[str]()
    for name in fileset_tree.embedded():
        if not catalogue.CLASSES[name].part_of:
            nodes = {node.id: node.iri for node in graph.of_type(name)}
            made = changes(server, name, nodes)
            added |= {
                one
                for number, one in nodes.items()
                if number not in made or made[number].created not in events
            }
    return added


class Changes(NamedTuple):
    """The events in which an object was created, and last changed."""

    created: int
    updated: int


def changes(server: Server, class_name: str, ids: Iterable[int]) -> dict[int, Changes]:
    """Return the events of objects that exist.

    Parameters
    ----------
    server : Server
        The destination.
    class_name : str
        Their class, or link class.
    ids : iterable of int
        Their ids.
    """
    events = "x.details.creationEvent.id, x.details.updateEvent.id"
    hql = f"select x.id, {events} from {class_name} x where x.id in (:ids)"  # noqa: S608
    rows = (row for some in chunks(ids) for row in server.rows(hql, ids=some))
    return {number: Changes(created, updated) for number, created, updated in rows}


def links_between(
    server: Server, links: Iterable[tuple[str, There, There]], events: Collection[int]
) -> list[There]:
    """Return the links between objects that were created in some events.

    Parameters
    ----------
    server : Server
        The destination.
    links : iterable of (str, There, There)
        Link class, parent and child.
    events : collection of int
        Creation events: those of imports.
    """
    by_class: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for name, parent, child in links:
        by_class[name].add((parent.id, child.id))
    found = []
    for name, ends in by_class.items():
        columns = "l.id, l.parent.id, l.child.id, l.details.creationEvent.id"
        hql = f"select {columns} from {name} l where l.parent.id in (:ids) order by l.id"  # noqa: S608
        for some in chunks({parent for parent, _ in ends}):
            for number, parent, child, event in server.rows(hql, ids=some):
                if (parent, child) in ends and event in events:
                    found.append(There(name, number))
    return found


def by_type(objects: Iterable[There]) -> dict[str, list[int]]:
    """Return the ids of objects by their class."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for one in sorted(objects):
        found[one.type].append(one.id)
    return found


def _next(node: Node) -> Iterator[str]:
    """Iterate over the IRIs that a node refers to: parts, files, annotations; not users, groups."""
    entry = class_of(node)
    for edge in entry.edges:
        targets = catalogue.subclasses(edge.target)
        if edge.via is Via.LIST or all(target.maker is not Maker.SERVER for target in targets):
            yield from node.edges.get(edge.name, ())


def _leading(server: Server, nodes: Sequence[Node]) -> set[There]:
    """Return what refers to imported objects: a fileset's images, an image's ROIs."""
    found = set[There]()
    for name, ids in by_type(There.of(node.iri) for node in nodes).items():
        for entry, edge in _leading_to(name):
            hql = queries.subjects(entry.name, edge)
            for some in chunks(ids):
                rows = server.rows(hql, ids=some, after=-1)
                found |= {There(entry.name, subject) for _, subject in rows}
    return found


def _leading_to(name: str) -> Iterator[tuple[Class, Edge]]:
    """Iterate over the edges to a class: from objects of the same import, and from people's."""
    yield from fileset_tree.incoming(name)
    for entry in catalogue.CLASSES.values() if fileset_tree.always_imported(name) else ():
        for edge in entry.edges:
            if entry.maker is Maker.USER and edge.via is Via.REFERENCE and edge.target == name:
                yield entry, edge
