# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections to OMERO servers: sessions that are joined or made, and the passwords for that."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import Ice
import keyring
import keyring.errors
import omero
import omero.all
import omero.clients

from graphxfer import __version__
from graphxfer.errors import GraphxferError, LoginFailure, UsageError
from graphxfer.omero import sessions
from graphxfer.omero.failures import failure
from graphxfer.omero.profiles import Profile, profile
from graphxfer.omero.server import Server

__all__ = ["Profile", "Server", "connect", "profile"]

KEEP_ALIVE = 60
"""Seconds; servers end a session that is idle for ten minutes."""
IDLE = 600_000
"""Milliseconds that a session of our own outlives a killed run: OMERO's default."""
ANONYMOUS_CIPHERS = "HIGH:ADH:@SECLEVEL=0"
LOGIN_CALLS = 2
"""Of omero.client.createSession: Glacier2's createSession, and setCallback."""


@contextmanager
def connect(
    profile: Profile, *, own_session: bool = False, password: str | None = None
) -> Iterator[Server]:
    """Open a session at a server for the length of a block.

    A session of `omero login` that is alive is joined, and left alive. Else one is made, with the
    password that is found first: GRAPHXFER_PASSWORD_<PROFILE>, OMERO_PASSWORD, the keyring
    (service ``graphxfer``, user ``user@host:port``), a prompt where there is a terminal.

    Parameters
    ----------
    profile : Profile
        Where.
    own_session : bool
        Work in a session of our own even where another could be joined, so that all that is made
        in it was made by this run.
    password : str, optional
        Instead of the stored session and of what is searched for a password.

    Raises
    ------
    LoginFailure
        If no session could be had.
    ServerFailure
        If the server cannot be reached.
    """
    joined = None if password else _join(profile)
    client = joined or _log_in(profile, password)
    with _serving(client, profile, LOGIN_CALLS) as server:
        if joined and own_session:
            with _another(server) as own:
                yield own
        else:
            yield server


@contextmanager
def _another(server: Server) -> Iterator[Server]:
    """Work in a further session of the same user, which ends with the block."""
    session = server.service("ISession").createUserSession(0, IDLE, server.group_name)
    client = _session(server.profile, session.uuid.val, session.uuid.val)
    with _serving(client, server.profile, server.calls + LOGIN_CALLS) as own:
        try:
            yield own
        finally:
            with contextlib.suppress(GraphxferError):
                while own.service("ISession").closeSession(session) > 0:
                    pass


@contextmanager
def _serving(client: Any, profile: Profile, calls: int) -> Iterator[Server]:
    """Close a client in the end; the session that it made ends, one that it joined does not."""
    try:
        server = Server(client, profile, calls)
        client.enableKeepAlive(KEEP_ALIVE)
        yield server
    finally:
        _close(client)


def _close(client: Any) -> None:
    with contextlib.suppress(Ice.Exception):
        client.closeSession()


def _join(profile: Profile) -> Any:
    """Return a client in a session that is kept for the user, or None."""
    if profile.session:
        keys = [profile.session]
    else:
        keys = [each.key for each in sessions.kept(profile.host, profile.port, profile.user)]
    for key in keys:
        try:
            client = _session(profile, key, key)
        except LoginFailure:
            continue  # it has ended
        client.getSession().detachOnDestroy()
        return client
    if profile.session:
        raise LoginFailure(
            "the current session has ended", where=profile.address, do="run `omero login`"
        )
    return None


def _log_in(profile: Profile, password: str | None) -> Any:
    """Return a client in a new session."""
    if not profile.user:
        raise UsageError(
            "no user is named", where=profile.address, do=f"omero://user@{profile.host}"
        )
    return _session(profile, profile.user, password or _password(profile))


def _session(profile: Profile, user: str, password: str) -> Any:
    """Return a client that is logged in."""
    try:
        client = omero.client(pmap=_properties(profile))
    except Ice.Exception as error:
        raise failure(error, profile.address) from error
    client.setAgent(f"graphxfer {__version__}")
    try:
        client.createSession(user, password)
    except (Ice.Exception, omero.ClientError) as error:
        _close(client)
        raise failure(error, profile.address) from error
    return client


def _properties(profile: Profile) -> dict[str, str]:
    """Return the properties of Ice and omero.client that a profile means."""
    found = {"omero.host": profile.host, "omero.port": str(profile.port)}
    if "://" not in profile.host:  # a web socket's address is understood by omero.client alone
        protocol = "ssl" if profile.secure else "tcp"
        router = f'OMERO.Glacier2/router:{protocol} -p {profile.port} -h "{profile.host}"'
        found["Ice.Default.Router"] = router
    if profile.anonymous_dh:
        found["IceSSL.Ciphers"] = ANONYMOUS_CIPHERS
    if profile.verify_tls:
        found |= {"IceSSL.VerifyPeer": "2", "IceSSL.CheckCertName": "1"}
        if isinstance(profile.verify_tls, Path):
            found["IceSSL.CAs"] = str(profile.verify_tls)
        else:
            found["IceSSL.UsePlatformCAs"] = "1"
    return found


def password_variable(profile: Profile) -> str:
    """Return the environment variable for a profile's password.

    Examples
    --------
    >>> password_variable(Profile("my-server", "omero.example.org"))
    'GRAPHXFER_PASSWORD_MY_SERVER'
    """
    return "GRAPHXFER_PASSWORD_" + re.sub(r"\W", "_", profile.name).upper()


def _password(profile: Profile) -> str:
    """Return the password that is found first."""
    variable = password_variable(profile)
    account = f"{profile.user}@{profile.host}:{profile.port}"
    found = os.environ.get(variable) or os.environ.get("OMERO_PASSWORD")
    if not found:
        with contextlib.suppress(keyring.errors.KeyringError):
            found = keyring.get_password("graphxfer", account)
    if not found and sys.stdin.isatty():
        found = getpass.getpass(f"Password of {account}: ")
    if not found:
        raise LoginFailure(
            "no password",
            where=profile.address,
            do=f"set {variable} or OMERO_PASSWORD, or `keyring set graphxfer {account}`",
        )
    return found
