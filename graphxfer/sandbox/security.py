# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is calling, and what the group's permissions let them read, annotate and write."""

from __future__ import annotations

from dataclasses import dataclass, replace

ALL_GROUPS = -1


@dataclass(frozen=True)
class Caller:
    """The user, group and session in whose name a call runs.

    Attributes
    ----------
    user, session
        Row ids of the Experimenter and of the Session that the Event will name.
    group
        The context group; ``ALL_GROUPS`` (-1) for all groups that the user may see.
    admin
        Whether the user is a member of the ``system`` group.
    privileges
        The AdminPrivilege values that the user holds (empty for non-administrators).
    member_of, leader_of
        Ids of the groups the user belongs to, and of those the user owns.
    event_type
        Value of the EventType of the Event that a write makes.
    default_group
        The session's group: where writes go when ``group`` is ``ALL_GROUPS``.
    """

    user: int
    group: int
    session: int
    admin: bool = False
    privileges: frozenset[str] = frozenset()
    member_of: frozenset[int] = frozenset()
    leader_of: frozenset[int] = frozenset()
    event_type: str = "User"
    default_group: int = ALL_GROUPS

    def within(self, group: int) -> Caller:
        """Return the same caller with another context group."""
        return replace(self, group=group)
