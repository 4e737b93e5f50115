# SPDX-License-Identifier: GPL-2.0-or-later
"""What a service is made of: its base class, the call that it answers, the host that it runs in.

A service is a plain class whose methods have the Slice names and take a :class:`Call` first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import omero
import omero.all

from omero_sandbox.errors import misused
from omero_sandbox.faults import Faults
from omero_sandbox.files.repository import Repository
from omero_sandbox.sessions import Session, Sessions
from omero_sandbox.store import Store
from omero_sandbox.work import Work


class Host(Protocol):
    """What services see of the server that they run in.

    Attributes
    ----------
    store : Store
        The database.
    sessions : Sessions
        OMERO's sessions.
    repository : Repository
        The files.
    config : dict[str, str]
        OMERO's configuration values.
    faults : Faults
        Latency and faults on request.
    adapter : Any
        The Ice object adapter.
    servants : dict[tuple[str, str], Any]
        (category, name) of an Ice identity to the servant that is published there.
    """

    store: Store
    sessions: Sessions
    repository: Repository
    config: dict[str, str]
    faults: Faults
    adapter: Any
    servants: dict[tuple[str, str], Any]

    def publish(
        self, service: Service, session: Session, category: str = "", name: str = ""
    ) -> Any:
        """Make a service callable and return its proxy."""

    def proxy(self, service: Service, category: str, name: str) -> Any:
        """Return the proxy, of the exact type, of a service that is published."""

    def withdraw(self, service: Service) -> None:
        """Make a service unreachable and release what it holds."""

    def names_of(self, session: Session) -> list[tuple[str, str]]:
        """Return the identities of a session's services."""

    def services_of(self, session: Session) -> list[Service]:
        """Return a session's services."""

    def background(self, task: Callable[[], None]) -> None:
        """Run a task in another thread, when one is free."""


class Call(Work):
    """One operation being carried out.

    Attributes
    ----------
    server : Host
        The server.
    connection : Any
        The connection that the call came by; calls to the client go back through it.
    """

    def __init__(
        self, server: Host, session: Session, context: dict[str, str], connection: Any = None
    ) -> None:
        super().__init__(server.store, server.sessions, session, context)
        self.server, self.connection = server, connection


#: Service name -> class, filled as the modules of ``services`` are imported.
SERVICES: dict[str, type[Service]] = {}


class Service:
    """Base of the services. A subclass names its Slice class and implements operations.

    An operation that answers nothing has to be annotated ``-> None``: the reply of an
    asynchronous operation differs between "nothing" and "a null".
    """

    interface: ClassVar[Any] = None
    operations: ClassVar[dict[str, Callable[..., Any] | None]] = {}
    #: Whether its operations may raise omero.ServerError: those of Glacier2 and omero.cmd may not.
    declares_errors: ClassVar[bool] = True
    #: A stateful service has one servant per instance, not one per session.
    stateful: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.interface is not None:
            SERVICES[cls.__name__] = cls
            cls.operations = {name: getattr(cls, name, None) for name in operations(cls.interface)}
            cls.stateful |= issubclass(cls.interface, omero.api.StatefulServiceInterface)

    def released(self) -> None:
        """Let go of what the service holds; called once, when it or its session is closed."""


class Stateful(Service):
    """Base of the services that live until they are closed: what they all can."""

    def close(self, call: Call) -> None:
        call.server.withdraw(self)

    def activate(self, call: Call) -> None:
        pass

    def passivate(self, call: Call) -> None:
        pass

    def getCurrentEventContext(self, call: Call) -> Any:
        return call.event_context()


def service_class(name: str) -> type[Service]:
    """Return a service by its Slice name without the module.

    One that the sandbox does not implement gets an empty class: it can be created, and each of its
    operations answers that it is not implemented.

    Raises
    ------
    omero.ApiUsageException
        When OMERO has no such service.
    """
    if name not in SERVICES:
        slice_class = getattr(omero.api, name, None) or getattr(omero.grid, name, None)
        if slice_class is None:
            raise misused(f"Unknown service: {name}")
        stateful = issubclass(slice_class, omero.api.StatefulServiceInterface)
        type(name, (Stateful if stateful else Service,), {"interface": slice_class})
    return SERVICES[name]


def operations(slice_class: Any) -> list[str]:
    """Return the names of all operations of a Slice class, its ancestors' included.

    ``ice_isA`` and the like stay Ice's own: casts need them as they are.
    """
    names = (name.removeprefix("_op_") for name in dir(slice_class) if name.startswith("_op_"))
    return [name for name in names if not name.startswith("ice_")]


def slice_name(slice_class: Any) -> str:
    """Return a Slice class's full name, such as ``omero.api.IQuery``."""
    return slice_class.ice_staticId().removeprefix("::").replace("::", ".")
