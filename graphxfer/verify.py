# SPDX-License-Identifier: GPL-2.0-or-later
"""Graph x destination -> differences: the destination is read back and compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphxfer.bundle import Bundle
from graphxfer.differences import Difference
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server


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
    GraphxferError
        If nothing of this bundle was applied there.
    """
    raise NotImplementedError
