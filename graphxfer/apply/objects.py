# SPDX-License-Identifier: GPL-2.0-or-later
"""Create objects (containers, annotations, ROIs, files), and upload the bytes of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from graphxfer import catalogue
from graphxfer.apply.recover import wait_since
from graphxfer.apply.step import Step, Targets
from graphxfer.catalogue import Edge, Maker, Via
from graphxfer.errors import GraphxferError
from graphxfer.graph import Node, TransferGraph, class_of, iri
from graphxfer.graph.correspondence import There
from graphxfer.journal import Batch, Counterpart, How
from graphxfer.omero import files, lookup, read, write
from graphxfer.plan import Create, Match, Plan, counterparts


class CreateObjects(Step):
    """Creates objects, a batch in a call; the parts of an object are saved with it."""

    def run(self, plan: Plan) -> None:
        """Create the objects, and find the ids of their parts.

        This includes objects that an import should have created, but did not: a Plate.
        """
        self._create([self.graph[one.node] for one in plan.of(Create, Match)])
        self._find_parts()

    def _create(self, nodes: Sequence[Node]) -> None:
        build = write.Builder(
            self.graph, lambda node: self.journal[node].id, self.context.hasher
        ).build
        # Parts are saved with their owner; an import may have created others in the meantime.
        own = [n for n in nodes if not class_of(n).part_of and n.iri not in self.journal]
        self._send_files()
        with self.context.progress.task("create", len(own), "objects") as advance:
            for batch in write.batches(self.graph, own):
                intent = self.journal.begin(
                    self.server.session_id, batch[0].type, [node.iri for node in batch]
                )
                ids = write.save(self.server, [build(node) for node in batch])
                with_files = class_of(batch[0]).bytes
                self.journal.finish(intent, ids, settled=not with_files)
                if with_files:
                    self._send_files()
                advance(len(batch))

    def _send_files(self) -> None:
        """Upload the files of objects that were created and do not have all their bytes yet."""
        for node in self.journal.unsettled(How.CREATED):
            entry = self.context.bundle.manifest().of(node)
            if entry is not None:
                hasher = self.context.hasher(self.graph[node])
                source = self.context.bundle.file(entry)
                there = self.journal[node]
                files.upload(self.server, there.id, source, hasher, self.server.group_id)
            self.journal.settle([node])

    # -- parts --------------------------------------------------------------------------------

    def _find_parts(self) -> None:
        """Record the ids of parts that were saved with their owner."""
        for owner in catalogue.CLASSES.values():
            for edge in owner.edges:
                if edge.via is Via.LIST and owner.maker is not Maker.IMPORT:
                    self._find_parts_of(owner.name, edge)

    def _find_parts_of(self, owner: str, edge: Edge) -> None:
        missing = {
            there.id: parts
            for node, there in self.journal.nodes().items()
            if there.type == owner
            and there.how is How.CREATED
            and (parts := [p for p in self.graph[node].edges.get(edge.name, ()) if p in self.graph])
            and parts[0] not in self.journal
        }
        for some in lookup.chunks(missing):
            found = lookup.part_ids(self.server, owner, edge, some)
            self.journal.record(
                (part, Counterpart(self.graph[part].type, id_, How.CREATED))
                for number in some
                for part, id_ in zip(missing[number], found[number], strict=True)
            )

    # -- after a crash ------------------------------------------------------------------------

    def recover(self) -> None:
        """Adopt the objects of a batch without a recorded result, or remove its intent.

        A call of several objects is one transaction, so all of them exist or none. They are adopted
        only if their content equals that of the intent.
        """
        for batch in self.journal.pending():
            if batch.nodes:
                self._settle(batch)

    def _settle(self, batch: Batch) -> None:
        if missing := [node for node in batch.nodes if node not in self.graph]:
            raise GraphxferError(
                f"the journal has nodes that are not in this graph: {missing[0]}",
                where=str(self.journal.path),
                do="apply the graph that this journal belongs to",
            )
        saved = self._saved(batch)
        if not saved:
            wait_since(batch.at)
            saved = self._saved(batch)
        same_number = [ids for ids in saved if len(ids) == len(batch.nodes)]
        for ids in same_number:
            if self._alike(batch.type, batch.nodes, ids):
                settled = not catalogue.CLASSES[batch.type].bytes
                self.journal.finish(batch, ids, settled=settled)
                return
        for ids in same_number:
            # Saved in this run's session, in one transaction, but with other content.
            self.delete(Targets(batch.type, ids))
        self.journal.abandon(batch)

    def _saved(self, batch: Batch) -> list[list[int]]:
        """Return objects that were saved in the batch's session and are not in the journal."""
        known = self.journal.known(batch.type)
        found = lookup.made_in(self.server, batch.session, catalogue.CLASSES[batch.type])
        return [ids for ids in found if not known.intersection(ids)]

    def _alike(self, type_: str, nodes: Sequence[str], ids: list[int]) -> bool:
        there = read.fetch_nodes(self.server, {type_: ids})
        if parts := _parts(there):
            for node in read.fetch_nodes(self.server, parts):
                there.add(node)
        found = [iri(type_, number) for number in ids]
        return all(
            other in there and _content(self.graph, node) == _content(there, other)
            for node, other in zip(nodes, found, strict=True)
        )

    # -- undo ---------------------------------------------------------------------------------

    def created(self) -> Iterator[Targets]:
        """Iterate over created objects, and imported ones of classes that users create (ROIs)."""
        nodes: defaultdict[str, list[int]] = defaultdict(list)
        for node, there in self.journal.nodes().items():
            entry = class_of(self.graph[node])
            found = there.how is How.MATCHED and entry.maker is Maker.USER
            # Parts are deleted with their owner, and what only imports need with its fileset.
            alone = not entry.part_of and entry.maker is not Maker.IMPORT
            if (there.how is How.CREATED or found) and alone:
                nodes[there.type].append(there.id)
        for layer in reversed(catalogue.apply_order()):
            for name in reversed(layer):
                for ids in lookup.chunks(nodes.get(name, ())):
                    yield Targets(name, ids)


def _parts(there: TransferGraph) -> dict[str, list[int]]:
    return lookup.by_type(
        There.of(target)
        for node in there
        for edge in catalogue.CLASSES[node.type].edges
        if edge.ordered
        for target in node.edges.get(edge.name, ())
    )


def _content(graph: TransferGraph, node: str) -> counterparts.Content:
    """Return the content of an object alone; for a file without bytes only its name."""
    if not catalogue.CLASSES[graph[node].type].bytes:
        return counterparts.content(graph, node, files=False, edited=True)
    return graph[node].type, graph[node].fields.get("name")
