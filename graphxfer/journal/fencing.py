# SPDX-License-Identifier: GPL-2.0-or-later
"""Exactly once: what to do next with a lane of writes, given the journal and the server's answers.

A lane owns an annotation at the destination, the *fence*, and a chain of annotations, its *tokens*.
Each call that creates objects also creates a link from the fence to the newest token, and the next
token. OMERO's link tables are unique on (parent, child, owner), so a token admits one call: any
copy of it, however late, fails as a whole. After a crash the lane *burns* the newest token with a
call that creates nothing else. If that succeeds, the call of before never was and never can be; if
the token is used, the token that was created with its link tells by which call. No clock is asked.

Two fences of one transfer could both admit its calls: that of a call which came late, of a copy of
the journal, of another person. So whoever opens a lane looks for other fences before it is used.

Nothing here speaks to a server or writes a file: :mod:`graphxfer.apply.lane` does, and the tests
explore every order of crashes, late and doubled calls, and other clients.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Lane:
    """What the journal has of a lane; labels identify calls, and are never used twice.

    Parameters
    ----------
    fence, head : int
        Ids of the fence and of the newest token; 0 if the lane is not open.
    openings : tuple of str
        Labels of all calls that were to open a lane for this journal.
    opening : str
        The last of them, as long as its answer is unknown.
    alone : bool
        Whether it is known that no other fence is in use for the same transfer.
    dead : tuple of int
        Fences of other openings of this journal, which can be used no more.
    intent : str
        Label of the call that creates objects, as long as its answer is unknown.
    closing : bool
        Whether the fence is being removed: all is done.
    """

    fence: int = 0
    head: int = 0
    openings: tuple[str, ...] = ()
    opening: str = ""
    alone: bool = False
    dead: tuple[int, ...] = ()
    intent: str = ""
    closing: bool = False

    def as_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Lane:
        """Return the lane that :meth:`as_json` wrote.

        Raises
        ------
        ValueError, TypeError
            If it is none.
        """
        found = dict(json.loads(text))
        found |= {name: tuple(found.get(name, ())) for name in ("openings", "dead")}
        return cls(**found)

    def opened(self, fence: int, head: int) -> Lane:
        """Return the lane with a fence; others have to be looked for."""
        return Lane(fence, head, self.openings, dead=self.dead)

    def moved(self, head: int) -> Lane:
        """Return the lane with the next token, and no open intent."""
        return replace(self, head=head, intent="")

    def without(self, fence: int) -> Lane:
        """Return the lane after another fence was made useless."""
        return replace(self, dead=(*self.dead, fence))


# -- requests -----------------------------------------------------------------------------------


class Find(NamedTuple):
    """Look for the fence that a call created: :class:`Opened` or :class:`Absent`."""

    label: str


class Open(NamedTuple):
    """Create a fence and its first token: :class:`Opened`."""

    label: str


class Others(NamedTuple):
    """Look for other fences of the same transfer: :class:`Fences`."""

    fence: int


class Insert(NamedTuple):
    """Create the objects of the intent, use a token: :class:`Inserted` or :class:`Refused`."""

    label: str
    fence: int
    head: int


class Burn(NamedTuple):
    """Use a token and create nothing else: :class:`Inserted` or :class:`Refused`."""

    label: str
    fence: int
    head: int


class Look(NamedTuple):
    """Ask which call used a token: :class:`Used`, :class:`Unused` or :class:`Absent`."""

    fence: int
    head: int


Request = Find | Open | Others | Insert | Burn | Look


# -- answers ------------------------------------------------------------------------------------


class Opened(NamedTuple):
    """A fence and its first token."""

    fence: int
    head: int


class Fence(NamedTuple):
    """A fence of the same transfer: the label of its opening, and its first token."""

    label: str
    fence: int
    head: int


class Fences(NamedTuple):
    """The other fences."""

    found: tuple[Fence, ...] = ()


class Inserted(NamedTuple):
    """A call was done: the next token, and what else was created, in order."""

    head: int
    ids: tuple[int, ...] = ()


class Refused(NamedTuple):
    """A call failed as a whole."""


class Used(NamedTuple):
    """A token was used by the call of a label, which created the next token and objects."""

    label: str
    head: int
    ids: tuple[int, ...] = ()


class Unused(NamedTuple):
    """A token exists, and no call has used it."""


class Absent(NamedTuple):
    """The fence or the token does not exist."""


Answer = Opened | Fences | Inserted | Refused | Used | Unused | Absent


# -- outcomes -----------------------------------------------------------------------------------


class Ready(NamedTuple):
    """No answer is unknown: the lane may open, or insert."""


class Committed(NamedTuple):
    """The intent was done: ids of what it created, in order."""

    ids: tuple[int, ...]


class Void(NamedTuple):
    """The intent was not done, and never will be: it may be inserted again."""


class Rejected(NamedTuple):
    """The server refused the intent for a reason of its own; its answer is an error to report."""


class Taken(NamedTuple):
    """Someone else continues the transfer: label of their call; empty if the fence was removed."""

    label: str


Outcome = Ready | Committed | Void | Rejected | Taken


# -- transitions --------------------------------------------------------------------------------


def burn(intent: str) -> str:
    """Return the label of the call that makes an intent void."""
    return f"{intent}~"


def resume(lane: Lane) -> Request | Outcome:
    """Return what to do first after a start.

    Parameters
    ----------
    lane : Lane
        As the journal has it.

    Examples
    --------
    >>> resume(Lane())
    Ready()
    >>> resume(Lane(openings=("r/1",), opening="r/1"))
    Find(label='r/1')
    >>> resume(Lane(7, 8, alone=True, intent="r/2"))
    Burn(label='r/2~', fence=7, head=8)
    """
    if lane.opening:
        return Find(lane.opening)
    if lane.fence and not lane.alone:
        return Others(lane.fence)
    if lane.intent:
        return Burn(burn(lane.intent), lane.fence, lane.head)
    return Ready()


def answered(lane: Lane, request: Request, answer: Answer) -> tuple[Lane, Request | Outcome]:
    """Return the lane after an answer, and what to do next.

    The lane has to be in the journal, with the outcome, before anything else is done.

    Parameters
    ----------
    lane : Lane
        The lane before.
    request : Request
        The request.
    answer : Answer
        Its answer; after a crash or a lost connection there is none, and :func:`resume` follows.

    Examples
    --------
    >>> lane = Lane(7, 8, alone=True, intent="r/2")
    >>> after, outcome = answered(lane, Insert("r/2", 7, 8), Inserted(9, (50, 51)))
    >>> after.head, outcome
    (9, Committed(ids=(50, 51)))
    >>> answered(lane, Insert("r/2", 7, 8), Refused())[1]
    Look(fence=7, head=8)
    """
    match request, answer:
        case ((Find() | Open()), Opened(fence, head)):
            return lane.opened(fence, head), Others(fence)
        case Find(), Absent():
            # It may still arrive, late. Then its fence is not used.
            return replace(lane, opening=""), Ready()
        case Others(), Fences(found):
            return _alone(lane, found)
        case ((Insert() | Burn() | Look()), _) if request.fence != lane.fence:
            return _rival(lane, request, answer)
        case Insert(), Inserted(head, ids):
            return lane.moved(head), Committed(ids)
        case Burn(), Inserted(head, _):
            return lane.moved(head), Void()
        case ((Insert() | Burn()), Refused()):
            return lane, Look(lane.fence, lane.head)
        case Look(), Used(label, head, ids) if label == lane.intent:
            return lane.moved(head), Committed(ids)
        case Look(), Used(label, head, _) if label == burn(lane.intent):
            return lane.moved(head), Void()
        case Look(), Used(label, _, _):
            return lane, Taken(label)
        case Look(), Unused():
            return lane, Rejected()
        case Look(), Absent():
            return lane, Taken("")
        case _:
            raise ValueError(f"{answer} does not answer {request}")


def _alone(lane: Lane, found: tuple[Fence, ...]) -> tuple[Lane, Request | Outcome]:
    """Continue if no other fence of the transfer can be in use; burn those of this journal."""
    for other in found:
        if other.label not in lane.openings:
            return lane, Taken(other.label)
        if other.fence not in lane.dead:
            # A call that came late; or a copy of this journal is using it.
            return lane, Burn(_useless(lane, other.fence), other.fence, other.head)
    lane = replace(lane, alone=True)
    return lane, resume(lane)


def _useless(lane: Lane, fence: int) -> str:
    return f"{lane.fence}!{fence}"


def _rival(lane: Lane, request: Request, answer: Answer) -> tuple[Lane, Request | Outcome]:
    """Return what follows from an answer about another fence of this journal's openings."""
    match request, answer:
        case Burn(_, fence, head), Refused():
            return lane, Look(fence, head)
        case Look(fence), Used(label) if label != _useless(lane, fence):
            return lane, Taken(label)
        case ((Burn() | Look()), (Inserted() | Used() | Absent())):
            return lane.without(request.fence), Others(lane.fence)
        case _:
            raise ValueError(f"{answer} does not answer {request}")
