# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove what imports created and the graph does not have: ROIs, annotations, links."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from graphxfer import catalogue
from graphxfer.apply.removal import harmless
from graphxfer.apply.step import Step, Targets
from graphxfer.errors import Refused, counted_each
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.omero import lookup, write
from graphxfer.omero.owners import with_owners
from graphxfer.plan import Action, Plan, Remove, extras

SHOWN = 5
"""The most objects that a note names."""


class RemoveExtras(Step):
    """Removes extras, a batch in a call; to remove them twice is harmless.

    Only what an import of this transfer created, and what was not changed since, is removed. An
    object on which others depend (a link to it, a comment on it) is kept and named. Nothing has to
    be recovered: what a killed run removed does not exist any more.
    """

    def run(self, plan: Plan) -> None:
        """Remove the extras, and note what is kept, and why."""
        graph = self.context.bundle.graph()
        self._forget_gone()
        wanted = extras.removable(graph, self.journal, self.context.options, plan.left_out)
        plan.actions = [one for one in plan.actions if not _is_extra(one)]
        self._used: dict[There, str] = {}
        if wanted:
            self._counterparts = set(self.journal.same().values())
            self._events = set(lookup.import_events(self.server, self.journal.known(FILESET)))
        with self.context.progress.task("remove", len(wanted), "objects") as advance:
            for some in lookup.chunks(wanted, write.SMALL):
                for removed in harmless(some, self._why_not, self._keep):
                    self._remove(removed)
                    plan.actions += [
                        Remove("", one.type, extras.NOT_IN_GRAPH, one.id) for one in removed
                    ]
                advance(len(some))
        plan.notes += self._notes(extras.why_kept(graph, self.context.options))

    def _forget_gone(self) -> None:
        """Forget the extras that do not exist: a killed run removed them, or a user."""
        gone = {
            name: set(ids).difference(lookup.present(self.server, name, ids))
            for name, ids in lookup.by_type(self.journal.extras()).items()
        }
        if any(gone.values()):
            self.journal.forget(gone)

    def _keep(self, extra: There, reason: str) -> None:
        self._used[extra] = with_owners(self.server, reason)

    def _why_not(self, some: Sequence[There]) -> str:
        """Return why objects are not removed: what would go with them; or nothing."""
        try:
            deleted = write.delete(self.server, lookup.by_type(some), alone=True, dry_run=True)
        except Refused as refusal:  # others' data that this user may not change depends on them
            return refusal.reason
        others = (one for name, ids in deleted.items() for one in self._others(name, ids))
        return ", ".join(map(str, others))

    def _others(self, name: str, ids: Sequence[int]) -> list[There]:
        """Return the objects that were not created by an import, were changed since, or are used.

        An object of a class that graphxfer does not know is somebody else's.
        """
        if name not in catalogue.CLASSES and name not in catalogue.link_classes():
            return [There(name, number) for number in ids]
        made = lookup.changes(self.server, name, ids)
        return [
            There(name, number)
            for number in ids
            if not self._events.issuperset(made.get(number, (None,)))
            or There(name, number) in self._counterparts
        ]

    def _remove(self, some: Sequence[There]) -> None:
        gone = write.delete(self.server, lookup.by_type(some), alone=True)
        self.journal.forget({**gone, **lookup.by_type(some)})

    # -- undo ---------------------------------------------------------------------------------

    def created(self) -> Iterator[Targets]:
        """Iterate over the extras that are left: links first, then ROIs and annotations.

        OMERO would leave an annotation behind whose ROI is removed before the fileset.
        """
        left = lookup.by_type(filter(extras.is_removable, self.journal.extras()))
        for name in sorted(left, key=lambda name: name in catalogue.CLASSES):
            for ids in lookup.chunks(left[name]):
                yield Targets(name, ids)

    # -- notes --------------------------------------------------------------------------------

    def _notes(self, why: str) -> list[str]:
        """Return notes about the extras that are kept, by reason."""
        kept: defaultdict[str, list[There]] = defaultdict(list)
        for one in self.journal.extras():
            if extras.is_removable(one):
                kept[self._why(one, why)].append(one)
        return [
            f"Kept, though not in the graph: {_counts(some)} that imports created ({reason}): "
            + ", ".join(map(str, some[:SHOWN]))
            + (" …" if len(some) > SHOWN else "")
            for reason, some in kept.items()
        ]

    def _why(self, one: There, why: str) -> str:
        if used := self._used.get(one):
            return f"used or changed since the import: {used}"
        return why or extras.WAITING


def _is_extra(action: Action) -> bool:
    return isinstance(action, Remove) and not action.node


def _counts(objects: Iterable[There]) -> str:
    return counted_each(Counter(one.type for one in objects))
