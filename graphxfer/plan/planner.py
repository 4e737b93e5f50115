# SPDX-License-Identifier: GPL-2.0-or-later
"""Graph x destination -> actions. Pure reads: nothing is made, there or here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import networkx as nx

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Maker, Via
from graphxfer.errors import GraphxferError
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import How, Journal, LinkKey, Stage
from graphxfer.omero import in_place
from graphxfer.plan import files, reuse
from graphxfer.plan.actions import EDITED, FOLLOWS, Action, ApplyOptions, Kind, Plan
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server

DONE = "done by an earlier run"
MADE_BY_IMPORT = "the import makes it"
UNLESS = "unless the import makes the same"
UNSENT = "its file is still to be sent"
NOT_HERE = "its other end is not in the graph"
ADDED = "a person added it to what the import makes: not moved yet"
OWNED = "its owner is not kept: whoever applies makes it"


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
        What is to be moved.
    server : Server
        The destination; its group is that of the connection.
    options : ApplyOptions
        What the person decided.
    progress : Progress
        Told how far it is.

    Raises
    ------
    GraphxferError
        If the apply could not work: files missing, no permission, an ambiguous name.
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
    """Plan with an open journal; see `make_plan`."""
    planner = _Planner(bundle, server, journal, options)
    with progress.task("plan"):
        return planner.plan()


class _Planner:
    """Makes a plan, node by node and link by link."""

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

    def _add(self, kind: Kind, node: Node, reason: str = "", **more: object) -> None:
        self._plan.actions.append(Action(kind, node.iri, node.type, reason, **more))  # type: ignore[arg-type]

    def _done(self, node: Node) -> bool:
        """Say of a node that an earlier run did it, if so."""
        made = self._journal.get(node.iri) if self._journal is not None else None
        if made is None:
            return False
        if made.settled:
            self._add(Kind.DONE, node, DONE, destination=made.id)
        elif made.how is How.CREATED:
            self._add(Kind.UPDATE, node, UNSENT, destination=made.id, bytes=_size(node))
        else:
            self._add(Kind.UPDATE, node, EDITED, destination=made.id)
        return True

    # -- what there is --------------------------------------------------------------------------

    def _check_header(self) -> None:
        for left in self._graph.header.left_out:
            self._plan.notes.append(f"not in the graph: {left.number:,} {left.type} ({left.why})")

    def _in_order(self) -> list[Node]:
        """Return the nodes so that what is referred to comes first."""
        found: list[Node] = []
        for layer in catalogue.apply_order():
            for name in layer:
                of_class = list(self._graph.of_type(name)) if name in catalogue.CLASSES else []
                found += _refined(name, of_class)
        return found

    def _movable(self, node: Node) -> bool:
        """Whether a node can be moved; what it refers to was asked before."""
        entry = class_of(node)
        if entry.maker is Maker.SERVER or node.iri in self._members:
            return True
        if entry.maker is Maker.IMPORT:
            self._why_not[node.iri] = "it has no files: no fileset makes it"
        elif entry.part_of and node.iri not in self._owners:
            self._why_not[node.iri] = f"it is in no {entry.part_of}"
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
                    self._why_not[node.iri] = "what it belongs to is not in the graph"
                elif target in self._why_not:
                    self._why_not[node.iri] = "what it belongs to cannot be moved"
        return node.iri not in self._why_not

    # -- nodes ----------------------------------------------------------------------------------

    def _imports(self) -> None:
        for fileset in self._graph.of_type(FILESET):
            self._check_fileset(fileset)
            if not self._done(fileset):
                found = fileset_tree.files(self._graph, fileset)
                size = sum(_size(file) for _, file in found)
                how = "linked in place" if self._options.in_place else ""
                self._add(Kind.IMPORT, fileset, how, bytes=size)

    def _check_fileset(self, fileset: Node) -> None:
        for branch in self._tree.branches(fileset):
            if len(set(branch.places)) != len(branch.places):
                raise GraphxferError(
                    f"{' and '.join(branch.children)} have the same place in {branch.edge}",
                    where=fileset.iri,
                    do="which image is which cannot be told after an import",
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
                self._add(Kind.SKIP, node, reason)
            elif self._done(node):
                continue
            elif node.iri in self._members:
                self._add(Kind.MATCH, node, MADE_BY_IMPORT)
            else:
                open_.append(node)
        for node in self._graph:
            if node.type not in catalogue.CLASSES and catalogue.link_node(node.type) is None:
                self._add(Kind.SKIP, node, "graphxfer does not know this class")
        taken = {made[:2] for made in self._journal.nodes().values()} if self._journal else set()
        found = reuse.find(self._server, self._graph, open_, self._options, taken)
        self._plan.notes += found.notes
        for node in open_:
            self._create_or_reuse(node, found.choices.get(node.iri))

    def _create_or_reuse(self, node: Node, choice: reuse.Choice | None) -> None:
        if choice is not None:
            self._add(Kind.REUSE, node, choice.reason, destination=choice.id)
            return
        reason = UNLESS if self._hangs_on_import(node) else ""
        self._add(Kind.CREATE, node, reason, bytes=_size(node) if class_of(node).bytes else 0)

    def _hangs_on_import(self, node: Node) -> bool:
        if class_of(node).maker is not Maker.USER:
            return False
        references = (edge.name for edge in class_of(node).edges if edge.via is Via.REFERENCE)
        return node.iri in self._hanging or any(
            target in self._members for name in references for target in node.edges.get(name, ())
        )

    # -- links ----------------------------------------------------------------------------------

    def _links(self) -> None:
        owned = {
            (node.type, node.target("parent"), node.target("child"))
            for name in catalogue.link_classes()
            for node in self._graph.of_type(name)
        }
        for node in self._graph:
            entry = catalogue.CLASSES.get(node.type)
            for edge in entry.edges if entry is not None else ():
                if edge.via is Via.LINK:
                    for child in dict.fromkeys(node.edges.get(edge.name, ())):
                        key = LinkKey(edge.attribute, node.iri, child)
                        self._link(key, OWNED if key in owned else "")
                elif edge.via is Via.LIST:
                    for part in node.edges.get(edge.name, ()):
                        if part not in self._graph:
                            lost = Action(Kind.SKIP, node.iri, edge.name, NOT_HERE, child=part)
                            self._plan.actions.append(lost)

    def _link(self, key: LinkKey, reason: str) -> None:
        type_, parent, child = key
        if self._journal is not None and key in self._journal:
            kind, reason = Kind.DONE, DONE
        elif child not in self._graph:
            kind, reason = Kind.SKIP, NOT_HERE
        elif parent in self._why_not or child in self._why_not:
            kind, reason = Kind.SKIP, FOLLOWS
        else:
            kind = Kind.LINK
        self._plan.actions.append(Action(kind, parent, type_, reason, child=child))

    # -- the destination ------------------------------------------------------------------------

    def _check_destination(self) -> None:
        """Find out in advance what would fail later."""
        journal = self._journal
        if journal is not None and (
            journal.pending() or journal.imports(Stage.BEGUN, Stage.VERIFYING)
        ):
            self._plan.notes.append("an earlier run was interrupted; apply settles that first")
        if self._plan.nothing_to_do:
            return
        files.check_present(self._bundle, self._plan)
        if any(self._plan.of(Kind.IMPORT)):
            self._server.service("ManagedRepository")
            if self._options.in_place:
                in_place.root(self._server)


def _size(node: Node) -> int:
    size = node.fields.get("size")
    return size if isinstance(size, int) else 0


_SERVERS = {name for name, entry in catalogue.CLASSES.items() if entry.maker is Maker.SERVER}


def _owners(graph: TransferGraph) -> dict[str, str]:
    """Return what each part is part of: a shape's ROI."""
    return {
        target: node.iri
        for name, entry in catalogue.CLASSES.items()
        for edge in entry.edges
        if edge.via is Via.LIST
        for node in graph.of_type(name)
        for target in node.edges.get(edge.name, ())
    }


def _refined(name: str, nodes: list[Node]) -> list[Node]:
    """Return nodes of one class so that those come first that others of it refer to."""
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
        raise GraphxferError(f"some {name} nodes refer to each other in a circle") from None


def _names(target: str) -> set[str]:
    return {entry.name for entry in catalogue.subclasses(target)}
