# SPDX-License-Identifier: GPL-2.0-or-later
"""What a plan is made of: actions, each with its reason; and what a person may decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

EDITED = "users changed it after the import"
"""Why the counterpart of a node is updated."""
FOLLOWS = "one of its ends cannot be moved"
"""Why a link is skipped where that is told of the node already."""


class Tags(StrEnum):
    """What becomes of a tag (a class of `Reuse.POLICY`) that the destination has already."""

    REUSE = "reuse"
    CREATE = "create"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What a person may decide about an apply.

    Parameters
    ----------
    tags : Tags
        What becomes of tags that the destination has already.
    merge : bool
        Whether containers of the same name in the destination's group are taken, not made again.
    in_place : bool
        Link the files into the destination's repository instead of uploading them.
    streams : int
        How many files are uploaded at once.
    """

    tags: Tags = Tags.REUSE
    merge: bool = False
    in_place: bool = False
    streams: int = 3


class Kind(StrEnum):
    """What is done about a node or a link."""

    CREATE = "create"
    REUSE = "reuse"
    IMPORT = "import"
    MATCH = "match"
    """An import makes it; it is found there."""
    LINK = "link"
    UPDATE = "update"
    SKIP = "skip"
    """It cannot be moved."""
    DONE = "done"
    """An earlier run did it."""


class Action(NamedTuple):
    """One thing to do.

    Parameters
    ----------
    kind : Kind
        What.
    node : str
        IRI in the graph; for a link that of its parent.
    type : str
        Class of the node, or the link class.
    reason : str
        Why so, for a person; empty where it goes without saying.
    destination : int or None
        Id at the destination, where it is known.
    bytes : int
        How much is to be sent.
    child : str
        For a link, the IRI of its child.
    """

    kind: Kind
    node: str
    type: str
    reason: str = ""
    destination: int | None = None
    bytes: int = 0
    child: str = ""


class Line(NamedTuple):
    """A line of a plan's summary: how often, and how many bytes."""

    kind: Kind
    type: str
    reason: str
    number: int
    bytes: int


@dataclass(slots=True)
class Plan:
    """All that an apply would do, in the order in which it does it.

    Parameters
    ----------
    actions : list of Action
        One for each node and link.
    notes : list of str
        What a person should know besides.
    """

    actions: list[Action] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, *kinds: Kind) -> Iterator[Action]:
        """Iterate over the actions of some kinds."""
        return (action for action in self.actions if action.kind in kinds)

    @property
    def skipped(self) -> list[Action]:
        """The nodes, and the links to what is not there, that cannot be moved."""
        return [action for action in self.of(Kind.SKIP) if action.reason != FOLLOWS]

    @property
    def nothing_to_do(self) -> bool:
        """Whether all is done that can be."""
        return not any(self.of(*set(Kind) - {Kind.SKIP, Kind.DONE}))

    def summary(self) -> list[Line]:
        """Count the actions by kind, type and reason."""
        counts: Counter[tuple[Kind, str, str]] = Counter()
        sizes: Counter[tuple[Kind, str, str]] = Counter()
        for action in self.actions:
            key = action.kind, action.type, action.reason
            counts[key] += 1
            sizes[key] += action.bytes
        return [Line(*key, number, sizes[key]) for key, number in counts.items()]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "actions": [action._asdict() for action in self.actions],
            "summary": [line._asdict() for line in self.summary()],
            "notes": self.notes,
        }
