# SPDX-License-Identifier: GPL-2.0-or-later
"""The Glacier2 router that every OMERO client talks to first.

There is no second process behind it: all proxies lead to the adapter that the router itself is
on, so a client gets no client proxy and uses the router's own endpoints for everything.
"""

from __future__ import annotations

from typing import Any

import Glacier2
import Ice
import omero

from omero_sandbox.service import Call, Service
from omero_sandbox.services.factory import ServiceFactory
from omero_sandbox.sessions import Session
from omero_sandbox.work import CLIENT, GROUP

CATEGORY, NAME = "OMERO.Glacier2", "router"
#: etc/blitz/templates.xml of omero: Glacier2.SessionTimeout (s).
SESSION_TIMEOUT = 600


class Router(Service):
    """Glacier2.Router: logging in, joining, leaving."""

    interface = Glacier2.Router
    declares_errors = False

    def __init__(self) -> None:
        self._factories: list[tuple[Any, ServiceFactory]] = []

    def createSession(self, call: Call, userId: str, password: str) -> Any:
        """Log in, or join: user name and password are then both the session's uuid."""
        session = call.server.sessions.join(userId) if userId == password else None
        if session is None:
            session = self._log_in(call, userId, password)
        factory = ServiceFactory(session, call.context.get(CLIENT, ""))
        self._factories.append((call.connection, factory))
        return call.server.publish(
            factory, session, f"session-{factory.client or id(factory)}", session.uuid
        )

    def _log_in(self, call: Call, name: str, password: str) -> Session:
        if call.server.store.authenticate(name, password) is None:
            raise Glacier2.PermissionDeniedException(f"Password check failed for '{name}'")
        try:
            return call.server.sessions.create(
                name,
                call.context.get(GROUP, ""),
                agent=call.context.get("omero.agent", ""),
                ip=call.context.get("omero.ip", ""),
                event_type=call.context.get("omero.event", ""),
            )
        except omero.ServerError as error:
            raise omero.WrappedCreateSessionException(
                error.message, False, 0, error.ice_name().replace("::", ".")
            ) from error

    def destroySession(self, call: Call) -> None:
        """Leave: the session ends with its last client, unless that one had detached."""
        mine = [pair for pair in self._factories if pair[0] == call.connection]
        if not mine:
            raise Glacier2.SessionNotExistException()
        for pair in mine:
            self._factories.remove(pair)
            pair[1].left(call.server)

    def getCategoryForClient(self, call: Call) -> str:
        return "client"

    def getClientProxy(self, call: Call) -> Any:
        return None

    def getServerProxy(self, call: Call) -> Any:
        return call.server.adapter.createProxy(Ice.Identity("dummy", CATEGORY))

    def addProxies(self, call: Call, proxies: Any) -> Any:
        return []

    def addProxy(self, call: Call, proxy: Any) -> None:
        pass

    def refreshSession(self, call: Call) -> None:
        pass

    def getSessionTimeout(self, call: Call) -> int:
        return SESSION_TIMEOUT

    def getACMTimeout(self, call: Call) -> int:
        return SESSION_TIMEOUT
