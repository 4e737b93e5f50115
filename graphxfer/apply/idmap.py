# SPDX-License-Identifier: GPL-2.0-or-later
"""The map from old to new ids, as CSV."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.errors import FileProblem
from graphxfer.graph import id_of
from graphxfer.journal import Journal

COLUMNS = ("type", "old", "new", "how")


def check(path: Path) -> None:
    """Check that a map can be written, before anything is applied.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileProblem
        If its folder does not exist, or may not be written to.
    """
    if not path.parent.is_dir():
        raise FileProblem("the folder does not exist", where=str(path.parent), do="create it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise FileProblem("cannot be written", where=str(path), do="name another file")


def write(bundle: Bundle, database_uuid: str, path: Path) -> None:
    """Write the ids of all nodes at the source and at a destination.

    Parameters
    ----------
    bundle : Bundle
        The bundle that was applied.
    database_uuid : str
        UUID of the destination's database.
    path : Path
        The file; it appears complete or not at all.
    """
    beside = path.with_name(f".{path.name}.part")
    with (
        Journal(bundle.journal(database_uuid)) as journal,
        beside.open("w", newline="", encoding="utf-8") as stream,
    ):
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for node, made in journal.nodes().items():
            table.writerow((made.type, id_of(node), made.id, made.how))
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
