# SPDX-License-Identifier: GPL-2.0-or-later
"""What the steps of an apply have in common.

A step does all actions of one kind. It knows how to run them, to recover what a crash left of them,
and what an undo has to remove. The runner, the recovery and the undo go through the steps and know
no kind by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from graphxfer.bundle import Bundle
from graphxfer.graph import Node, TransferGraph
from graphxfer.journal import Journal
from graphxfer.omero import importer, write
from graphxfer.omero.connect import Server
from graphxfer.plan import ApplyOptions, Plan
from graphxfer.progress import SILENT, Progress


@dataclass(frozen=True)
class Context:
    """What every step needs.

    Parameters
    ----------
    bundle : Bundle
        What is applied.
    graph : TransferGraph
        The bundle's graph; while a plan runs, without the nodes that it skips.
    server : Server
        The destination.
    journal : Journal
        The destination's journal.
    options : ApplyOptions
        What the person decided.
    progress : Progress
        Where progress is reported.
    """

    bundle: Bundle
    graph: TransferGraph
    server: Server
    journal: Journal
    options: ApplyOptions = field(default_factory=ApplyOptions)
    progress: Progress = SILENT

    def without_skipped(self, plan: Plan) -> Context:
        """Return the same with a graph that lacks the nodes that a plan skips."""
        skipped = {action.node for action in plan.skipped if not action.child}
        if not skipped:
            return self
        kept = (node for node in self.graph if node.iri not in skipped)
        return replace(self, graph=TransferGraph(self.graph.header, kept))

    @cached_property
    def hashers(self) -> list[str]:
        """The checksum algorithms that the destination offers."""
        return importer.offered_hashers(self.server)

    def hasher(self, node: Node) -> str:
        """Return the algorithm with which a file's bytes are checked; empty if it has no bytes."""
        entry = self.bundle.manifest().of(node.iri)
        if entry is None:
            return ""
        return importer.choose_hasher({entry.hasher} if entry.checksum else set(), self.hashers)


class Targets(NamedTuple):
    """Objects of one class that an undo removes.

    Parameters
    ----------
    type : str
        Class, or link class.
    ids : list of int
        Their ids at the destination.
    """

    type: str
    ids: list[int]


class Step:
    """All actions of one kind; each of its methods can be repeated without harm.

    Parameters
    ----------
    context : Context
        What it works on.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.graph, self.server, self.journal = context.graph, context.server, context.journal

    def recover(self) -> None:
        """Give every intent that an earlier run left open a result, or take it back.

        Raises
        ------
        GraphxferError
            If the journal belongs to another graph.
        """

    def run(self, plan: Plan) -> None:
        """Do the plan's actions of this kind.

        Parameters
        ----------
        plan : Plan
            What to do; notes for the person are added to it.

        Raises
        ------
        GraphxferError
            What the server refuses; the journal stays intact.
        """

    def created(self) -> Iterator[Targets]:
        """Iterate over what an undo removes, in batches, the last created first."""
        return iter(())

    def delete(self, targets: Targets, *, dry_run: bool = False) -> dict[str, list[int]]:
        """Delete what it created, without what others hung on it.

        Parameters
        ----------
        targets : Targets
            Some of what :meth:`created` returned.
        dry_run : bool
            Only find out what would be deleted.

        Returns
        -------
        dict
            Ids by class of all that was deleted, parts and links included.
        """
        return write.delete(self.server, {targets.type: targets.ids}, alone=True, dry_run=dry_run)
