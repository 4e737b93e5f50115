# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors that a person can read, from exceptions of Ice, Glacier2 and OMERO."""

from __future__ import annotations

import os
import re

import Glacier2
import Ice
import omero
import omero.all

from graphxfer.errors import GraphxferError, LoginFailure, ServerFailure

_KEY = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_AGAIN = "run the same command again"
_RESUME = f"{_AGAIN} to resume"
_REACH = "check host and port, that the server is up, and that no firewall blocks it"
_CREDENTIALS = (
    "check the name before the @, and the password in GRAPHXFER_PASSWORD_<PROFILE>, "
    "OMERO_PASSWORD or the keyring"
)
_ADMINISTRATOR = "run the same command again; if it fails again, see the server's log"
_PORTS = "use OMERO's port, usually 4064 (4063 for omero+tcp://), not the port of OMERO.web"
_HANDSHAKE = re.compile("handshake|no ciphers|no shared cipher")
_CUT = re.compile("SSL protocol error during (read|write)")
_ANONYMOUS = (
    "if the server has no certificate but only anonymous Diffie-Hellman (the default before OMERO "
    "5.6.2), set `anonymous_dh = true` in its profile (docs/servers.md)"
)
_NO_TLS = "use the encrypted port (usually 4064), or omero+tcp:// for the unencrypted one"
_UNTRUSTED = "name a file of trusted CA certificates with `verify_tls` in its profile"


def failure(error: BaseException, where: str) -> GraphxferError:
    """Return the error for an exception of a remote call.

    Session keys are removed from the exception, too, as tracebacks show it.

    Parameters
    ----------
    error : Exception
        An exception of Ice, Glacier2 or omero.
    where : str
        The server.

    Returns
    -------
    GraphxferError
        The error to raise.
    """
    _scrub(error)
    if isinstance(error, Glacier2.PermissionDeniedException):
        what = "the user name or the password is wrong"
        return LoginFailure(what, where=where, do=_CREDENTIALS)
    if isinstance(error, Glacier2.CannotCreateSessionException):
        return LoginFailure(
            f"the server created no session: {error.reason}", where=where, do=_ADMINISTRATOR
        )
    if isinstance(error, omero.SessionException):
        return ServerFailure(f"the session has ended: {_text(error)}", where=where, do=_AGAIN)
    if isinstance(error, omero.ClientError):
        return ServerFailure(f"the server does not answer: {_text(error)}", where=where, do=_REACH)
    if isinstance(error, omero.SecurityViolation):
        what = f"not allowed: {_text(error)}"
        return ServerFailure(
            what, where=where, do="ask an owner of the group, or name another group"
        )
    if isinstance(error, omero.ConcurrencyException):
        what = f"the server was too busy: {_text(error)} ({type(error).__name__})"
        return ServerFailure(what, where=where, do=_RESUME)
    if isinstance(error, omero.ServerError):
        what = f"the server failed with {type(error).__name__}: {_text(error)}"
        return ServerFailure(what, where=where, do=_ADMINISTRATOR)
    return _network_failure(error, where)


def _network_failure(error: BaseException, where: str) -> GraphxferError:
    """Return the error for an exception of Ice itself."""
    text = _text(error)
    if isinstance(error, Ice.DNSException):
        what = "the host name is unknown"
        return ServerFailure(what, where=where, do="check its spelling, and the network")
    if isinstance(error, Ice.ConnectFailedException | Ice.ConnectTimeoutException):
        return ServerFailure(f"the server cannot be reached: {text}", where=where, do=_REACH)
    if isinstance(error, Ice.SecurityException):
        return LoginFailure(
            f"the server's certificate is refused: {text}", where=where, do=_UNTRUSTED
        )
    if isinstance(error, Ice.PluginInitializationException):
        return LoginFailure(f"TLS cannot be set up: {text}", where=where, do=_UNTRUSTED)
    if isinstance(error, Ice.ProtocolException) and _CUT.search(text):
        return ServerFailure(f"the connection was lost: {text}", where=where, do=_AGAIN)
    if isinstance(error, Ice.ProtocolException) and "SSL" in text:
        do = _ANONYMOUS if _HANDSHAKE.search(text) else _NO_TLS
        return LoginFailure(f"TLS is refused: {text}", where=where, do=do)
    if isinstance(error, Ice.ProtocolException):
        return ServerFailure(
            f"the server at this address is not an OMERO server: {text}", where=where, do=_PORTS
        )
    if isinstance(error, Ice.MemoryLimitException):
        return ServerFailure("an answer is larger than Ice.MessageSizeMax", where=where)
    return ServerFailure(f"the connection was lost: {text}", where=where, do=_AGAIN)


def _text(error: BaseException) -> str:
    """Return an exception's message on one line."""
    words = getattr(error, "message", "") or getattr(error, "reason", "")
    if isinstance(error, Ice.SocketException) and error.error:
        words = os.strerror(error.error)
    return " ".join(str(words).split()) or type(error).__name__


def _scrub(error: BaseException) -> None:
    """Remove session keys from an exception: who has a key can use the session."""
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, _KEY.sub("…", value))
        elif isinstance(value, Ice.Identity):
            setattr(error, name, Ice.Identity(_KEY.sub("…", value.name), value.category))
    error.args = tuple(_KEY.sub("…", a) if isinstance(a, str) else a for a in error.args)
