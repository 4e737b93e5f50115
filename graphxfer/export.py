# SPDX-License-Identifier: GPL-2.0-or-later
"""Export: objects of a server into a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress


def parse(objects: Sequence[str]) -> dict[str, list[int]]:
    """Return ids by class: ``["Project:51", "Image:7-9,12"]``.

    Raises
    ------
    UsageError
        If one cannot be meant, or its class cannot be exported.
    """
    raise NotImplementedError


def export(
    server: Server,
    roots: Mapping[str, Sequence[int]],
    folder: Path,
    progress: Progress = SILENT,
) -> Bundle:
    """Read objects and all that hangs on them, and write a bundle.

    What is linked but could not be moved is in the graph's header (``left_out``).
    """
    raise NotImplementedError
