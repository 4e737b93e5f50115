# SPDX-License-Identifier: GPL-2.0-or-later
"""The entries of a journal: counterparts of nodes, links, intents, states of imports."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import NamedTuple

from graphxfer import catalogue
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
    label : str
        Identifies the call; see :mod:`graphxfer.journal.fencing`.
    type : str
        Class, or link class; empty if nothing is created.
    items : tuple
        IRIs of nodes, or keys of links.
    """

    label: str
    type: str
    items: tuple[str | LinkKey, ...] = ()

    @property
    def nodes(self) -> list[str]:
        """The nodes, if it is a batch of nodes."""
        return [item for item in self.items if isinstance(item, str)]

    @property
    def links(self) -> list[LinkKey]:
        """The links, if it is a batch of links."""
        return [item for item in self.items if isinstance(item, LinkKey)]


class FilesetImport(NamedTuple):
    """The state of a fileset's import.

    Parameters
    ----------
    node : str
        IRI of the fileset.
    session : int
        Row id of the session that began it.
    stage : Stage
        How far it is.
    token : str
        What the import carries, so that whatever it creates is found again, however late.
    """

    node: str
    session: int
    stage: Stage
    token: str


# -- rows of the file, which may be damaged, or a stranger's --------------------------------------


def counterpart(node: str, type_: str, id_: int, how: str, settled: int) -> Counterpart:
    """Return the counterpart of a node from a row of the journal.

    Raises
    ------
    ValueError
        If the row cannot be one that graphxfer wrote.

    Examples
    --------
    >>> counterpart("Project/1", "Project", -3, "created", 1)
    Traceback (most recent call last):
        ...
    ValueError: 'Project/1' cannot have the counterpart 'Project' -3
    """
    if not _is_iri(node) or type_ not in catalogue.CLASSES or not _is_id(id_):
        raise ValueError(f"{node!r:.100} cannot have the counterpart {type_!r:.100} {id_!r:.100}")
    return Counterpart(type_, id_, How(how), bool(settled))


def link(type_: str, parent: str, child: str, id_: int | None) -> LinkKey:
    """Return a link from a row of the journal.

    Raises
    ------
    ValueError
        If the row cannot be one that graphxfer wrote.
    """
    known = type_ in catalogue.link_classes() and _is_iri(parent) and _is_iri(child)
    if not known or not (id_ is None or _is_id(id_)):
        raise ValueError(f"{type_!r:.100} of {parent!r:.100} and {child!r:.100} is not a link")
    return LinkKey(type_, parent, child)


def extra(type_: str, id_: int) -> There:
    """Return an object or link that is not in the graph from a row of the journal.

    Raises
    ------
    ValueError
        If the row cannot be one that graphxfer wrote.
    """
    known = type_ in catalogue.CLASSES or type_ in catalogue.link_classes()
    if not known or not _is_id(id_):
        raise ValueError(f"{type_!r:.100} {id_!r:.100} cannot be what an import created")
    return There(type_, id_)


def fileset_import(node: str, session: int, stage: str, token: str) -> FilesetImport:
    """Return the state of an import from a row of the journal.

    Raises
    ------
    ValueError
        If the row cannot be one that graphxfer wrote.
    """
    # Without a token, the import would be any that a server ever made.
    if not _is_iri(node) or not isinstance(session, int) or not _TOKEN.fullmatch(str(token)):
        raise ValueError(f"{node!r:.100} is not the import of a fileset")
    return FilesetImport(node, session, Stage(stage), token)


def base(text: str) -> dict[str, str]:
    """Return the digests of a node's values from a row of the journal.

    Raises
    ------
    ValueError
        If the row cannot be one that graphxfer wrote.

    Examples
    --------
    >>> base('{"name":"0011223344556677"}')
    {'name': '0011223344556677'}
    """
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError(f"{text!r:.100} is not the base of a node")
    return found


_TOKEN = re.compile(r"[0-9a-f]{16} \S+ [0-9a-f]{16}")


def _is_iri(value: object) -> bool:
    return isinstance(value, str) and value.rpartition("/")[2].isdigit()


def _is_id(value: object) -> bool:
    return isinstance(value, int) and value > 0
