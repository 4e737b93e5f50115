# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove what the graph does not have any more, as undo does: links first, then objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphxfer import catalogue
from graphxfer.apply.removal import Removal
from graphxfer.apply.step import Context, Step, Targets
from graphxfer.graph.correspondence import There
from graphxfer.omero import lookup
from graphxfer.plan import REMOVED, Action, Keep, Plan, Remove
from graphxfer.plan import removed as removed_here


def remove(context: Context, plan: Plan, steps: Sequence[Step]) -> None:
    """Do the plan's removals; what cannot be removed is kept, with the reason.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.
    plan : Plan
        The plan; removals that are refused become `Keep`.
    steps : sequence of Step
        All steps, which know how to delete what they create.
    """
    if not any(one.node for one in plan.of(Remove)):
        return
    graph, journal = context.bundle.graph(), context.journal
    gone = removed_here.find(graph, journal)
    wanted = {found.there for found in gone.nodes.values()}
    wanted |= {There(key.type, number) for key, number in gone.links.items()}
    protected = {one.there for node, one in journal.nodes().items() if node in graph}
    removal = Removal(context, protected)
    with context.progress.task("remove", len(wanted), "objects") as advance:
        # One after another: what is only linked stays if its link is gone before.
        for step, targets in removal.removable(_present(context, steps, wanted)):
            removal.remove(step, targets)
            advance(len(targets.ids))
    why = {one.there: one.reason for one in removal.kept}
    plan.actions = [_done(one, why) for one in plan.actions]


def _done(action: Action, why: Mapping[There, str]) -> Action:
    """Return a removal as it was done: what was refused is kept."""
    refused = why.get(There(action.type, action.destination or 0))
    if not isinstance(action, Remove) or not action.node or not refused:
        return action
    return Keep(
        action.node, action.type, REMOVED, action.destination, child=action.child, detail=refused
    )


def _present(
    context: Context, steps: Sequence[Step], wanted: set[There]
) -> Iterator[tuple[Step, Targets]]:
    """Iterate over what is still there: links, then objects in the reverse of their creation."""
    for step in reversed(steps):
        for name, ids in step.created():
            some = [number for number in ids if There(name, number) in wanted]
            if there := lookup.present(context.server, name, some):
                wanted.difference_update(There(name, number) for number in there)
                yield step, Targets(name, there)
    # Parts whose owner stays: a shape of a ROI.
    parts = (one for one in wanted if (e := catalogue.CLASSES.get(one.type)) and e.part_of)
    for name, numbers in lookup.by_type(parts).items():
        for ids in lookup.chunks(numbers):
            if there := lookup.present(context.server, name, ids):
                yield Step(context), Targets(name, there)
