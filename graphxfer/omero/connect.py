# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections to OMERO servers: profiles, and the one place that all remote calls go through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, and how to reach it.

    Parameters
    ----------
    name : str
        As in servers.toml; for an URI its host (and port, if not the usual one).
    host, port, user
        Where, and as whom.
    group : str
        The group to write to, by its name; empty for the user's default group.
    secure : bool
        Over TLS; `omero+tcp://` is without.
    base : str
        What the IRIs of its objects begin with; ends with a slash.
    anonymous_dh : bool
        The server has no certificate, only anonymous Diffie-Hellman.
    verify_tls : bool or Path
        Whether the server's certificate and name are checked; a file of CA certificates, or the
        system's.
    session : str
        Key of a session to join: that of `omero login`.
    """

    name: str
    host: str
    port: int = 4064
    user: str = ""
    group: str = ""
    secure: bool = True
    base: str = ""
    anonymous_dh: bool = False
    verify_tls: bool | Path = False
    session: str = ""


def profile(text: str, config: Path | None = None) -> Profile:
    """Return the server that a person named.

    Parameters
    ----------
    text : str
        Profile name, ``omero://user@host:4064/group``, ``omero+tcp://``, or ``-``.
    config : Path, optional
        File of profiles, instead of servers.toml.

    Raises
    ------
    UsageError
        If it cannot be meant, or holds a password.
    LoginFailure
        If ``-`` is asked for and there is no current session.
    """
    raise NotImplementedError


class Server:
    """A session at a server; all calls of graphxfer go through it.

    Services are wrapped: each call of an operation is counted, failures become errors that a
    person can read (with the server's exception as their cause), and proxies that a call returns
    are wrapped alike. The implicit context holds the group to write to.

    Attributes
    ----------
    client : omero.client
        For what only it can do (callbacks); prefer `service`.
    profile : Profile
        Where it is.
    database_uuid, version : str
        The database's UUID, and OMERO's version.
    user_id, user_name
        Who we are there.
    group_id : int
        The group to write to.
    session_id : int
        Row id of the session (never its key).
    calls : int
        Round trips so far.
    """

    client: Any
    profile: Profile
    database_uuid: str
    version: str
    user_id: int
    user_name: str
    is_admin: bool
    group_id: int
    session_id: int
    calls: int

    def context(self, group: int | None = None) -> dict[str, str]:
        """Return a call context for a group; the group to write to unless said, -1 for all.

        An explicit context replaces the implicit one, so it is always made from that.
        """
        raise NotImplementedError

    def service(self, name: str) -> Any:
        """Return a service, wrapped: ``service("IUpdate").saveAndReturnIds(objects)``.

        Parameters
        ----------
        name : str
            A stateless service (``IQuery``, ``IUpdate``, ``IAdmin``, ``ISession``, ``IConfig``,
            …), one and the same each time; a stateful one (``RawFileStore``), new each time and
            to be closed; or ``ManagedRepository``.
        """
        raise NotImplementedError

    def wrap(self, proxy: Any) -> Any:
        """Return any proxy wrapped as services are."""
        raise NotImplementedError

    def submit(self, command: Any) -> Any:
        """Run an `omero.cmd` request (Delete2, …) and return its response.

        Raises
        ------
        ServerFailure
            If the response is an error.
        """
        raise NotImplementedError

    def rows(self, hql: str, **params: Any) -> list[list[Any]]:
        """Return the rows of a projection over all groups, as Python values.

        Parameters
        ----------
        hql : str
            The query.
        **params
            int, str, or a non-empty list of these, by name.
        """
        raise NotImplementedError

    def objects(self, hql: str, **params: Any) -> list[Any]:
        """Return the objects that a query finds over all groups."""
        raise NotImplementedError

    @property
    def gateway(self) -> Any:
        """The same session as `omero.gateway.BlitzGateway`, which ezomero's functions take."""
        raise NotImplementedError


@contextmanager
def connect(
    profile: Profile, *, own_session: bool = False, password: str | None = None
) -> Iterator[Server]:
    """Open a session at a server for the length of a block.

    Parameters
    ----------
    profile : Profile
        Where.
    own_session : bool
        Work in a session of our own even where another could be joined, so that all that is made
        in it was made by this run.
    password : str, optional
        Instead of the stored session, the environment, the keyring and a prompt.

    Raises
    ------
    LoginFailure
        If no session could be had.
    ServerFailure
        If the server cannot be reached, or is older than 5.6.
    """
    raise NotImplementedError
    yield
