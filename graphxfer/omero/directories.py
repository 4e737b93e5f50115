# SPDX-License-Identifier: GPL-2.0-or-later
"""Begin imports without a race for the directories of the server's repository.

OMERO stores a fileset in a directory by a template, by default ``user_7/2026-11/28/10-30-00.123/``.
It does not serialise how it creates these: of several imports that begin at the same time for a
user without a directory, as on each new day, some fail. So graphxfer creates the directory of the
day first, begins one import at a time, and tries again where another program interferes.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from graphxfer.errors import GraphxferError, ServerFailure
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.omero.connect import Server

PAUSES = (0.2, 0.5, 1, 2, 4, 8)
"""Seconds before each new try. Another import creates its directories in less than a second."""
_RACE = re.compile("Directory exists but is not registered|originalfile_repo_path_index")
"""What OMERO says if another call is creating the same directory."""
_TEMPLATE = "%user%_%userId%//%year%-%month%/%day%/%time%"
"""OMERO's default for ``omero.fs.repo.path``; the part before ``//`` belongs to root."""

_SAFE = re.compile(r"[\w@+-]+([. ][\w@+-]+)*")
"""Names that OMERO does not change in a path."""

_turns: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)
"""The lock of each user of a server."""
_days: WeakKeyDictionary[Server, str] = WeakKeyDictionary()
"""The day for which a directory was created, for each session."""


def begin(server: Server, call: Callable[[], Any], stop: threading.Event) -> Any:
    """Begin an import: one at a time for each user, again if another program interferes.

    Parameters
    ----------
    server : Server
        The destination.
    call : callable
        Calls importFileset. If that fails because of the directories, no fileset was created.
    stop : threading.Event
        If set, there are no new tries.

    Raises
    ------
    ServerFailure
        If the call fails.
    """
    with _turns[server.database_uuid, server.user_id]:
        _create_day(server, stop)
        return _persistently(call, stop)


def _persistently(call: Callable[[], Any], stop: threading.Event) -> Any:
    """Call until no other call creates the same directories."""
    for pause in PAUSES:
        try:
            return call()
        except ServerFailure as failure:
            if not _RACE.search(failure.what) or stop.wait(pause):
                raise
    try:
        return call()
    except ServerFailure as failure:
        if not _RACE.search(failure.what):
            raise
        raise ServerFailure(
            failure.what,
            where=failure.where,
            do="run the same command again; if it fails again, ask an administrator for a "
            "directory in the server's repository that OMERO does not know",
        ) from failure


# -- the directory of the day ---------------------------------------------------------------------


def _create_day(server: Server, stop: threading.Event) -> None:
    """Create the user's directory of this day, once a session; do nothing if it is not known."""
    now = time.localtime()
    day = time.strftime("%Y-%m-%d", now)
    if _days.get(server) == day:
        return
    _days[server] = day
    with contextlib.suppress(GraphxferError):
        if path := expand(_template(server), server, now):
            repository = server.service("ManagedRepository")
            _persistently(lambda: repository.makeDir(path, True), stop)


def _template(server: Server) -> str:
    """Return the template of the repository's directories; empty if it is not known.

    Only administrators can read it. For others it is OMERO's default, if their last fileset has
    such a path. If they have none, the server refuses a directory beside the template's.
    """
    if server.is_admin:
        return str(server.service("IConfig").getConfigValue("omero.fs.repo.path"))
    last = server.rows(
        f"select f.templatePrefix from {FILESET} f"  # noqa: S608
        " where f.details.owner.id = :id order by f.id desc",
        id=server.user_id,
        limit=1,
    )
    default = rf"{re.escape(f'{server.user_name}_{server.user_id}')}/\d{{4}}-\d\d/\d\d/[^/]+/?"
    usual = not last or re.fullmatch(default, str(last[0][0]))
    return _TEMPLATE if usual else ""


def expand(template: str, server: Server, now: time.struct_time) -> str:
    """Return the directory of a day by a template; empty if that has other terms.

    Parameters
    ----------
    template : str
        ``%user%_%userId%//%year%-%month%/%day%/%time%``
    server : Server
        Has the user and the group.
    now : time.struct_time
        The day.
    """
    values = {
        "user": server.user_name,
        "userId": str(server.user_id),
        "group": server.group_name,
        "groupId": str(server.group_id),
        "year": time.strftime("%Y", now),
        "month": time.strftime("%m", now),
        "day": time.strftime("%d", now),
    }
    known = {term: value for term, value in values.items() if _SAFE.fullmatch(value)}
    above, _, _ = template.rpartition("/")
    path = re.sub(r"%(\w+)%", lambda term: known.get(term[1], term[0]), above)
    return "" if "%" in path else "/".join(part for part in path.split("/") if part)
