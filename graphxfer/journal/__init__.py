# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal: what was done at a destination, so that a run can be resumed or undone."""

from graphxfer.journal.entries import Batch, Counterpart, FilesetImport, How, LinkKey, Stage
from graphxfer.journal.journal import Forgotten, Journal

__all__ = [
    "Batch",
    "Counterpart",
    "FilesetImport",
    "Forgotten",
    "How",
    "Journal",
    "LinkKey",
    "Stage",
]
