# SPDX-License-Identifier: GPL-2.0-or-later
"""Create objects exactly once: through the journal, and the fence at the destination."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphxfer import catalogue
from graphxfer.errors import GraphxferError
from graphxfer.journal import Journal, LinkKey, fencing
from graphxfer.omero import unfinished
from graphxfer.omero.connect import Server
from graphxfer.omero.fence import Keeper
from graphxfer.omero.rights import check_take_over


class Writer:
    """Creates objects, a batch in a call, in the lane of a journal.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        Its journal.
    transfer : str
        Names what is applied: the same for all copies of a bundle.

    Notes
    -----
    The rules are in :mod:`graphxfer.journal.fencing`. Each answer is in the journal before the next
    call.
    """

    def __init__(self, server: Server, journal: Journal, transfer: str) -> None:
        self._server, self._journal = server, journal
        self._keeper = Keeper(server, transfer, journal.name)
        self._run = secrets.token_hex(8)
        self._labels = (f"{self._run}/{number}" for number in itertools.count(1))

    def recover(self) -> None:
        """Learn what an interrupted run created, and record it.

        Raises
        ------
        GraphxferError
            If someone else continues the transfer.
        """
        if self._journal.lane.closing:
            self.finish()
        self._conclude(fencing.resume(self._journal.lane))

    def take_over(self) -> None:
        """Continue a transfer that was begun with another journal, or a copy of this one.

        All that was created is recorded here, and stays its owner's. Whoever began it cannot create
        more.

        Raises
        ------
        GraphxferError
            If another user began it, and this user may not link to objects of others there.
        """
        lane, found = self._journal.lane, self._keeper.fences()
        if other := self._other(found):
            check_take_over(self._server, other)
        for one in found:
            story = self._keeper.story(one.label)
            head = self._adopt(one.label)
            if self._keeper.owners([one.fence]).get(one.fence) == self._server.user_id:
                lane = fencing.Lane(one.fence, head, (*lane.openings, one.label), alone=True)
            else:
                self._shut(one.label, head)
                lane = fencing.Lane(openings=lane.openings)
            imports = unfinished.begun(self._server, story.journal)
            new = [each for each in imports if each.node not in self._journal]
            self._journal.take_over(story.journal, lane, new)

    def _other(self, fences: Sequence[fencing.Fence]) -> str:
        """Return the name of another user who began the transfer; empty if there is none."""
        mine = self._server.user_id
        if self._journal.meta("user") not in (None, str(mine)):
            return self._journal.meta("user_name") or ""
        owners = self._keeper.owners([one.fence for one in fences])
        for one in fences:
            if owners.get(one.fence, mine) != mine:
                return self._keeper.story(one.label).user
        return ""

    def _adopt(self, opening: str) -> int:
        """Record what the calls of a lane created; return its newest token."""
        calls = self._keeper.calls(opening)
        for one in calls:
            self._journal.adopt(one.batch, one.ids, settled=_settled(one.batch.type))
        return calls[-1].token

    def _shut(self, opening: str, head: int) -> None:
        """Make another user's lane useless, and record what it created until then."""
        newest = 0
        while head != newest:
            self._keeper.remove_token(head)
            newest, head = head, max(self._adopt(opening), head)
        self._keeper.remove([opening])

    def claim(self) -> None:
        """Tell all others, from now on, that this run continues the transfer.

        Raises
        ------
        GraphxferError
            If someone else does.
        """
        self.save("", [], [])

    def save(
        self, type_: str, items: Sequence[str | LinkKey], objects: Sequence[Any]
    ) -> tuple[int, ...]:
        """Create objects in one call, and record them.

        Parameters
        ----------
        type_ : str
            Their class, or link class.
        items : sequence of str or LinkKey
            What they are in the graph.
        objects : sequence
            The objects, in the same order.

        Returns
        -------
        tuple of int
            Their ids.

        Raises
        ------
        ServerFailure
            If the server refuses them, or the connection is lost.
        GraphxferError
            If someone else continues the transfer.
        """
        self._open()
        while True:
            lane = replace(self._journal.lane, intent=next(self._labels))
            self._journal.begin(lane, type_, items)
            insert = fencing.Insert(lane.intent, lane.fence, lane.head)
            match self._conclude(insert, objects):
                case fencing.Committed(ids):
                    return ids

    def change(self, objects: Sequence[Any]) -> None:
        """Save loaded objects in one call that is done once, with new parts that they have.

        The parts are not recorded: nothing but the fence keeps a late copy of the call from adding
        them again, or from setting a list without what others added since.
        """
        self.save("", [], objects)

    def finish(self) -> None:
        """Remove the fence: the transfer is complete, and all our calls are answered.

        A call that arrives nevertheless fails, as its token is gone. Only one that opens a lane
        does not: a fence of an earlier run, which is not in use, is removed whenever a run ends.
        """
        lane = self._journal.lane
        if lane.fence:
            self._journal.set_lane(replace(lane, closing=True))
        if lane.openings:
            self._keeper.remove(lane.openings)
        if lane.fence:
            self._journal.set_lane(fencing.Lane(openings=lane.openings))

    # -- the protocol -----------------------------------------------------------------------------

    def _open(self) -> None:
        lane = self._journal.lane
        if not lane.fence:
            for other in self._keeper.fences():  # so that none is created in vain
                if other.label not in lane.openings:
                    raise self._taken(other.label)
            label = next(self._labels)
            lane = replace(lane, opening=label, openings=(*lane.openings, label))
            self._journal.set_lane(lane)
            self._conclude(fencing.Open(label))

    def _conclude(
        self, todo: fencing.Request | fencing.Outcome, objects: Sequence[Any] = ()
    ) -> fencing.Outcome:
        """Ask until nothing is unknown; record each answer."""
        while isinstance(todo, fencing.Request):
            batch = self._journal.pending()
            answer = self._keeper.ask(todo, batch, objects)
            lane, todo = fencing.answered(self._journal.lane, todo, answer)
            self._record(lane, todo)
        return todo

    def _record(self, lane: fencing.Lane, outcome: fencing.Request | fencing.Outcome) -> None:
        batch = self._journal.pending()
        match outcome:
            case fencing.Committed(ids) if batch is not None:
                self._journal.finish(lane, batch, ids, settled=_settled(batch.type))
            case fencing.Void() if batch is not None:
                self._journal.abandon(lane, batch)
            case fencing.Taken(label):
                self._withdraw(lane)
                raise self._taken(label)
            case fencing.Rejected() if self._keeper.refusal is not None:
                raise self._keeper.refusal
            case _:
                self._journal.set_lane(lane)

    def _withdraw(self, lane: fencing.Lane) -> None:
        """Remove a fence that this run created at the same moment as someone else."""
        if not lane.alone and lane.openings[-1].startswith(self._run):
            self._keeper.remove(lane.openings[-1:])
            self._journal.set_lane(fencing.Lane(openings=lane.openings))

    def _taken(self, label: str) -> GraphxferError:
        where = str(self._journal.path)
        if not label:
            return GraphxferError(
                "this transfer was finished, undone or taken over with another journal",
                where=where,
                do="continue with the bundle, or the copy of it, that was used last",
            )
        return GraphxferError(
            f"this transfer is continued by {self._keeper.story(label)}",
            where=where,
            do="wait until that run has ended; if it was abandoned, use --take-over",
        )


def _settled(type_: str) -> bool:
    """Return whether an object of a class is complete when it is created: not if it has bytes."""
    entry = catalogue.CLASSES.get(type_)
    return entry is None or not entry.bytes
