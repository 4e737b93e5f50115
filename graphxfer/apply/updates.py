# SPDX-License-Identifier: GPL-2.0-or-later
"""Update objects that an import created, if users changed them at the source."""

from __future__ import annotations

from collections import defaultdict

from graphxfer import catalogue
from graphxfer.apply.step import Step
from graphxfer.graph import fileset_tree
from graphxfer.journal import How
from graphxfer.omero import lookup, write
from graphxfer.plan import Plan


class UpdateObjects(Step):
    """Sets fields. Setting them twice is harmless, so nothing has to be recovered."""

    def run(self, plan: Plan) -> None:
        """Set the fields of all objects that are not settled in the journal.

        The plan only has those of an earlier run: the others are known after the import.
        """
        clearing = bool(self.graph.header.database_uuid)
        by_class: defaultdict[str, list[str]] = defaultdict(list)
        for node in self.journal.unsettled(How.MATCHED):
            by_class[self.graph[node].type].append(node)
        number = sum(map(len, by_class.values()))
        with self.context.progress.task("update", number, "objects") as advance:
            for name, nodes in by_class.items():
                entry = catalogue.CLASSES[name]
                for some in lookup.chunks(nodes):
                    wanted = {
                        self.journal[node].id: fileset_tree.edits(
                            entry, self.graph[node], clearing=clearing
                        )
                        for node in some
                    }
                    write.update(self.server, entry, wanted)
                    self.journal.settle(some)
                    advance(len(some))
