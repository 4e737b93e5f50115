# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove from a destination what the journal says was made there, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphxfer.bundle import Bundle
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server


@dataclass(slots=True)
class Undone:
    """What an undo removed, or would remove.

    Parameters
    ----------
    removed : dict
        How many, by class.
    kept : list of str
        What was left there because others' objects hang on it: ``Dataset:5 (…)``.
    """

    removed: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


def undo(
    bundle: Bundle,
    server: Server,
    *,
    dry_run: bool = False,
    keep: bool = False,
    progress: Progress = SILENT,
) -> Undone:
    """Take an apply back.

    Parameters
    ----------
    bundle : Bundle
        What was applied.
    server : Server
        The destination, connected with ``own_session=True``.
    dry_run : bool
        Only tell what would be removed.
    keep : bool
        Leave in place what others' objects hang on, instead of refusing.
    progress : Progress
        Told how far it is.

    Raises
    ------
    GraphxferError
        If there is no journal, or if something would go that is not in it.
    """
    raise NotImplementedError
