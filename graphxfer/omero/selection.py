# SPDX-License-Identifier: GPL-2.0-or-later
"""Select what an export includes with the requested objects, and what it leaves out.

Classes are read family by family (all kinds of Shape together). A family is complete before the
objects that depend on it are read, so that the number of calls depends on classes and batches of
ids, not on objects.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache, partial

import networkx as nx

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Follow, Via
from graphxfer.graph import Header, LeftOut, TransferGraph, id_of, iri
from graphxfer.omero import queries
from graphxfer.omero.connect import Server
from graphxfer.omero.queries import Row
from graphxfer.omero.reader import Reader, Task, edges_of

NOT_COVERED = "graphxfer does not cover this class yet"
UNREADABLE = "deleted during the export, or not readable"
NO_FILES = "graphxfer does not cover images without files yet"
UNUSED = "not selected; its tag set or screen is exported because of another member"
INCOMPLETE = "it needs objects that are left out"


class Selection(Reader):
    """A reader that follows edges as the catalogue says, and counts what it leaves out.

    Parameters
    ----------
    server : Server
        The source.
    advance : callable
        Called with the number of nodes that were read.
    """

    def __init__(self, server: Server, advance: Callable[[int], None]) -> None:
        super().__init__(server, advance)
        self._wanted: dict[str, set[int]] = defaultdict(set)
        self._fresh: dict[str, list[int]] = defaultdict(list)
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._gone: dict[str, set[int]] = defaultdict(set)
        self._alone: set[tuple[str, int]] = set()
        """Tag sets and screens that are included because of one member: not with all members."""
        self._members: dict[str, set[int]] = defaultdict(set)
        self._owned: dict[str, dict[int, tuple[str, int]]] = defaultdict(dict)

    def want(self, name: str, ids: Iterable[int]) -> set[int]:
        """Request objects; return the ids that were not requested before.

        Parameters
        ----------
        name : str
            Their class; if it is not in the catalogue, they are left out.
        ids : iterable of int
            Their ids.
        """
        nodes, gone, wanted = (
            self._nodes[queries.family(name)],
            self._gone[name],
            self._wanted[name],
        )
        new = {id_ for id_ in ids if id_ not in nodes and id_ not in gone and id_ not in wanted}
        if name in catalogue.CLASSES:
            wanted |= new
        else:
            self._leave_out(name, new, NOT_COVERED)
        return new

    def _want_each(self, target: str, found: Iterable[tuple[int, Sequence[str]]]) -> set[int]:
        """Request objects whose class may be in the row; return the ids not requested before."""
        by_class: dict[str, set[int]] = defaultdict(set)
        for id_, kind in found:
            by_class[queries.kind(kind, target)].add(id_)
        return {id_ for name, ids in by_class.items() for id_ in self.want(name, ids)}

    def _leave_out(self, name: str, ids: Collection[int], why: str) -> None:
        self._left_out[name, why] += len(ids)
        self._gone[name].update(ids)

    # -- order of reading

    def run(self) -> None:
        """Read until nothing more is requested."""
        self._run()
        for name, ids in self._members.items():
            unused = ids - self._nodes[queries.family(name)].keys() - self._gone[name]
            self._leave_out(name, unused, UNUSED)
        self.read(self._links_that_are_nodes())
        self._run()  # for their owners

    def _run(self) -> None:
        for families in _order():
            while family := next((name for name in families if self._is_open(name)), None):
                self._wave(family)

    def _is_open(self, family: str) -> bool:
        wanted = any(self._wanted.get(entry.name) for entry in catalogue.subclasses(family))
        return wanted or bool(self._fresh.get(family))

    def _wave(self, family: str) -> None:
        """Read the requested nodes of a family, and then their edges."""
        names = [entry.name for entry in catalogue.subclasses(family)]
        wanted = {name: ids for name in names if (ids := self._wanted.pop(name, None))}
        self.read(wanted)
        for name, ids in wanted.items():
            lost = ids - self._nodes[family].keys() - self._gone[name]
            self._leave_out(name, lost, UNREADABLE)
        self._ask(self._about(family, self._fresh.pop(family, [])))

    def _about(self, family: str, ids: Collection[int]) -> Iterator[Task]:
        """Yield all queries about a family's nodes."""
        yield from self._starting_at(family, ids)
        for entry, edge in _included_with(family):
            yield self._subjects(entry.name, edge, ids)
        for _, edge in edges_of(family):
            if edge.via is Via.LINK and queries.family(edge.target) == family:
                take = partial(self._take_sets, family)
                yield Task(queries.sets(edge), ids, take, {"ns": catalogue.TAG_SET})
        for uncovered in catalogue.not_covered():
            if uncovered.parent == family:
                hql = queries.count(uncovered.name, uncovered.path)
                yield Task(hql, ids, partial(self._take_count, uncovered.name), paged=False)

    # -- rows

    def _take_nodes(self, name: str, rows: list[Row]) -> None:
        if name == catalogue.IMAGE:
            rows = self._with_files(name, rows)
        super()._take_nodes(name, rows)
        self._fresh[queries.family(name)] += [row[0] for row in rows]
        for edge, column in queries.projection(name).references:
            if edge.follow is not Follow.IN and not queries.is_abstract(edge.target):
                new = self.want(
                    edge.target, {row[column] for row in rows if row[column] is not None}
                )
                if edge.alone:
                    self._alone |= {(queries.family(edge.target), id_) for id_ in new}

    def _with_files(self, name: str, rows: list[Row]) -> list[Row]:
        """Return the rows of images with a fileset; leave out the others."""
        references = queries.projection(name).references
        column = next(column for edge, column in references if edge.name == "fileset")
        without = {row[0] for row in rows if row[column] is None}
        self._leave_out(name, without, NO_FILES)
        return [row for row in rows if row[0] not in without] if without else rows

    def _parts(self, owner: str, edge: Edge, ids: Iterable[int]) -> Task:
        if not queries.is_direct(edge.target):
            return super()._parts(owner, edge, ids)
        take = partial(self._take_whole_parts, owner, edge)
        return Task(queries.children(owner, edge, whole=True), ids, take)

    def _take_whole_parts(self, owner: str, edge: Edge, rows: list[Row]) -> None:
        self._take_nodes(edge.target, rows)
        super()._take_parts(owner, edge, [[row[0], *row[-2:]] for row in rows])

    def _take_parts(self, owner: str, edge: Edge, rows: list[Row]) -> None:
        super()._take_parts(owner, edge, rows)
        self._want_each(edge.target, ((row[0], row[1:-2]) for row in rows))

    def _subjects(self, name: str, edge: Edge, ids: Iterable[int]) -> Task:
        """Return the query for the subjects of an edge to objects, which are included with them."""
        if edge.follow is Follow.IN and queries.is_direct(name):
            path = f"obj.{edge.attribute}.id"
            return Task(queries.nodes(name, path), ids, partial(self._take_nodes, name))
        return Task(queries.subjects(name, edge), ids, partial(self._take_subjects, name, edge))

    def _take_subjects(self, name: str, edge: Edge, rows: list[Row]) -> None:
        new = self.want(name, (row[1] for row in rows))
        if edge.via is Via.LINK:
            self._alone |= {(queries.family(name), id_) for id_ in new}

    def _take_links(self, family: str, edge: Edge, rows: list[Row]) -> None:
        super()._take_links(family, edge, rows)
        nodes, followed = self._nodes[family], []
        held = edge.follow is Follow.IMPORT or queries.family(edge.target) == family
        for link, parent, owner, child, *kind in rows:
            name = queries.kind(kind, edge.target)
            if nodes[parent].target(catalogue.OWNER.name) != iri(catalogue.OWNER.target, owner):
                self._owned[edge.attribute][link] = (name, child)
            # A tag set that is included because of one tag does not include its other tags.
            if held and (family, parent) in self._alone:
                self._members[name].add(child)
            else:
                followed.append((child, kind))
        self._want_each(edge.target, followed)

    def _take_sets(self, family: str, rows: list[Row]) -> None:
        new = self._want_each(family, ((row[1], row[2:]) for row in rows))
        self._alone |= {(family, id_) for id_ in new}

    def _take_count(self, name: str, rows: list[Row]) -> None:
        self._left_out[name, NOT_COVERED] += rows[0][0]

    # -- result

    def _links_that_are_nodes(self) -> dict[str, list[int]]:
        """Return the links between exported objects that an edge alone does not describe.

        They are not owned by the parent's owner, or one of several between the same two objects.
        """
        for name, repeated in self._repeated.items():
            self._owned[name].update((link, _class_and_id(to)) for link, to in repeated.items())
        return {
            name: ids
            for name, owned in self._owned.items()
            if (ids := [link for link, (of, child) in owned.items() if self._is_here(of, child)])
        }

    def _is_here(self, name: str, id_: int) -> bool:
        return id_ in self._nodes[queries.family(name)]

    def graph(self, header: Header) -> TransferGraph:
        """Return the graph without edges to objects outside; its header lists what is left out."""
        graph = self._complete(header)
        for node in graph:
            for name, targets in list(node.edges.items()):
                here = tuple(target for target in targets if target in graph)
                if not here:
                    del node.edges[name]
                elif len(here) < len(targets):
                    node.edges[name] = here
        header.left_out = tuple(
            LeftOut(name, number, why)
            for (name, why), number in sorted(self._left_out.items())
            if number
        )
        return graph

    def _complete(self, header: Header) -> TransferGraph:
        """Return the graph of the nodes whose required edges are complete."""
        graph = super().graph(header)
        while lacking := set(_lacking(graph)):
            for name, number in Counter(graph[one].type for one in lacking).items():
                self._left_out[name, INCOMPLETE] += number
            graph = TransferGraph(header, (node for node in graph if node.iri not in lacking))
        return graph


def _class_and_id(node_iri: str) -> tuple[str, int]:
    return node_iri.rpartition("/")[0], id_of(node_iri)


def _lacking(graph: TransferGraph) -> Iterator[str]:
    """Iterate over the nodes with a required edge to an object outside of the graph."""
    for name in catalogue.CLASSES:
        needed = [edge.name for edge in catalogue.CLASSES[name].edges if edge.required]
        for node in graph.of_type(name) if needed else ():
            if any(node.target(edge) not in graph for edge in needed):
                yield node.iri


@cache
def _included_with(family: str) -> tuple[tuple[Class, Edge], ...]:
    """Return the classes that are included with a family that they refer to, and the edges."""
    return tuple(
        (entry, edge)
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
        if edge.follow is not Follow.OUT and queries.family(edge.target) == family
    )


@cache
def _order() -> tuple[tuple[str, ...], ...]:
    """Return the families in the order of reading; those that include each other are together."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for entry in catalogue.CLASSES.values():
        graph.add_node(queries.family(entry.name))
        for edge in entry.edges:
            ends = queries.family(entry.name), queries.family(edge.target)
            graph.add_edges_from([ends] if edge.follow is not Follow.IN else [])
            graph.add_edges_from([ends[::-1]] if edge.follow is not Follow.OUT else [])
    rank = {name: number for number, name in enumerate(graph)}
    condensed = nx.condensation(graph)
    together = condensed.nodes(data="members")
    order = nx.lexicographical_topological_sort(
        condensed, key=lambda node: min(map(rank.__getitem__, together[node]))
    )
    return tuple(tuple(sorted(together[node], key=rank.__getitem__)) for node in order)
