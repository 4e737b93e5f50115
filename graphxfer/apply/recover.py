# SPDX-License-Identifier: GPL-2.0-or-later
"""What a crash left open: intents of the journal whose results nobody wrote down.

The destination is asked what was made in the session of the intent, and is not in the journal. A
call of several objects is one transaction there, so all of them are there or none; they are taken
for ours only if their content is that of the intent. A fileset is taken if its import was
completed; else it is removed whole, to be made anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from graphxfer import catalogue
from graphxfer.errors import GraphxferError
from graphxfer.graph import TransferGraph, fileset_tree, iri
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import Batch, Import, Journal, LinkKey, Stage
from graphxfer.omero import lookup, read, unfinished, write
from graphxfer.plan import counterparts
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server

PATIENCE = 3.0
"""Seconds after an intent in which the call of a killed process may still be under way."""
LONGEST = 3600.0
"""Seconds that the server is given to complete an import whose client is gone."""
LOOKS = 2.0
"""Seconds between looks at such an import."""


class Recovery:
    """Settles what a run before this one left open.

    Parameters
    ----------
    graph : TransferGraph
        The source's.
    server : Server
        The destination.
    journal : Journal
        Its journal.
    progress : Progress
        Told what is waited for.
    """

    def __init__(
        self, graph: TransferGraph, server: Server, journal: Journal, progress: Progress = SILENT
    ) -> None:
        self._graph, self._server, self._journal = graph, server, journal
        self._progress = progress

    def settle(self) -> None:
        """Give every intent a result, or take it back.

        Raises
        ------
        GraphxferError
            If the journal is of another graph.
        """
        for one in self._journal.imports(Stage.BEGUN, Stage.VERIFYING):
            self._settle_import(one)
        for batch in self._journal.pending():
            if catalogue.link_node(batch.type) is not None:
                self._settle_links(batch)
            else:
                self._settle_nodes(batch)

    # -- nodes ------------------------------------------------------------------------------

    def _settle_nodes(self, batch: Batch) -> None:
        """Adopt the objects of a batch, or take its intent back."""
        nodes = [item for item in batch.items if isinstance(item, str)]
        if missing := [node for node in nodes if node not in self._graph]:
            raise GraphxferError(
                f"the journal is about nodes that this graph has not: {missing[0]}",
                where=str(self._journal.path),
                do="apply the graph that it was made with",
            )
        made = self._made(batch) or self._made(batch, patient=True)
        same_number = [ids for ids in made if len(ids) == len(nodes)]
        for ids in same_number:
            if self._alike(batch.type, nodes, ids):
                self._journal.finish(batch, ids, settled=not catalogue.CLASSES[batch.type].bytes)
                return
        for ids in same_number:
            # Maker by our own session, all in one transaction, and yet not what was meant.
            write.delete(self._server, {batch.type: ids}, alone=True)
        self._journal.abandon(batch)

    def _made(self, batch: Batch, *, patient: bool = False) -> list[list[int]]:
        """Return what was made in the batch's session and is not accounted for."""
        if patient:
            _wait_since(batch.at)
        known = self._journal.known(batch.type)
        found = lookup.made_in(self._server, batch.session, catalogue.CLASSES[batch.type])
        return [ids for ids in found if not known.intersection(ids)]

    def _alike(self, type_: str, nodes: list[str], ids: list[int]) -> bool:
        there = read.fetch_nodes(self._server, {type_: ids})
        if parts := self._parts(there):
            for node in read.fetch_nodes(self._server, parts):
                there.add(node)
        found = [iri(type_, number) for number in ids]
        return all(
            other in there and _content(self._graph, node) == _content(there, other)
            for node, other in zip(nodes, found, strict=True)
        )

    @staticmethod
    def _parts(there: TransferGraph) -> dict[str, list[int]]:
        return lookup.by_type(
            target
            for node in there
            for edge in catalogue.CLASSES[node.type].edges
            if edge.ordered
            for target in node.edges.get(edge.name, ())
        )

    # -- links ------------------------------------------------------------------------------

    def _settle_links(self, batch: Batch) -> None:
        """Adopt the links of a batch, which their ends tell, or take its intent back."""
        links = [item for item in batch.items if isinstance(item, LinkKey)]
        ends = [(self._journal[link.parent].id, self._journal[link.child].id) for link in links]
        found = lookup.links_made_in(self._server, batch.session, batch.type)
        if not found.keys() & set(ends):
            _wait_since(batch.at)
            found = lookup.links_made_in(self._server, batch.session, batch.type)
        if found.keys() >= set(ends):
            self._journal.finish(batch, [found[pair] for pair in ends])
        else:
            self._journal.abandon(batch)

    # -- filesets ---------------------------------------------------------------------------

    def _settle_import(self, one: Import) -> None:
        """Adopt a fileset whose import was completed; remove what there is of another."""
        found = self._filesets(one)
        if not found:
            _wait_since(one.at)
            found = self._filesets(one)
        if len(found) == 1 and one.stage is Stage.VERIFYING and self._completed(one, found[0]):
            self._journal.imported(one.node, FILESET, found[0])
            return
        for number in found:
            unfinished.remove(self._server, number)
        self._journal.forget_import(one.node)

    def _filesets(self, one: Import) -> list[int]:
        """Return the filesets that may be those of an intent: of its session, by their paths."""
        paths = fileset_tree.client_paths(self._graph, self._graph[one.node])
        known = self._journal.known(FILESET)
        found = lookup.filesets_made_in(self._server, one.session)
        return [number for number, its in found.items() if its == paths and number not in known]

    def _completed(self, one: Import, fileset: int) -> bool:
        """Wait as long as the server may be at it; return whether all images are there."""
        place, wanted = expected(self._graph, one.node)
        begun, told = time.monotonic(), False
        while time.monotonic() - begun < LONGEST:
            state = unfinished.state(self._server, fileset, one.session, place)
            if state.places >= wanted:
                return True
            if state.over or (not state.begun and time.time() - one.at > PATIENCE):
                return False
            if not told:
                self._progress.say(f"waiting for the server, which may be importing {one.node}")
                told = True
            time.sleep(LOOKS)
        return False


def expected(graph: TransferGraph, fileset: str) -> tuple[tuple[str, ...], set[tuple[object, ...]]]:
    """Return what tells a fileset's images apart, and its values in the graph."""
    ((entry, _),) = fileset_tree.incoming(FILESET)
    branches = Tree(graph).branches(graph[fileset])
    places = {place for branch in branches for place in branch.places}
    attributes = tuple(one.attribute for n in entry.place if (one := entry.field(n)) is not None)
    return attributes, places


def _content(graph: TransferGraph, node: str) -> counterparts.Content:
    """Return what an object is by itself; of a file only its name, before its bytes are there."""
    if not catalogue.CLASSES[graph[node].type].bytes:
        return counterparts.content(graph, node, files=False, edited=True)
    return graph[node].type, graph[node].fields.get("name")


def _wait_since(moment: float) -> None:
    time.sleep(max(0.0, PATIENCE - (time.time() - moment)))
