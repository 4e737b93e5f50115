# SPDX-License-Identifier: GPL-2.0-or-later
"""Graph x destination -> differences: the destination is read back and compared."""

from __future__ import annotations

from collections.abc import Iterator

from graphxfer.bundle import Bundle
from graphxfer.errors import UsageError
from graphxfer.graph.differences import Difference, compare
from graphxfer.journal import Journal
from graphxfer.omero import lookup, read
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress


def verify(bundle: Bundle, server: Server, progress: Progress = SILENT) -> Iterator[Difference]:
    """Compare what was applied with the graph.

    Parameters
    ----------
    bundle : Bundle
        What was applied.
    server : Server
        The destination.
    progress : Progress
        Told how far it is.

    Yields
    ------
    Difference
        In the order of the graph.

    Raises
    ------
    UsageError
        If nothing of this bundle was applied there.
    """
    graph = bundle.graph()
    journal = Journal.existing(bundle.journal(server.database_uuid))
    if journal is None:
        raise UsageError(
            "nothing of this bundle was applied to this server, so there is nothing to compare",
            where=str(bundle.folder),
            do="run `graphxfer apply` first; or is it another server?",
        )
    with journal:
        journal.check_about(graph.header.database_uuid)
        same = journal.same()
        # What was there before may have more: other images in a merged Dataset.
        before = {node for node, made in journal.nodes().items() if not made.how.ours}
    there = read.fetch_nodes(server, lookup.by_type(same.values()), progress)
    yield from compare(graph, there, same, before)
