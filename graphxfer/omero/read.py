# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO objects into a transfer graph, by queries made from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphxfer.graph import TransferGraph
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress


def select(
    server: Server, roots: Mapping[str, Sequence[int]], progress: Progress = SILENT
) -> TransferGraph:
    """Read objects and all that an export brings along with them.

    Parameters
    ----------
    server : Server
        Where to read.
    roots : mapping
        Ids by class: ``{"Project": [51]}``.
    progress : Progress
        Told how many nodes were read.

    Raises
    ------
    NotThere
        If a root does not exist or may not be read; it names each.
    """
    raise NotImplementedError


def fetch_nodes(
    server: Server, ids: Mapping[str, Sequence[int]], progress: Progress = SILENT
) -> TransferGraph:
    """Read exactly these objects with all their edges, also those that lead out of the graph.

    Objects that are not there are left out.

    Parameters
    ----------
    server : Server
        Where to read.
    ids : mapping
        Ids by concrete class; link classes too.
    progress : Progress
        Told how many nodes were read.
    """
    raise NotImplementedError
