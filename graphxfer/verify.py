# SPDX-License-Identifier: GPL-2.0-or-later
"""Verify: read the destination back, and compare it with the graph."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping

from graphxfer import unmovable
from graphxfer.bundle import Bundle
from graphxfer.errors import UsageError
from graphxfer.graph.differences import Difference, compare
from graphxfer.journal import Journal
from graphxfer.omero import lookup, read
from graphxfer.omero.connect import Server
from graphxfer.omero.rights import check_readable, rights
from graphxfer.progress import SILENT, Progress
from graphxfer.unmovable import Why


def left_out(bundle: Bundle, server: Server, progress: Progress = SILENT) -> dict[str, Why]:
    """Return the nodes that `apply` leaves out, and why: they are not compared.

    Parameters
    ----------
    bundle : Bundle
        The bundle that was applied.
    server : Server
        The destination.
    progress : Progress
        Shows progress.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid))
    with journal or contextlib.nullcontext():
        found = unmovable.find(bundle, journal, content=True, progress=progress)
        return {node: why for node, why in found.items() if journal is None or node not in journal}


def verify(
    bundle: Bundle,
    server: Server,
    progress: Progress = SILENT,
    without: Mapping[str, Why] | None = None,
) -> Iterator[Difference]:
    """Compare the destination with the graph that was applied to it.

    Parameters
    ----------
    bundle : Bundle
        The bundle that was applied.
    server : Server
        The destination.
    progress : Progress
        Shows progress.
    without : mapping, optional
        The nodes that are not compared: the result of :func:`left_out`, which is the default.

    Yields
    ------
    Difference
        In the order of the graph.

    Raises
    ------
    UsageError
        If nothing of this bundle was applied there.
    GraphxferError
        If the user may not read all of it.
    """
    graph = bundle.graph()
    journal = Journal.existing(bundle.journal(server.database_uuid))
    if journal is None:
        raise UsageError(
            f"nothing of this bundle was applied to {server.profile.address}",
            where=str(bundle.folder),
            do="check the server, and run `graphxfer apply` first",
        )
    with journal:
        journal.check_about(graph.header.database_uuid)
        same, group = journal.same(), int(journal.meta("group") or server.group_id)
        owner = journal.meta("user_name") or ""
        absent = {} if rights(server, group).sees_all else _absent_links(server, journal)
        # Objects that existed before may have more edges: other images in a merged Dataset.
        before = {node for node, found in journal.nodes().items() if not found.how.ours}
    if without is None:
        without = left_out(bundle, server, progress)
    there = read.fetch_nodes(server, lookup.by_type(same.values()), progress)
    absent |= lookup.by_type(iri for iri in same.values() if iri not in there)
    check_readable(server, group, absent, owner)
    yield from compare(graph.without(without), there, same, before)


def _absent_links(server: Server, journal: Journal) -> dict[str, list[int]]:
    """Return the links of the journal that the user does not find, by class."""
    by_class: defaultdict[str, set[int]] = defaultdict(set)
    for link, number in journal.links():
        by_class[link.type].add(number)
    return {
        name: sorted(ids.difference(lookup.present(server, name, ids)))
        for name, ids in by_class.items()
    }
