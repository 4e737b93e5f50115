# SPDX-License-Identifier: GPL-2.0-or-later
"""Graph x destination -> actions. Pure reads: nothing is made, there or here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphxfer.actions import Options, Plan
from graphxfer.bundle import Bundle
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server


def make_plan(
    bundle: Bundle,
    server: Server,
    options: Options = Options(),  # noqa: B008  (frozen)
    progress: Progress = SILENT,
) -> Plan:
    """Plan what an apply would do.

    Parameters
    ----------
    bundle : Bundle
        What is to be moved.
    server : Server
        The destination; its group is that of the connection.
    options : Options
        What the person decided.
    progress : Progress
        Told how far it is.

    Raises
    ------
    GraphxferError
        If the apply could not work: files missing, no permission, an ambiguous name.
    """
    raise NotImplementedError
