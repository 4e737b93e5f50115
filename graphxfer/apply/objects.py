# SPDX-License-Identifier: GPL-2.0-or-later
"""Create objects (containers, annotations, ROIs, files), and upload the bytes of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from graphxfer import catalogue
from graphxfer.apply.step import Step, Targets
from graphxfer.catalogue import Edge, Maker
from graphxfer.graph import Node, class_of
from graphxfer.journal import Counterpart, How
from graphxfer.omero import files, lookup, write
from graphxfer.plan import Create, Match, Plan, Upload


class CreateObjects(Step):
    """Creates objects, a batch in a call; the parts of an object are saved with it."""

    def run(self, plan: Plan) -> None:
        """Create the objects, and find the ids of their parts.

        This includes objects that an import should have created, but did not: a Plate.
        """
        # An interrupted upload is continued, whatever there is then.
        self.journal.unsettle((one.node for one in plan.of(Upload)), kept=True)
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
                objects = [build(node) for node in batch]
                self.context.writer.save(batch[0].type, [node.iri for node in batch], objects)
                if class_of(batch[0]).bytes:
                    self._send_files()
                advance(len(batch))

    def _send_files(self) -> None:
        """Upload the files of objects that were created and do not have all their bytes yet."""
        for node in self.journal.unsettled(How.CREATED):
            if node not in self.graph:
                continue  # left out: its file is missing
            entry = self.context.bundle.manifest().of(node)
            if entry is not None:
                hasher = self.context.hasher(self.graph[node])
                source = self.context.bundle.file(entry)
                there = self.journal[node]
                files.upload(self.server, there.id, source, hasher, self.server.group_id)
            sent = [field.name for field in class_of(self.graph[node]).fields if field.computed]
            self.journal.settle([node], sent)

    # -- parts --------------------------------------------------------------------------------

    def _find_parts(self) -> None:
        """Record the ids of parts that were saved with their owner."""
        for owner, edge in catalogue.part_lists():
            self._find_parts_of(owner.name, edge)

    def _find_parts_of(self, owner: str, edge: Edge) -> None:
        missing = {
            there.id: parts
            for node, there in self.journal.nodes().items()
            if there.type == owner
            and there.how is How.CREATED
            and node in self.graph  # not if a newer export does not have it
            and (parts := self.parts(node, edge))
            and not any(part in self.journal for part in parts)
        }
        for some in lookup.chunks(missing):
            found = lookup.part_ids(self.server, owner, edge, some)
            self.journal.record(
                (part, Counterpart(self.graph[part].type, id_, How.CREATED))
                for number in some
                # Parts that were left out when their owner was created: see AddParts.
                if len(found.get(number, ())) == len(missing[number])
                for part, id_ in zip(missing[number], found[number], strict=True)
            )

    # -- undo ---------------------------------------------------------------------------------

    def created(self) -> Iterator[Targets]:
        """Iterate over created objects, and imported ones of classes that users create (ROIs)."""
        nodes: defaultdict[str, list[int]] = defaultdict(list)
        for there in self.journal.nodes().values():
            entry = catalogue.CLASSES[there.type]  # a newer export may not have the node
            found = there.how is How.MATCHED and entry.maker is Maker.USER
            # Parts are deleted with their owner, and what only imports need with its fileset.
            alone = not entry.part_of and entry.maker is not Maker.IMPORT
            if (there.how is How.CREATED or found) and alone:
                nodes[there.type].append(there.id)
        for layer in reversed(catalogue.apply_order()):
            for name in reversed(layer):
                for ids in lookup.chunks(nodes.get(name, ())):
                    yield Targets(name, ids)
