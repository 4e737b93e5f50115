# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.ServiceFactory: a client's entry to all services, and omero.cmd.Session.submit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import omero
import omero.all

from omero_sandbox.errors import forbidden, misused
from omero_sandbox.service import Call, Host, Service, service_class, slice_name
from omero_sandbox.services.commands import submit
from omero_sandbox.sessions import Session

#: Getter of ServiceFactory -> service class; createX makes a new instance for every call.
GETTERS = {
    "getAdminService": "IAdmin", "getConfigService": "IConfig",
    "getContainerService": "IContainer", "getLdapService": "ILdap",
    "getPixelsService": "IPixels", "getProjectionService": "IProjection",
    "getQueryService": "IQuery", "getRenderingSettingsService": "IRenderingSettings",
    "getRepositoryInfoService": "IRepositoryInfo", "getRoiService": "IRoi",
    "getScriptService": "IScript", "getSessionService": "ISession",
    "getShareService": "IShare", "getTimelineService": "ITimeline",
    "getTypesService": "ITypes", "getUpdateService": "IUpdate",
    "getMetadataService": "IMetadata", "sharedResources": "SharedResources",
    "createExporter": "Exporter", "createJobHandle": "JobHandle",
    "createRawFileStore": "RawFileStore", "createRawPixelsStore": "RawPixelsStore",
    "createRenderingEngine": "RenderingEngine", "createSearchService": "Search",
    "createThumbnailStore": "ThumbnailStore",
}  # fmt: skip


def getter(name: str) -> Callable[..., Any]:
    """Return the operation that gives the proxy of one service."""

    def get(self: ServiceFactory, call: Call) -> Any:
        return self.service(call, name)

    return get


class _Getters(Service):
    """Methods of the factory that only name a service."""


for _operation, _name in GETTERS.items():
    setattr(_Getters, _operation, getter(_name))


class ServiceFactory(_Getters):
    """One client's entry to a session.

    Parameters
    ----------
    session : Session
        The session that it has joined.
    client : str
        The client's own uuid.
    """

    interface = omero.api.ServiceFactory

    def __init__(self, session: Session, client: str) -> None:
        self.session, self.client = session, client
        self._close = True

    def service(self, call: Call, name: str) -> Any:
        """Return a proxy: the session's own of a stateless service, a new stateful one."""
        kind = service_class(name)
        instance = kind()
        if kind.stateful:
            return call.server.publish(instance, call.session)
        return call.server.publish(instance, call.session, name=slice_name(kind.interface))

    def getByName(self, call: Call, name: str) -> Any:
        """Return a stateless service by its Slice name, or an open one by its identity."""
        active = call.server.servants.get((call.session.uuid, name))
        if active is not None:
            return call.server.proxy(active.service, call.session.uuid, name)
        return omero.api.ServiceInterfacePrx.uncheckedCast(self.service(call, _short(name)))

    def createByName(self, call: Call, name: str) -> Any:
        prx = self.service(call, _short(name))
        return omero.api.StatefulServiceInterfacePrx.uncheckedCast(prx)

    def activeServices(self, call: Call) -> list[str]:
        return [name for _, name in call.server.names_of(call.session)]

    def keepAlive(self, call: Call, proxy: Any) -> bool:
        """Return whether a service is alive; entering the call kept the session so."""
        return proxy is None or self._alive(call, proxy)

    def keepAllAlive(self, call: Call, proxies: Any) -> int:
        """Return a bit for every service that is *not* alive, as ServiceFactoryI does."""
        dead = (not self._alive(call, proxy) for proxy in proxies)
        return sum(1 << i for i, is_dead in enumerate(dead) if is_dead)

    def _alive(self, call: Call, proxy: Any) -> bool:
        identity = proxy.ice_getIdentity()
        return (identity.category, identity.name) in call.server.servants

    def getSecurityContexts(self, call: Call) -> list[Any]:
        """Return the groups that the session may be switched to."""
        ids = sorted(call.caller.member_of)
        return [group for id_ in ids if (group := call.tx.find("ExperimenterGroup", id_))]

    def setSecurityContext(self, call: Call, obj: Any) -> Any:
        """Switch the session to another group; the old one is returned.

        Refused while stateful services are open: ServiceFactoryI.setSecurityContext.
        """
        if not isinstance(obj, omero.model.ExperimenterGroup) or obj.id is None:
            raise misused("Only a group can be a security context")
        open_ones = [s for s in call.server.services_of(call.session) if s.stateful]
        if open_ones:
            names = ", ".join(sorted(type(s).__name__ for s in open_ones))
            raise forbidden(f"Active services, close them first: {names}")
        call.server.sessions.caller(call.session, obj.id.val)
        call.tx.get("ExperimenterGroup", obj.id.val)
        old, call.session.group = call.session.group, obj.id.val
        return omero.model.ExperimenterGroupI(old, False)

    def setSecurityPassword(self, call: Call, password: str) -> None:
        if call.server.store.authenticate(call.session.name, password) is None:
            raise forbidden("Bad password")

    def setCallback(self, call: Call, callback: Any) -> None:
        pass

    def closeOnDestroy(self, call: Call) -> None:
        self._close = True

    def detachOnDestroy(self, call: Call) -> None:
        self._close = False

    def left(self, server: Host) -> None:
        """Close the session or leave it open, as the client chose when it leaves."""
        server.withdraw(self)
        if self._close:
            server.sessions.release(self.session.uuid)
        else:
            server.sessions.detach(self.session.uuid)

    def submit(self, call: Call, request: Any) -> Any:
        return submit(call, request)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
