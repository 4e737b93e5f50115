# SPDX-License-Identifier: GPL-2.0-or-later
"""The entries of a journal: counterparts of nodes, links, intents, states of imports."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from graphxfer.graph.correspondence import There


class How(StrEnum):
    """How a node got its counterpart at the destination."""

    CREATED = "created"
    REUSED = "reused"
    MERGED = "merged"
    IMPORTED = "imported"
    MATCHED = "matched"

    @property
    def ours(self) -> bool:
        """Whether an apply created the counterpart, so that undo may remove it."""
        return self not in (How.REUSED, How.MERGED)


class Stage(StrEnum):
    """The state of a fileset's import."""

    BEGUN = "begun"
    """The fileset is being created, and its files uploaded."""
    VERIFYING = "verifying"
    """All files are uploaded; the server may have begun to import them."""
    IMPORTED = "imported"
    """The server has created the images."""
    MATCHED = "matched"
    """What the import created is recorded, node by node."""


class Counterpart(NamedTuple):
    """The counterpart of a node.

    Parameters
    ----------
    type : str
        The class.
    id : int
        The id at the destination.
    how : How
        How the node got it.
    settled : bool
        Whether it is complete: no file to upload, no field to set.
    """

    type: str
    id: int
    how: How
    settled: bool = True

    @property
    def there(self) -> There:
        """The object at the destination."""
        return There(self.type, self.id)


class LinkKey(NamedTuple):
    """A link in the graph: link class, IRIs of parent and child."""

    type: str
    parent: str
    child: str


class Batch(NamedTuple):
    """An intent: what was about to be created in one call, in this order.

    Parameters
    ----------
    id : int
        Its row in the journal.
    session : int
        Row id of the session at the destination.
    type : str
        Class, or link class.
    at : float
        When, in seconds since 1970.
    items : tuple
        IRIs of nodes, or keys of links.
    """

    id: int
    session: int
    type: str
    at: float
    items: tuple[str | LinkKey, ...]

    @property
    def nodes(self) -> list[str]:
        """The nodes, if it is a batch of nodes."""
        return [item for item in self.items if isinstance(item, str)]

    @property
    def links(self) -> list[LinkKey]:
        """The links, if it is a batch of links."""
        return [item for item in self.items if isinstance(item, LinkKey)]


class FilesetImport(NamedTuple):
    """The state of a fileset's import: in which session, how far, and since when."""

    node: str
    session: int
    stage: Stage
    at: float
