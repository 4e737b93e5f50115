# SPDX-License-Identifier: GPL-2.0-or-later
"""A session at a server; all remote calls go through it."""

from __future__ import annotations

import contextlib
import gc
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import Ice
import omero
import omero.all
import omero.callbacks
from omero.rtypes import rlist, rlong, rstring

from graphxfer.catalogue import GROUP
from graphxfer.errors import GraphxferError, LoginFailure, NotThere, Refused, ServerFailure
from graphxfer.omero.failures import failure
from graphxfer.omero.profiles import Profile

# The classes of omero.model live as long as the program. To search all of them for garbage again
# and again takes a third of an export's time.
gc.freeze()

ALL_GROUPS = -1
OLDEST = (5, 6)
"""The oldest version of OMERO: older ones have another model (units, Folder, shapes)."""
IN_FLIGHT = 4
"""The number of queries that run at once."""
TRIES = 4
"""The most tries of a call that the server asks to repeat."""

_OBJECT = re.compile(r"\bome\.model\.\w+\.(\w+)\[(\d+)\]")
"""An object in a message of OMERO's: ``ome.model.core.Image[5]``."""

Query = tuple[str, dict[str, Any]]
"""HQL, and its parameters by name."""


class Server:
    """A session at a server; all calls of graphxfer go through it.

    Services are wrapped: calls are counted, failures become errors that a person can read (with the
    server's exception as their cause), and proxies that a call returns are wrapped, too. The
    implicit context has the group to write to.

    A lost connection is not restored, as it is unknown whether the last call was done: the command
    is run again, and resumes from the journal. A call is repeated only if the server reports that
    it did nothing (TryAgain, DatabaseBusyException).

    Parameters
    ----------
    client : omero.client
        Logged in.
    profile : Profile
        The server, and how to reach it.
    calls : int
        Round trips of the login.
    joined : bool
        Whether it is a session that others may work in, of `omero login`.

    Attributes
    ----------
    client : omero.client
        The client, for callbacks; else use `service`.
    database_uuid, version : str
        UUID of the database; OMERO's version.
    user_id, user_name
        The user of the session.
    is_admin : bool
        Whether the user is an administrator.
    group_id, group_name
        The group to write to.
    session_id : int
        Id of the session's row (not its key).
    calls : int
        Round trips so far, without keep-alives and Ice's own calls to the router.
    """

    def __init__(
        self, client: Any, profile: Profile, calls: int = 0, *, joined: bool = False
    ) -> None:
        self.client, self.profile, self.calls, self.joined = client, profile, calls, joined
        self._services: dict[str, Any] = {}
        self._lock = threading.Lock()
        config = self.service("IConfig")
        self.version: str = config.getVersion()
        check_version(self.version, profile)
        self.database_uuid: str = config.getDatabaseUuid()
        here = self.service("IAdmin").getEventContext()
        self.user_id, self.user_name, self.is_admin = here.userId, here.userName, here.isAdmin
        self.session_id: int = here.sessionId
        self.group_name: str = profile.group or here.groupName
        self.group_id: int = self._group(here) if profile.group else here.groupId
        client.getImplicitContext().put("omero.group", str(self.group_id))

    def _group(self, here: Any) -> int:
        """Return the id of the profile's group."""
        name, where = self.profile.group, self.profile.address
        hql = f"select g.id from {GROUP.target} g where g.name = :name"  # noqa: S608
        found = self.rows(hql, name=name)
        if not found:
            raise NotThere(
                f"the group {name!r} does not exist", where=where, do="name one of your groups"
            )
        group: int = found[0][0]
        if group not in here.memberOfGroups and not self.is_admin:
            raise ServerFailure(
                f"{self.user_name} is not a member of the group {name!r}",
                where=where,
                do="name one of your groups, or no group for your default group",
            )
        return group

    def context(self, group: int | None = None) -> dict[str, str]:
        """Return a call context for a group: by default the group to write to; -1 for all groups.

        It is a copy of the implicit context, as an explicit context replaces that.
        """
        context: dict[str, str] = self.client.getContext(self.group_id if group is None else group)
        return context

    def call(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Call an operation of a proxy; all calls are made here.

        Parameters
        ----------
        operation : callable
            A proxy's bound method.
        *arguments
            Its arguments; the last one may be a call context instead of the implicit one.

        Raises
        ------
        ServerFailure
            If it fails; the exception of omero or Ice is its cause.
        """
        for last in (False,) * (TRIES - 1) + (True,):
            self._count()
            try:
                with unbroken():
                    return self._wrapped(operation(*arguments))
            except (omero.TryAgain, omero.DatabaseBusyException) as busy:
                if last:
                    raise failure(busy, self.profile.address) from busy
                time.sleep(min(max(busy.backOff, 100), 5000) / 1000)
            except (Ice.Exception, omero.ClientError) as error:
                raise failure(error, self.profile.address) from error
        raise AssertionError  # the last try returns or raises

    def _count(self) -> None:
        with self._lock:
            self.calls += 1

    def _wrapped(self, result: Any) -> Any:
        return self.wrap(result) if isinstance(result, Ice.ObjectPrx) else result

    def wrap(self, proxy: Any) -> Any:
        """Return a proxy, wrapped like a service."""
        return Service(self, proxy)

    def service(self, name: str) -> Any:
        """Return a service, wrapped: ``service("IUpdate").saveAndReturnIds(objects)``.

        Parameters
        ----------
        name : str
            A stateless service (``IQuery``, ``IUpdate``, ``IAdmin``, ``ISession``, ``IConfig``,
            …), the same object each time; a stateful one (``RawFileStore``), a new object that
            has to be closed; or ``ManagedRepository``.
        """
        if name == "ManagedRepository":
            return self._managed_repository
        stateless = re.match("I[A-Z]", name) is not None
        if stateless and name in self._services:
            return self._services[name]
        factory = self.client.getSession()
        make = factory.getByName if stateless else factory.createByName
        found = self.call(make, f"omero.api.{name}")
        service = self.wrap(getattr(omero.api, f"{name}Prx").uncheckedCast(found.proxy))
        if stateless:
            self._services[name] = service
        return service

    @cached_property
    def _managed_repository(self) -> Any:
        resources = self.call(self.client.getSession().sharedResources)
        for proxy in resources.repositories().proxies:
            if proxy is not None:
                managed = self.call(omero.grid.ManagedRepositoryPrx.checkedCast, proxy)
                if managed is not None:
                    return managed
        raise ServerFailure("the server has no ManagedRepository", where=self.profile.address)

    def submit(self, command: Any) -> Any:
        """Run an `omero.cmd` request (Delete2, …), wait for it, and return its response.

        Parameters
        ----------
        command : omero.cmd.Request
            The request.

        Raises
        ------
        Refused
            If the server refuses it for a reason of the objects' own.
        ServerFailure
            If the response is another error.
        """
        handle = self.call(self.client.getSession().submit, command, self.context())
        callback = omero.callbacks.CmdCallbackI(self.client, handle.proxy)
        try:
            while not callback.block(500):
                pass
            response = callback.getResponse()
        finally:
            callback.close(True)
        if isinstance(response, omero.cmd.ERR):
            raise refused(command, response, self.profile.address)
        return response

    def close_session(self, key: str) -> None:
        """End another session of the user.

        Parameters
        ----------
        key : str
            Its key.
        """
        session = omero.model.SessionI()
        session.uuid = rstring(key)
        with contextlib.suppress(GraphxferError):  # it has ended meanwhile
            while self.service("ISession").closeSession(session) > 0:
                pass

    def rows(self, hql: str, **params: Any) -> list[list[Any]]:
        """Return the rows of a projection over all groups, as Python values.

        Parameters
        ----------
        hql : str
            The query.
        **params
            int, str, or a non-empty list of these, by name; `limit` is the maximum of rows.
        """
        return next(self.stream([(hql, params)]))

    def stream(self, queries: Iterable[Query]) -> Iterator[list[list[Any]]]:
        """Run several projections, some at once, and yield their rows in order.

        Parameters
        ----------
        queries : iterable
            HQL and parameters, like those of `rows`.
        """
        query, context = self.service("IQuery").proxy, self.context(ALL_GROUPS)
        asked: deque[Any] = deque()
        for hql, params in queries:
            if len(asked) == IN_FLIGHT:
                yield self._answer(query, asked.popleft())
            begin = partial(query.begin_projection, _ctx=context)
            asked.append(self.call(begin, hql, parameters(params)))
        while asked:
            yield self._answer(query, asked.popleft())

    def _answer(self, query: Any, asked: Any) -> list[list[Any]]:
        """Unpack an answer when it is needed: until then Ice has it in a compact form."""
        try:
            with unbroken():
                return unwrap(query.end_projection(asked))
        except Ice.Exception as error:
            raise failure(error, self.profile.address) from error

    def objects(self, hql: str, **params: Any) -> list[Any]:
        """Return the objects that a query finds in all groups."""
        found: list[Any] = self.service("IQuery").findAllByQuery(
            hql, parameters(params), self.context(ALL_GROUPS)
        )
        return found

    @cached_property
    def gateway(self) -> Any:
        """The session as an `omero.gateway.BlitzGateway`, for ezomero's functions.

        It keeps the connection; by default it would change to the unencrypted one. Its calls are
        not counted.
        """
        from omero.gateway import BlitzGateway

        gateway = BlitzGateway(client_obj=self.client, secure=self.client.isSecure())
        gateway.SERVICE_OPTS.setOmeroGroup(str(self.group_id))
        return gateway


class Service:
    """A proxy; its operations are called through `Server.call`."""

    def __init__(self, server: Server, proxy: Any) -> None:
        self._server, self.proxy = server, proxy

    def __getattr__(self, operation: str) -> Any:
        return partial(self._server.call, getattr(self.proxy, operation))


@contextmanager
def unbroken() -> Iterator[None]:
    """Delay Ctrl-C until a call has ended.

    Ice calls Python code to pack and unpack objects, and ignores exceptions of that code: a Ctrl-C
    then would be lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: pending.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in pending[:1]:
            signal.raise_signal(number)


def reason(error: Any) -> str:
    """Return why a request failed, on one line.

    Parameters
    ----------
    error : omero.cmd.ERR
        The response. A GraphException has its reason in an attribute of its own; its
        `parameters["message"]` is empty.
    """
    parameters = error.parameters or {}
    words = getattr(error, "message", "") or parameters.get("message") or ""
    return " ".join(str(words).split()) or str(error.name)


def parameters(params: dict[str, Any]) -> Any:
    """Return query parameters from Python values; `limit` becomes a page."""
    wrapped = omero.sys.ParametersI()
    for name, value in params.items():
        if name == "limit":
            wrapped.page(0, value)
        else:
            wrapped.add(name, _rtype(value))
    return wrapped


def _rtype(value: Any) -> Any:
    if isinstance(value, str):
        return rstring(value)
    return rlong(value) if isinstance(value, int) else rlist([_rtype(each) for each in value])


def unwrap(rows: list[list[Any]]) -> list[list[Any]]:
    """Return a projection's rows as Python values; all are scalars.

    A row whose only value is null comes without a value.
    """
    for number, row in enumerate(rows):  # in place: wrapped values take four times the memory
        rows[number] = [None if value is None else value._val for value in row] or [None]
    return rows


def refused(command: Any, response: Any, where: str) -> ServerFailure:
    """Return the error for the answer to a request that failed.

    A GraphException is about the objects, so others of the same request may not be refused.
    """
    name, why = type(command).__name__, reason(response)
    if not isinstance(response, omero.cmd.GraphException):
        return ServerFailure(f"{name} failed: {why}", where=where)
    why = _OBJECT.sub(r"\1:\2", why)
    error = Refused(f"{name} failed: {why}", where=where)
    error.reason = why
    return error


def check_version(version: str, profile: Profile) -> None:
    """Refuse a server that is too old.

    Parameters
    ----------
    version : str
        The version that the server reports: ``5.6.16-ice36-b123``.
    profile : Profile
        The server, for messages.

    Raises
    ------
    LoginFailure
        If it is too old.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or tuple(map(int, found.groups())) < OLDEST:
        raise LoginFailure(
            f"the server is OMERO {version}; graphxfer needs {'.'.join(map(str, OLDEST))} or newer",
            where=profile.address,
            do="upgrade the server",
        )
