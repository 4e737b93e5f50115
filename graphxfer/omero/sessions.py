# SPDX-License-Identifier: GPL-2.0-or-later
"""The sessions that `omero login` keeps in files (omero.util.sessions); they are only read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from omero.util import get_omero_userdir
from omero.util.sessions import SessionsStore


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that was kept; it may have ended since."""

    host: str
    port: int
    user: str
    key: str = field(repr=False)


def current() -> Kept | None:
    """Return the session that `omero login` made last, or None."""
    store = _store()
    if store is None:
        return None
    host, user, key, port = store.get_current()
    return Kept(host, int(port), user, key) if host and user and key else None


def kept(host: str, port: int, user: str) -> list[Kept]:
    """Return the sessions that are kept for a user of a server, the newest first.

    Parameters
    ----------
    host, port, user
        As `omero login` was told.
    """
    store = _store()
    if store is None or "/" in user:
        return []
    folder = Path(store.dir) / quote(host, safe="") / user  # as SessionsStore names it
    keys = [
        str(key)
        for key in store.available(host, user)
        if int(store.get(host, user, key).get("omero.port") or 4064) == port
    ]
    keys.sort(key=lambda key: (folder / key).stat().st_mtime, reverse=True)
    return [Kept(host, port, user, key) for key in keys]


def _store() -> SessionsStore | None:
    """Return omero-py's store where there is one: opening it would make the folder."""
    folder = directory()
    return SessionsStore(str(folder)) if folder.is_dir() else None


def directory() -> Path:
    """Return where `omero login` keeps sessions (omero.plugins.sessions.SessionsControl.store)."""
    if folder := os.environ.get("OMERO_SESSIONDIR"):
        return Path(folder)
    return Path(str(get_omero_userdir())) / "sessions"
