# SPDX-License-Identifier: GPL-2.0-or-later
"""Read objects from OMERO into a transfer graph: with all linked objects, or exactly these."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial

from graphxfer import __version__
from graphxfer.errors import NotThere, listed
from graphxfer.graph import Header, TransferGraph, containers, iri
from graphxfer.omero import queries
from graphxfer.omero.connect import Server
from graphxfer.omero.queries import Row
from graphxfer.omero.reader import Reader, Task, ask
from graphxfer.omero.selection import Selection
from graphxfer.progress import SILENT, Progress


def select(
    server: Server, roots: Mapping[str, Sequence[int]], progress: Progress = SILENT
) -> TransferGraph:
    """Read objects and everything that an export includes with them.

    Parameters
    ----------
    server : Server
        The source.
    roots : mapping
        Ids by class: ``{"Project": [51]}``.
    progress : Progress
        Shows the number of nodes.

    Returns
    -------
    TransferGraph
        The graph.

    Raises
    ------
    NotThere
        If roots do not exist or may not be read; the message names them.
    """
    _check_roots(server, roots)
    with progress.task(f"read from {server.profile.name}") as advance:
        selection = Selection(server, advance)
        for name, ids in roots.items():
            selection.want(name, ids)
        selection.run()
        header = _header(server)
        selected = (iri(name, id_) for name, ids in roots.items() for id_ in ids)
        graph = selection.graph(header)
    header.roots = tuple(each for each in dict.fromkeys(selected) if each in graph)
    header.included = containers.included(graph)
    return graph


def fetch_nodes(
    server: Server, ids: Mapping[str, Sequence[int]], progress: Progress = SILENT
) -> TransferGraph:
    """Read exactly these objects, with all their edges, also to objects outside of the graph.

    Objects that do not exist are skipped. Where several links join the same two objects, each is a
    node too.

    Parameters
    ----------
    server : Server
        The server.
    ids : mapping
        Ids by concrete class or link class.
    progress : Progress
        Shows the number of nodes.

    Returns
    -------
    TransferGraph
        The graph.
    """
    with progress.task(f"read from {server.profile.name}") as advance:
        reader = Reader(server, advance)
        reader.read(ids)
        reader.read_edges()
        reader.read_repeated_links()
        return reader.graph(_header(server))


def _header(server: Server) -> Header:
    return Header(
        server.profile.base,
        server.database_uuid,
        server.version,
        f"graphxfer {__version__}",
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _check_roots(server: Server, roots: Mapping[str, Sequence[int]]) -> None:
    """Raise if a selected object does not exist, or may not be read."""
    missing: list[str] = []
    for name, ids in roots.items():
        found: set[int] = set()
        task = Task(queries.ids(name, "obj.id"), ids, partial(_add_ids, found))
        ask(server, [task])
        missing += [f"{name}:{id_}" for id_ in sorted(set(ids) - found)]
    if missing:
        raise NotThere(
            f"{listed(missing, 20)}: not found, or not readable for {server.user_name}",
            where=server.profile.address,
            do="check the ids; only its owner or an administrator can export private data",
        )


def _add_ids(found: set[int], rows: list[Row]) -> None:
    found.update(row[0] for row in rows)
