# SPDX-License-Identifier: GPL-2.0-or-later
"""Common parts of the steps of an apply.

A step does all actions of one kind. It can run them, recover them after a crash, and list the
objects that an undo removes. The runner, the recovery and the undo iterate over the steps, and do
not depend on the kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from graphxfer.apply.writer import Writer
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Edge
from graphxfer.graph import Node, TransferGraph
from graphxfer.journal import Journal
from graphxfer.omero import importer, write
from graphxfer.omero.connect import Server
from graphxfer.plan import ApplyOptions, Plan
from graphxfer.progress import SILENT, Progress


@dataclass(frozen=True)
class Context:
    """The context of all steps.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    graph : TransferGraph
        The bundle's graph; while a plan runs, without the nodes that it skips.
    server : Server
        The destination.
    journal : Journal
        The destination's journal.
    options : ApplyOptions
        The options of the apply.
    progress : Progress
        Shows how much is done.
    """

    bundle: Bundle
    graph: TransferGraph
    server: Server
    journal: Journal
    options: ApplyOptions = field(default_factory=ApplyOptions)
    progress: Progress = SILENT

    @cached_property
    def writer(self) -> Writer:
        """Creates objects at the destination, exactly once."""
        return Writer(self.server, self.journal, self.bundle.transfer)

    def without_skipped(self, plan: Plan) -> Context:
        """Return a context whose graph does not have the nodes that a plan skips."""
        skipped = plan.left_out
        return replace(self, graph=self.graph.without(skipped)) if skipped else self

    @cached_property
    def hashers(self) -> list[str]:
        """The checksum algorithms that the destination offers."""
        return importer.offered_hashers(self.server)

    def hasher(self, node: Node) -> str:
        """Return the checksum algorithm for a file; empty if it has no bytes."""
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
    """All actions of one kind; each method can be called again without harm.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.graph, self.server, self.journal = context.graph, context.server, context.journal

    def parts(self, node: str, edge: Edge) -> list[str]:
        """Return the parts that a list of a node has, and the graph, too.

        Parameters
        ----------
        node : str
            IRI of the owner.
        edge : Edge
            The list.
        """
        return [part for part in self.graph[node].edges.get(edge.name, ()) if part in self.graph]

    def recover(self) -> None:
        """Record a result for every open intent of an earlier run, or remove the intent.

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
            The plan; the step adds notes to it.

        Raises
        ------
        GraphxferError
            If the server refuses a call; the journal stays intact.
        """

    def created(self) -> Iterator[Targets]:
        """Iterate over the objects that an undo removes, in batches, the last created first."""
        return iter(())

    def delete(self, targets: Targets, *, dry_run: bool = False) -> dict[str, list[int]]:
        """Delete created objects with their parts and links, but no other objects.

        Parameters
        ----------
        targets : Targets
            A batch of :meth:`created`.
        dry_run : bool
            Only report what would be deleted.

        Returns
        -------
        dict
            Ids of all deleted objects by class, including parts and links.
        """
        return write.delete(self.server, {targets.type: targets.ids}, alone=True, dry_run=dry_run)
