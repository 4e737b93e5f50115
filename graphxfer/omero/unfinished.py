# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of an interrupted import, and its removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphxfer.catalogue import IMAGE
from graphxfer.graph import class_of, iri
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET, Tree, survives_fileset
from graphxfer.omero import lookup, write
from graphxfer.omero.connect import Server


class State(NamedTuple):
    """The state of a fileset's import.

    Parameters
    ----------
    begun : bool
        Whether all files are uploaded, so that the server begins the import.
    over : bool
        Whether the session of the import is closed, so that the import has ended.
    places : set
        The values of the place attributes of its images.
    """

    begun: bool
    over: bool
    places: set[tuple[object, ...]]


def state(server: Server, fileset: int, session: int, place: Sequence[str]) -> State:
    """Return the state of a fileset's import.

    Parameters
    ----------
    server : Server
        The destination.
    fileset, session : int
        Id of the fileset, and of the row of the session that began the import.
    place : sequence of str
        The attributes that distinguish the images of a fileset.
    """
    attributes = ", ".join(f"i.{name}" for name in place)
    images = server.rows(
        f"select {attributes} from {IMAGE} i where i.fileset.id = :id",  # noqa: S608
        id=fileset,
    )
    # All jobs exist from the start; verifyUpload sets the first, the upload, to finished
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
    """Return what an import created that OMERO does not delete with the fileset: Plates."""
    graph = lookup.import_trees(server, [fileset])
    under = Tree(graph).under(iri(FILESET, fileset))
    survive = (one for one in under if survives_fileset(class_of(graph[one])))
    return lookup.by_type(map(There.of, survive))


def remove(server: Server, fileset: int) -> None:
    """Delete a fileset and all objects that its import created."""
    write.delete(server, {**shown_in(server, fileset), FILESET: [fileset]})
