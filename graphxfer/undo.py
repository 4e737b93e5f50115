# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove from a destination what the journal lists as created there, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphxfer import catalogue
from graphxfer.apply.removal import Removal
from graphxfer.apply.runner import recover, steps, sweep
from graphxfer.apply.step import Context, Step, Targets
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError, UsageError
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.journal import Journal
from graphxfer.omero import lookup, unfinished
from graphxfer.omero.connect import Server
from graphxfer.omero.rights import SHOWN, check_readable, hidden
from graphxfer.progress import SILENT, Progress


@dataclass(slots=True)
class Undone:
    """What an undo removed, or would remove.

    Parameters
    ----------
    removed : dict
        How many, by class.
    kept : list of str
        What was not removed, and why: ``Dataset:5 (…)``. Others' objects depend on it.
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
        If there is no journal, if another user began the transfer, if something would be deleted
        that is not in the journal, or if the user cannot see all that is. Nothing is removed then.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid), writing=True)
    if journal is None:
        raise UsageError(
            "nothing of this bundle was applied to this server",
            where=str(bundle.folder),
            do="check that it is the right server",
        )
    with journal:
        journal.check_user(server.user_id)
        journal.check_about(bundle.graph().header.database_uuid, server.group_id)
        context = Context(bundle, bundle.graph(), server, journal, progress=progress)
        if not dry_run:
            recover(context)
        again = _imported_again(context, dry_run=dry_run, keep=keep)
        undone = _Undo(context).run(dry_run=dry_run, keep=keep)
        for name, number in again.removed.items():
            undone.removed[name] = undone.removed.get(name, 0) + number
        undone.kept += again.kept
        if not dry_run:
            undone.kept += sweep(context)  # what arrived meanwhile
            context.writer.finish()
        return undone


def _imported_again(context: Context, *, dry_run: bool, keep: bool) -> Undone:
    """Remove what requests created that arrived late or twice, or only count it."""
    server, journal, kept = context.server, context.journal, list[str]()
    stray, surplus = unfinished.stray(server, journal), unfinished.surplus(server, journal)
    if not dry_run:
        kept = sweep(context)
        if kept and not keep:
            raise _needed(kept, server)
    found = {FILESET: len(stray) - len(kept), catalogue.IMAGE: sum(map(len, surplus.values()))}
    return Undone({name: number for name, number in found.items() if number > 0}, kept)


def _needed(kept: Sequence[str], server: Server) -> GraphxferError:
    return GraphxferError(
        f"cannot undo: objects that graphxfer did not create depend on {'; '.join(kept)}",
        where=server.profile.address,
        do="remove them first, or use --keep to keep what they depend on",
    )


class _Undo:
    """Removes in the reverse of the order in which things were created."""

    def __init__(self, context: Context) -> None:
        self._context, self._server, self._journal = context, context.server, context.journal
        self._removal = Removal(context)

    def run(self, *, dry_run: bool, keep: bool) -> Undone:
        """Ask first what would be deleted with all of it; then remove it."""
        present = self._present(keep=keep)
        batches = list(self._removal.removable(present, None if keep else SHOWN))
        kept = [str(one) for one in self._removal.kept]
        if kept and not keep:
            raise _needed(kept, self._server)
        if not dry_run:
            self._journal.set_meta("undoing", "yes")
        removed = Counter[str]()
        total = sum(len(targets.ids) for _, targets in batches)
        with self._context.progress.task("remove", total, "objects") as advance:
            for step, targets in batches:
                if not dry_run:
                    self._removal.remove(step, targets)
                removed[targets.type] += len(targets.ids)
                advance(len(targets.ids))
        if not dry_run and kept:
            self._journal.set_meta("undoing", "")
        elif not dry_run:
            self._journal.clear()
        return Undone(dict(removed), kept)

    def _present(self, *, keep: bool) -> list[tuple[Step, Targets]]:
        """Return what is still there, links first; what is only hidden is an error, or is kept."""
        found, absent = [], defaultdict[str, list[int]](list)
        for step in reversed(list(steps(self._context))):
            for name, ids in step.created():
                there = lookup.present(self._server, name, ids)
                absent[name] += set(ids) - set(there)
                if there:
                    found.append((step, Targets(name, there)))
        group = int(self._journal.meta("group") or self._server.group_id)
        if not keep:
            check_readable(self._server, group, absent, self._journal.meta("user_name") or "")
            return found
        for one in hidden(self._server, group, absent):
            reason = f"not readable for {self._server.user_name}: {one.why}"
            self._removal.keep(There(one.type, one.id), reason)
        return found
