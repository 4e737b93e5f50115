# SPDX-License-Identifier: GPL-2.0-or-later
"""Update objects: those that an import created, and those that were changed since an apply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from graphxfer import catalogue
from graphxfer.apply.step import Step
from graphxfer.catalogue import Class, Edge, Field, Type, Value
from graphxfer.errors import counted
from graphxfer.graph import Node, class_of, fileset_tree
from graphxfer.graph.correspondence import Correspondence, There
from graphxfer.graph.digests import Digests, digest
from graphxfer.journal import How
from graphxfer.omero import lookup, write
from graphxfer.plan import FileMetadata, Plan, Restore, Update


class UpdateObjects(Step):
    """Sets fields and references. To set them twice is harmless: nothing has to be recovered."""

    def run(self, plan: Plan) -> None:
        """Set what users changed after an import, and what was changed since the last apply.

        The plan does not have the former: they are known only after the import.
        """
        self._after_import()
        self._since_apply(plan)

    def _after_import(self) -> None:
        """Set fields and references of all objects that are not settled in the journal."""
        clearing = bool(self.graph.header.database_uuid)
        by_class: defaultdict[str, list[str]] = defaultdict(list)
        as_file = self.context.options.file_metadata is FileMetadata.FILE
        kept = self.journal.file_fields()
        again = () if as_file else kept
        for node in dict.fromkeys([*self.journal.unsettled(How.MATCHED), *again]):
            if node in self.graph:  # not if a newer export does not have it
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

    # -- changed since an apply ---------------------------------------------------------------

    def _since_apply(self, plan: Plan) -> None:
        """Set the fields and references that the plan names."""
        names: defaultdict[str, defaultdict[str, set[str]]]
        names = defaultdict(lambda: defaultdict(set))
        for one in plan.of(Update):
            if one.fields:
                names[one.type][one.node].update(one.fields)
        forced = {(one.node, name) for one in plan.of(Restore) for name in one.fields}
        number, late = sum(map(len, names.values())), list[str]()
        with self.context.progress.task("update", number, "objects") as advance:
            for name, nodes in names.items():
                entry = catalogue.CLASSES[name]
                for some in lookup.chunks(nodes, _at_once(entry)):
                    batch = _Batch(self, {node: nodes[node] for node in some}, forced)
                    late += batch.update(entry)
                    advance(len(some))
        if late:
            plan.notes.append(
                f"Changed at the destination while apply was running, and kept: "
                f"{counted(len(late), 'value')} ({', '.join(late[:5])}{' …' if late[5:] else ''})"
            )


class _Batch:
    """Nodes of one class, and the names of their fields and references to set."""

    def __init__(
        self, step: Step, names: Mapping[str, set[str]], forced: set[tuple[str, str]]
    ) -> None:
        self._step, self._journal, self._names, self._forced = step, step.journal, names, forced
        self._nodes = {step.journal[node].id: step.graph[node] for node in names}
        self._same = Correspondence(step.journal.same())
        self._bases = step.journal.bases(names)
        self._late: list[tuple[str, str]] = []

    def update(self, entry: Class) -> list[str]:
        """Set them; return those that somebody changed after the plan was made."""
        fields = {
            number: [
                (field, node.fields.get(field.name))
                for field in entry.fields
                if field.name in self._names[node.iri]
            ]
            for number, node in self._nodes.items()
        }
        references = {number: list(self._edges(node)) for number, node in self._nodes.items()}
        write.update(self._step.server, entry, fields, references, self._may)
        self._journal.agree(
            {
                node: [name for name in names if (node, name) not in self._late]
                for node, names in self._names.items()
            }
        )
        return [f"{node}: {name}" for node, name in self._late]

    def _edges(self, node: Node) -> Iterator[tuple[Edge, There | None]]:
        for edge in class_of(node).edges:
            if edge.name in self._names[node.iri]:
                target = node.target(edge.name)
                yield edge, self._same.there(target) if target is not None else None

    def _may(self, number: int, member: Field | Edge, now: Value | There | None) -> bool:
        """Tell whether a value is still that of the base: no change of a person is overwritten."""
        node = self._nodes[number].iri
        base: Digests = self._bases.get(node, {})
        is_gone = isinstance(member, Edge) and now is None  # with the object that it led to
        unchanged = self._digest(member, now) == base.get(member.name)
        if is_gone or unchanged or (node, member.name) in self._forced:
            return True
        self._late.append((node, member.name))
        return False

    def _digest(self, member: Field | Edge, now: Value | There | None) -> str | None:
        if now is None:
            return None
        if isinstance(member, Field) and not isinstance(now, There):
            return digest(now, member.type)
        here = self._same.here(now) if isinstance(now, There) else ()
        return digest(here[:1])


def _at_once(entry: Class) -> int:
    """Return how many objects to load at once: few if they have bytes (masks)."""
    large = any(field.type is Type.BYTES for field in entry.fields)
    return write.LARGE if large else lookup.CHUNK
