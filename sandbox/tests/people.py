# SPDX-License-Identifier: GPL-2.0-or-later
"""Users and groups of a server, by short names, and what they do there over real connections."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import omero
import omero.all
from omero.model import ExperimenterGroupI, ExperimenterI, PermissionsI
from omero.rtypes import rbool, rstring, unwrap
from omero.sys import ParametersI

from omero_sandbox import manage
from tests.elsewhere import Elsewhere
from tests.stores import as_parameter

PASSWORD = "secret"
RUN = secrets.token_hex(4)
"""In the names of what is made, so that the next run can make its own on the same real server."""
_numbers = itertools.count(1)


def create_group(admin: Any, name: str, permissions: str) -> int:
    """Create a group, as an administrator; return its id."""
    group = ExperimenterGroupI()
    group.name, group.ldap = rstring(name), rbool(False)
    group.details.permissions = PermissionsI(permissions)
    return int(admin.createGroup(group))


def create_user(admin: Any, name: str, group: int, first_name: str = "Ada") -> int:
    """Create a member of a group, with the password ``PASSWORD``; return the id."""
    user = ExperimenterI()
    user.ldap = rbool(False)
    user.omeName, user.firstName, user.lastName = map(rstring, (name, first_name, "Test"))
    everybody = ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
    there = ExperimenterGroupI(group, False)
    return int(admin.createExperimenterWithPassword(user, rstring(PASSWORD), there, [everybody]))


class People:
    """Members of groups, made for one test: ``ann`` here is nobody of another test.

    Parameters
    ----------
    server : Sandbox or Elsewhere
        Where they are.
    """

    def __init__(self, server: manage.Sandbox | Elsewhere) -> None:
        self._server = server
        self._mark = f"{RUN}-{next(_numbers)}"
        self._clients: dict[str, omero.client] = {}
        self.users: dict[str, int] = {}
        self._home = self.group("rw----")

    def group(self, permissions: str, **members: bool) -> int:
        """Make a group; the members are users by name, True for its owners."""
        number = create_group(self.admin, f"group-{self._mark}-{next(_numbers)}", permissions)
        for name, owner in members.items():
            self.join(name, number, owner)
        return number

    def user(self, name: str) -> int:
        """Return a user, made when there is none of that name."""
        if name not in self.users:
            mark = f"{name}-{self._mark}"
            self.users[name] = create_user(self.admin, mark, self._home, first_name=name)
        return self.users[name]

    def join(self, name: str, group: int, owner: bool) -> None:
        """Make a user a member of a group."""
        user, there = ExperimenterI(self.user(name), False), ExperimenterGroupI(group, False)
        self.admin.addGroups(user, [there])
        if owner:
            self.admin.setGroupOwner(there, user)

    def client(
        self, name: str, context: dict[str, str] | None = None, join: str | None = None
    ) -> omero.client:
        """Return the client of a user; ``root`` is the administrator.

        What `context` says, such as ``omero.event``, is told from the login on. With `join` it is
        one of that session.
        """
        if name not in self._clients:
            client = self._clients[name] = omero.client(self._server.host, self._server.port)
            for key, value in (context or {}).items():
                client.getImplicitContext().put(key, value)
            if join is not None:
                client.joinSession(join)
            elif name == "root":
                client.createSession("root", self._server.password)
            elif name == "guest":
                session = self.client("root").sf.getSessionService()
                principal = omero.sys.Principal("guest", "guest", "Test", None)
                client.joinSession(session.createSessionWithTimeouts(principal, 0, 60_000).uuid.val)
            else:
                self.user(name)
                client.createSession(f"{name}-{self._mark}", PASSWORD)
        return self._clients[name]

    def log_out(self, name: str) -> None:
        """Close the client of a user: the next one has a session of its own."""
        self._clients.pop(name).closeSession()

    @property
    def admin(self) -> Any:
        """The administrator's IAdmin."""
        return self.client("root").sf.getAdminService()

    @contextmanager
    def calling(self, name: str, group: int) -> Iterator[Calls]:
        """Have the calls of a user in a group."""
        client = self.client(name)
        yield Calls(client.sf, client.getContext(group))

    def save(self, name: str, group: int, *objects: Any) -> list[Any]:
        """Save objects for a user and return them."""
        with self.calling(name, group) as calls:
            return calls.save(list(objects))

    def rows(self, hql: str, name: str = "root", group: int = -1, **params: Any) -> list[Any]:
        """Return the plain values of a projection."""
        with self.calling(name, group) as calls:
            return [unwrap(row) for row in calls.projection(hql, params)]

    def objects(self, hql: str, name: str = "root", group: int = -1, **params: Any) -> list[Any]:
        """Return the objects that a query finds."""
        with self.calling(name, group) as calls:
            return calls.query(hql, params)

    def close(self) -> None:
        """Log all of them out."""
        for client in self._clients.values():
            client.closeSession()


@dataclass(frozen=True)
class Calls:
    """What somebody asks of a server in a group; each is a transaction of its own."""

    factory: Any
    context: dict[str, str]

    def save(self, objects: list[Any]) -> list[Any]:
        return self.factory.getUpdateService().saveAndReturnArray(objects, self.context)

    def get(self, class_name: str, number: int) -> Any:
        return self.factory.getQueryService().get(class_name, number, self.context)

    def query(self, hql: str, params: dict[str, Any] | None = None) -> list[Any]:
        query = self.factory.getQueryService()
        return query.findAllByQuery(hql, _parameters(params), self.context)

    def projection(self, hql: str, params: dict[str, Any] | None = None) -> list[Any]:
        query = self.factory.getQueryService()
        return query.projection(hql, _parameters(params), self.context)


def _parameters(values: dict[str, Any] | None) -> ParametersI:
    parameters = ParametersI()
    for name, value in (values or {}).items():
        parameters.add(name, as_parameter(value))
    return parameters
