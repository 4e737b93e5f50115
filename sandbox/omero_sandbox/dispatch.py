# SPDX-License-Identifier: GPL-2.0-or-later
"""The one place where an operation is entered: session, caller, transaction, exceptions, record.

A service is a plain class whose methods have the Slice names and take a :class:`Call` first.
``servant_class`` derives the Ice servant from it by introspection of the Slice class: an entry
point for every operation, also for those that the service lacks, because Ice leaves a client
waiting for ever when the method of an asynchronous operation is missing.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import Glacier2
import Ice
import omero
import omero.all

from omero_sandbox.errors import fail, misused
from omero_sandbox.security import ALL_GROUPS, Caller
from omero_sandbox.store import Transaction

if TYPE_CHECKING:
    from omero_sandbox.server import Server
    from omero_sandbox.sessions import Session

log = logging.getLogger(__name__)

#: Keys of the call context: omero.constants in omero-blitz, Constants.ice.
GROUP, SESSION, CLIENT = "omero.group", "omero.session.uuid", "omero.client.uuid"


class Call:
    """One operation being carried out.

    Attributes
    ----------
    server
        The server.
    session
        The OMERO session that the servant belongs to.
    context
        The call context: group, session, client ...
    connection
        The connection that the call came by; calls to the client go back through it.
    """

    def __init__(
        self, server: Server, session: Session, context: dict[str, str], connection: Any = None
    ) -> None:
        self.server, self.session = server, session
        self.context, self.connection = context, connection
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
        return self.server.sessions.caller(self.session, self.group)

    @cached_property
    def tx(self) -> Transaction:
        """The transaction of this call; committed when the operation returns."""
        return self._stack.enter_context(self.server.store.transaction(self.caller))

    def within(self, group: int) -> AbstractContextManager[Transaction]:
        """Open another transaction of the same user, in another group."""
        caller = self.server.sessions.caller(self.session, group)
        return self.server.store.transaction(caller)

    def as_system(self) -> AbstractContextManager[Transaction]:
        """Open a transaction of the server itself, which may do what the caller may not."""
        return self.server.store.transaction(self.server.store.system(), privileged=True)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Have something done once the transaction is committed, such as unlinking files."""
        self._committed.append(action)

    @contextmanager
    def running(self) -> Iterator[Call]:
        """Commit at the end, roll back when an exception leaves."""
        with self._stack:
            yield self
        for action in self._committed:
            action()


#: Service name -> class, filled as the modules of ``services`` are imported.
SERVICES: dict[str, type[Service]] = {}


class Service:
    """Base of the services. A subclass names its Slice class and implements operations.

    An operation that answers nothing has to be annotated ``-> None``: the reply of an
    asynchronous operation differs between "nothing" and "a null".
    """

    interface: ClassVar[Any] = None
    operations: ClassVar[dict[str, Callable[..., Any] | None]] = {}
    #: Ice's face of the service.
    servant: ClassVar[Any] = None
    #: Whether its operations may raise omero.ServerError: those of Glacier2 and omero.cmd may not.
    declares_errors: ClassVar[bool] = True
    #: A stateful service has one servant per instance, not one per session.
    stateful: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.interface is not None:
            SERVICES[cls.__name__] = cls
            cls.operations = {name: getattr(cls, name, None) for name in operations(cls.interface)}
            cls.servant = servant_class(cls)
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
        return call.server.sessions.event_context(call)


def service_class(name: str) -> type[Service]:
    """Return a service by its Slice name without the module.

    One that the sandbox does not have gets an empty class: it can be had, and each of its
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


def proxy_class(slice_class: Any) -> Any:
    """Return the proxy class of a Slice class: replies need proxies of exactly that type."""
    root, _, rest = slice_name(slice_class).partition(".")
    return attrgetter(rest + "Prx")({"omero": omero, "Glacier2": Glacier2}[root])


def servant_class(service_class: type[Service]) -> type:
    """Return the Ice servant class of a service, with entry points for all its operations.

    Both the synchronous and the asynchronous one are made: Ice looks for the one that the
    operation's metadata asks for, and that metadata cannot be read from Python.
    """

    def initialise(self: Any, server: Server, service: Service, session: Session | None) -> None:
        self.server, self.service, self.session = server, service, session

    members: dict[str, Any] = {"__init__": initialise}
    for name in service_class.operations:
        members[name] = _synchronous(name)
        members[f"{name}_async"] = _asynchronous(name, service_class.operations[name])
    return type(service_class.__name__, (service_class.interface,), members)


def _synchronous(operation: str) -> Callable[..., Any]:
    def invoke(self: Any, *args: Any) -> Any:
        *arguments, current = args
        return enter(self, operation, arguments, current)

    return invoke


def _asynchronous(operation: str, method: Callable[..., Any] | None) -> Callable[..., Any]:
    void = method is not None and method.__annotations__.get("return") in (None, "None")

    def invoke(self: Any, callback: Any, *args: Any) -> None:
        *arguments, current = args
        try:
            result = enter(self, operation, arguments, current)
        except Exception as error:
            callback.ice_exception(error)
        else:
            callback.ice_response() if void else callback.ice_response(result)

    return invoke


def enter(servant: Any, operation: str, arguments: Sequence[Any], current: Any) -> Any:
    """Carry out one operation for a client.

    Parameters
    ----------
    servant
        The Ice servant: server, service and session.
    operation
        Slice name of the operation.
    arguments
        Its arguments.
    current
        Ice's description of the request.

    Returns
    -------
    Any
        What the operation answers.

    Raises
    ------
    omero.ServerError
        Also in the place of every Python error, so that a client always gets an answer.
    """
    server = servant.server
    name = f"{type(servant.service).__name__}.{operation}"
    due: set[str] = set()
    try:
        with server.recorder.record(name, arguments, servant.session) as entry:
            due = server.faults.before(name)
            entry.result = _answer(servant, due, operation, arguments, current)
        return entry.result
    finally:
        server.faults.after(due, current.con)


def _answer(
    servant: Any, due: set[str], operation: str, arguments: Sequence[Any], current: Any
) -> Any:
    """Carry out an operation; whatever goes wrong becomes an error that a client can read."""
    service = servant.service
    name = f"{type(service).__name__}.{operation}"
    try:
        servant.server.faults.instead(name, due)
        if servant.session is not None:
            servant.server.sessions.touch(servant.session)
        return _carry_out(servant, name, operation, arguments, current)
    except omero.ServerError as error:
        raise error if service.declares_errors else undeclared(name, error) from error
    except Ice.Exception:
        raise
    except Exception as error:
        log.exception("%s failed", name)
        answer = internal_error(name, error)
        raise answer if service.declares_errors else undeclared(name, answer) from error


def _carry_out(
    servant: Any, name: str, operation: str, arguments: Sequence[Any], current: Any
) -> Any:
    method = type(servant.service).operations[operation]
    if method is None:
        raise fail(omero.InternalException, f"The sandbox does not implement {name}")
    call = Call(servant.server, servant.session, dict(current.ctx), current.con)
    with call.running():
        return method(servant.service, call, *arguments)


def undeclared(name: str, error: Any) -> Any:
    """Return what an operation that declares no errors can answer: any text, at least."""
    return Ice.UnknownException(f"{name}: {type(error).__name__}: {error.message}")


def internal_error(name: str, error: Exception) -> Any:
    """Return OMERO's InternalException for an error of the sandbox itself."""
    trace = "".join(traceback.format_exception(error))
    kind = type(error).__name__
    return omero.InternalException(trace, kind, f"{name}: {kind}: {error}")
