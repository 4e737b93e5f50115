# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries asked in batches, and their rows made into nodes and edges.

Batches are bounded by ids, answers by rows. What has come for a batch is attached to its nodes at
once, so that memory holds little besides the nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Edge, Type, Via
from graphxfer.graph import Header, Node, TransferGraph, iri
from graphxfer.omero import queries
from graphxfer.omero.connect import Server
from graphxfer.omero.queries import Row

BATCH = 1000
"""Ids in a query: Hibernate walks longer lists in ever deeper recursion."""
PAGE = 5000
"""Rows of an answer: OMERO makes the whole of it in memory, and refuses more than 250 MB."""
BATCH_OF_BYTES = 200
"""Objects with bytes in an answer."""


class Task(NamedTuple):
    """A query, the ids that it is asked for, and what takes its rows; column 0 has their id."""

    hql: str
    ids: Iterable[int]
    take: Callable[[list[Row]], None]
    params: Mapping[str, Any] = {}
    paged: bool = True

    def batches(self) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Iterate over the parameters of each batch."""
        page = {"after": -1, "limit": PAGE} if self.paged else {}
        for batch in _batches(self.ids, BATCH):
            yield self, {"ids": batch, **page, **self.params}


def ask(server: Server, tasks: Iterable[Task], after: Callable[[], None] = lambda: None) -> None:
    """Ask all queries, some at once, and hand over their rows in order.

    Parameters
    ----------
    server : Server
        Whom.
    tasks : iterable of Task
        What.
    after : callable
        Called when all rows of a batch were handed over.
    """
    asked = [batch for task in tasks for batch in task.batches()]
    answers = server.stream((task.hql, params) for task, params in asked)
    for (task, params), answer in zip(asked, answers, strict=True):
        rows = answer
        task.take(rows)
        while len(rows) == params.get("limit"):
            params["after"] = rows[-1][0]
            rows = server.rows(task.hql, **params)
            task.take(rows)
        after()


def _batches(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for first in range(0, len(ordered), size):
        yield ordered[first : first + size]


class Reader:
    """Reads nodes by their ids, and their edges.

    Objects are known by family and id, as OMERO's tables are.

    Parameters
    ----------
    server : Server
        Where.
    advance : callable
        Told how many nodes were read.
    """

    def __init__(self, server: Server, advance: Callable[[int], None]) -> None:
        self._server, self._advance = server, advance
        self._nodes: dict[str, dict[int, Node]] = defaultdict(dict)
        self._edges: dict[tuple[str, str], dict[int, list[tuple[int, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        """Targets that wait for their batch to be complete: by family and edge, then parent."""

    def read(self, ids: Mapping[str, Iterable[int]]) -> None:
        """Read the nodes of classes by their ids."""
        self._ask(self._by_id(name, some) for name, some in ids.items())
        for name, some in ids.items():
            self._read_whole(name, some)

    def read_edges(self) -> None:
        """Read the links and collections of all nodes."""
        families = list(self._nodes.items())
        self._ask(task for name, ids in families for task in self._starting_at(name, ids))

    def graph(self, header: Header) -> TransferGraph:
        """Return the graph of what was read; the reader is empty then."""
        graph = TransferGraph(header)
        for name in dict.fromkeys(map(queries.family, [*catalogue.CLASSES, *self._nodes])):
            nodes = self._nodes.pop(name, {})
            for id_ in sorted(nodes):
                graph.add(nodes[id_])
        return graph

    def _ask(self, tasks: Iterable[Task]) -> None:
        ask(self._server, tasks, self._attach)

    def _by_id(self, name: str, ids: Iterable[int]) -> Task:
        return Task(queries.nodes(name), ids, partial(self._take_nodes, name))

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
            size = BATCH_OF_BYTES if part.type is Type.BYTES else BATCH
            hql = queries.whole(name, part)
            for batch in _batches((id_ for id_ in ids if id_ in nodes), size):
                for found in self._server.objects(hql, ids=batch):
                    value = queries.whole_value(found, part)
                    if value is not None:
                        nodes[found.id.val].fields[part.name] = value

    def _starting_at(self, family: str, ids: Iterable[int]) -> Iterator[Task]:
        """Yield what is asked about the links and collections of a family's nodes."""
        for owner, edge in edges_of(family):
            if edge.via is Via.LINK:
                yield self._links(family, edge, ids)
            elif edge.via is Via.LIST:
                yield self._parts(owner, edge, ids)

    def _links(self, family: str, edge: Edge, ids: Iterable[int]) -> Task:
        named = queries.is_named_by(edge.target)
        params = {"ns": list(catalogue.IMPORT_NAMESPACES)} if named else {}
        return Task(queries.links(edge), ids, partial(self._take_links, family, edge), params)

    def _take_links(self, family: str, edge: Edge, rows: list[Row]) -> None:
        edges = self._edges[family, edge.name]
        for link, parent, _, child, *kind in rows:
            edges[parent].append((link, self._iri(queries.kind(kind, edge.target), child)))

    def _parts(self, owner: str, edge: Edge, ids: Iterable[int]) -> Task:
        take = partial(self._take_parts, owner, edge)
        return Task(queries.children(owner, edge, whole=False), ids, take)

    def _take_parts(self, owner: str, edge: Edge, rows: list[Row]) -> None:
        edges = self._edges[queries.family(owner), edge.name]
        for child, *kind, parent, place in rows:
            edges[parent].append((place, self._iri(queries.kind(kind, edge.target), child)))

    def _iri(self, name: str, id_: int) -> str:
        """Return an object's IRI; that of the node itself where it was read, to save room."""
        node = self._nodes[queries.family(name)].get(id_)
        return node.iri if node else iri(name, id_)

    def _attach(self) -> None:
        """Give nodes the edges that are complete: parts by their place, links by their id."""
        for (family, name), edges in self._edges.items():
            nodes = self._nodes[family]
            for parent, targets in edges.items():
                nodes[parent].edges[name] = tuple(
                    dict.fromkeys(each for _, each in sorted(targets))
                )
        self._edges.clear()


@cache
def edges_of(family: str) -> tuple[tuple[str, Edge], ...]:
    """Return the edges of a family's classes, each once, with the class to ask for it."""
    found: dict[str, tuple[str, Edge]] = {}
    for entry in catalogue.subclasses(family):
        for edge in entry.edges:
            # All classes of a family share a link class; a collection is asked of its own.
            key = edge.attribute if edge.via is Via.LINK else f"{entry.name}.{edge.attribute}"
            found.setdefault(key, (entry.name, edge))
    return tuple(found.values())
