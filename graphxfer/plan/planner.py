# SPDX-License-Identifier: GPL-2.0-or-later
"""Plan what an apply will do at a destination. Planning only reads, and creates nothing."""

from __future__ import annotations

import contextlib
from collections import Counter

import networkx as nx

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Maker, Via
from graphxfer.errors import GraphxferError
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import How, Journal, LinkKey, Stage
from graphxfer.omero import in_place
from graphxfer.omero.connect import Server
from graphxfer.plan import files, reuse
from graphxfer.plan.actions import (
    EDITED,
    FOLLOWS,
    Action,
    ApplyOptions,
    Create,
    Done,
    Import,
    Link,
    Match,
    Plan,
    Skip,
    Update,
    Upload,
)
from graphxfer.progress import SILENT, Progress

DONE = "done by an earlier run"
MADE_BY_IMPORT = "the import creates it"
UNLESS = "unless the import creates an equal object"
UNSENT = "its file still has to be uploaded"
NOT_HERE = "the linked object is not in the graph"
ADDED = "added to an imported object by a user: not covered yet"
OWNED = "the owner of the link is not kept: you become its owner"

SEVERAL = "several users linked the two objects: you can link them only once"


def make_plan(
    bundle: Bundle,
    server: Server,
    options: ApplyOptions = ApplyOptions(),  # noqa: B008  (frozen)
    progress: Progress = SILENT,
) -> Plan:
    """Plan what an apply would do.

    Parameters
    ----------
    bundle : Bundle
        The bundle to apply.
    server : Server
        The destination, with the group to write to.
    options : ApplyOptions
        The options of the apply.
    progress : Progress
        Shows how much is done.

    Raises
    ------
    GraphxferError
        If the apply would fail: files are missing, permission is missing, a name is ambiguous.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid))
    with journal or contextlib.nullcontext():
        if journal is not None:
            journal.check_about(bundle.graph().header.database_uuid, server.group_id)
        return planned(bundle, server, journal, options, progress)


def planned(
    bundle: Bundle,
    server: Server,
    journal: Journal | None,
    options: ApplyOptions,
    progress: Progress = SILENT,
) -> Plan:
    """Plan with an open journal; see :func:`make_plan`."""
    planner = _Planner(bundle, server, journal, options)
    with progress.task("plan"):
        return planner.plan()


class _Planner:
    """Creates a plan, node by node and link by link."""

    def __init__(
        self, bundle: Bundle, server: Server, journal: Journal | None, options: ApplyOptions
    ) -> None:
        self._bundle, self._graph, self._server = bundle, bundle.graph(), server
        self._journal, self._options = journal, options
        self._tree = Tree(self._graph)
        self._members = self._tree.members()
        self._owners = _owners(self._graph)
        self._hanging = {
            target
            for iri in self._members
            for edge in class_of(self._graph[iri]).edges
            if edge.via is Via.LINK
            for target in self._graph[iri].edges.get(edge.name, ())
        }
        self._why_not: dict[str, str] = {}
        self._plan = Plan()

    def plan(self) -> Plan:
        """Return the plan."""
        self._check_header()
        nodes = self._in_order()
        for node in nodes:
            self._movable(node)
        self._imports()
        self._nodes(nodes)
        self._links()
        self._check_destination()
        return self._plan

    def _add(self, action: Action) -> None:
        self._plan.actions.append(action)

    def _done(self, node: Node) -> bool:
        """Add what remains to be done to a node that an earlier run created or found, if so."""
        recorded = self._journal.get(node.iri) if self._journal is not None else None
        if recorded is None:
            return False
        if recorded.settled:
            self._add(Done(node.iri, node.type, DONE, recorded.id))
        elif recorded.how is How.CREATED:
            self._add(Upload(node.iri, node.type, UNSENT, recorded.id, _size(node)))
        else:
            self._add(Update(node.iri, node.type, EDITED, recorded.id))
        return True

    # -- the graph -------------------------------------------------------------------------------

    def _check_header(self) -> None:
        self._plan.notes += map(str, self._graph.header.left_out)

    def _in_order(self) -> list[Node]:
        """Return the nodes in order: targets of references first."""
        found: list[Node] = []
        for layer in catalogue.apply_order():
            for name in layer:
                of_class = list(self._graph.of_type(name)) if name in catalogue.CLASSES else []
                found += _refined(name, of_class)
        return found

    def _movable(self, node: Node) -> bool:
        """Check whether a node can be moved; the targets of its references are checked before."""
        entry = class_of(node)
        if entry.maker is Maker.SERVER or node.iri in self._members:
            return True
        if entry.maker is Maker.IMPORT:
            self._why_not[node.iri] = "it has no files, so no import creates it"
        elif entry.part_of and node.iri not in self._owners:
            self._why_not[node.iri] = f"its {entry.part_of} is not in the graph"
        elif entry.part_of and self._owners[node.iri] in self._members:
            self._why_not[node.iri] = ADDED
        else:
            needed = [
                target
                for edge in entry.edges
                if edge.via is Via.REFERENCE and edge.target not in _SERVERS
                for target in node.edges.get(edge.name, ())
            ]
            needed += [self._owners[node.iri]] if entry.part_of else []
            for target in needed:
                if target not in self._graph:
                    self._why_not[node.iri] = "an object that it needs is not in the graph"
                elif target in self._why_not:
                    self._why_not[node.iri] = "an object that it needs cannot be moved"
        return node.iri not in self._why_not

    # -- nodes ----------------------------------------------------------------------------------

    def _imports(self) -> None:
        for fileset in self._graph.of_type(FILESET):
            self._check_fileset(fileset)
            if not self._done(fileset):
                found = fileset_tree.files(self._graph, fileset)
                size = sum(_size(file) for _, file in found)
                how = "linked in place" if self._options.in_place else ""
                self._add(Import(fileset.iri, fileset.type, how, bytes=size))

    def _check_fileset(self, fileset: Node) -> None:
        for branch in self._tree.branches(fileset):
            if len(set(branch.places)) != len(branch.places):
                alike = " and ".join(branch.children)
                raise GraphxferError(
                    f"ambiguous: {alike} have the same place in {branch.edge}",
                    where=fileset.iri,
                    do="they cannot be distinguished after an import: correct the graph",
                )
        if not fileset_tree.files(self._graph, fileset):
            raise GraphxferError("its files are not in the graph", where=fileset.iri)

    def _nodes(self, nodes: list[Node]) -> None:
        open_ = []
        for node in nodes:
            entry = class_of(node)
            if entry.maker is Maker.SERVER or node.type == FILESET:
                continue
            if reason := self._why_not.get(node.iri):
                self._add(Skip(node.iri, node.type, reason))
            elif self._done(node):
                continue
            elif node.iri in self._members:
                self._add(Match(node.iri, node.type, MADE_BY_IMPORT))
            else:
                open_.append(node)
        for node in self._graph:
            if node.type not in catalogue.CLASSES and catalogue.link_node(node.type) is None:
                self._add(Skip(node.iri, node.type, "graphxfer does not know this class"))
        taken = (
            {recorded[:2] for recorded in self._journal.nodes().values()}
            if self._journal
            else set()
        )
        found = reuse.find(self._server, self._graph, open_, self._options, taken)
        self._plan.notes += found.notes
        for node in open_:
            self._add(found.choices.get(node.iri) or self._create(node))

    def _create(self, node: Node) -> Create:
        reason = UNLESS if self._hangs_on_import(node) else ""
        size = _size(node) if class_of(node).bytes else 0
        return Create(node.iri, node.type, reason, bytes=size)

    def _hangs_on_import(self, node: Node) -> bool:
        if class_of(node).maker is not Maker.USER:
            return False
        references = (edge.name for edge in class_of(node).edges if edge.via is Via.REFERENCE)
        return node.iri in self._hanging or any(
            target in self._members for name in references for target in node.edges.get(name, ())
        )

    # -- links ----------------------------------------------------------------------------------

    def _links(self) -> None:
        owned = Counter(
            (node.type, node.target("parent"), node.target("child"))
            for name in catalogue.link_classes()
            for node in self._graph.of_type(name)
        )
        for node in self._graph:
            entry = catalogue.CLASSES.get(node.type)
            for edge in entry.edges if entry is not None else ():
                if edge.via is Via.LINK:
                    for child in dict.fromkeys(node.edges.get(edge.name, ())):
                        key = LinkKey(edge.attribute, node.iri, child)
                        self._link(key, OWNED if key in owned else "")
                        for _ in range(owned[key] - 1):
                            self._add(Skip(node.iri, edge.attribute, SEVERAL, child=child))
                elif edge.via is Via.LIST:
                    for part in node.edges.get(edge.name, ()):
                        if part not in self._graph:
                            self._add(Skip(node.iri, edge.name, NOT_HERE, child=part))

    def _link(self, key: LinkKey, reason: str) -> None:
        kind: type[Action] = Link
        if self._journal is not None and key in self._journal:
            kind, reason = Done, DONE
        elif key.child not in self._graph:
            kind, reason = Skip, NOT_HERE
        elif key.parent in self._why_not or key.child in self._why_not:
            kind, reason = Skip, FOLLOWS
        self._add(kind(key.parent, key.type, reason, child=key.child))

    # -- the destination ------------------------------------------------------------------------

    def _check_destination(self) -> None:
        """Check the conditions of the apply at the destination."""
        journal = self._journal
        if journal is not None and (
            journal.pending() or journal.imports(Stage.BEGUN, Stage.VERIFYING)
        ):
            self._plan.notes.append("An earlier run was interrupted; apply resumes it.")
        if self._plan.nothing_to_do:
            return
        files.check_present(self._bundle, self._plan)
        if any(self._plan.of(Import)):
            self._server.service("ManagedRepository")
            if self._options.in_place:
                in_place.root(self._server)


def _size(node: Node) -> int:
    size = node.fields.get("size")
    return size if isinstance(size, int) else 0


_SERVERS = {name for name, entry in catalogue.CLASSES.items() if entry.maker is Maker.SERVER}


def _owners(graph: TransferGraph) -> dict[str, str]:
    """Return the owner of each part: the ROI of a shape."""
    return {
        target: node.iri
        for name, entry in catalogue.CLASSES.items()
        for edge in entry.edges
        if edge.via is Via.LIST
        for node in graph.of_type(name)
        for target in node.edges.get(edge.name, ())
    }


def _refined(name: str, nodes: list[Node]) -> list[Node]:
    """Return nodes of one class in order: a node follows the nodes that it refers to."""
    entry = catalogue.CLASSES[name]
    own = [e.name for e in entry.edges if e.via is Via.REFERENCE and name in _names(e.target)]
    if not own:
        return nodes
    by_iri = {node.iri: node for node in nodes}
    order: nx.DiGraph[str] = nx.DiGraph()
    order.add_nodes_from(by_iri)
    order.add_edges_from(
        (target, node.iri)
        for node in nodes
        for edge in own
        for target in node.edges.get(edge, ())
        if target in by_iri
    )
    try:
        return [by_iri[iri] for layer in nx.topological_generations(order) for iri in layer]
    except nx.NetworkXUnfeasible:
        raise GraphxferError(f"some {name} nodes refer to each other in a cycle") from None


def _names(target: str) -> set[str]:
    return {entry.name for entry in catalogue.subclasses(target)}
