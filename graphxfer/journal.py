# SPDX-License-Identifier: GPL-2.0-or-later
"""What was done at a destination, to what: a SQLite file, one for each destination."""

from __future__ import annotations

from pathlib import Path


class Journal:
    """The journal of one destination.

    Parameters
    ----------
    path : Path
        Its file; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    def same(self) -> dict[str, str]:
        """Return the IRI at the destination for each node's IRI."""
        raise NotImplementedError
