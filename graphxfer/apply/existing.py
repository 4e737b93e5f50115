# SPDX-License-Identifier: GPL-2.0-or-later
"""Use objects that already exist at the destination: equal tags, containers of the same name."""

from __future__ import annotations

from graphxfer.apply.step import Step
from graphxfer.journal import Counterpart, How
from graphxfer.plan import Merge, Plan, Reuse


class UseExisting(Step):
    """Records the objects; nothing changes at the destination, so nothing is to be recovered."""

    def run(self, plan: Plan) -> None:
        """Record the objects that are used for nodes."""
        self.journal.record(
            (one.node, Counterpart(one.type, one.destination, _how(one)))
            for one in plan.of(Reuse)
            if one.destination is not None and one.node not in self.journal
        )


def _how(action: Reuse) -> How:
    return How.MERGED if isinstance(action, Merge) else How.REUSED
