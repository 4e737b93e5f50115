# SPDX-License-Identifier: GPL-2.0-or-later
"""Read the sessions that `omero login` stores in files (omero.util.sessions)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from omero.util import get_omero_userdir
from omero.util.sessions import SessionsStore


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A stored session; it may have ended."""

    host: str
    port: int
    user: str
    key: str = field(repr=False)


def current() -> StoredSession | None:
    """Return the latest session of `omero login`, or None."""
    store = _store()
    if store is None:
        return None
    host, user, key, port = store.get_current()
    return StoredSession(host, int(port), user, key) if host and user and key else None


def stored(host: str, port: int, user: str) -> list[StoredSession]:
    """Return the stored sessions of a user at a server, the newest first.

    Parameters
    ----------
    host, port, user
        The arguments of `omero login`.
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
    return [StoredSession(host, port, user, key) for key in keys]


def _store() -> SessionsStore | None:
    """Return omero-py's store if it exists: opening it would create the folder."""
    folder = directory()
    return SessionsStore(str(folder)) if folder.is_dir() else None


def directory() -> Path:
    """Return the folder of stored sessions (omero.plugins.sessions.SessionsControl.store)."""
    if folder := os.environ.get("OMERO_SESSIONDIR"):
        return Path(folder)
    return Path(str(get_omero_userdir())) / "sessions"
