# SPDX-License-Identifier: GPL-2.0-or-later
"""Update objects that an import created, if users changed them at the source."""

from __future__ import annotations

from collections import defaultdict

from graphxfer import catalogue
from graphxfer.apply.step import Step
from graphxfer.catalogue import Edge
from graphxfer.graph import fileset_tree
from graphxfer.graph.correspondence import There
from graphxfer.journal import How
from graphxfer.omero import lookup, write
from graphxfer.plan import FileMetadata, Plan


class UpdateObjects(Step):
    """Sets fields and references. To set them twice is harmless: nothing has to be recovered."""

    def run(self, plan: Plan) -> None:
        """Set fields and references of all objects that are not settled in the journal.

        The plan only has those of an earlier run: the others are known after the import.
        """
        clearing = bool(self.graph.header.database_uuid)
        by_class: defaultdict[str, list[str]] = defaultdict(list)
        as_file = self.context.options.file_metadata is FileMetadata.FILE
        kept = self.journal.file_fields()
        again = () if as_file else kept
        for node in dict.fromkeys([*self.journal.unsettled(How.MATCHED), *again]):
            by_class[self.graph[node].type].append(node)
        number = sum(map(len, by_class.values()))
        with self.context.progress.task("update", number, "objects") as advance:
            for name, nodes in by_class.items():
                entry = catalogue.CLASSES[name]
                for some in lookup.chunks(nodes):
                    wanted = {
                        self.journal[node].id: [
                            (field, value)
                            for field, value in fileset_tree.edits(
                                entry, self.graph[node], clearing=clearing
                            )
                            if not (as_file and field.name in kept.get(node, ()))
                        ]
                        for node in some
                    }
                    references = {self.journal[n].id: self._references(n) for n in some}
                    write.update(self.server, entry, wanted, references)
                    self.journal.settle(some)
                    if again:
                        self.journal.forget_file_fields(some)
                    advance(len(some))

    def _references(self, node: str) -> list[tuple[Edge, There]]:
        """Return the references that users may have changed, and what they have to lead to."""
        return [
            (edge, found.there)
            for edge, target in fileset_tree.edited_references(self.graph[node])
            if (found := self.journal.get(target)) is not None
        ]
