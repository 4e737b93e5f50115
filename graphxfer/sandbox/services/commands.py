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
from typing import TYPE_CHECKING, Any

import Ice
import omero
import omero.all

from graphxfer.sandbox.dispatch import GROUP, Call, Service
from graphxfer.sandbox.errors import misused
from graphxfer.sandbox.services.admin import require

if TYPE_CHECKING:
    from graphxfer.sandbox.server import Server
    from graphxfer.sandbox.sessions import Session

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
    request
        The request.
    server, session, context
        Where, for whom, and the context of the call that submitted it.
    """

    def __init__(
        self, request: Any, server: Server, session: Session, context: dict[str, str]
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
        everywhere
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
        """Tell how far it is; raise when somebody has cancelled it."""
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
    """omero.cmd.Handle: how far a request is, what came of it, whom to tell."""

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
        """Carry out the job, in the thread of the caller, and tell everybody."""
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
    """Call a client that may be gone by now."""
    try:
        call(*args)
    except Ice.Exception as problem:
        log.debug("callback failed: %s", problem)


def _now() -> int:
    return int(time.time() * 1000)


# -- requests -----------------------------------------------------------------------------


@command(omero.cmd.DoAll)
def do_all(job: Job) -> Any:
    """Carry out requests one after the other in one transaction: all or nothing (DoAllI)."""
    requests = job.request.requests
    responses = []
    with job.transaction(everywhere=True) as call:
        for number, request in enumerate(requests):
            job.step(number, len(requests))
            response = job.part(request, call).run()
            if isinstance(response, omero.cmd.ERR):
                raise Failure(response)
            responses.append(response)
    return omero.cmd.DoAllRsp(responses, [omero.cmd.Status(flags=[]) for _ in responses])


@command(omero.cmd.Delete2)
def delete(job: Job) -> Any:
    """Delete along the graph rules; files go from the disk when the rows are gone."""
    request = job.request
    with job.transaction(everywhere=True) as call, graph_errors(request):
        deleted = call.tx.delete(
            request.targetObjects, request.childOptions or [], bool(request.dryRun)
        )
        if not request.dryRun:
            job.server.repository.forget(call, deleted)
    return omero.cmd.Delete2Response(deleted)


@command(omero.cmd.Chgrp2)
def chgrp(job: Job) -> Any:
    """Move to another group."""
    request = job.request
    with job.transaction(everywhere=True) as call, graph_errors(request):
        moved, deleted = call.tx.chgrp(
            request.targetObjects, request.groupId, request.childOptions or [], bool(request.dryRun)
        )
    return omero.cmd.Chgrp2Response(moved, deleted)


@command(omero.cmd.Chown2)
def chown(job: Job) -> Any:
    """Give to another user."""
    request = job.request
    with job.transaction(everywhere=True) as call, graph_errors(request):
        given, deleted = call.tx.chown(
            request.targetObjects, request.targetUsers or [], request.userId,
            request.childOptions or [], bool(request.dryRun),
        )  # fmt: skip
    return omero.cmd.Chown2Response(given, deleted)


@command(omero.cmd.Chmod2)
def chmod(job: Job) -> Any:
    """Set the permissions of groups."""
    request = job.request
    groups = request.targetObjects.get("ExperimenterGroup", [])
    with job.transaction(everywhere=True) as call, graph_errors(request):
        for group in groups:
            require(call, "ModifyGroup", leader_of=group)
            if not request.dryRun:
                call.tx.chmod(group, request.permissions)
    return omero.cmd.Chmod2Response({"ome.model.meta.ExperimenterGroup": list(groups)}, {})


@contextmanager
def graph_errors(request: Any) -> Iterator[None]:
    """Turn a refusal into the GraphException that Delete2I and the others answer with."""
    try:
        yield
    except omero.ServerError as problem:
        plain = error(request, "graph-fail", problem)
        answer = omero.cmd.GraphException(
            plain.category, plain.name, plain.parameters, plain.parameters["message"]
        )
        raise Failure(answer) from problem


@command(omero.cmd.CurrentSessionsRequest)
def current_sessions(job: Job) -> Any:
    """List the sessions alive; those of others for administrators only."""
    with job.transaction() as call:
        alive = [
            session
            for session in job.server.sessions.alive()
            if call.caller.admin or session.user == job.session.user
        ]
        rows = [call.tx.find("Session", session.id) for session in alive]
    contexts = [
        omero.sys.EventContext(
            sessionId=s.id,
            sessionUuid=s.uuid,
            userId=s.user,
            userName=s.name,
            groupId=s.group,
            eventType=s.event_type,
        )
        for s in alive
    ]
    return omero.cmd.CurrentSessionsResponse(rows, contexts, [{} for _ in alive])


@command(omero.cmd.UpdateSessionTimeoutRequest)
def update_session_timeout(job: Job) -> Any:
    """Change when a session ends; only administrators may prolong it."""
    request = job.request
    asked = {
        name: value.val
        for name in ("timeToLive", "timeToIdle")
        if (value := getattr(request, name)) is not None
    }
    with job.transaction(everywhere=True) as call:
        rows = call.tx.find_all("Session", uuid=request.session)
        if not rows:
            raise Failure(error(request, "no-session", request.session))
        if not asked:
            raise Failure(error(request, "no-update-performed", request.session))
        for name, target in asked.items():
            current = getattr(rows[0], name).val
            if target > current and not call.caller.admin:
                refusal = error(request, "non-admin-increase", f"{name}: {current} to {target}")
                refusal.parameters |= {"target": str(target), "current": str(current)}
                raise Failure(refusal)
        call.tx.set_system("Session", rows[0].id.val, **asked)
    session = job.server.sessions.get(request.session)
    session.live = asked.get("timeToLive", session.live)
    session.idle = asked.get("timeToIdle", session.idle)
    return omero.cmd.OK()
