# SPDX-License-Identifier: GPL-2.0-or-later
"""A unit of work for a session: who asks, in which group, and the transaction that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from typing import Any, Self

import omero
import omero.all
from omero.rtypes import rlong, rstring

from omero_sandbox.security.rights import ALL_GROUPS, Caller
from omero_sandbox.sessions import Session, Sessions
from omero_sandbox.store import Store, Transaction

#: Keys of the call context: omero.constants in omero-blitz, Constants.ice.
GROUP, SESSION, CLIENT = "omero.group", "omero.session.uuid", "omero.client.uuid"


class Work:
    """One piece of work for a session, in one transaction.

    Attributes
    ----------
    session : Session
        The OMERO session.
    context : dict[str, str]
        The call context: group, session, client ...
    """

    def __init__(
        self, store: Store, sessions: Sessions, session: Session, context: dict[str, str]
    ) -> None:
        self._store, self._sessions = store, sessions
        self.session, self.context = session, context
        self._stack = ExitStack()
        self._committed: list[Callable[[], None]] = []

    @property
    def group(self) -> int:
        """The context group: the call's, else the session's; -1 is all groups.

        What is not a number is ignored: BasicEventContext.parseId (omero-server). BlitzGateway
        leaves the name of the group there that it logged in to.
        """
        try:
            group = int(self.context.get(GROUP, ""))
        except ValueError:
            group = self.session.group
        return max(group, ALL_GROUPS)

    @property
    def writing_group(self) -> int:
        """The group that new objects go to."""
        return self.session.group if self.group == ALL_GROUPS else self.group

    @cached_property
    def caller(self) -> Caller:
        """Who calls, with the memberships of this moment."""
        return self._sessions.caller(self.session, self.group)

    @cached_property
    def tx(self) -> Transaction:
        """The transaction of this call; committed when the operation returns."""
        return self._stack.enter_context(self._store.transaction(self.caller))

    def within(
        self, group: int, *, privileged: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open another transaction of the same user, in another group.

        Parameters
        ----------
        group : int
            The group, or -1 for all.
        privileged : bool
            Whether it is the server's own work: see ``Store.transaction``.
        """
        return self._store.transaction(self._sessions.caller(self.session, group), privileged)

    def as_system(self) -> AbstractContextManager[Transaction]:
        """Open a transaction of the server itself, which may do what the caller may not."""
        return self._store.transaction(self._store.system(), privileged=True)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run an action after the transaction is committed, such as removing files."""
        self._committed.append(action)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Commit at the end, roll back when an exception leaves."""
        with self._stack:
            yield self
        for action in self._committed:
            action()

    def event_context(self) -> Any:
        """Return what IAdmin.getEventContext answers; see BasicEventContext (omero-server)."""
        session, caller, tx = self.session, self.caller, self.tx
        group = session.group if caller.group == ALL_GROUPS else caller.group
        row = tx.find("ExperimenterGroup", group)
        context = omero.sys.EventContext(
            shareId=-1, sessionId=session.id, sessionUuid=session.uuid,
            userId=session.user, userName=session.name,
            groupId=group, groupName=row.name.val if row else "",
            isAdmin=caller.admin, adminPrivileges=sorted(caller.privileges),
            eventId=-1, eventType=session.event_type,
            memberOfGroups=sorted(caller.member_of), leaderOfGroups=sorted(caller.leader_of),
            groupPermissions=row.details.permissions if row else omero.model.PermissionsI(),
        )  # fmt: skip
        if session.sudoer is not None:
            context.sudoerId = rlong(session.sudoer)
            context.sudoerName = rstring(session.sudoer_name)
        return context
