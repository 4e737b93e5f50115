# SPDX-License-Identifier: GPL-2.0-or-later
"""Exceptions of Ice, Glacier2 and OMERO, turned into errors that a person can read."""

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
_REACH = "are host and port right, is the server up, is a firewall between?"
_CREDENTIALS = (
    "is the name before the @ right, and the password of GRAPHXFER_PASSWORD_<PROFILE>, "
    "OMERO_PASSWORD or the keyring?"
)
_ADMINISTRATOR = "run the same command again; if it stays so, the server's log says more"
_PORTS = "OMERO's port is usually 4064 (4063 for omero+tcp://), not that of OMERO.web"
_HANDSHAKE = re.compile("handshake|no ciphers|no shared cipher")
_CUT = re.compile("SSL protocol error during (read|write)")
_ANONYMOUS = (
    "the server may have no certificate, only anonymous Diffie-Hellman, as OMERO before 5.6.2 "
    "had by default: set `anonymous_dh = true` in its profile (docs/servers.md)"
)
_NO_TLS = "is this the encrypted port (usually 4064)? omero+tcp:// is for the other one"
_UNTRUSTED = "`verify_tls` in its profile names a file of CA certificates to trust"


def failure(error: BaseException, where: str) -> GraphxferError:
    """Return the error that says what a remote call's exception means.

    Session keys are taken out of the exception as well: tracebacks show it.

    Parameters
    ----------
    error : Exception
        Of Ice, Glacier2 or omero.
    where : str
        The server.
    """
    _scrub(error)
    if isinstance(error, Glacier2.PermissionDeniedException):
        what = "the user name or the password is wrong"
        return LoginFailure(what, where=where, do=_CREDENTIALS)
    if isinstance(error, Glacier2.CannotCreateSessionException):
        return LoginFailure(f"no session: {error.reason}", where=where, do=_ADMINISTRATOR)
    if isinstance(error, omero.SessionException):
        return ServerFailure(f"the session has ended: {_text(error)}", where=where, do=_AGAIN)
    if isinstance(error, omero.ClientError):
        return ServerFailure(f"it does not answer: {_text(error)}", where=where, do=_REACH)
    if isinstance(error, omero.SecurityViolation):
        what = f"not allowed: {_text(error)}"
        return ServerFailure(what, where=where, do="ask an owner of the group, or name another")
    if isinstance(error, omero.ServerError):
        what = f"the server failed with {type(error).__name__}: {_text(error)}"
        return ServerFailure(what, where=where, do=_ADMINISTRATOR)
    return _network_failure(error, where)


def _network_failure(error: BaseException, where: str) -> GraphxferError:
    """Return what a failure below OMERO, in Ice, means."""
    text = _text(error)
    if isinstance(error, Ice.DNSException):
        what = "no host of that name is known"
        return ServerFailure(what, where=where, do="is it spelt right, is there a network?")
    if isinstance(error, Ice.ConnectFailedException | Ice.ConnectTimeoutException):
        return ServerFailure(f"it cannot be reached: {text}", where=where, do=_REACH)
    if isinstance(error, Ice.SecurityException):
        return LoginFailure(f"its certificate is refused: {text}", where=where, do=_UNTRUSTED)
    if isinstance(error, Ice.PluginInitializationException):
        return LoginFailure(f"TLS cannot be set up: {text}", where=where, do=_UNTRUSTED)
    if isinstance(error, Ice.ProtocolException) and _CUT.search(text):
        return ServerFailure(f"the connection was lost: {text}", where=where, do=_AGAIN)
    if isinstance(error, Ice.ProtocolException) and "SSL" in text:
        do = _ANONYMOUS if _HANDSHAKE.search(text) else _NO_TLS
        return LoginFailure(f"TLS is refused: {text}", where=where, do=do)
    if isinstance(error, Ice.ProtocolException):
        return ServerFailure(f"no OMERO server answers there: {text}", where=where, do=_PORTS)
    if isinstance(error, Ice.MemoryLimitException):
        return ServerFailure("an answer is larger than Ice.MessageSizeMax allows", where=where)
    return ServerFailure(f"the connection was lost: {text}", where=where, do=_AGAIN)


def _text(error: BaseException) -> str:
    """Return an exception's own words in one line."""
    words = getattr(error, "message", "") or getattr(error, "reason", "")
    if isinstance(error, Ice.SocketException) and error.error:
        words = os.strerror(error.error)
    return " ".join(str(words).split()) or type(error).__name__


def _scrub(error: BaseException) -> None:
    """Take session keys out of an exception: whoever has one can use the session."""
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, _KEY.sub("…", value))
        elif isinstance(value, Ice.Identity):
            setattr(error, name, Ice.Identity(_KEY.sub("…", value.name), value.category))
    error.args = tuple(_KEY.sub("…", a) if isinstance(a, str) else a for a in error.args)
