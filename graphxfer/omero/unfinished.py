# SPDX-License-Identifier: GPL-2.0-or-later
"""How far an import is whose client is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphxfer.omero.connect import Server


class State(NamedTuple):
    """How far the import of a fileset is.

    Parameters
    ----------
    begun : bool
        Whether the server was told that all files are there.
    over : bool
        Whether the session in which it was begun is closed, so that nothing goes on.
    places : set
        What tells its images from each other.
    """

    begun: bool
    over: bool
    places: set[tuple[object, ...]]


def state(server: Server, fileset: int, session: int, place: Sequence[str]) -> State:
    """Return how far the import of a fileset is.

    Parameters
    ----------
    server : Server
        The destination.
    fileset, session : int
        Its id, and that of the session's row in which it was begun.
    place : sequence of str
        The images' attributes that tell them from each other.
    """
    attributes = ", ".join(f"i.{name}" for name in place)
    images = server.rows(
        f"select {attributes} from Image i where i.fileset.id = :id",  # noqa: S608
        id=fileset,
    )
    # All jobs are there from the start; verifyUpload says of the first, the upload, that it is over
    # (ManagedRepositoryI and ManagedImportProcessI of omero-blitz).
    uploaded = server.rows(
        "select count(l) from FilesetJobLink l join l.child j join j.status s"
        " where l.parent.id = :id and s.value = 'Finished'",
        id=fileset,
    )
    hql = "select s.id from Session s where s.id = :id and s.closed is null"
    alive = server.rows(hql, id=session)
    places = {tuple(value or 0 for value in row) for row in images}
    return State(uploaded[0][0] > 0, not alive, places)
