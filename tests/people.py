# SPDX-License-Identifier: GPL-2.0-or-later
"""Groups of all kinds, and people with all roles in them, on a sandbox."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import omero
import omero.all
import pytest
from omero.model import AdminPrivilegeI, ExperimenterGroupI, ExperimenterI, PermissionsI
from omero.rtypes import rbool, rstring

from omero_sandbox import manage
from tests.places import PASSWORD, Place

_numbers = itertools.count(1)


@dataclass
class People:
    """Makes groups and people; each name is new on the server."""

    sandbox: manage.Sandbox
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @classmethod
    def at(cls, place: Place) -> People:
        """Return the people of a place, or skip the test: real servers are not changed so."""
        if place.sandbox is None:
            pytest.skip("groups are only made in sandboxes")
        return cls(place.sandbox)

    @property
    def admin(self) -> Any:
        return self.client("root", "").sf.getAdminService()

    def group(self, permissions: str) -> str:
        """Make a group; return its name."""
        group = ExperimenterGroupI()
        group.name = rstring(f"group {next(_numbers)} {permissions}")
        group.ldap = rbool(False)
        group.details.permissions = PermissionsI(permissions)
        self.admin.createGroup(group)
        return str(group.name.val)

    def change(self, group: str, permissions: str) -> None:
        """Change the permissions of a group."""
        self.admin.changePermissions(self._group(group), PermissionsI(permissions))

    def _group(self, name: str) -> ExperimenterGroupI:
        return ExperimenterGroupI(self.admin.lookupGroup(name).id.val, False)

    def _person(self, name: str) -> ExperimenterI:
        person = ExperimenterI()
        person.omeName, person.ldap = rstring(f"{name}{next(_numbers)}"), rbool(False)
        person.firstName, person.lastName = rstring(name.title()), rstring("Test")
        return person

    def user(self, name: str, *groups: str, owns: Iterable[str] = ()) -> str:
        """Make a member of groups, the first of which is the default; return the name."""
        person, owned = self._person(name), list(owns)
        everybody = ExperimenterGroupI(self.admin.getSecurityRoles().userGroupId, False)
        first, *more = [self._group(each) for each in (*groups, *owned)]
        number = self.admin.createExperimenterWithPassword(
            person, rstring(PASSWORD), first, [everybody, *more]
        )
        for each in owned:
            self.admin.setGroupOwner(self._group(each), ExperimenterI(number, False))
        return str(person.omeName.val)

    def administrator(self, name: str, *privileges: str, groups: Iterable[str] = ()) -> str:
        """Make a restricted administrator; return the name."""
        person, held = self._person(name), []
        for each in privileges:
            privilege = AdminPrivilegeI()
            privilege.value = rstring(each)
            held.append(privilege)
        number = self.admin.createRestrictedSystemUserWithPassword(person, held, rstring(PASSWORD))
        if joined := [self._group(each) for each in groups]:
            self.admin.addGroups(ExperimenterI(number, False), joined)
        return str(person.omeName.val)

    def place(self, user: str, group: str = "") -> Place:
        """Return the server as somebody sees it."""
        uri = f"omero://{user}@{self.sandbox.host}:{self.sandbox.port}/{group}"
        return Place(uri, "omero" if user == "root" else PASSWORD, self.sandbox)

    def client(self, user: str, group: str) -> Any:
        """Return an ordinary OMERO client of somebody, which writes to a group."""
        if (user, group) not in self._clients:
            client = omero.client(self.sandbox.host, self.sandbox.port)
            client.createSession(user, "omero" if user == "root" else PASSWORD)
            if group:
                number = client.sf.getAdminService().lookupGroup(group).id.val
                client.getImplicitContext().put("omero.group", str(number))
            self._clients[user, group] = client
        return self._clients[user, group]

    def save(self, user: str, group: str, *objects: Any) -> list[int]:
        """Save new objects as somebody; return their ids."""
        update = self.client(user, group).sf.getUpdateService()
        return [int(number) for number in update.saveAndReturnIds(list(objects))]

    def close(self) -> None:
        for client in self._clients.values():
            client.closeSession()
