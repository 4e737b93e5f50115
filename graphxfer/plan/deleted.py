# SPDX-License-Identifier: GPL-2.0-or-later
"""Find what an earlier run created and people deleted since: apply creates it again."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Maker
from graphxfer.graph import TransferGraph
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import Forgotten, How, Journal
from graphxfer.omero import lookup
from graphxfer.omero.connect import Server


class Deleted(NamedTuple):
    """What was deleted at the destination: how many, by class; nodes and links of the journal."""

    numbers: dict[str, int]
    entries: Forgotten


def forget_deleted(server: Server, graph: TransferGraph, journal: Journal) -> Deleted:
    """Forget objects and links of the journal that do not exist at the destination any more.

    What an import creates comes back only with its fileset: it is forgotten with it.

    Parameters
    ----------
    server : Server
        The destination, as a user who can read all that the journal lists.
    graph : TransferGraph
        The source's graph.
    journal : Journal
        The journal; its file is changed only if it is open for writing.

    Returns
    -------
    Deleted
        What was deleted there.
    """
    ids: defaultdict[str, set[int]] = defaultdict(set)
    for found in journal.nodes().values():
        ids[found.type].add(found.id)
    for key, number in journal.links():
        ids[key.type].add(number)
    gone = {
        name: some - set(lookup.present(server, name, sorted(some))) for name, some in ids.items()
    }
    kept = _of_existing_filesets(graph, journal, gone.get(FILESET, set()))
    gone = {name: left for name, some in gone.items() if (left := some - kept.get(name, set()))}
    entries = journal.forget(gone) if gone else Forgotten()
    return Deleted({name: len(some) for name, some in gone.items()}, entries)


def _of_existing_filesets(
    graph: TransferGraph, journal: Journal, deleted: set[int]
) -> dict[str, set[int]]:
    """Return what only an import can create, of filesets that exist."""
    members = Tree(graph).members()
    kept: defaultdict[str, set[int]] = defaultdict(set)
    for node, found in journal.nodes().items():
        by_import = found.how is How.MATCHED and _only_by_import(found.type)
        fileset = journal.get(members.get(node, ""))
        if by_import and fileset is not None and fileset.id not in deleted:
            kept[found.type].add(found.id)
    return kept


def _only_by_import(type_: str) -> bool:
    return catalogue.CLASSES[type_].maker is Maker.IMPORT
