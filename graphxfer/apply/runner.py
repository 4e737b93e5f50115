# SPDX-License-Identifier: GPL-2.0-or-later
"""Actions -> destination, through the journal: exactly once, whatever happens in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from graphxfer import catalogue
from graphxfer.apply.filesets import Imports
from graphxfer.apply.recover import Recovery
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Edge, Maker, Reuse, Via
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree
from graphxfer.journal import Counterpart, How, Journal, LinkKey
from graphxfer.omero import files, importer, lookup, write
from graphxfer.plan import ApplyOptions, Kind, Plan
from graphxfer.plan import files as uploads
from graphxfer.plan.planner import planned
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server


def apply(
    bundle: Bundle,
    server: Server,
    options: ApplyOptions = ApplyOptions(),  # noqa: B008  (frozen)
    progress: Progress = SILENT,
) -> Plan:
    """Recreate a bundle's graph at a destination.

    A run that was interrupted is gone on with; one that succeeded does nothing.

    Parameters
    ----------
    bundle : Bundle
        What is to be moved.
    server : Server
        The destination, connected with ``own_session=True``.
    options : ApplyOptions
        What the person decided.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Plan
        What was planned and is now done; `Plan.skipped` could not be moved.

    Raises
    ------
    GraphxferError
        What `make_plan` raises, and what the server refuses; the journal stays intact.
    """
    graph = bundle.graph()
    bundle.manifest()  # what cannot be read is told before anything is written
    with Journal(bundle.journal(server.database_uuid), writing=True) as journal:
        journal.check_about(graph.header.database_uuid, server.group_id)
        Recovery(graph, server, journal, progress).settle()
        plan = planned(bundle, server, journal, options, progress)
        if not plan.nothing_to_do:
            uploads.check_content(bundle, plan, progress)
            journal.set_about(graph.header.database_uuid, server.group_id)
            journal.add_session(server.session_id)
            _Apply(bundle, server, journal, options, progress).run(plan)
        return plan


class _Apply:
    """The steps, each of which can be done again without harm."""

    def __init__(
        self,
        bundle: Bundle,
        server: Server,
        journal: Journal,
        options: ApplyOptions,
        progress: Progress,
    ) -> None:
        self._bundle, self._graph = bundle, bundle.graph()
        self._server, self._journal = server, journal
        self._options, self._progress = options, progress

    def run(self, plan: Plan) -> None:
        """Do what the plan says."""
        self._graph = _without_skipped(self._graph, plan)
        imports = Imports(self._bundle, self._server, self._journal, self._options, self._progress)
        importing = list(plan.of(Kind.IMPORT))
        imports.run([one.node for one in importing], sum(one.bytes for one in importing))
        plan.notes += imports.match()
        self._reuse(plan)
        # What an import should have made, and did not, is created: a Plate.
        self._create([self._graph[one.node] for one in plan.of(Kind.CREATE, Kind.MATCH)])
        self._find_parts()
        self._link([LinkKey(one.type, one.node, one.child) for one in plan.of(Kind.LINK)])
        self._update()

    def _reuse(self, plan: Plan) -> None:
        """Record the objects of the destination that stand for nodes."""
        self._journal.record(
            (one.node, Counterpart(one.type, one.destination, _how(one.type)))
            for one in plan.of(Kind.REUSE)
            if one.destination is not None and one.node not in self._journal
        )

    # -- creating -----------------------------------------------------------------------------

    def _create(self, nodes: Sequence[Node]) -> None:
        """Create nodes that are not there, a batch in a call; and send their files."""
        build = write.Builder(self._graph, lambda node: self._journal[node].id, self._hasher).build
        # Parts are saved with what they are part of; others an import may have made meanwhile.
        own = [n for n in nodes if not class_of(n).part_of and n.iri not in self._journal]
        self._send_files()
        with self._progress.task("create", len(own), "objects") as advance:
            for batch in write.batches(self._graph, own):
                type_ = batch[0].type
                intent = self._journal.begin(
                    self._server.session_id, type_, [node.iri for node in batch]
                )
                ids = write.save(self._server, [build(node) for node in batch])
                with_files = class_of(batch[0]).bytes
                self._journal.finish(intent, ids, settled=not with_files)
                if with_files:
                    self._send_files()
                advance(len(batch))

    def _hasher(self, node: Node) -> str:
        entry = self._bundle.manifest().of(node.iri)
        if entry is None:
            return ""
        return importer.choose_hasher({entry.hasher} if entry.checksum else set(), self._offered)

    @cached_property
    def _offered(self) -> list[str]:
        return importer.offered_hashers(self._server)

    def _send_files(self) -> None:
        """Upload the files of objects that were created and have not all their bytes yet."""
        for node in self._journal.unsettled(How.CREATED):
            entry = self._bundle.manifest().of(node)
            if entry is not None:
                hasher = self._hasher(self._graph[node])
                source = self._bundle.file(entry)
                made = self._journal[node]
                files.upload(self._server, made.id, source, hasher, self._server.group_id)
            self._journal.settle([node])

    def _find_parts(self) -> None:
        """Record the ids of parts that were saved with what they are part of."""
        for owner in catalogue.CLASSES.values():
            for edge in owner.edges:
                if edge.via is Via.LIST and owner.maker is not Maker.IMPORT:
                    self._find_parts_of(owner.name, edge)

    def _find_parts_of(self, owner: str, edge: Edge) -> None:
        missing = {
            made.id: parts
            for node, made in self._journal.nodes().items()
            if made.type == owner
            and made.how is How.CREATED
            and (
                parts := [p for p in self._graph[node].edges.get(edge.name, ()) if p in self._graph]
            )
            and parts[0] not in self._journal
        }
        for some in lookup.chunks(missing):
            found = lookup.part_ids(self._server, owner, edge, some)
            self._journal.record(
                (part, Counterpart(self._graph[part].type, id_, How.CREATED))
                for number in some
                for part, id_ in zip(missing[number], found[number], strict=True)
            )

    # -- linking ------------------------------------------------------------------------------

    def _link(self, links: Sequence[LinkKey]) -> None:
        """Make the links that are not there, a batch in a call."""
        by_class: defaultdict[str, list[LinkKey]] = defaultdict(list)
        for link in links:
            by_class[link.type].append(link)
        with self._progress.task("link", len(links), "links") as advance:
            for link_class, some in by_class.items():
                missing = self._missing(link_class, some)
                advance(len(some) - len(missing))
                for batch in lookup.chunks(missing, write.SMALL):
                    self._save_links(link_class, batch)
                    advance(len(batch))

    def _missing(self, link_class: str, links: Sequence[LinkKey]) -> list[LinkKey]:
        """Return the links that are to be made; record those that are there already."""
        ends = {link: (self._journal[link.parent], self._journal[link.child]) for link in links}
        # What we created has no links but ours.
        old = [link for link, pair in ends.items() if all(m.how is not How.CREATED for m in pair)]
        parents = {ends[link][0].id for link in old}
        there = lookup.linked(self._server, link_class, parents) if old else set()
        seen, missing, present = set[tuple[int, int]](), list[LinkKey](), list[LinkKey]()
        for link, (parent, child) in ends.items():
            pair = parent.id, child.id
            (present if pair in there or pair in seen else missing).append(link)
            seen.add(pair)
        self._journal.record_links(present)
        return missing

    def _save_links(self, link_class: str, links: Sequence[LinkKey]) -> None:
        made = self._journal
        intent = made.begin(self._server.session_id, link_class, links)
        objects = [
            write.link(link_class, made[link.parent][:2], made[link.child][:2]) for link in links
        ]
        made.finish(intent, write.save(self._server, objects))

    # -- updating -----------------------------------------------------------------------------

    def _update(self) -> None:
        """Set what users changed at the source after the import."""
        clearing = bool(self._graph.header.database_uuid)
        by_class: defaultdict[str, list[str]] = defaultdict(list)
        for node in self._journal.unsettled(How.MATCHED):
            by_class[self._graph[node].type].append(node)
        with self._progress.task("update", sum(map(len, by_class.values())), "objects") as advance:
            for name, nodes in by_class.items():
                entry = catalogue.CLASSES[name]
                for some in lookup.chunks(nodes):
                    wanted = {
                        self._journal[node].id: fileset_tree.edits(
                            entry, self._graph[node], clearing=clearing
                        )
                        for node in some
                    }
                    write.update(self._server, entry, wanted)
                    self._journal.settle(some)
                    advance(len(some))


def _without_skipped(graph: TransferGraph, plan: Plan) -> TransferGraph:
    """Return the graph without the nodes that cannot be moved."""
    skipped = {action.node for action in plan.skipped if not action.child}
    if not skipped:
        return graph
    return TransferGraph(graph.header, (node for node in graph if node.iri not in skipped))


def _how(type_: str) -> How:
    return How.MERGED if catalogue.CLASSES[type_].reuse is Reuse.MERGE else How.REUSED
