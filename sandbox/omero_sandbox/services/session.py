# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.ISession: sessions for oneself and, for administrators, for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import Glacier2
import omero
import omero.all

from omero_sandbox.errors import forbidden
from omero_sandbox.service import Call, Service
from omero_sandbox.sessions import MAXIMUM, Session


class ISession(Service):
    """Sessions; the rules are ome.services.sessions.SessionBean's (omero-server)."""

    interface = omero.api.ISession

    def createSession(self, call: Call, p: Any, credentials: str) -> Any:
        if call.server.store.authenticate(p.name, credentials) is None:
            raise Glacier2.CannotCreateSessionException("Authentication failure")
        return self._create(call, p.name, p.group or "")

    def createUserSession(self, call: Call, timeToLive: int, timeToIdle: int, group: str) -> Any:
        return self._create(call, call.session.name, group or "", timeToLive, timeToIdle)

    def createSessionWithTimeout(self, call: Call, principal: Any, timeToLive: int) -> Any:
        return self._sudo(call, principal, timeToLive, None)

    def createSessionWithTimeouts(
        self, call: Call, principal: Any, timeToLive: int, timeToIdle: int
    ) -> Any:
        return self._sudo(call, principal, timeToLive, timeToIdle)

    def _sudo(self, call: Call, principal: Any, live: int, idle: int | None) -> Any:
        """Create a session for another user: needs Sudo, or a group of the user that one owns."""
        caller = call.caller
        if "Sudo" not in caller.privileges and not self._leads(call, principal.name):
            raise forbidden("No matching roles found for the current user: Sudo")
        return self._create(
            call, principal.name, principal.group or "", live, idle,
            sudoer=call.session, event_type=principal.eventType or "User",
        )  # fmt: skip

    def _leads(self, call: Call, name: str) -> bool:
        with call.as_system() as tx:
            users = tx.find_all("Experimenter", omeName=name)
        if not users:
            return False
        other = call.server.store.caller(users[0].id.val, -1, 0)
        return not other.admin and bool(call.caller.leader_of & other.member_of)

    def _create(
        self, call: Call, name: str, group: str, live: int = 0, idle: int | None = None, **more: Any
    ) -> Any:
        self._check_timeouts(call, live, idle)
        session = call.server.sessions.create(name, group, live=live, idle=idle, **more)
        return self._row(call, session)

    def _check_timeouts(self, call: Call, live: int, idle: int | None) -> None:
        # SessionManagerImpl.parseAndSetDefaultTimes: only administrators may ask for more
        for asked in (live, idle or 0):
            if asked > MAXIMUM and not call.caller.admin:
                raise forbidden(f"Cannot extend the session to {asked}")

    def _row(self, call: Call, session: Session) -> Any:
        with call.as_system() as tx:
            row = tx.get("Session", session.id)
        row.details.group = omero.model.ExperimenterGroupI(session.group, False)
        return row

    def getSession(self, call: Call, sessionUuid: str) -> Any:
        session = call.server.sessions.get(sessionUuid)
        self._mine(call, session)
        return self._row(call, session)

    def getReferenceCount(self, call: Call, sessionUuid: str) -> int:
        session = call.server.sessions.get(sessionUuid)
        self._mine(call, session)
        return session.references

    def closeSession(self, call: Call, sess: Any) -> int:
        uuid = sess.uuid.val
        self._mine(call, call.server.sessions.get(uuid))
        return call.server.sessions.release(uuid)

    def _mine(self, call: Call, session: Session) -> None:
        if session.user != call.session.user and not call.caller.admin:
            raise forbidden("Not the owner of this session")

    def getMyOpenSessions(self, call: Call) -> list[Any]:
        return self._open(call, lambda session: True)

    def getMyOpenAgentSessions(self, call: Call, agent: str) -> list[Any]:
        return self._open(call, lambda session: session.agent == agent)

    def getMyOpenClientSessions(self, call: Call) -> list[Any]:
        clients = ("OMERO.insight", "OMERO.web", "OMERO.importer")
        return self._open(call, lambda session: session.agent in clients)

    def _open(self, call: Call, wanted: Callable[[Session], bool]) -> list[Any]:
        mine = (s for s in call.server.sessions.alive() if s.user == call.session.user)
        return [self._row(call, session) for session in mine if wanted(session)]

    def getInput(self, call: Call, sess: str, key: str) -> Any:
        return self._of(call, sess).inputs.get(key)

    def setInput(self, call: Call, sess: str, key: str, value: Any) -> None:
        _put(self._of(call, sess).inputs, key, value)

    def getInputKeys(self, call: Call, sess: str) -> list[str]:
        return sorted(self._of(call, sess).inputs)

    def getInputs(self, call: Call, sess: str) -> dict[str, Any]:
        return dict(self._of(call, sess).inputs)

    def getOutput(self, call: Call, sess: str, key: str) -> Any:
        return self._of(call, sess).outputs.get(key)

    def setOutput(self, call: Call, sess: str, key: str, value: Any) -> None:
        _put(self._of(call, sess).outputs, key, value)

    def getOutputKeys(self, call: Call, sess: str) -> list[str]:
        return sorted(self._of(call, sess).outputs)

    def getOutputs(self, call: Call, sess: str) -> dict[str, Any]:
        return dict(self._of(call, sess).outputs)

    def _of(self, call: Call, uuid: str) -> Session:
        session = call.server.sessions.get(uuid)
        self._mine(call, session)
        return session


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Keep a value; a null takes it away."""
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
