# SPDX-License-Identifier: GPL-2.0-or-later
"""Connect to OMERO servers: join or create sessions, find passwords."""

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
from graphxfer.errors import LoginFailure, UsageError
from graphxfer.omero import sessions
from graphxfer.omero.failures import failure
from graphxfer.omero.profiles import Profile, profile
from graphxfer.omero.server import Server

__all__ = ["Profile", "Server", "connect", "profile"]

KEEP_ALIVE = 60
"""Seconds between two keep-alive calls; servers end a session that is idle for 10 minutes."""
IDLE = 600_000
"""Milliseconds until a session of a killed run ends: OMERO's default."""
ANONYMOUS_CIPHERS = "HIGH:ADH:@SECLEVEL=0"
AGENT = "graphxfer"
"""How sessions that graphxfer creates name their user agent, with its version."""
LOGIN_CALLS = 2
"""The calls of omero.client.createSession: Glacier2's createSession, and setCallback."""


@contextmanager
def connect(
    profile: Profile, *, own_session: bool = False, password: str | None = None
) -> Iterator[Server]:
    """Open a session at a server until the block ends.

    A session of `omero login` that has not ended is joined, and left open. Else a session is
    created, with the first password that is found: GRAPHXFER_PASSWORD_<PROFILE>, OMERO_PASSWORD,
    the keyring (service ``graphxfer``, user ``user@host:port``), or a prompt on a terminal. To
    write, a password that is found comes first: what is interrupted can then be ended.

    Parameters
    ----------
    profile : Profile
        The server, and how to reach it.
    own_session : bool
        Create a session even if one can be joined, if there is a password.
    password : str, optional
        Create a session with this password; look for no other, and join no session.

    Yields
    ------
    Server
        The session.

    Raises
    ------
    LoginFailure
        If the login fails.
    ServerFailure
        If the server cannot be reached.
    """
    if own_session and not password and not profile.session:
        password = stored_password(profile)
    client = None if password else _join(profile)
    joined = client is not None
    client = client or _log_in(profile, password)
    with _serving(client, profile, joined=joined) as server:
        yield server


@contextmanager
def _serving(client: Any, profile: Profile, *, joined: bool) -> Iterator[Server]:
    """Close a client with the block, and end the session, unless the client joined it."""
    try:
        server = Server(client, profile, LOGIN_CALLS, joined=joined)
        client.enableKeepAlive(KEEP_ALIVE)
        yield server
    finally:
        _close(client)


def _close(client: Any) -> None:
    with contextlib.suppress(Ice.Exception):
        client.closeSession()


def _join(profile: Profile) -> Any:
    """Return a client in a stored session of the user, or None."""
    if profile.session:
        keys = [profile.session]
    else:
        keys = [each.key for each in sessions.stored(profile.host, profile.port, profile.user)]
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
            "the user is missing", where=profile.address, do=f"write omero://user@{profile.host}"
        )
    return _session(profile, profile.user, password or _password(profile))


def _session(profile: Profile, user: str, password: str) -> Any:
    """Return a client that is logged in."""
    try:
        client = omero.client(pmap=_properties(profile))
    except Ice.Exception as error:
        raise failure(error, profile.address) from error
    client.setAgent(f"{AGENT} {__version__}")
    try:
        client.createSession(user, password)
    except (Ice.Exception, omero.ClientError) as error:
        _close(client)
        raise failure(error, profile.address) from error
    return client


def _properties(profile: Profile) -> dict[str, str]:
    """Return the properties of Ice and omero.client for a profile."""
    found = {"omero.host": profile.host, "omero.port": str(profile.port)}
    if "://" not in profile.host:  # omero.client itself handles the address of a web socket
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
    """Return the name of the environment variable for a profile's password.

    Examples
    --------
    >>> password_variable(Profile("my-server", "omero.example.org"))
    'GRAPHXFER_PASSWORD_MY_SERVER'
    """
    return "GRAPHXFER_PASSWORD_" + re.sub(r"\W", "_", profile.name).upper()


def stored_password(profile: Profile) -> str | None:
    """Return a profile's password of the environment or the keyring, or None."""
    found = os.environ.get(password_variable(profile)) or os.environ.get("OMERO_PASSWORD")
    if not found:
        with contextlib.suppress(keyring.errors.KeyringError):
            found = keyring.get_password("graphxfer", _account(profile))
    return found or None


def _account(profile: Profile) -> str:
    return f"{profile.user}@{profile.host}:{profile.port}"


def _password(profile: Profile) -> str:
    """Return the first password that is found."""
    found = stored_password(profile)
    if not found and sys.stdin.isatty():
        found = getpass.getpass(f"Password of {_account(profile)}: ")
    if not found:
        raise LoginFailure(
            "the password is missing",
            where=profile.address,
            do=f"set {password_variable(profile)} or OMERO_PASSWORD, or run "
            f"`keyring set graphxfer {_account(profile)}`",
        )
    return found
