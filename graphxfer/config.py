# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of `graphxfer run`: INI as today's tools have it, or TOML with more options."""

from __future__ import annotations

import configparser
import difflib
import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from graphxfer import catalogue
from graphxfer.errors import BadDocument, UsageError

INI: Mapping[str, Collection[str]] = {
    "source_omero": (
        "hostname",
        "port",
        "group",
        "user",
        "password",
        "secure",
        "datatype",
        "id",
        "use_client_filepaths",
    ),
    "dest_omero": ("hostname", "port", "group", "user", "password", "secure"),
    "source_server": ("user", "hostname", "managedrepo_dir"),
    "data_storage": ("user", "group", "data_directory"),
    "general": ("xml_filepath", "ln_s_import"),
}
"""Sections and options of the INI file."""

TOML: Mapping[str, Mapping[str, type]] = {
    "source": {"server": str, "password": str, "objects": list, "partial_ok": bool},
    "destination": {
        "server": str,
        "password": str,
        "in_place": bool,
        "tags": str,
        "merge": bool,
        "strict": bool,
        "file_metadata": str,
        "repair": bool,
        "delete": bool,
    },
    "files": {
        "from": str,
        "attachments": str,
        "client_paths": bool,
        "jobs": int,
        "chown": str,
        "as_user": str,
    },
    "bundle": {"folder": str, "xml": str},
}
"""Sections and options of the TOML file; ``[servers.NAME]`` beside them are profiles."""

_LONGEST_NAME = 100
_ENCRYPTED = 4064
"""OMERO's usual port with TLS."""


@dataclass(frozen=True, slots=True)
class Login:
    """A server as the file names it, and its password if the file has one."""

    server: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer: all settings of `graphxfer run`.

    Parameters
    ----------
    source, destination : Login
        The two servers.
    objects : tuple of str
        What to move: ``Project:51``, ``Image:7-9``.
    bundle : Path
        The bundle's folder.
    files_from : str
        Like `graphxfer fetch --from`; empty for the source server.
    attachments, client_paths, jobs, chown, as_user
        Like the options of `graphxfer fetch`.
    xml : Path, optional
        Where to write a copy of the OME-XML document.
    partial_ok : bool
        Like the option of `graphxfer export`.
    in_place, tags, merge, strict, file_metadata, repair, delete
        Like the options of `graphxfer apply`.
    profiles : Path, optional
        File of server profiles to read instead of servers.toml.
    warnings : tuple of str
        Warnings about the file, to be shown.
    """

    source: Login
    destination: Login
    objects: tuple[str, ...]
    bundle: Path
    files_from: str = ""
    attachments: str = ""
    client_paths: bool = False
    jobs: int = 1
    chown: str = ""
    as_user: str = ""
    xml: Path | None = None
    partial_ok: bool = False
    in_place: bool = False
    tags: str = "reuse"
    merge: bool = False
    strict: bool = False
    file_metadata: str = ""
    repair: bool = False
    delete: bool = False
    profiles: Path | None = None
    warnings: tuple[str, ...] = ()


def read(path: Path) -> Transfer:
    """Read a transfer's file: TOML if it is named ``.toml``, else INI.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UsageError
        If a section, option or value is not valid.
    BadDocument
        If it is neither INI nor TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadDocument("is not UTF-8 text", where=str(path)) from None
    return (_read_toml if path.suffix == ".toml" else _read_ini)(path, text)


# -- INI ----------------------------------------------------------------------------------------


class _Section:
    """One section of an INI file: its options, and errors that name them."""

    def __init__(self, path: Path, name: str, options: Mapping[str, str]) -> None:
        self.where, self.name, self._options = f"{path} [{name}]", name, options

    def text(self, option: str) -> str:
        """Return an option's value; empty if it is missing."""
        return self._options.get(option, "").strip()

    def required(self, option: str) -> str:
        value = self.text(option)
        if not value:
            raise UsageError(f"{option} is missing", where=self.where, do=f"write {option} = …")
        return value

    def flag(self, option: str, default: bool = False) -> bool:
        value = self.text(option).lower()
        known = configparser.ConfigParser.BOOLEAN_STATES
        if value and value not in known:
            raise UsageError(f"{option} = {value} is not true or false", where=self.where)
        return known[value] if value else default

    def number(self, option: str, default: int) -> int:
        value = self.text(option)
        if value and not value.isdecimal():
            raise UsageError(f"{option} = {value} is not a number", where=self.where)
        return int(value) if value else default


def _read_ini(path: Path, text: str) -> Transfer:
    # No interpolation and no inline comments: a password may hold any character.
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(text, str(path))
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as error:
        raise UsageError(
            f"line {error.lineno} repeats a section or option",
            where=str(path),
            do="keep one of them",
        ) from None
    except configparser.ParsingError as error:
        # The message of configparser quotes the line, which may hold the password.
        line = getattr(error, "lineno", None) or error.errors[0][0]
        raise BadDocument(f"line {line} is not valid INI", where=str(path)) from None
    _known(path, parser.sections(), INI)
    for name in parser.sections():
        _known(path, parser.options(name), INI[name], name)
    section = {
        name: _Section(path, name, dict(parser[name]) if name in parser else {}) for name in INI
    }
    source, storage, general = (section[it] for it in ("source_omero", "data_storage", "general"))
    client_paths = source.flag("use_client_filepaths")
    files_from = _files_from(section["source_server"], client_paths)
    objects = _objects(source)
    xml = general.text("xml_filepath")
    owner, group = storage.text("user"), storage.text("group")
    servers = source, section["dest_omero"]
    logins = _login(source), _login(section["dest_omero"])
    warnings = [
        *_exposed(path, logins),
        *(line for one in servers for line in _stays_encrypted(one)),
    ]
    return Transfer(
        source=logins[0],
        destination=logins[1],
        objects=(objects,),
        bundle=Path(storage.text("data_directory"), _bundle_name(source, objects)),
        files_from=files_from,
        client_paths=client_paths,
        chown=f"{owner}:{group}" if owner or group else "",
        xml=Path(xml) if xml else None,
        in_place=general.flag("ln_s_import"),
        warnings=tuple(warnings),
    )


def _login(section: _Section) -> Login:
    """Return the server that ``hostname``, ``port``, ``user``, ``group`` and ``secure`` name."""
    host, user = section.required("hostname"), quote(section.required("user"), safe="")
    if re.search(r"[\s/@:]", host):
        raise UsageError(f"hostname = {host} is not a host name", where=section.where)
    port, group = section.number("port", _ENCRYPTED), quote(section.text("group"), safe="")
    scheme = "omero" if section.flag("secure", True) or port == _ENCRYPTED else "omero+tcp"
    return Login(f"{scheme}://{user}@{host}:{port}/{group}", section.text("password") or None)


def _stays_encrypted(section: _Section) -> list[str]:
    """Return a warning if ``secure = False`` has no effect.

    Today's tools log in on the encrypted port and then change to the unencrypted one. To use that
    one for the login would send the password in clear text, so the encrypted one is used.
    """
    if section.flag("secure", True) or section.number("port", _ENCRYPTED) != _ENCRYPTED:
        return []
    ignored = f"{section.where}: secure = False is ignored: {_ENCRYPTED} is OMERO's encrypted port"
    return [f"{ignored} (write port = 4063 for the unencrypted one)"]


def _objects(source: _Section) -> str:
    """Return ``datatype`` and ``id`` in the notation of the command line: ``Image:7-9,12``."""
    datatype, ids = source.required("datatype"), re.split(r"[\s,;]+", source.required("id"))
    matching = [name for name in catalogue.roots() if name.lower() == datatype.lower()]
    if not matching:
        known = ", ".join(catalogue.roots())
        raise UsageError(f"datatype = {datatype} is unknown", where=source.where, do=f"use {known}")
    wrong = [one for one in ids if one and not re.fullmatch(r"\d+(-\d+)?", one)]
    if wrong:
        raise UsageError(
            f"id = {wrong[0]} is not an id", where=source.where, do="write id = 51, 60-62"
        )
    return f"{matching[0]}:{','.join(one for one in ids if one)}"


def _files_from(server: _Section, client_paths: bool) -> str:
    """Return where the image files are; empty if they come over the OMERO connection."""
    host, user, folder = (server.text(name) for name in ("hostname", "user", "managedrepo_dir"))
    if client_paths:
        folder = "/"  # client paths are absolute
    if not folder:
        if host:
            server.required("managedrepo_dir")
        return ""
    at = f"{user}@{host}" if user else host
    return f"{at}:{folder}" if host else str(Path(folder).absolute())


def _bundle_name(source: _Section, objects: str) -> str:
    """Return the name of the bundle's folder: the same file always gives the same name."""
    name = f"{source.text('hostname')}-{objects.replace(':', '-')}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()[:12]
    return f"{name[:_LONGEST_NAME]}-{digest}"


# -- TOML ---------------------------------------------------------------------------------------


def _read_toml(path: Path, text: str) -> Transfer:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadDocument(f"is not valid TOML: {error}", where=str(path)) from None
    _known(path, document, (*TOML, "servers"))
    options = {name: _options(path, name, document.get(name, {})) for name in TOML}
    source, destination, files, bundle = options.values()
    logins = _toml_login(path, "source", source), _toml_login(path, "destination", destination)
    xml = bundle.pop("xml", "")
    return Transfer(
        source=logins[0],
        destination=logins[1],
        objects=_toml_objects(path, source),
        bundle=Path(_required(path, "bundle", bundle, "folder")),
        files_from=files.pop("from", ""),
        xml=Path(xml) if xml else None,
        profiles=path if "servers" in document else None,
        warnings=_exposed(path, logins),
        **{**source, **destination, **files},
    )


def _options(path: Path, name: str, given: Any) -> dict[str, Any]:
    """Return a section's options; names and types are checked."""
    if not isinstance(given, dict):
        raise UsageError(f"{name} is not a section", where=str(path), do=f"write [{name}]")
    _known(path, given, TOML[name], name)
    for option, value in given.items():
        wanted = TOML[name][option]
        if type(value) is not wanted:
            raise UsageError(
                f"{option} = {value!r} is not of the type {wanted.__name__}",
                where=f"{path} [{name}]",
            )
    return dict(given)


def _required(path: Path, section: str, options: dict[str, Any], name: str) -> Any:
    if not options.get(name):
        raise UsageError(f"{name} is missing", where=f"{path} [{section}]", do=f"write {name} = …")
    return options.pop(name)


def _toml_login(path: Path, name: str, options: dict[str, Any]) -> Login:
    return Login(_required(path, name, options, "server"), options.pop("password", None))


def _toml_objects(path: Path, source: dict[str, Any]) -> tuple[str, ...]:
    objects = _required(path, "source", source, "objects")
    if not all(isinstance(one, str) for one in objects):
        raise UsageError(
            "objects is not a list of strings",
            where=f"{path} [source]",
            do=f'write objects = ["{catalogue.roots()[0]}:51"]',
        )
    return tuple(objects)


# -- both ---------------------------------------------------------------------------------------


def _known(path: Path, given: Collection[str], known: Collection[str], section: str = "") -> None:
    """Refuse an unknown name; suggest the most similar known one."""
    for name in given:
        if name not in known:
            what = f"the option {name!r}" if section else f"the section [{name}]"
            near = difflib.get_close_matches(name, known, 1, cutoff=0)
            raise UsageError(
                f"{what} is unknown",
                where=f"{path} [{section}]" if section else str(path),
                do=f"did you mean {near[0]!r}?",
            )


def _exposed(path: Path, logins: Collection[Login]) -> tuple[str, ...]:
    """Return a warning if other users may read a password in the file."""
    if path.stat().st_mode & 0o077 and any(login.password for login in logins):
        return (f"{path}: other users can read the password in it; run chmod 600 {path}",)
    return ()
