# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a plan at a destination, through the journal: each action exactly once."""

from __future__ import annotations

from collections.abc import Iterator

from graphxfer.apply.existing import UseExisting
from graphxfer.apply.extras import RemoveExtras
from graphxfer.apply.filesets import ImportFilesets
from graphxfer.apply.links import MakeLinks
from graphxfer.apply.objects import CreateObjects
from graphxfer.apply.parts import AddParts
from graphxfer.apply.removed import remove
from graphxfer.apply.step import Context, Step
from graphxfer.apply.updates import UpdateObjects
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.journal import Journal
from graphxfer.omero import unfinished
from graphxfer.omero.connect import Server
from graphxfer.omero.owners import described
from graphxfer.omero.rights import SHOWN
from graphxfer.plan import ApplyOptions, Plan, extras
from graphxfer.plan.planner import planned
from graphxfer.progress import SILENT, Progress

STEPS: tuple[type[Step], ...] = (
    ImportFilesets,
    UseExisting,
    CreateObjects,
    AddParts,
    MakeLinks,
    UpdateObjects,
    RemoveExtras,
)
"""The kinds of steps in order: later steps need the results of earlier ones."""


def steps(context: Context) -> Iterator[Step]:
    """Iterate over all steps.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.
    """
    return (step(context) for step in STEPS)


def recover(context: Context) -> None:
    """Recover all actions that an interrupted run left open.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.

    Raises
    ------
    GraphxferError
        If the journal belongs to another graph.
    """
    if context.options.take_over:
        context.writer.take_over()
    context.writer.recover()
    for step in steps(context):
        step.recover()


def sweep(context: Context) -> list[str]:
    """Remove what imports of this journal created, and the journal does not have.

    These are the results of requests that arrived late, or twice: whole filesets, or images in a
    fileset that the journal has.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.

    Returns
    -------
    list of str
        What it did not remove, and why: others have added something to it meanwhile.
    """
    server, journal, kept = context.server, context.journal, list[str]()
    for node, images in unfinished.surplus(server, journal).items():
        unfinished.set_aside(server, journal, node, images)
    for number in unfinished.stray(server, journal):
        if others := unfinished.others(server, journal, number):
            kept.append(f"{There(FILESET, number)} ({described(server, others, SHOWN)})")
        else:
            unfinished.remove(server, number)
    return kept


def apply(
    bundle: Bundle,
    server: Server,
    options: ApplyOptions = ApplyOptions(),  # noqa: B008  (frozen)
    progress: Progress = SILENT,
) -> Plan:
    """Recreate a bundle's graph at a destination.

    An interrupted run is resumed. After a successful run, nothing is done.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    server : Server
        The destination, connected with ``own_session=True``.
    options : ApplyOptions
        The options.
    progress : Progress
        Shows how much is done.

    Returns
    -------
    Plan
        The plan, which is now done, except `Plan.skipped` and `Plan.kept`.

    Raises
    ------
    GraphxferError
        If another user began it, if the plan fails, or if the server refuses a call; the journal
        stays intact.
    """
    graph = bundle.graph()
    bundle.manifest()  # report unreadable files before anything is written
    with Journal(bundle.journal(server.database_uuid), writing=True, graph=graph) as journal:
        if not options.take_over:
            journal.check_user(server.user_id)
        journal.check_not_undone()
        journal.check_about(graph.header.database_uuid, server.group_id)
        options = extras.chosen(options, journal)
        context = Context(bundle, graph, server, journal, options, progress)
        recover(context)
        plan = planned(bundle, server, journal, options, progress, content=True)
        if not plan.nothing_to_do:
            journal.set_about(
                graph.header.database_uuid,
                server.group_id,
                group_name=server.group_name,
                user=server.user_id,
                user_name=server.user_name,
            )
            journal.set_meta(extras.META, str(options.file_metadata))
            if not server.joined:
                journal.add_session(server.session_id)
            context.writer.claim()
            ImportFilesets(context).run(plan)  # and leave out what the server refuses
            for step in steps(context.without_skipped(plan)):
                if not isinstance(step, ImportFilesets):
                    step.run(plan)
            remove(context, plan, list(steps(context)))
        if kept := sweep(context):
            raise GraphxferError(
                "the server imported filesets again, and objects that graphxfer did not create "
                f"depend on the second import: {'; '.join(kept)}",
                where=server.profile.address,
                do="remove them, and run the same command again",
            )
        context.writer.finish()
        return plan
