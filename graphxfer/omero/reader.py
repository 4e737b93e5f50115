# SPDX-License-Identifier: GPL-2.0-or-later
"""Read nodes and edges with queries in batches.

A batch has a bounded number of ids, an answer a bounded number of rows. The edges of a batch are
added to its nodes when the batch is complete, so that memory contains little but the nodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
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
"""Maximum number of ids in a query: Hibernate recurses deeper for each id."""
PAGE = 5000
"""Maximum number of rows of an answer: OMERO holds it in memory, and refuses more than 250 MB."""
BATCH_OF_BYTES = 200
"""Maximum number of objects with bytes (masks) in an answer."""


class Task(NamedTuple):
    """A query, its ids, and the function that takes its rows; column 0 is the id to page by."""

    hql: str
    ids: Iterable[int]
    take: Callable[[list[Row]], None]
    params: Mapping[str, Any] = {}
    paged: bool = True

    def batches(self) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Iterate over the batches, with their query parameters."""
        page = {"after": -1, "limit": PAGE} if self.paged else {}
        for batch in _batches(self.ids, BATCH):
            yield self, {"ids": batch, **page, **self.params}


def ask(server: Server, tasks: Iterable[Task], after: Callable[[], None] = lambda: None) -> None:
    """Run queries, several at once, and pass their rows on in order.

    Parameters
    ----------
    server : Server
        The server.
    tasks : iterable of Task
        The queries.
    after : callable
        Called after all rows of a batch are passed on.
    """
    batches = [batch for task in tasks for batch in task.batches()]
    answers = server.stream((task.hql, params) for task, params in batches)
    for (task, params), answer in zip(batches, answers, strict=True):
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

    Objects are identified by family and id, like the rows of OMERO's tables.

    Parameters
    ----------
    server : Server
        The server.
    advance : callable
        Called with the number of nodes that were read.
    """

    def __init__(self, server: Server, advance: Callable[[int], None]) -> None:
        self._server, self._advance = server, advance
        self._nodes: dict[str, dict[int, Node]] = defaultdict(dict)
        self._edges: dict[tuple[str, str], dict[int, list[tuple[int, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        """Targets of incomplete batches: by family and edge, then parent."""
        self._repeated: dict[str, dict[int, str]] = defaultdict(dict)
        """Links that join the same two objects as another: children by link class and link."""

    def read(self, ids: Mapping[str, Iterable[int]]) -> None:
        """Read the nodes of classes by their ids."""
        self._ask(self._by_id(name, some) for name, some in ids.items())
        for name, some in ids.items():
            self._read_whole(name, some)

    def read_edges(self) -> None:
        """Read the links and collections of all nodes."""
        families = list(self._nodes.items())
        self._ask(task for name, ids in families for task in self._starting_at(name, ids))

    def read_repeated_links(self) -> None:
        """Read the links that join the same two objects as another link does, as nodes."""
        self.read(self._repeated)

    def graph(self, header: Header) -> TransferGraph:
        """Return the graph, and empty the reader."""
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
        """Read the fields for which objects must be loaded."""
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
        """Yield the queries for links and collections of a family's nodes."""
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
        """Return an object's IRI; if its node was read, the same string, to save memory."""
        node = self._nodes[queries.family(name)].get(id_)
        return node.iri if node else iri(name, id_)

    def _attach(self) -> None:
        """Add complete edges to the nodes: parts ordered by index, links by id."""
        for (family, name), edges in self._edges.items():
            nodes = self._nodes[family]
            for parent, targets in edges.items():
                unique = tuple(dict.fromkeys(each for _, each in sorted(targets)))
                nodes[parent].edges[name] = unique
                if len(unique) < len(targets):
                    self._note_repeated(family, name, targets)
        self._edges.clear()

    def _note_repeated(self, family: str, name: str, targets: list[tuple[int, str]]) -> None:
        """Note the links of several owners between the same two objects."""
        edges = (edge for _, edge in edges_of(family) if edge.name == name)
        if (edge := next(edges)).via is Via.LINK:
            times = Counter(target for _, target in targets)
            some = {link: target for link, target in targets if times[target] > 1}
            self._repeated[edge.attribute].update(some)


@cache
def edges_of(family: str) -> tuple[tuple[str, Edge], ...]:
    """Return the edges of a family's classes, each once, with a class that has it."""
    found: dict[str, tuple[str, Edge]] = {}
    for entry in catalogue.subclasses(family):
        for edge in entry.edges:
            # All classes of a family share link classes, but not collections.
            key = edge.attribute if edge.via is Via.LINK else f"{entry.name}.{edge.attribute}"
            found.setdefault(key, (entry.name, edge))
    return tuple(found.values())
