# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO objects into a transfer graph.

Classes are read family by family (all kinds of Shape together), in an order in which each is
complete before what hangs on it is asked for: so the count of calls depends on classes and on
batches of ids, not on objects. Batches are bounded by ids, answers by rows.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, NamedTuple

import networkx as nx

from graphxfer import __version__, model
from graphxfer.errors import NotThere
from graphxfer.graph import Header, LeftOut, Node, TransferGraph, iri
from graphxfer.model import Class, Edge, Follow, NotCovered, Type, Via
from graphxfer.omero import queries
from graphxfer.omero.connect import Server
from graphxfer.omero.queries import Row
from graphxfer.progress import SILENT, Progress

BATCH = 1000
"""Ids in a query: Hibernate walks longer lists in ever deeper recursion."""
PAGE = 5000
"""Rows of an answer: OMERO makes the whole of it in memory, and refuses more than 250 MB."""
BATCH_OF_BYTES = 200
"""Objects with bytes in an answer."""

NOT_MOVED = "this class is not moved yet"
UNREADABLE = "linked, but could not be read: deleted meanwhile, or not permitted"
NO_FILES = "images without files are not moved yet"
UNUSED = "in a tag set, but on nothing that was selected"


def select(
    server: Server, roots: Mapping[str, Sequence[int]], progress: Progress = SILENT
) -> TransferGraph:
    """Read objects and all that an export brings along with them.

    Parameters
    ----------
    server : Server
        Where to read.
    roots : mapping
        Ids by class: ``{"Project": [51]}``.
    progress : Progress
        Told how many nodes were read.

    Raises
    ------
    NotThere
        If a root does not exist or may not be read; it names each.
    """
    _check_roots(server, roots)
    with progress.task(f"Reading from {server.profile.name}") as advance:
        selection = _Selection(server, advance)
        for name, ids in roots.items():
            selection.want(name, ids)
        selection.run()
        header = _header(server)
        asked = (iri(name, id_) for name, ids in roots.items() for id_ in ids)
        graph = selection.graph(header)
    header.roots = tuple(each for each in dict.fromkeys(asked) if each in graph)
    header.came_along = tuple(each for each in selection.came_along if each in graph)
    return graph


def fetch_nodes(
    server: Server, ids: Mapping[str, Sequence[int]], progress: Progress = SILENT
) -> TransferGraph:
    """Read exactly these objects with all their edges, also those that lead out of the graph.

    Objects that are not there are left out.

    Parameters
    ----------
    server : Server
        Where to read.
    ids : mapping
        Ids by concrete class; link classes too.
    progress : Progress
        Told how many nodes were read.
    """
    with progress.task(f"Reading from {server.profile.name}") as advance:
        reader = _Reader(server, advance)
        reader.read(ids)
        reader.read_edges()
        return reader.graph(_header(server))


def _header(server: Server) -> Header:
    return Header(
        server.profile.base,
        server.database_uuid,
        server.version,
        f"graphxfer {__version__}",
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _check_roots(server: Server, roots: Mapping[str, Sequence[int]]) -> None:
    """Refuse the export where something that was asked for is not there."""
    missing: list[str] = []
    for name, ids in roots.items():
        found: set[int] = set()
        task = _Task(queries.ids(name, "obj.id"), ids, partial(_add_ids, found))
        _ask(server, [task])
        missing += [f"{name}:{id_}" for id_ in sorted(set(ids) - found)]
    if missing:
        more = f" and {len(missing) - 20:,} more" if len(missing) > 20 else ""
        raise NotThere(
            f"{', '.join(missing[:20])}{more}: not there, or not readable for {server.user_name}",
            where=server.profile.address,
            do="are the ids right? what others keep private only they, or an administrator, export",
        )


def _add_ids(found: set[int], rows: list[Row]) -> None:
    found.update(row[0] for row in rows)


# -- asking in batches --------------------------------------------------------------------------


class _Task(NamedTuple):
    """A query, the ids that it is asked for, and what takes its rows; column 0 has their id."""

    hql: str
    ids: Iterable[int]
    take: Callable[[list[Row]], None]
    params: Mapping[str, Any] = {}
    paged: bool = True

    def asks(self) -> Iterator[tuple[_Task, dict[str, Any]]]:
        """Iterate over the parameters of each batch."""
        page = {"after": -1, "limit": PAGE} if self.paged else {}
        for batch in _batches(self.ids, BATCH):
            yield self, {"ids": batch, **page, **self.params}


def _ask(server: Server, tasks: Iterable[_Task]) -> None:
    """Ask all queries, some at once, and hand over their rows in order."""
    asked = [ask for task in tasks for ask in task.asks()]
    answers = server.stream((task.hql, params) for task, params in asked)
    for (task, params), answer in zip(asked, answers, strict=True):
        rows = answer
        task.take(rows)
        while len(rows) == params.get("limit"):
            params["after"] = rows[-1][0]
            rows = server.rows(task.hql, **params)
            task.take(rows)


def _batches(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for first in range(0, len(ordered), size):
        yield ordered[first : first + size]


# -- reading nodes and edges --------------------------------------------------------------------


@dataclass(slots=True)
class _Links:
    """The links of one class, by their id: parent, child, owner, and the child's class."""

    edge: Edge
    parents: str
    found: dict[int, tuple[int, int, int, str]] = field(default_factory=dict)


class _Reader:
    """Nodes that were read, with the edges between them.

    Objects are known by family and id, as OMERO's tables are.
    """

    def __init__(self, server: Server, advance: Callable[[int], None]) -> None:
        self._server, self._advance = server, advance
        self._nodes: dict[str, dict[int, Node]] = defaultdict(dict)
        self._links: dict[str, _Links] = {}
        self._places: dict[tuple[str, str], dict[int, list[tuple[int, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def read(self, ids: Mapping[str, Iterable[int]]) -> None:
        """Read the nodes of classes by their ids."""
        _ask(self._server, [self._by_id(name, some) for name, some in ids.items()])
        for name, some in ids.items():
            self._read_whole(name, some)

    def _by_id(self, name: str, ids: Iterable[int]) -> _Task:
        return _Task(queries.nodes(name), ids, partial(self._take_nodes, name))

    def _take_nodes(self, name: str, rows: list[Row]) -> None:
        node_of = queries.projection(name).node
        nodes = self._nodes[queries.family(name)]
        for row in rows:
            nodes[row[0]] = node_of(row)
        self._advance(len(rows))

    def _read_whole(self, name: str, ids: Iterable[int]) -> None:
        """Read the fields for which objects have to be loaded."""
        nodes = self._nodes[queries.family(name)]
        for part in queries.projection(name).whole:
            size = BATCH_OF_BYTES
            hql = queries.whole(name, part)
            for batch in _batches((id_ for id_ in ids if id_ in nodes), size):
                for found in self._server.objects(hql, ids=batch):
                    value = queries.whole_value(found, part)
                    if value is not None:
                        nodes[found.id.val].fields[part.name] = value

    def read_edges(self) -> None:
        """Read the links and collections of all nodes."""
        families = list(self._nodes.items())
        _ask(self._server, (task for name, ids in families for task in self._edges(name, ids)))

    def _edges(self, family: str, ids: Iterable[int]) -> Iterator[_Task]:
        for owner, edge in _edges_of(family):
            if edge.via is Via.LINK:
                yield self._links_of(owner, edge, ids)
            elif edge.via is Via.LIST:
                yield self._parts_of(owner, edge, ids)

    def _parts_of(self, owner: str, edge: Edge, ids: Iterable[int]) -> _Task:
        take = partial(self._take_parts, owner, edge)
        return _Task(queries.children(owner, edge, whole=False), ids, take)

    def _links_of(self, owner: str, edge: Edge, ids: Iterable[int]) -> _Task:
        links = self._links.setdefault(edge.attribute, _Links(edge, queries.family(owner)))
        named = queries.is_named_by(edge.target)
        params = {"ns": list(model.IMPORT_NAMESPACES)} if named else {}
        return _Task(queries.links(edge), ids, partial(self._take_links, links), params)

    def _take_links(self, links: _Links, rows: list[Row]) -> None:
        for link, parent, owner, child, *kind in rows:
            name = queries.class_name(kind[0]) if kind else links.edge.target
            links.found[link] = (parent, child, owner, name)

    def _take_parts(self, owner: str, edge: Edge, rows: list[Row]) -> None:
        for child, *kind, parent, place in rows:
            name = queries.class_name(kind[0]) if kind else edge.target
            self._place(owner, edge, parent, place, iri(name, child))

    def _place(self, owner: str, edge: Edge, parent: int, place: int, child: str) -> None:
        self._places[queries.family(owner), edge.name][parent].append((place, child))

    def graph(self, header: Header) -> TransferGraph:
        """Return the graph of what was read."""
        self._attach_parts()
        for links in self._links.values():
            self._attach_links(links)
        graph = TransferGraph(header)
        for name in dict.fromkeys(map(queries.family, [*model.CLASSES, *self._nodes])):
            nodes = self._nodes.pop(name, {})
            for id_ in sorted(nodes):
                graph.add(nodes[id_])
        return graph

    def _attach_parts(self) -> None:
        for (family, name), places in self._places.items():
            for parent, children in places.items():
                self._nodes[family][parent].edges[name] = tuple(
                    child for _, child in sorted(children)
                )

    def _attach_links(self, links: _Links) -> None:
        targets: dict[int, dict[str, None]] = defaultdict(dict)
        for link in sorted(links.found):
            parent, child, _, name = links.found[link]
            targets[parent][iri(name, child)] = None
        for parent, linked in targets.items():
            self._nodes[links.parents][parent].edges[links.edge.name] = tuple(linked)


@cache
def _edges_of(family: str) -> tuple[tuple[str, Edge], ...]:
    """Return the edges of a family's classes, each once, with the class to ask for it."""
    found: dict[str, tuple[str, Edge]] = {}
    for entry in model.subclasses(family):
        for edge in entry.edges:
            # All classes of a family share the link class; a collection is asked of its own.
            owner = family if edge.via is Via.LINK else entry.name
            key = edge.attribute if edge.via is Via.LINK else f"{entry.name}.{edge.attribute}"
            found.setdefault(key, (owner, edge))
    return tuple(found.values())


# -- selecting what comes along -----------------------------------------------------------------


class _Selection(_Reader):
    """A reader that follows edges as the catalogue says, and counts what it leaves out."""

    def __init__(self, server: Server, advance: Callable[[int], None]) -> None:
        super().__init__(server, advance)
        self.came_along: dict[str, None] = {}
        self._asked: dict[str, set[int]] = defaultdict(set)
        self._wanted: dict[str, set[int]] = defaultdict(set)
        self._fresh: dict[str, set[int]] = defaultdict(set)
        self._sets: set[tuple[str, int]] = set()
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._gone: dict[str, set[int]] = defaultdict(set)

    def want(self, name: str, ids: Iterable[int]) -> set[int]:
        """Have objects read; return those that were not asked for before."""
        asked = self._asked[queries.family(name)]
        new = set(ids) - asked
        asked |= new
        if name in model.CLASSES:
            self._wanted[name] |= new
        else:
            self._leave_out(name, new, NOT_MOVED)
        return new

    def _leave_out(self, name: str, ids: Collection[int], why: str) -> None:
        self._left_out[name, why] += len(ids)
        self._gone[name].update(ids)

    def run(self) -> None:
        """Read until nothing more is wanted."""
        self._run()
        self._drop_links()
        self.read(self._links_of_other_owners())
        self._run()  # these owners

    def _run(self) -> None:
        for families in _order():
            while family := next((name for name in families if self._is_open(name)), None):
                self._wave(family)

    def _is_open(self, family: str) -> bool:
        wanted = any(self._wanted.get(entry.name) for entry in model.subclasses(family))
        return wanted or bool(self._fresh.get(family))

    def _wave(self, family: str) -> None:
        """Read what is wanted of a family, and then what hangs on it."""
        names = [entry.name for entry in model.subclasses(family)]
        wanted = {name: ids for name in names if (ids := self._wanted.pop(name, None))}
        self.read(wanted)
        for name, ids in wanted.items():
            lost = ids - self._nodes[family].keys() - self._gone[name]
            self._leave_out(name, lost, UNREADABLE)
        _ask(self._server, self._hanging_on(family, self._fresh.pop(family, set())))

    def _take_nodes(self, name: str, rows: list[Row]) -> None:
        if name == model.FILESETLESS:
            rows = self._with_files(name, rows)
        super()._take_nodes(name, rows)
        family, ids = queries.family(name), [row[0] for row in rows]
        self._asked[family].update(ids)
        self._fresh[family].update(ids)
        for edge, column in queries.projection(name).references:
            if edge.follow is not Follow.IN and not queries.is_abstract(edge.target):
                self.want(edge.target, {row[column] for row in rows if row[column] is not None})

    def _with_files(self, name: str, rows: list[Row]) -> list[Row]:
        """Return the rows of images with a fileset; the others are left out."""
        references = queries.projection(name).references
        column = next(column for edge, column in references if edge.name == "fileset")
        without = {row[0] for row in rows if row[column] is None}
        self._leave_out(name, without, NO_FILES)
        return [row for row in rows if row[0] not in without] if without else rows

    def _hanging_on(self, family: str, ids: set[int]) -> Iterator[_Task]:
        """Yield all that is asked about a family's nodes."""
        yield from self._edges(family, ids)
        for entry, edge in _bringing(family):
            yield self._brought_by(entry.name, edge, ids)
        for _, edge in _edges_of(family):
            if edge.via is Via.LINK and queries.family(edge.target) == family:
                take = partial(self._take_sets, family)
                yield _Task(queries.sets(edge), ids, take, {"ns": model.TAG_SET})
        for uncovered in model.NOT_COVERED:
            if uncovered.parent == family:
                hql = queries.count(uncovered.name, uncovered.path)
                yield _Task(hql, ids, partial(self._take_count, uncovered), paged=False)

    def _parts_of(self, owner: str, edge: Edge, ids: Iterable[int]) -> _Task:
        if not queries.is_direct(edge.target):
            return super()._parts_of(owner, edge, ids)
        take = partial(self._take_whole_parts, owner, edge)
        return _Task(queries.children(owner, edge, whole=True), ids, take)

    def _take_whole_parts(self, owner: str, edge: Edge, rows: list[Row]) -> None:
        self._take_nodes(edge.target, rows)
        super()._take_parts(owner, edge, [[row[0], *row[-2:]] for row in rows])

    def _take_parts(self, owner: str, edge: Edge, rows: list[Row]) -> None:
        super()._take_parts(owner, edge, rows)
        self._want_each(edge.target, ((row[0], row[1:-2]) for row in rows))

    def _want_each(self, target: str, found: Iterable[tuple[int, Sequence[str]]]) -> None:
        """Have objects read of which the class may be in the row."""
        by_class: dict[str, set[int]] = defaultdict(set)
        for id_, kind in found:
            by_class[queries.class_name(kind[0]) if kind else target].add(id_)
        for name, ids in by_class.items():
            self.want(name, ids)

    def _brought_by(self, name: str, edge: Edge, ids: Iterable[int]) -> _Task:
        """Return the question for what refers to objects, and comes with them."""
        path = f"obj.{edge.attribute}.id"
        if edge.follow is Follow.IN and queries.is_direct(name):
            return _Task(queries.nodes(name, path), ids, partial(self._take_nodes, name))
        return _Task(queries.ids(name, path), ids, partial(self._take_brought, name))

    def _take_brought(self, name: str, rows: list[Row]) -> None:
        new = self.want(name, (row[0] for row in rows))
        if model.CLASSES[name].root:
            self.came_along |= dict.fromkeys(iri(name, id_) for id_ in sorted(new))

    def _take_links(self, links: _Links, rows: list[Row]) -> None:
        super()._take_links(links, rows)
        # A tag set that is here for a tag of its does not bring its other tags.
        found = ((row[3], row[4:]) for row in rows if (links.parents, row[1]) not in self._sets)
        self._want_each(links.edge.target, found)

    def _take_sets(self, family: str, rows: list[Row]) -> None:
        known = self._asked[family].copy()
        self._want_each(family, ((row[1], row[2:]) for row in rows))
        self._sets |= {(family, row[1]) for row in rows if row[1] not in known}

    def _take_count(self, uncovered: NotCovered, rows: list[Row]) -> None:
        self._left_out[uncovered.name, uncovered.why] += rows[0][0]

    def _drop_links(self) -> None:
        """Drop links to what is not in the graph; tags of a set that nothing carries are told."""
        for links in self._links.values():
            unused: dict[str, set[int]] = defaultdict(set)
            for link, (parent, child, _, name) in list(links.found.items()):
                if child not in self._nodes[queries.family(name)]:
                    del links.found[link]
                    if (links.parents, parent) in self._sets and child not in self._gone[name]:
                        unused[name].add(child)
            for name, ids in unused.items():
                self._leave_out(name, ids, UNUSED)

    def _links_of_other_owners(self) -> dict[str, list[int]]:
        """Return the links that another than their parent's owner made; they become nodes."""
        found = {}
        for name, links in self._links.items():
            owner_of = self._nodes[links.parents]
            found[name] = [
                link
                for link, (parent, _, owner, _) in links.found.items()
                if owner_of[parent].target(model.OWNER.name) != iri(model.OWNER.target, owner)
            ]
        return {name: ids for name, ids in found.items() if ids}

    def graph(self, header: Header) -> TransferGraph:
        """Return the graph; its header tells what was left out."""
        header.left_out = tuple(
            LeftOut(name, number, why)
            for (name, why), number in sorted(self._left_out.items())
            if number
        )
        graph = super().graph(header)
        gone = {iri(name, id_) for name, ids in self._gone.items() for id_ in ids}
        for node in graph if gone else ():
            for name, targets in node.edges.items():
                if not gone.isdisjoint(targets):
                    node.edges[name] = tuple(each for each in targets if each not in gone)
        return graph


@cache
def _bringing(family: str) -> tuple[tuple[Class, Edge], ...]:
    """Return the classes that come with what they refer to, a family, and the references."""
    return tuple(
        (entry, edge)
        for entry in model.CLASSES.values()
        for edge in entry.edges
        if edge.follow is not Follow.OUT and queries.family(edge.target) == family
    )


@cache
def _order() -> tuple[tuple[str, ...], ...]:
    """Return the families in the order of reading; those that bring each other stay together."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for entry in model.CLASSES.values():
        graph.add_node(queries.family(entry.name))
        for edge in entry.edges:
            ends = queries.family(entry.name), queries.family(edge.target)
            graph.add_edges_from([ends] if edge.follow is not Follow.IN else [])
            graph.add_edges_from([ends[::-1]] if edge.follow is not Follow.OUT else [])
    rank = {name: number for number, name in enumerate(graph)}
    together = nx.condensation(graph).nodes(data="members")
    order = nx.lexicographical_topological_sort(
        nx.condensation(graph), key=lambda node: min(map(rank.__getitem__, together[node]))
    )
    return tuple(tuple(sorted(together[node], key=rank.__getitem__)) for node in order)
