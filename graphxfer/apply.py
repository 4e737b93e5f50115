# SPDX-License-Identifier: GPL-2.0-or-later
"""Actions -> destination, through the journal: exactly once, whatever happens in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphxfer.actions import Options, Plan
from graphxfer.bundle import Bundle
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server


def apply(
    bundle: Bundle,
    server: Server,
    options: Options = Options(),  # noqa: B008  (frozen)
    progress: Progress = SILENT,
) -> Plan:
    """Recreate a bundle's graph at a destination.

    A run that was interrupted is gone on with; one that succeeded does nothing.

    Parameters
    ----------
    bundle : Bundle
        What is to be moved.
    server : Server
        The destination, connected with ``own_session=True``.
    options : Options
        What the person decided.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Plan
        What was planned and is now done; `Plan.skipped` could not be moved.

    Raises
    ------
    GraphxferError
        What `make_plan` raises, and what the server refuses; the journal stays intact.
    """
    raise NotImplementedError
