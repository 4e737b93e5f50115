# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.cmd: requests that run in the background behind a Handle.

A command is a function registered for its request class; it takes a :class:`Job` and answers
with a Response, or raises.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import Ice
import omero
import omero.all

from omero_sandbox.errors import misused
from omero_sandbox.service import Call, Host, Service
from omero_sandbox.sessions import Session
from omero_sandbox.work import GROUP

log = logging.getLogger(__name__)

#: Request class -> what carries it out.
COMMANDS: dict[type, Callable[[Job], Any]] = {}


def command(request: type) -> Callable[[Callable[[Job], Any]], Callable[[Job], Any]]:
    """Register a function for a request class."""

    def register(function: Callable[[Job], Any]) -> Callable[[Job], Any]:
        COMMANDS[request] = function
        return function

    return register


class Failure(Exception):
    """Ends a command with an error response of one's own choice."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.name)
        self.error = error


class Job:
    """A request that is being carried out.

    Attributes
    ----------
    request : Any
        The request.
    server : Host
        The server.
    session : Session
        The session that submitted it.
    context : dict[str, str]
        The context of the call that submitted it.
    """

    def __init__(
        self, request: Any, server: Host, session: Session, context: dict[str, str]
    ) -> None:
        self.request, self.server = request, server
        self.session, self.context = session, context
        self.on_step: Callable[[int, int], None] = lambda step, steps: None
        self.cancelled = threading.Event()
        self._call: Call | None = None

    @contextmanager
    def transaction(self, *, everywhere: bool = False) -> Iterator[Call]:
        """Run something in a transaction; a part of a job runs in that of the whole.

        Parameters
        ----------
        everywhere : bool
            Across all groups, as Delete2I and the other graph requests run.
        """
        if self._call is not None:
            yield self._call
        else:
            context = {**self.context, GROUP: "-1"} if everywhere else self.context
            call = Call(self.server, self.session, context)
            with call.running():
                yield call

    def part(self, request: Any, call: Call) -> Job:
        """Return a job for another request, to run in a transaction that is open."""
        part = Job(request, self.server, self.session, self.context)
        part._call = call
        return part

    def step(self, number: int, total: int) -> None:
        """Report progress; raise when the request was cancelled."""
        if self.cancelled.is_set():
            raise Failure(omero.cmd.ERR(name="cancelled", parameters={}))
        self.on_step(number, total)

    def run(self) -> Any:
        """Carry the request out and return a response, errors included."""
        kind = self.request.ice_id()
        try:
            return self.carry_out()
        except Failure as failure:
            failure.error.category = failure.error.category or kind
            return failure.error
        except Exception as problem:
            if not isinstance(problem, omero.ServerError):
                log.exception("%s failed", kind)
            return error(self.request, "failure", problem)

    def carry_out(self) -> Any:
        """Find what is registered for the request, and do it."""
        function = COMMANDS.get(type(self.request))
        if function is None:
            message = f"The sandbox does not implement the request {self.request.ice_id()}"
            raise Failure(error(self.request, "not-implemented", message))
        return function(self)


def error(request: Any, name: str, problem: Any) -> Any:
    """Return an omero.cmd.ERR: category, name and parameters as omero.cmd.Helper.fail sets them."""
    parameters = {"message": str(getattr(problem, "message", problem))}
    if isinstance(problem, BaseException):
        parameters["stacktrace"] = "".join(traceback.format_exception(problem))
    return omero.cmd.ERR(category=request.ice_id(), name=name, parameters=parameters)


class Handle(Service):
    """omero.cmd.Handle: status, response and callbacks of a request."""

    interface = omero.cmd.Handle
    declares_errors = False

    def __init__(self, job: Job) -> None:
        self.job, self.response = job, None
        self.prx: Any = None
        self.on_close: Callable[[], None] = lambda: None
        self._callbacks: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._status = omero.cmd.Status(
            category=job.request.ice_id(), flags=[], parameters={},
            steps=1, startTime=_now(), stepStartTimes=[], stepStopTimes=[],
        )  # fmt: skip
        job.on_step = self._stepped

    def run(self) -> None:
        """Run the job in the caller's thread, and notify all callbacks."""
        response = self.job.run()
        failed = isinstance(response, omero.cmd.ERR)
        with self._lock:
            status = self._status
            status.flags = [omero.cmd.State.FAILURE if failed else omero.cmd.State.SUCCESS]
            if failed:
                status.name, status.parameters = response.name, response.parameters
            else:
                status.currentStep = status.steps
            status.stopTime = _now()
            self.response = response
            waiting = list(self._callbacks.values())
        for callback in waiting:
            self._tell(callback)

    def _stepped(self, number: int, total: int) -> None:
        with self._lock:
            self._status.currentStep, self._status.steps = number, total
            waiting = list(self._callbacks.values())
        for callback in waiting:
            _quietly(callback.begin_step, number, total)

    def _tell(self, callback: Any) -> None:
        # asynchronous: a reply comes by the thread pool that is carrying out this very call
        _quietly(callback.begin_finished, self.response, self._status)

    def addCallback(self, call: Call, cb: Any) -> None:
        identity = cb.ice_getIdentity()
        callback = omero.cmd.CmdCallbackPrx.uncheckedCast(call.connection.createProxy(identity))
        with self._lock:
            self._callbacks[identity.name] = callback
            done = self.response is not None
        if done:
            self._tell(callback)

    def removeCallback(self, call: Call, cb: Any) -> None:
        self._callbacks.pop(cb.ice_getIdentity().name, None)

    def getRequest(self, call: Call) -> Any:
        return self.job.request

    def getResponse(self, call: Call) -> Any:
        return self.response

    def getStatus(self, call: Call) -> Any:
        return self._status

    def cancel(self, call: Call) -> bool:
        """Ask the job to stop before its next step; False when there is nothing to stop."""
        if self.response is not None:
            return False
        self.job.cancelled.set()
        return True

    def close(self, call: Call) -> None:
        """Forget the request; one that still runs is cancelled, as HandleI.close does."""
        self.cancel(call)
        self.on_close()
        call.server.withdraw(self)


def submit(call: Call, request: Any) -> Any:
    """Start a request in the background and return the proxy of its Handle."""
    if request is None:
        raise misused("The request is null")
    return start(call, Handle(Job(request, call.server, call.session, call.context)))


def start(call: Call, handle: Handle) -> Any:
    """Publish a handle, run its job in the background, and return the proxy."""
    handle.prx = call.server.publish(handle, call.session)
    call.server.background(handle.run)
    return handle.prx


def _quietly(call: Callable[..., Any], *args: Any) -> None:
    """Call a client that may have disconnected."""
    try:
        call(*args)
    except Ice.Exception as problem:
        log.debug("callback failed: %s", problem)


def _now() -> int:
    return int(time.time() * 1000)
