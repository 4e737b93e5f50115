# SPDX-License-Identifier: GPL-2.0-or-later
"""A sandbox in a process of its own, and ordinary OMERO clients of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import omero
import omero.all
import pytest
from omero.model import ExperimenterGroupI, ExperimenterI, PermissionsI
from omero.rtypes import rstring

from graphxfer.sandbox import manage

PASSWORD = "secret"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[manage.Sandbox]:
    """One server for the tests that leave it usable."""
    with manage.running(tmp_path_factory.mktemp("server")) as sandbox:
        yield sandbox


@pytest.fixture
def connect(server: manage.Sandbox) -> Iterator[Callable[..., Any]]:
    """Log in: ``connect("root", "omero")``, or ``connect(uuid, uuid)`` to join; closed after."""
    clients: list[Any] = []

    def log_in(name: str = "root", password: str = "omero", *, secure: bool = True) -> Any:  # noqa: S107
        scheme, port = ("ssl", server.port) if secure else ("tcp", server.tcp)
        client = omero.client(f"{scheme}://{server.host}:{port}")
        clients.append(client)
        client.createSession(name, password)
        return client

    yield log_in
    for client in clients:
        client.closeSession()


@pytest.fixture
def root(connect: Callable[..., Any]) -> Any:
    """A client of root's."""
    return connect()


@dataclass
class Lab:
    """A group, and how to get members of it."""

    id: int
    name: str
    root: Any
    connect: Callable[..., Any]

    def user(self, *, owner: bool = False) -> str:
        """Make a member and return the name; the password is ``PASSWORD``."""
        user = ExperimenterI()
        user.omeName = rstring(f"user-{next(_numbers)}")
        user.firstName, user.lastName = rstring("Ada"), rstring("Test")
        admin = self.root.sf.getAdminService()
        group = ExperimenterGroupI(self.id, False)
        everybody = ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
        id_ = admin.createExperimenterWithPassword(user, rstring(PASSWORD), group, [everybody])
        if owner:
            admin.setGroupOwner(group, ExperimenterI(id_, False))
        return str(user.omeName.val)

    def member(self, *, owner: bool = False) -> Any:
        """Make a member and return a client of theirs."""
        return self.connect(self.user(owner=owner), PASSWORD)


@pytest.fixture
def lab(root: Any, connect: Callable[..., Any]) -> Callable[[str], Lab]:
    """Make a group with permissions such as ``rwra--``."""

    def make(permissions: str = "rwra--") -> Lab:
        group = ExperimenterGroupI()
        group.name = rstring(f"lab-{next(_numbers)}")
        group.details.permissions = PermissionsI(permissions)
        id_ = root.sf.getAdminService().createGroup(group)
        return Lab(id_, group.name.val, root, connect)

    return make
