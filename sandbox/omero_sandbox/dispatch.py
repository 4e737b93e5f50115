# SPDX-License-Identifier: GPL-2.0-or-later
"""The one place where an operation is entered: session, caller, transaction, exceptions, record.

``servant_class`` derives the Ice servant of a service by introspection of the Slice class: an entry
point for every operation, also for those that the service lacks, because Ice leaves a client
waiting forever when the method of an asynchronous operation is missing.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import Glacier2
import Ice
import omero
import omero.all

from omero_sandbox.errors import fail
from omero_sandbox.service import Call, Host, Service, slice_name
from omero_sandbox.sessions import Session

log = logging.getLogger(__name__)


def proxy_class(slice_class: Any) -> Any:
    """Return the proxy class of a Slice class: replies need proxies of exactly that type."""
    root, _, rest = slice_name(slice_class).partition(".")
    return attrgetter(rest + "Prx")({"omero": omero, "Glacier2": Glacier2}[root])


@cache
def servant_class(service_class: type[Any]) -> type:
    """Return the Ice servant class of a service, with entry points for all its operations.

    Both the synchronous and the asynchronous one are made: Ice looks for the one that the
    operation's metadata asks for, and that metadata cannot be read from Python.
    """

    def initialise(self: Any, server: Host, service: Service, session: Session | None) -> None:
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
    servant : Any
        The Ice servant: server, service and session.
    operation : str
        Slice name of the operation.
    arguments : Sequence[Any]
        Its arguments.
    current : Any
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
        user = servant.session.name if servant.session is not None else None
        with server.recorder.record(name, arguments, user) as entry:
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
        servant.server.faults.held(name)
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
