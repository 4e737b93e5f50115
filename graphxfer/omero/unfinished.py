# SPDX-License-Identifier: GPL-2.0-or-later
"""How far an import is whose client is gone; and an end to what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphxfer.catalogue import IMAGE
from graphxfer.graph import class_of, iri
from graphxfer.graph.fileset_tree import FILESET, Tree, goes_by_itself
from graphxfer.omero import lookup, write
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
        f"select {attributes} from {IMAGE} i where i.fileset.id = :id",  # noqa: S608
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


def shown_in(server: Server, fileset: int) -> dict[str, list[int]]:
    """Return what an import made that does not go with its fileset: ids of Plates, by class."""
    there = lookup.import_trees(server, [fileset])
    under = Tree(there).under(iri(FILESET, fileset))
    return lookup.by_type(one for one in under if goes_by_itself(class_of(there[one])))


def remove(server: Server, fileset: int) -> None:
    """Delete a fileset with all that its import made."""
    write.delete(server, {**shown_in(server, fileset), FILESET: [fileset]})
