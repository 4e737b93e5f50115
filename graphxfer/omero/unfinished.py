# SPDX-License-Identifier: GPL-2.0-or-later
"""What imports left behind: their state, what is too much of it, and its removal."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import IMAGE
from graphxfer.graph import class_of, iri
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET, Tree, incoming, survives_fileset
from graphxfer.journal import FilesetImport, Journal, Stage
from graphxfer.omero import importer, lookup, write
from graphxfer.omero.connect import AGENT, Server

_CARRYING = (
    "from FilesetJobLink l, UploadJob j join j.versionInfo v"
    " where l.child.id = j.id and v.name = :name and v.value {} :token order by l.parent.id"
)
"""Filesets (`l.parent`) and upload jobs (`j`) with a token (`v.value`), or those that begin so."""
_NAME = re.compile("[0-9a-f]{16}")
"""The name of a journal; another could have characters that mean something in a pattern."""


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
        The token of an attempt, which its upload job has in its version info.
    """
    hql = f"select l.parent.id {_CARRYING.format('=')}"
    rows = server.rows(hql, name=importer.CARRIED, token=token)
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
    return [
        FilesetImport(parts[1], session, Stage.VERIFYING, token)
        for _, session, token in _carrying(server, journal)
        if len(parts := token.split(" ")) == 3
    ]


def _carrying(server: Server, journal: str) -> list[list[Any]]:
    """Return fileset, session and token of all imports of a journal."""
    if not _NAME.fullmatch(journal):
        return []
    columns = "l.parent.id, j.details.creationEvent.session.id, v.value"
    hql = f"select {columns} {_CARRYING.format('like')}"
    return server.rows(hql, name=importer.CARRIED, token=f"{journal} %")


def stray(server: Server, journal: Journal) -> dict[int, str]:
    """Return the filesets that imports of a journal created, and the journal does not have.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        Its journal; what its open imports created does not count.

    Returns
    -------
    dict
        IRI of the fileset in the graph, by the id of the stray one.
    """
    name = journal.meta("journal")
    open_ = {one.token for one in journal.imports(Stage.BEGUN, Stage.VERIFYING)}
    known = journal.known(FILESET)
    rows = _carrying(server, name) if name else []
    return {
        fileset: token.split(" ")[1]
        for fileset, _, token in rows
        if fileset not in known and token not in open_ and token.count(" ") == 2
    }


# -- imported twice -------------------------------------------------------------------------------


def place() -> tuple[str, ...]:
    """Return the attributes that distinguish the images of a fileset."""
    ((entry, _),) = incoming(FILESET)
    return tuple(one.attribute for name in entry.place if (one := entry.field(name)) is not None)


def doubled(server: Server, filesets: Collection[int]) -> set[int]:
    """Return the filesets of which several images have the same place.

    One import gives each image a place of its own. But OMERO imports a fileset again whenever
    verifyUpload is called, also if it is the same request that arrives once more (ome/omero-blitz,
    ManagedImportProcessI.verifyUpload: it starts an ImportRequest, and checks no earlier one).

    Parameters
    ----------
    server : Server
        The destination.
    filesets : collection of int
        Ids of filesets.
    """
    hql = (
        f"select i.fileset.id from {IMAGE} i where i.fileset.id in (:ids)"  # noqa: S608
        f" group by i.fileset.id, {_places('i')} having count(i.id) > 1"
    )
    return {row[0] for some in lookup.chunks(filesets) for row in server.rows(hql, ids=some)}


def surplus(server: Server, journal: Journal) -> dict[str, list[int]]:
    """Return the images that a second import into a fileset created after the first was recorded.

    That is: the journal does not have it, but another image with its place; and the session of the
    fileset's import created it. So images that a person adds to a fileset are never surplus.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        Its journal.

    Returns
    -------
    dict
        Ids of images by the IRI of their fileset in the graph.
    """
    imports = {
        journal[one.node].id: one for one in journal.imports(Stage.MATCHED) if one.node in journal
    }
    twice = doubled(server, imports)
    known, found = journal.known(IMAGE) if twice else set(), defaultdict[str, list[int]](list)
    hql = (
        f"select i.fileset.id, i.id, i.details.creationEvent.session.id, {_places('i')}"  # noqa: S608
        f" from {IMAGE} i where i.fileset.id in (:ids) order by i.id"
    )
    for some in lookup.chunks(twice):
        rows = server.rows(hql, ids=some)
        taken = {(row[0], *row[3:]) for row in rows if row[1] in known}
        for fileset, image, session, *at in rows:
            again = image not in known and (fileset, *at) in taken
            if again and session == imports[fileset].session:
                found[imports[fileset].node].append(image)
    return dict(found)


def _places(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in place())


def set_aside(server: Server, journal: Journal, node: str, images: Sequence[int]) -> None:
    """Move images out of a fileset into a stray one, which can be removed with them.

    OMERO does not delete single images of a fileset. After a crash, the images have to be found:
    the new fileset carries a token of the journal.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        Its journal.
    node : str
        IRI of the fileset in the graph.
    images : sequence of int
        Ids of the images.
    """
    token = journal.token(node)
    importer.reserve(server, node, token)
    (aside,) = of(server, token)
    ((entry, edge),) = incoming(FILESET)
    there = There(FILESET, aside)
    for some in lookup.chunks(images, write.SMALL):
        write.update(server, entry, {n: [] for n in some}, {n: [(edge, there)] for n in some})


def others(server: Server, journal: Journal, fileset: int) -> list[There]:
    """Return what would be deleted with a fileset, and neither graphxfer nor the import created.

    Parameters
    ----------
    server : Server
        The destination.
    journal : Journal
        Its journal.
    fileset : int
        Id of a fileset that is not in the journal.
    """
    events, sessions = lookup.import_events(server, [fileset]), journal.sessions()
    found = []
    for name, ids in remove(server, fileset, dry_run=True).items():
        if name in catalogue.of_people():
            strange = lookup.others(server, name, ids, sessions, events)
            found += [There(name, number) for number in strange]
    return found


def end(server: Server, session: int) -> bool:
    """End a session of graphxfer's own, so that no call of it begins any more.

    Calls under way are completed; what they create carries the token of their import.

    Parameters
    ----------
    server : Server
        The destination.
    session : int
        Id of the session's row; nothing is done if it is this run's, another's, or ended.

    Returns
    -------
    bool
        Whether it is known to have ended.
    """
    if session == server.session_id:
        return False
    hql = (
        "select s.uuid, s.userAgent from Session s"
        " where s.id = :id and s.owner.id = :user and s.closed is null"
    )
    for key, agent in server.rows(hql, id=session, user=server.user_id):
        if agent and agent.startswith(AGENT):
            server.close_session(key)
    # Without a row it is another user's session, which this user does not see.
    closed = "select s.id from Session s where s.id = :id and s.closed is not null"
    return bool(server.rows(closed, id=session))


def shown_in(server: Server, fileset: int) -> dict[str, list[int]]:
    """Return what an import created that OMERO does not delete with the fileset: Plates."""
    graph = lookup.import_trees(server, [fileset])
    under = Tree(graph).under(iri(FILESET, fileset))
    survive = (one for one in under if survives_fileset(class_of(graph[one])))
    return lookup.by_type(map(There.of, survive))


def remove(server: Server, fileset: int, *, dry_run: bool = False) -> dict[str, list[int]]:
    """Delete a fileset and all objects that its import created; return their ids by class.

    Parameters
    ----------
    server : Server
        The destination.
    fileset : int
        Its id.
    dry_run : bool
        Only report what would be deleted.
    """
    targets = {**shown_in(server, fileset), FILESET: [fileset]}
    return write.delete(server, targets, dry_run=dry_run)
