# SPDX-License-Identifier: GPL-2.0-or-later
"""The map from old to new ids, as CSV."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.graph import id_of
from graphxfer.journal import Journal

COLUMNS = ("type", "old", "new", "how")


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
