# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove from a destination what the journal lists as created there, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphxfer import catalogue
from graphxfer.apply.runner import recover, steps, sweep
from graphxfer.apply.step import Context, Step, Targets
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError, UsageError
from graphxfer.journal import Journal
from graphxfer.omero import lookup
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress


@dataclass(slots=True)
class Undone:
    """What an undo removed, or would remove.

    Parameters
    ----------
    removed : dict
        How many, by class.
    kept : list of str
        What was not removed because others' objects depend on it: ``Dataset:5 (…)``.
    """

    removed: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


def undo(
    bundle: Bundle,
    server: Server,
    *,
    dry_run: bool = False,
    keep: bool = False,
    progress: Progress = SILENT,
) -> Undone:
    """Remove what an apply created.

    Parameters
    ----------
    bundle : Bundle
        What was applied.
    server : Server
        The destination, connected with ``own_session=True``.
    dry_run : bool
        Only report what would be removed.
    keep : bool
        Keep what others' objects depend on, instead of refusing.
    progress : Progress
        Where progress is reported.

    Raises
    ------
    GraphxferError
        If there is no journal, or if something would be deleted that is not in it.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid), writing=True)
    if journal is None:
        raise UsageError(
            "nothing of this bundle was applied to this server",
            where=str(bundle.folder),
            do="check that it is the right server",
        )
    with journal:
        journal.check_about(bundle.graph().header.database_uuid, server.group_id)
        context = Context(bundle, bundle.graph(), server, journal, progress=progress)
        if not dry_run:
            recover(context)
        undone = _Undo(context).run(dry_run=dry_run, keep=keep)
        if not dry_run:
            sweep(context)
            context.writer.finish()
        return undone


class _Undo:
    """Removes in the reverse of the order in which things were created."""

    def __init__(self, context: Context) -> None:
        self._context, self._server, self._journal = context, context.server, context.journal
        self._sessions = context.journal.sessions()
        self._undone = Undone()

    def run(self, *, dry_run: bool, keep: bool) -> Undone:
        """Ask first what would be deleted with all of it; then remove it."""
        batches = [
            (step, harmless)
            for step in reversed(list(steps(self._context)))
            for targets in step.created()
            if (there := lookup.present(self._server, *targets))
            for harmless in self._harmless(step, Targets(targets.type, there), keep=keep)
        ]
        removed = Counter[str]()
        total = sum(len(targets.ids) for _, targets in batches)
        with self._context.progress.task("remove", total, "objects") as advance:
            for step, targets in batches:
                if not dry_run:
                    self._remove(step, targets)
                removed[targets.type] += len(targets.ids)
                advance(len(targets.ids))
        self._undone.removed = dict(removed)
        if not dry_run and not self._undone.kept:
            self._journal.clear()
        return self._undone

    def _harmless(self, step: Step, targets: Targets, *, keep: bool) -> list[Targets]:
        """Return what can be removed without others' objects; halve what cannot, to find out."""
        name, ids = targets
        others = self._others(step.delete(targets, dry_run=True))
        if not others:
            return [targets]
        listed = ", ".join(f"{other}:{number}" for other, some in others.items() for number in some)
        if not keep:
            raise GraphxferError(
                f"cannot undo: objects that graphxfer did not create depend on it: {listed}",
                where=f"{name}:{','.join(map(str, ids[:10]))}{',…' if len(ids) > 10 else ''}",
                do="remove them first, or use --keep to keep what they depend on",
            )
        if len(ids) == 1:
            self._undone.kept.append(f"{name}:{ids[0]} ({listed})")
            return []
        half = len(ids) // 2
        return [
            *self._harmless(step, Targets(name, ids[:half]), keep=keep),
            *self._harmless(step, Targets(name, ids[half:]), keep=keep),
        ]

    def _others(self, deleted: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        """Return objects that are neither in the journal nor created in one of its sessions."""
        found = {}
        for name, ids in deleted.items():
            entry = catalogue.CLASSES.get(name) or catalogue.link_node(name)
            if entry is not None:
                unknown = sorted(set(ids) - self._journal.known(name))
                if others := lookup.others(self._server, entry, unknown, self._sessions):
                    found[name] = others
        return found

    def _remove(self, step: Step, targets: Targets) -> None:
        """Remove objects, except those that were deleted with others before: a file."""
        name, ids = targets
        known = self._journal.known(name)
        left = [number for number in ids if number in known]
        gone = step.delete(Targets(name, left)) if left else {}
        for other, some in {**gone, name: ids}.items():
            self._journal.removed(other, some)
