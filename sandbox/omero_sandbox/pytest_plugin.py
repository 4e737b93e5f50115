# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest fixture ``omero_server``: an OMERO server for the length of a test session.

Ice is loaded with the first client, so that the plugin costs nothing where it is not used.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from omero_sandbox import manage

_numbers = itertools.count(1)


@dataclass(frozen=True)
class User:
    """A user of the server, created with :meth:`OmeroServer.create_user`.

    Attributes
    ----------
    id : int
        Id of the Experimenter.
    name, password : str
        What the user logs in with.
    group : str
        Name of the default group.
    group_id : int
        Its id.
    """

    id: int
    name: str
    password: str
    group: str
    group_id: int


@dataclass(frozen=True)
class OmeroServer:
    """A running server, and how to connect to it.

    Attributes
    ----------
    sandbox : Sandbox
        Its process and folder: it can be stopped, killed and restarted.
    """

    sandbox: manage.Sandbox

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self.sandbox.host

    @property
    def port(self) -> int:
        """The encrypted port."""
        return self.sandbox.port

    @property
    def password(self) -> str:
        """Root's password."""
        return self.sandbox.password

    @contextmanager
    def client(self, user: User | None = None) -> Iterator[Any]:
        """Connect an ``omero.client`` for the length of a block.

        Parameters
        ----------
        user : User, optional
            Who logs in; root by default.

        Yields
        ------
        omero.client
            The client, with an open session (``client.sf``).
        """
        import omero
        import omero.all

        client = omero.client(self.host, self.port)
        try:
            client.createSession(*self._login(user))
            yield client
        finally:
            client.closeSession()

    @contextmanager
    def gateway(self, user: User | None = None) -> Iterator[Any]:
        """Connect a ``BlitzGateway`` for the length of a block.

        Parameters
        ----------
        user : User, optional
            Who logs in; root by default.

        Yields
        ------
        BlitzGateway
            The connected gateway.
        """
        from omero.gateway import BlitzGateway

        name, password = self._login(user)
        with BlitzGateway(name, password, host=self.host, port=self.port, secure=True) as gateway:
            yield gateway

    def _login(self, user: User | None) -> tuple[str, str]:
        return (user.name, user.password) if user is not None else ("root", self.password)

    def create_user(
        self,
        name: str = "",
        group: str = "",
        *,
        permissions: str = "rwra--",
        password: str = "secret",  # noqa: S107
    ) -> User:
        """Create a user, and the user's group where it does not exist.

        Parameters
        ----------
        name : str
            The user's login name; by default a new one.
        group : str
            Name of the default group; by default a new one.
        permissions : str
            Permissions of the group when it is created: ``rw----``, ``rwr---``, ``rwra--`` or
            ``rwrw--``.
        password : str
            The user's password.

        Returns
        -------
        User
            The new user.
        """
        from omero.model import ExperimenterGroupI, ExperimenterI, PermissionsI
        from omero.rtypes import rbool, rstring

        number = next(_numbers)
        name, group = name or f"user-{number}", group or f"group-{number}"
        with self.client() as client:
            admin, query = client.sf.getAdminService(), client.sf.getQueryService()
            found = query.findByString("ExperimenterGroup", "name", group)
            if found is None:
                new_group = ExperimenterGroupI()
                new_group.name, new_group.ldap = rstring(group), rbool(False)
                new_group.details.permissions = PermissionsI(permissions)
                group_id = int(admin.createGroup(new_group))
            else:
                group_id = int(found.id.val)
            user = ExperimenterI()
            user.ldap = rbool(False)
            user.omeName, user.firstName, user.lastName = map(rstring, (name, name, "Test"))
            everybody = ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
            user_id = admin.createExperimenterWithPassword(
                user, rstring(password), ExperimenterGroupI(group_id, False), [everybody]
            )
        return User(int(user_id), name, password, group, group_id)


@pytest.fixture(scope="session")
def omero_server_options() -> Sequence[str]:
    """Options of ``omero-sandbox serve`` for ``omero_server``; override it to set some."""
    return ()


@pytest.fixture(scope="session")
def omero_server(
    tmp_path_factory: pytest.TempPathFactory, omero_server_options: Sequence[str]
) -> Iterator[OmeroServer]:
    """Run an empty OMERO server for all tests of the session."""
    folder = tmp_path_factory.mktemp("omero")
    with manage.running(folder, *omero_server_options) as sandbox:
        yield OmeroServer(sandbox)
