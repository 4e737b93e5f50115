# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO sessions: made, joined, counted, timed out and closed.

The rules are those of ome.services.sessions.SessionManagerImpl (omero-server). Sessions live in
memory, with a row each in the database; they end with the server.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import omero
import omero.all
from omero.rtypes import rlong, rstring, rtime

from omero_sandbox.errors import fail, misused
from omero_sandbox.security.rights import ALL_GROUPS, Caller
from omero_sandbox.store import Store

#: etc/omero.properties of omero-common: omero.sessions.timeout, .maximum (ms).
TIME_TO_IDLE, MAXIMUM = 600_000, 6_000_000
#: What SessionManagerImpl.close answers: no such session; the session has been ended.
UNKNOWN, ENDED = -1, -2


@dataclass
class Session:
    """A session that is alive, or was.

    Attributes
    ----------
    id : int
        Id of its row.
    uuid : str
        Its key for clients.
    user : int
        Id of the user.
    name : str
        The user's omeName.
    group : int
        The group that calls without a group context run in.
    idle, live : int
        Milliseconds until it ends without a call, and in total; 0 is unlimited.
    sudoer : int, optional
        Id of the administrator who created the session for another user.
    sudoer_name : str, optional
        The administrator's omeName.
    references : int
        How many clients have joined it.
    ended : Any
        Why it is over: an exception for those who still call. None while it is alive.
    inputs, outputs : dict[str, Any]
        What ISession.setInput and setOutput keep.
    """

    id: int
    uuid: str
    user: int
    name: str
    group: int
    event_type: str = "User"
    idle: int = TIME_TO_IDLE
    live: int = 0
    sudoer: int | None = None
    sudoer_name: str | None = None
    agent: str = ""
    references: int = 1
    started: float = field(default_factory=time.time)
    used: float = field(default_factory=time.monotonic)
    ended: Any = None
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def expired(self) -> bool:
        """Return whether it has been idle, or alive, for too long."""
        idle = (time.monotonic() - self.used) * 1000
        live = (time.time() - self.started) * 1000
        return bool((self.idle and idle > self.idle) or (self.live and live > self.live))


class Sessions:
    """All sessions of a server.

    Parameters
    ----------
    store : Store
        The database.
    on_end : Any
        Called with each session that ends, so that its services are released.
    idle : int
        Default time to idle in milliseconds.
    """

    def __init__(self, store: Store, on_end: Any, idle: int = TIME_TO_IDLE) -> None:
        self._store, self._on_end, self.idle = store, on_end, idle
        self._sessions: dict[str, Session] = {}
        self._lock = threading.RLock()
        self._close_rows_of_the_last_run()

    def _close_rows_of_the_last_run(self) -> None:
        with self._store.transaction(self._store.system(), privileged=True) as tx:
            rows = tx.projection("select s.id from Session s where s.closed is null and s.id > 0")
            for (row,) in rows:
                tx.set_system("Session", row.val, closed=_now())

    # -- making and joining ---------------------------------------------------------------

    def create(
        self,
        name: str,
        group: str = "",
        *,
        idle: int | None = None,
        live: int = 0,
        agent: str = "",
        ip: str = "",
        event_type: str = "User",
        sudoer: Session | None = None,
    ) -> Session:
        """Make a session for a user.

        Parameters
        ----------
        name : str
            The user's omeName.
        group : str
            Name or id of the group to start in; empty for the user's default group.

        Raises
        ------
        omero.ApiUsageException
            When there is no such user or group.
        omero.SecurityViolation
            When the user is not a member of the group.
        """
        with self._store.transaction(self._store.system(), privileged=True) as tx:
            user = self._user(tx, name)
            group_id = self._group(tx, user, group)
            session = Session(
                -1, str(uuid.uuid4()), user, name, group_id, event_type or "User",
                self.idle if idle is None else idle, live, agent=agent,
                sudoer=sudoer.user if sudoer else None, sudoer_name=sudoer.name if sudoer else None,
            )  # fmt: skip
            session.id = tx.save([_row(session, ip)])[0].id.val
        with self._lock:
            self._sessions[session.uuid] = session
        return session

    def _user(self, tx: Any, name: str) -> int:
        rows = tx.find_all("Experimenter", omeName=name)
        if not rows:
            raise misused(f"No such user: {name}")
        return int(rows[0].id.val)

    def _group(self, tx: Any, user: int, group: str) -> int:
        groups = groups_of(tx, user)
        if not group or group == str(ALL_GROUPS):
            personal = [(id_, name) for id_, name in groups if name != "user"]
            return (personal or groups)[0][0]
        found = tx.find_all("ExperimenterGroup", name=group)
        if not found and group.isdigit():
            found = tx.find_all("ExperimenterGroup", id=int(group))
        if not found:
            raise misused(f"No such group: {group}")
        id_ = int(found[0].id.val)
        with self._store.transaction(self._store.caller(user, id_, 0)):
            return id_  # refused here when the user is not a member

    def join(self, uuid: str) -> Session | None:
        """Join a session that is alive and count the reference; None when there is none."""
        with self._lock:
            session = self._sessions.get(uuid)
            if session is None or session.ended is not None:
                return None
            if session.expired():
                self._end(session, _timed_out(session))
                return None
            session.references += 1
            session.used = time.monotonic()
            return session

    # -- while alive ----------------------------------------------------------------------

    def get(self, uuid: str) -> Session:
        """Return a session that is alive.

        Raises
        ------
        omero.RemovedSessionException
            When there is none of that name.
        """
        session = self._sessions.get(uuid)
        if session is None:
            raise fail(omero.RemovedSessionException, "No session with that uuid")
        self.check(session)
        return session

    def check(self, session: Session) -> None:
        """Raise what a call in a dead session gets; see SessionCache.getSessionContext."""
        if session.ended is None and session.expired():
            self._end(session, _timed_out(session))
        if session.ended is not None:
            raise session.ended

    def touch(self, session: Session) -> None:
        """Check a session and restart its idle time."""
        self.check(session)
        session.used = time.monotonic()

    def alive(self) -> list[Session]:
        """Return the sessions that are alive."""
        self.reap()
        return [s for s in self._sessions.values() if s.ended is None]

    def reap(self) -> None:
        """End the sessions whose time is over."""
        for session in list(self._sessions.values()):
            if session.ended is None and session.expired():
                self._end(session, _timed_out(session))

    def caller(self, session: Session, group: int) -> Caller:
        """Return the Caller for a session in a group context."""
        return self._store.caller(
            session.user, group, session.id, session.event_type, session.sudoer
        )

    # -- ending ---------------------------------------------------------------------------

    def release(self, uuid: str) -> int:
        """Take back one reference; the last one ends the session.

        Returns
        -------
        int
            References left, ``ENDED``, or ``UNKNOWN``; as SessionManagerImpl.close.
        """
        with self._lock:
            session = self._sessions.get(uuid)
            if session is None or session.ended is not None:
                return UNKNOWN
            session.references -= 1
            if session.references > 0:
                return session.references
            self._end(session, fail(omero.RemovedSessionException, "Session was closed"))
            return ENDED

    def detach(self, uuid: str) -> None:
        """Take back one reference without ending the session (detachOnDestroy)."""
        with self._lock:
            session = self._sessions.get(uuid)
            if session is not None:
                session.references = max(0, session.references - 1)

    def _end(self, session: Session, reason: Any) -> None:
        with self._lock:
            if session.ended is not None:
                return
            session.ended = reason
        with self._store.transaction(self._store.system(), privileged=True) as tx:
            tx.set_system("Session", session.id, closed=_now())
        self._on_end(session)


def groups_of(tx: Any, user: int) -> list[tuple[int, str]]:
    """Return (id, name) of a user's groups in the user's order: the first is the default."""
    rows = tx.projection(
        "select g.id, g.name from Experimenter e join e.groupExperimenterMap m join m.parent g"
        " where e.id = :id order by index(m)",
        {"id": rlong(user)},
    )
    return [(row[0].val, row[1].val) for row in rows]


def _row(session: Session, ip: str) -> Any:
    row = omero.model.SessionI()
    row.node = omero.model.NodeI(0, False)
    row.owner = omero.model.ExperimenterI(session.user, False)
    if session.sudoer is not None:
        row.sudoer = omero.model.ExperimenterI(session.sudoer, False)
    row.uuid = rstring(session.uuid)
    row.timeToIdle, row.timeToLive = rlong(session.idle), rlong(session.live)
    row.started = rtime(session.started * 1000)
    row.defaultEventType = rstring(session.event_type)
    row.userAgent = rstring(session.agent) if session.agent else None
    row.userIP = rstring(ip) if ip else None
    return row


def _timed_out(session: Session) -> Any:
    return fail(
        omero.SessionTimeoutException,
        f"Session of {session.name} timed out after {session.idle} ms without a call",
    )


def _now() -> int:
    return int(time.time() * 1000)
