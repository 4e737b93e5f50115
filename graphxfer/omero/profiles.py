# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the named server: a profile of servers.toml, a URI, or the session of `omero login`."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import platformdirs

from graphxfer.errors import BadDocument, LoginFailure, UsageError
from graphxfer.omero import sessions

PORTS = {"omero": 4064, "omero+tcp": 4063}
"""OMERO's usual ports, by the URI's scheme."""

_HOST = re.compile(r"[\w.:%-]+|wss?://[\w.:/%-]+")
_OPTIONS: dict[str, tuple[type, ...]] = {
    "host": (str,),
    "port": (int,),
    "user": (str,),
    "group": (str,),
    "secure": (bool,),
    "base": (str,),
    "anonymous_dh": (bool,),
    "verify_tls": (bool, str),
}
"""The options of a profile in servers.toml, with their types."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, and how to reach it.

    Parameters
    ----------
    name : str
        The name in servers.toml; for a URI its host (and port, if not the default).
    host, port, user
        The address, and the user to log in as.
    group : str
        The group to write to, by its name; empty for the user's default group.
    secure : bool
        Whether to use TLS; `omero+tcp://` does not.
    base : str
        The base of the IRIs of its objects; ends with a slash.
    anonymous_dh : bool
        Whether the server has no certificate, only anonymous Diffie-Hellman.
    verify_tls : bool or Path
        Whether to check the server's certificate and name, with the CA certificates of the system
        or of this file.
    session : str
        Key of a session of `omero login` to join.
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
    session: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise UsageError(f"{self.host!r} is not a host name", where=self.name)
        if self.anonymous_dh and self.verify_tls:
            raise UsageError(
                "anonymous_dh and verify_tls exclude each other: there is no certificate to verify",
                where=self.name,
                do="remove one of them",
            )
        if not self.base:
            object.__setattr__(self, "base", f"https://{_bare(self.host)}/")
        elif not self.base.endswith("/"):
            object.__setattr__(self, "base", f"{self.base}/")

    @property
    def address(self) -> str:
        """The server as a URI, for messages."""
        if "://" in self.host:
            return self.host
        scheme = "omero" if self.secure else "omero+tcp"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{self.user}{'@' if self.user else ''}{host}:{self.port}"


def _bare(host: str) -> str:
    """Return a host as in an http URI."""
    host = urlsplit(host).hostname or "" if "://" in host else host
    return f"[{host}]" if ":" in host else host


def default_file() -> Path:
    """Return the default path of servers.toml."""
    return platformdirs.user_config_path("graphxfer") / "servers.toml"


def profile(text: str, config: Path | None = None) -> Profile:
    """Return the profile of the named server.

    A URI or ``-`` takes `base`, `anonymous_dh` and `verify_tls` from the profile with the same host
    and port, so that the configuration of a server holds however it is named.

    Parameters
    ----------
    text : str
        Profile name, ``omero://user@host:4064/group``, ``omero+tcp://``, or ``-``.
    config : Path, optional
        File of profiles to read instead of servers.toml.

    Returns
    -------
    Profile
        The server, and how to reach it.

    Raises
    ------
    UsageError
        If it is not valid, or contains a password.
    BadDocument
        If the file of profiles cannot be read as TOML.
    LoginFailure
        If ``-`` is asked for and there is no current session.
    """
    known = read(config or default_file(), required=config is not None)
    if text == "-":
        return _configured(_current(), known)
    if "://" in text:
        return _configured(_from_uri(_split(text)), known)
    if text not in known:
        near = difflib.get_close_matches(text, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else "write omero://user@host:4064/group"
        raise UsageError(
            f"the server {text!r} is unknown", where=str(config or default_file()), do=hint
        )
    return known[text]


def read(path: Path, *, required: bool = True) -> dict[str, Profile]:
    """Return the profiles of a file by name.

    Parameters
    ----------
    path : Path
        A TOML file; each section ``[servers.NAME]`` is a profile.
    required : bool
        Whether it must exist.
    """
    if not required and not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadDocument(f"is not valid TOML: {error}", where=str(path)) from None
    servers = document.get("servers", {})
    if not isinstance(servers, dict):
        raise BadDocument("servers is not a section", where=str(path), do="write [servers.NAME]")
    return {name: _from_options(path, name, options) for name, options in servers.items()}


def _from_options(path: Path, name: str, options: Any) -> Profile:
    where = f"{path} [servers.{name}]"
    if not isinstance(options, dict):
        raise UsageError("is not a section", where=where, do=f"write [servers.{name}]")
    for option, value in options.items():
        _check_option(where, option, value)
    if "host" not in options:
        raise UsageError("host is missing", where=where, do="write host = …")
    secure = options.get("secure", True)
    options = {"port": PORTS["omero" if secure else "omero+tcp"], **options}
    if isinstance(verify := options.get("verify_tls"), str):
        options["verify_tls"] = path.parent / Path(verify).expanduser()
    return Profile(name, **options)


def _check_option(where: str, option: str, value: Any) -> None:
    if option in ("password", "passwd", "pass"):
        raise UsageError(
            "a password does not belong in this file",
            where=where,
            do="use the environment, the keyring, or a prompt: see docs/servers.md",
        )
    if option not in _OPTIONS:
        near = difflib.get_close_matches(option, _OPTIONS, 1, cutoff=0)
        raise UsageError(
            f"the option {option!r} is unknown", where=where, do=f"did you mean {near[0]!r}?"
        )
    if type(value) not in _OPTIONS[option]:
        wanted = " or ".join(each.__name__ for each in _OPTIONS[option])
        raise UsageError(f"{option} = {value!r} is not of the type {wanted}", where=where)


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # its message may contain a password
        raise UsageError("is not a valid URI", do="write omero://user@host:4064/group") from None


def _from_uri(uri: SplitResult) -> Profile:
    host = uri.hostname or ""
    # Messages never contain the whole text: it may have a password.
    if uri.password is not None:
        raise UsageError(
            "a password on the command line is visible to everyone who runs `ps`",
            where=host,
            do=f"write {uri.scheme}://{uri.username}@{host}, and enter the password at the prompt "
            "or set OMERO_PASSWORD",
        )
    if uri.scheme not in PORTS or not host or uri.query or uri.fragment:
        raise UsageError(
            "is not the URI of an OMERO server", where=host, do="write omero://user@host:4064/group"
        )
    try:
        port = uri.port or PORTS[uri.scheme]
    except ValueError:
        raise UsageError("the port is not a number up to 65535", where=host) from None
    return Profile(
        host if port == PORTS[uri.scheme] else f"{host}:{port}",
        host,
        port,
        user=unquote(uri.username or ""),
        group=unquote(uri.path.strip("/")),
        secure=uri.scheme == "omero",
    )


def _current() -> Profile:
    """Return the latest session of `omero login`."""
    session = sessions.current()
    if session is None:
        raise LoginFailure("there is no current session", where="-", do="run `omero login`")
    return Profile("-", session.host, session.port, session.user, session=session.key)


def _configured(found: Profile, known: dict[str, Profile]) -> Profile:
    """Return a profile with the configuration of its host and port."""
    for each in known.values():
        if (each.host, each.port) == (found.host, found.port):
            return dataclasses.replace(
                found, base=each.base, anonymous_dh=each.anonymous_dh, verify_tls=each.verify_tls
            )
    return found
