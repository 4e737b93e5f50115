# SPDX-License-Identifier: GPL-2.0-or-later
"""Import filesets: several at once, each through the journal."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import cached_property

import networkx as nx

from graphxfer import catalogue, unmovable
from graphxfer.apply.imported import record_imported
from graphxfer.apply.step import Context, Step, Targets
from graphxfer.catalogue import Via
from graphxfer.errors import GraphxferError
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree
from graphxfer.graph.fileset_tree import FILESET, Tree, survives_fileset
from graphxfer.journal import FilesetImport, Stage
from graphxfer.omero import importer, lookup, unfinished, write
from graphxfer.omero.importer import ImportFailure, ImportRefused, Part, Sending, ServerBusy
from graphxfer.plan import Import, Plan

LOOKS = 2.0
"""Seconds between two looks at an import that the server completes without its client."""
PAUSES = (1.0, 5.0)
"""Seconds before each new try of an import for which the server was too busy."""
TIMES = 3
"""The most imports of a fileset in a run, if requests arrive twice."""


class ImportFilesets(Step):
    """Imports filesets, and records what each import created.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        # The whole graph: what a plan skips still shows what the import did not create.
        self.graph = context.bundle.graph()
        self._stop = threading.Event()

    def run(self, plan: Plan) -> None:
        """Import the filesets; then record, node by node, what they created.

        Filesets that the server cannot import are left out, with all that needs them.

        Raises
        ------
        GraphxferError
            If an import failed. Imports that were running are completed first.
        """
        importing = list(plan.of(Import))
        if importing:
            self._run([one.node for one in importing], sum(one.bytes for one in importing))
        self._once()
        if any(self.journal.refusal(one.node) for one in importing):
            bundle, progress = self.context.bundle, self.context.progress
            plan.leave_out(unmovable.find(bundle, self.journal, content=True, progress=progress))
        plan.notes += record_imported(self.context)

    def _run(self, nodes: Sequence[str], size: int) -> None:
        streams = self.context.options.streams
        sendings = [self._sending(node, max(1, streams // len(nodes))) for node in nodes]
        with (
            self.context.progress.task("import", size, "bytes") as advance,
            ThreadPoolExecutor(min(streams, len(nodes))) as pool,
        ):
            todo = [pool.submit(self._import, one, advance) for one in sendings]
            try:
                _await(todo)
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _once(self) -> None:
        """Import anew what was imported twice, before anything else refers to it."""
        for left in reversed(range(TIMES)):
            imported = {self.journal[one.node].id: one for one in self._imported()}
            twice = [imported[number] for number in unfinished.doubled(self.server, imported)]
            if not twice:
                return
            for one in twice:
                number = self.journal[one.node].id
                self.journal.forget({FILESET: [number]})
                unfinished.remove(self.server, number)  # or the sweep does, after a crash
            if left:
                self._run([one.node for one in twice], 0)
        raise GraphxferError(
            f"the server imported a fileset twice, {TIMES} times in a row: its images are removed",
            where=twice[0].node,
            do="see whether something between here and the server repeats requests (a proxy); "
            "then run the same command again",
        )

    def _imported(self) -> Iterator[FilesetImport]:
        return (one for one in self.journal.imports(Stage.IMPORTED) if one.node in self.journal)

    def _sending(self, node: str, streams: int) -> Sending:
        bundle = self.context.bundle
        fileset, manifest = self.graph[node], bundle.manifest()
        files = [file for _, file in fileset_tree.files(self.graph, fileset)]
        entries = [entry for file in files if (entry := manifest.of(file.iri)) is not None]
        paths = fileset_tree.client_paths(self.graph, fileset)
        hashers = self.context.hashers
        hasher = importer.choose_hasher({entry.hasher for entry in entries}, hashers)
        return Sending(
            node,
            tuple(
                Part(bundle.file(entry), path, entry.checksum if entry.hasher == hasher else "")
                for entry, path in zip(entries, paths, strict=True)
            ),
            hasher,
            self.context.options.in_place,
            streams=streams,
        )

    def _import(self, sending: Sending, advance: Callable[[int], None]) -> None:
        """Import a fileset; record that the server refuses it, unless that ends the run."""
        for pause in (*PAUSES, None):
            try:
                return self._try(sending, advance)
            except ServerBusy:
                if pause is None or self._stop.wait(pause):
                    raise
            except ImportRefused as refused:
                if self.context.options.strict:
                    raise
                return self.journal.refuse(sending.node, refused.reason)
            advance = _unseen  # these bytes are counted already
        raise AssertionError  # the last try returns or raises

    def _try(self, sending: Sending, advance: Callable[[int], None]) -> None:
        begun = self.journal.begin_import(sending.node, self.server.session_id)
        try:
            fileset = importer.import_fileset(
                self.server,
                sending,
                begun.token,
                verifying=lambda: self.journal.reach(sending.node, Stage.VERIFYING),
                stop=self._stop,
                advance=advance,
            )
        except ImportFailure:
            self._discard(begun)
            raise
        self.journal.imported(sending.node, FILESET, fileset)

    def _discard(self, begun: FilesetImport) -> None:
        """Remove whatever an import created, and forget it."""
        for number in unfinished.of(self.server, begun.token):
            unfinished.remove(self.server, number)
        self.journal.forget_import(begun.node)

    # -- after a crash ------------------------------------------------------------------------

    def recover(self) -> None:
        """Adopt the filesets whose import was completed; remove the remains of the others."""
        for one in self.journal.imports(Stage.BEGUN, Stage.VERIFYING):
            self._settle(one)

    def _settle(self, one: FilesetImport) -> None:
        found = unfinished.of(self.server, one.token)
        complete = (
            len(found) == 1 and one.stage is Stage.VERIFYING and self._completed(one, found[0])
        )
        # While its session lives, a request to import it may still arrive; then it is imported
        # twice. A joined session lives on.
        if unfinished.end(self.server, one.session) and complete:
            self.journal.imported(one.node, FILESET, found[0])
            return
        self._discard(one)

    def _completed(self, one: FilesetImport, fileset: int) -> bool:
        """Wait as long as the server may be importing; return whether all images exist."""
        if one.node not in self.graph:  # a newer export does not have it
            return False
        place, wanted = expected(self.graph, one.node)
        for look in itertools.count():
            state = unfinished.state(self.server, fileset, one.session, place)
            if state.places >= wanted:
                return True
            if state.over or not state.begun:
                return False
            if look == 0:
                text = f"waiting for the server, which may be importing {one.node}"
                self.context.progress.say(text)
            time.sleep(LOOKS)
        raise AssertionError  # there is always another look

    # -- undo ---------------------------------------------------------------------------------

    def created(self) -> Iterator[Targets]:
        """Iterate over the filesets: each by itself, or those whose images one Well shows."""
        shown: nx.Graph[int | tuple[str, int]] = nx.Graph()
        shown.add_nodes_from(
            found.id
            for found in self.journal.nodes().values()
            if found.type == FILESET and found.how.ours
        )
        ours = set(shown)
        shown.add_edges_from(
            (fileset, (kind, number))
            for fileset in ours
            if isinstance(fileset, int)
            for kind, numbers in self._shown_in.get(fileset, {}).items()
            for number in numbers
        )
        for together in nx.connected_components(shown):
            yield Targets(FILESET, sorted(one for one in together if isinstance(one, int)))

    def delete(self, targets: Targets, *, dry_run: bool = False) -> dict[str, list[int]]:
        """Delete filesets with all that their imports created."""
        wanted = {FILESET: targets.ids}
        for fileset in targets.ids:
            for kind, some in self._shown_in.get(fileset, {}).items():
                wanted[kind] = lookup.present(self.server, kind, some)
        return write.delete(self.server, wanted, dry_run=dry_run)

    @cached_property
    def _shown_in(self) -> Mapping[int, Mapping[str, Collection[int]]]:
        """Objects to delete with a fileset because they contain its images, by the fileset's id.

        The values are ids by class. OMERO deletes an image of a Plate only with its Well.
        """
        found: defaultdict[int, defaultdict[str, set[int]]]
        found = defaultdict(lambda: defaultdict(set))
        members = Tree(self.graph).members()
        for node in self.graph:
            recorded = self.journal.get(node.iri)
            if recorded is None or not survives_fileset(class_of(node)):
                continue
            shown = (t for part in write.parts(self.graph, node) for t in _referred(part))
            for fileset in {members[one] for one in (node.iri, *shown) if one in members}:
                if imported := self.journal.get(fileset):
                    found[imported.id][recorded.type].add(recorded.id)
        # What the graph does not have, or a newer export has no more, only the server can tell.
        known = self.journal.known(FILESET)
        types = {one.type for node, one in self.journal.nodes().items() if node not in self.graph}
        types |= {name for name, _ in self.journal.extras()}
        entries = map(catalogue.CLASSES.get, types)
        extra = any(entry is not None and survives_fileset(entry) for entry in entries)
        for number in known if extra else unfinished.doubled(self.server, known):
            for name, ids in unfinished.shown_in(self.server, number).items():
                found[number][name].update(ids)
        for number, holder in lookup.holders(self.server, known) if extra else ():
            if holder.id in self.journal.known(holder.type):
                found[number][holder.type].add(holder.id)
        return found


def _unseen(size: int) -> None:
    """Do not show progress."""


def _await(todo: Sequence[Future[None]]) -> None:
    """Wait for all; after a failure start no others, but complete the running ones."""
    done, not_done = wait(todo, return_when=FIRST_EXCEPTION)
    running = [one for one in not_done if not one.cancel()]
    done |= wait(running).done
    for one in todo:
        if one in done:
            one.result()


def _referred(node: Node) -> Iterator[str]:
    """Iterate over the objects that a node refers to."""
    for edge in class_of(node).edges:
        if edge.via is Via.REFERENCE:
            yield from node.edges.get(edge.name, ())


def expected(graph: TransferGraph, fileset: str) -> tuple[tuple[str, ...], set[tuple[object, ...]]]:
    """Return the attributes that identify a fileset's images, and their values in the graph.

    Parameters
    ----------
    graph : TransferGraph
        The graph of the source.
    fileset : str
        IRI of the fileset.
    """
    branches = Tree(graph).branches(graph[fileset])
    places = {place for branch in branches for place in branch.places}
    return unfinished.place(), places
