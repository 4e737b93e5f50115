# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables of `omero` command lines, each with who types it, the exit code and what is answered."""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock, patch

import omero
import omero.all
import omero.plugins
from omero.cli import CLI, NonZeroReturnCode
from omero.model import (
    AdminPrivilegeI,
    ExperimenterGroupI,
    ExperimenterI,
    PermissionsI,
)
from omero.rtypes import rbool, rstring
from omero_ext.path import path

from omero_sandbox import manage
from tests.elsewhere import Elsewhere

PASSWORD = "secret"


class Try(NamedTuple):
    """One command line.

    Attributes
    ----------
    who
        One of the keys of :attr:`Desk.people`.
    line
        What is typed after ``omero``; ``{image}`` and the like are filled in by the module.
    code
        The exit code.
    says
        A regular expression for the answer on both outputs; filled in, too.
    """

    who: str
    line: str
    code: int = 0
    says: str = ""


class Desk:
    """A server with people in a group, each of them logged in on a computer of their own.

    ``member`` and ``owner`` are of the group, ``helper`` is an administrator who may do nothing
    but care for users and groups, ``light`` one who may do nothing at all.
    """

    def __init__(self, server: manage.Sandbox | Elsewhere, home: Path, mark: str) -> None:
        self.server, self._home = server, home
        self.client = omero.client(server.host, server.port)
        self.client.createSession("root", server.password)
        self.group = f"{mark}-lab"
        self.names = {"group": self.group, "mark": mark}
        self.people = {"root": ("root", server.password)}
        self._logged_in: set[str] = set()
        self._make_group()
        self.add("member", self.group)
        self.add("owner", self.group, owner=True)
        self._add_administrator("helper", "ModifyUser", "ModifyGroup", "ModifyGroupMembership")
        self._add_administrator("light")

    def _make_group(self) -> None:
        group = ExperimenterGroupI()
        group.name, group.ldap = rstring(self.group), rbool(False)
        group.details.permissions = PermissionsI("rwra--")
        self.names["group_id"] = str(self.client.sf.getAdminService().createGroup(group))

    def add(self, who: str, group: str, *, owner: bool = False) -> None:
        """Have another person, in a group."""
        admin = self.client.sf.getAdminService()
        lab = admin.lookupGroup(group)
        everybody = ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
        id_ = admin.createExperimenterWithPassword(
            self._user(who), rstring(PASSWORD), lab, [everybody]
        )
        if owner:
            admin.setGroupOwner(lab, ExperimenterI(id_, False))
        self._know(who, id_)

    def _user(self, who: str) -> Any:
        user = ExperimenterI()
        user.ldap = rbool(False)
        user.omeName = rstring(f"{self.names['mark']}-{who}")
        user.firstName, user.lastName = rstring(who.capitalize()), rstring(self.names["mark"])
        return user

    def _add_administrator(self, who: str, *privileges: str) -> None:
        """Have an administrator with no other privileges than these, a member of the group."""
        admin = self.client.sf.getAdminService()
        granted = [_privilege(name) for name in privileges]
        id_ = admin.createRestrictedSystemUserWithPassword(
            self._user(who), granted, rstring(PASSWORD)
        )
        lab = ExperimenterGroupI(int(self.names["group_id"]), False)
        admin.addGroups(ExperimenterI(id_, False), [lab])
        self._know(who, id_)

    def _know(self, who: str, id_: int) -> None:
        name = self._user(who).omeName.val
        self.people[who] = (name, PASSWORD)
        self.names |= {who: name, f"{who}_id": str(id_)}

    def _log_in(self, who: str) -> None:
        self._logged_in.add(who)
        name, password = self.people[who]
        code, said = self.run(
            who, f"login {name}@{self.server.host}:{self.server.port} -w {password}"
        )
        assert code == 0, said

    def make(self, *words: str) -> str:
        """Have the member make an object, by the words after ``omero obj new``; return its id."""
        return self.made(f"obj new {shlex.join(words)}")

    def made(self, line: str) -> str:
        """Run a line of the member's that makes something; return its id."""
        code, said = self.run("member", line)
        assert code == 0, said
        return said.strip().rpartition(":")[2]

    @contextmanager
    def session(self, who: str) -> Iterator[Any]:
        """Have a client of somebody's."""
        client = omero.client(self.server.host, self.server.port)
        try:
            client.createSession(*self.people[who])
            yield client
        finally:
            client.closeSession()

    def close(self) -> None:
        self.client.closeSession()

    def run(self, who: str, line: str, typed: Sequence[str] = ()) -> tuple[int, str]:
        """Run a line as somebody; return the exit code and what was said on both outputs.

        Parameters
        ----------
        who, line
            As in :class:`Try`.
        typed
            What is typed at a terminal where a password is asked for; without, there is none.
        """
        if who in self.people and who not in self._logged_in:
            self._log_in(who)
        said = io.StringIO()
        with ExitStack() as stack:
            stack.enter_context(_at(str(self._home / who)))
            stack.enter_context(redirect_stdout(said))
            stack.enter_context(redirect_stderr(said))
            if typed:
                stack.enter_context(patch("getpass.getpass", side_effect=typed))
                stack.enter_context(patch("sys.stdin", MagicMock(isatty=lambda: True)))
            code = _invoke(shlex.split(line))
        return code, said.getvalue()

    def check(self, table: Sequence[Try]) -> None:
        """Run the rows of a table one after the other; tell all that is not as it should be."""
        patterns = {name: re.escape(value) for name, value in self.names.items()}
        wrong = []
        for row in table:
            line, says = _filled(row.line, self.names), _filled(row.says, patterns)
            code, said = self.run(row.who, line)
            if code != row.code or not re.search(says, said, re.MULTILINE):
                wanted = f"[{row.code}] {says!r}"
                wrong.append(f"{row.who}$ omero {line}\nexpected {wanted}, got [{code}]\n{said}")
        assert not wrong, "\n\n".join(wrong)


def _filled(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\{([a-z_]+\d?)\}", lambda found: names[found[1]], text)


def _privilege(name: str) -> Any:
    made = AdminPrivilegeI()
    made.value = rstring(name)
    return made


@contextmanager
def _at(folder: str) -> Iterator[None]:
    """Have the settings of one person's computer."""
    with patch.dict(os.environ, HOME=folder, OMERO_USERDIR=f"{folder}/omero"):
        yield


@cache
def _plugins() -> dict[str, Any]:
    """Return what the files in omero/plugins register: name -> (class, help, epilog)."""
    cli = CLI()
    for folder in omero.plugins.__path__:
        cli.loadpath(path(folder))
    return dict(cli.controls)


#: What works by other plugins' commands.
_ASKS_OTHERS = {"admin", "errors", "metadata", "script"}


def _cli(word: str) -> CLI:
    """Return the command with the plugin that a word needs: all of them take 0.2 s each time."""
    cli, plugins = CLI(), _plugins()
    for name in plugins if word in _ASKS_OTHERS else {word, "sessions"} & plugins.keys():
        cli.register_only(name, *plugins[name])
    cli.configure_plugins()
    cli.post_process()  # login and logout
    return cli


def _invoke(arguments: list[str]) -> int:
    cli = _cli(arguments[0])
    try:
        cli.invoke(arguments, strict=True)
    except NonZeroReturnCode as problem:
        return int(problem.rv)
    except SystemExit as problem:
        return int(problem.code or 0)
    except Exception as problem:  # bin/omero ends with a traceback, and with 1
        print(f"{type(problem).__name__}: {getattr(problem, 'message', problem)}")
        return 1
    finally:
        cli.close()
    return 0


def commands(plugin: str) -> set[str]:
    """Return a plugin's command and those below it: ``fs ls``, or ``hql`` alone."""
    found: set[str] = set()
    _walk(_below(_cli(plugin).parser)[plugin], plugin, found)
    return found


def _walk(parser: Any, name: str, found: set[str]) -> None:
    below = _below(parser)
    if not below:
        found.add(name)
    for word, inner in below.items():
        _walk(inner, f"{name} {word}", found)


def _below(parser: Any) -> dict[str, Any]:
    """Return the parsers of subcommands; argparse has no public way to them."""
    return {
        word: inner
        for action in parser._actions
        if type(action).__name__ == "_SubParsersAction"
        for word, inner in action.choices.items()
    }
