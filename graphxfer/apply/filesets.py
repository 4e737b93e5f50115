# SPDX-License-Identifier: GPL-2.0-or-later
"""Filesets of a bundle into the destination: several at once, each through the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import TYPE_CHECKING

from graphxfer.bundle import Bundle
from graphxfer.graph import fileset_tree, iri
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import Counterpart, How, Journal, Stage
from graphxfer.omero import importer, lookup, unfinished
from graphxfer.omero.importer import ImportFailure, Part, Sending
from graphxfer.plan import ApplyOptions
from graphxfer.plan.counterparts import Matched, Matcher, Side
from graphxfer.progress import Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server

AT_ONCE = 5000
"""About how many nodes are matched at once; bounds memory, and still few queries."""


class Imports:
    """Imports filesets and records what they made.

    Parameters
    ----------
    bundle : Bundle
        Whose files they are.
    server : Server
        The destination.
    journal : Journal
        Its journal.
    options : ApplyOptions
        What the person decided.
    progress : Progress
        Told of bytes.
    """

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
        self._stop = threading.Event()

    @cached_property
    def _offered(self) -> list[str]:
        return importer.offered_hashers(self._server)

    # -- importing --------------------------------------------------------------------------

    def run(self, nodes: Sequence[str], size: int) -> None:
        """Import fileset_tree.

        Parameters
        ----------
        nodes : sequence of str
            Their IRIs.
        size : int
            Their bytes.

        Raises
        ------
        GraphxferError
            Of the first that failed; those that were under way are completed.
        """
        if not nodes:
            return
        sendings = [self._sending(node, len(nodes)) for node in nodes]
        with (
            self._progress.task("import", size, "bytes") as advance,
            ThreadPoolExecutor(min(self._options.streams, len(nodes))) as pool,
        ):
            todo = [pool.submit(self._import, one, advance) for one in sendings]
            try:
                self._await(todo)
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    @staticmethod
    def _await(todo: Sequence[Future[None]]) -> None:
        """Wait for all; after a failure begin no more, but complete what is under way."""
        done, not_done = wait(todo, return_when=FIRST_EXCEPTION)
        running = [one for one in not_done if not one.cancel()]
        done |= wait(running).done
        for one in todo:
            if one in done:
                one.result()

    def _sending(self, node: str, number: int) -> Sending:
        fileset, manifest = self._graph[node], self._bundle.manifest()
        files = [file for _, file in fileset_tree.files(self._graph, fileset)]
        entries = [entry for file in files if (entry := manifest.of(file.iri)) is not None]
        paths = fileset_tree.client_paths(self._graph, fileset)
        hasher = importer.choose_hasher({entry.hasher for entry in entries}, self._offered)
        return Sending(
            node,
            tuple(
                Part(
                    self._bundle.file(entry), path, entry.checksum if entry.hasher == hasher else ""
                )
                for entry, path in zip(entries, paths, strict=True)
            ),
            hasher,
            self._options.in_place,
            streams=max(1, self._options.streams // number),
        )

    def _import(self, sending: Sending, advance: Callable[[int], None]) -> None:
        self._journal.begin_import(sending.node, self._server.session_id)
        try:
            fileset = importer.import_fileset(
                self._server,
                sending,
                verifying=lambda: self._journal.reach(sending.node, Stage.VERIFYING),
                stop=self._stop,
                advance=advance,
            )
        except ImportFailure as failure:
            if failure.fileset is not None:
                unfinished.remove(self._server, failure.fileset)
                self._journal.forget_import(sending.node)
            raise
        self._journal.imported(sending.node, FILESET, fileset)

    # -- recording what they made -----------------------------------------------------------

    def match(self) -> list[str]:
        """Record what the imports made, node by node; return what a person should know."""
        told: list[str] = []
        waiting = [one.node for one in self._journal.imports(Stage.IMPORTED)]
        if not waiting:
            return told
        with self._progress.task("match", len(waiting), "filesets") as advance:
            ours = Side(self._graph)
            for some in self._groups(waiting, ours.tree):
                ids = [self._journal[node].id for node in some]
                matcher = Matcher(ours, Side(lookup.import_trees(self._server, ids)))
                for node, number in zip(some, ids, strict=True):
                    matched = matcher.match(node, iri(FILESET, number), self._journal)
                    self._record(node, matched)
                    told += _tell(node, matched)
                    advance(1)
        return told

    @staticmethod
    def _groups(nodes: Sequence[str], tree: Tree) -> Iterator[list[str]]:
        """Divide filesets into groups with about as many nodes as are matched at once."""
        group, size = list[str](), 0
        for node in nodes:
            group.append(node)
            size += len(tree.under(node))
            if size >= AT_ONCE:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _record(self, fileset: str, matched: Matched) -> None:
        nodes = []
        for node, there in matched.same.items():
            type_, _, number = there.rpartition("/")
            if node not in self._journal:
                settled = node not in matched.edited
                nodes.append((node, Counterpart(type_, int(number), How.MATCHED, settled)))
        extras = [
            (type_, int(n)) for type_, _, n in (one.rpartition("/") for one in matched.extras)
        ]
        self._journal.matched(fileset, nodes, extras)


def _tell(node: str, matched: Matched) -> list[str]:
    told = []
    if extras := matched.extras:
        told.append(
            f"the import of {node} made {len(extras)} that the graph has not: {_some(extras)}"
        )
    if missing := matched.missing:
        told.append(
            f"the import of {node} did not make {len(missing)} that it made at the source, so they "
            f"are created: {_some(missing)}"
        )
    return told


def _some(iris: Sequence[str]) -> str:
    return ", ".join(iris[:5]) + (" …" if len(iris) > 5 else "")
