# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of an interrupted import, and its removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphxfer.catalogue import IMAGE
from graphxfer.graph import class_of, iri
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET, Tree, survives_fileset
from graphxfer.journal import FilesetImport, Journal, Stage
from graphxfer.omero import importer, lookup, write
from graphxfer.omero.connect import AGENT, Server

_CARRYING = (
    "from FilesetJobLink l, UploadJob j join j.versionInfo v"
    " where l.child.id = j.id and v.name = :name and v.value like :token order by l.parent.id"
)
"""Filesets (`l.parent`) and upload jobs (`j`) with a token (`v.value`)."""


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


def of(server: Server, token: str) -> list[int]:
    """Return the ids of the filesets whose imports carry a token, whoever sees them.

    Parameters
    ----------
    server : Server
        The destination.
    token : str
        The token of an attempt, which its upload job has in its version info; or its beginning.
    """
    hql = f"select l.parent.id {_CARRYING}"
    rows = server.rows(hql, name=importer.CARRIED, token=f"{token}%")
    return [row[0] for row in rows]


def begun(server: Server, journal: str) -> list[FilesetImport]:
    """Return the imports of a journal, by what the destination has of them.

    Parameters
    ----------
    server : Server
        The destination.
    journal : str
        The journal's name.

    Returns
    -------
    list of FilesetImport
        In the order of the filesets; all as if their files were uploaded.
    """
    hql = f"select j.details.creationEvent.session.id, v.value {_CARRYING}"
    rows = server.rows(hql, name=importer.CARRIED, token=f"{journal} %")
    return [
        FilesetImport(parts[1], session, Stage.VERIFYING, token)
        for session, token in rows
        if len(parts := token.split(" ")) == 3
    ]


def stray(server: Server, journal: Journal) -> list[int]:
    """Return the filesets that imports of a journal created, and the journal does not have.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        Its journal, without open imports.
    """
    if not journal.imports(*Stage):
        return []
    known = journal.known(FILESET)
    return [fileset for fileset in of(server, f"{journal.name} ") if fileset not in known]


def end(server: Server, session: int) -> None:
    """End a session of graphxfer's own, so that no call of it begins any more.

    Calls under way are completed; what they create carries the token of their import.

    Parameters
    ----------
    server : Server
        The destination.
    session : int
        Id of the session's row; nothing is done if it is this run's, another's, or ended.
    """
    if session == server.session_id:
        return
    hql = (
        "select s.uuid, s.userAgent from Session s"
        " where s.id = :id and s.owner.id = :user and s.closed is null"
    )
    for key, agent in server.rows(hql, id=session, user=server.user_id):
        if agent and agent.startswith(AGENT):
            server.close_session(key)


def shown_in(server: Server, fileset: int) -> dict[str, list[int]]:
    """Return what an import created that OMERO does not delete with the fileset: Plates."""
    graph = lookup.import_trees(server, [fileset])
    under = Tree(graph).under(iri(FILESET, fileset))
    survive = (one for one in under if survives_fileset(class_of(graph[one])))
    return lookup.by_type(map(There.of, survive))


def remove(server: Server, fileset: int) -> None:
    """Delete a fileset and all objects that its import created."""
    write.delete(server, {**shown_in(server, fileset), FILESET: [fileset]})
