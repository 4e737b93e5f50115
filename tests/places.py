# SPDX-License-Identifier: GPL-2.0-or-later
"""The servers that tests speak to: sandboxes, or real ones that the environment names.

``GRAPHXFER_TEST_SOURCE`` and ``GRAPHXFER_TEST_DESTINATION`` are servers as on the command line
(``omero://user@host:4064/group``), best with one password, in ``GRAPHXFER_TEST_SOURCE_PASSWORD``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import omero
import omero.all
import pytest
from omero.model import ExperimenterGroupI, ExperimenterI, PermissionsI
from omero.rtypes import rbool, rstring

from graphxfer.omero.connect import Profile, Server, connect, profile
from omero_sandbox import manage

PASSWORD = os.environ.get("GRAPHXFER_TEST_SOURCE_PASSWORD", "correct horse")
"""Of the account on both servers: a person has one password in the environment."""
USER, GROUP = "researcher", "Imaging"


@dataclass(frozen=True)
class Place:
    """A server, and an account there."""

    uri: str
    password: str
    sandbox: manage.Sandbox | None = None

    @property
    def profile(self) -> Profile:
        return profile(self.uri)

    def connect(self, **options: bool) -> AbstractContextManager[Server]:
        return connect(self.profile, password=self.password, **options)

    def client(self) -> omero.client:
        """Return an ordinary OMERO client, logged in to the group; the caller closes it."""
        client = omero.client(self.profile.host, self.profile.port)
        client.createSession(self.profile.user, self.password)
        group = client.sf.getAdminService().lookupGroup(self.profile.group)
        client.sf.setSecurityContext(ExperimenterGroupI(group.id.val, False))
        client.getImplicitContext().put("omero.group", str(group.id.val))
        return client


@contextmanager
def place(name: str, folder: Path, *options: str) -> Iterator[Place]:
    """Have a server for the length of a block.

    Parameters
    ----------
    name : str
        SOURCE or DESTINATION.
    folder : Path
        Where a sandbox may live.
    *options : str
        Options of the sandbox.
    """
    if uri := os.environ.get(f"GRAPHXFER_TEST_{name}"):
        yield Place(uri, os.environ.get(f"GRAPHXFER_TEST_{name}_PASSWORD", PASSWORD))
        return
    with manage.running(folder, *options) as sandbox:
        create_account(sandbox.host, sandbox.port)
        uri = f"omero://{USER}@{sandbox.host}:{sandbox.port}/{GROUP}"
        yield Place(uri, PASSWORD, sandbox)


def create_account(
    host: str,
    port: int,
    user: str = USER,
    group: str = GROUP,
    *,
    password: str = "omero",  # noqa: S107
) -> None:
    """Create a read-annotate group and a member of it, as root."""
    client = omero.client(host, port)
    try:
        admin = client.createSession("root", password).getAdminService()
        made = ExperimenterGroupI()
        made.name, made.ldap = rstring(group), rbool(False)
        made.details.permissions = PermissionsI("rwra--")
        group_id = admin.createGroup(made)
        person = ExperimenterI()
        person.omeName, person.firstName, person.lastName = map(rstring, (user, "Ada", "Test"))
        person.ldap = rbool(False)
        everybody = ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
        group_there = ExperimenterGroupI(group_id, False)
        admin.createExperimenterWithPassword(person, rstring(PASSWORD), group_there, [everybody])
    finally:
        client.closeSession()


def create_groups(place: Place, *names: str) -> None:
    """Create more groups on a sandbox, with the account in each."""
    if place.sandbox is None:
        pytest.skip("groups are only made in sandboxes")
    client = omero.client(place.sandbox.host, place.sandbox.port)
    try:
        admin = client.createSession("root", "omero").getAdminService()
        created = []
        for name in names:
            group = ExperimenterGroupI()
            group.name, group.ldap = rstring(name), rbool(False)
            group.details.permissions = PermissionsI("rwra--")
            created.append(ExperimenterGroupI(admin.createGroup(group), False))
        admin.addGroups(ExperimenterI(admin.lookupExperimenter(USER).id.val, False), created)
    finally:
        client.closeSession()
