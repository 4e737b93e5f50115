# SPDX-License-Identifier: GPL-2.0-or-later
"""What a receipt contains."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from graphxfer.graph import Header, LeftOut

FORMAT = "graphxfer receipt 1"
MAX_LINE = 2**24
"""The longest line of a receipt, in bytes."""
MAX_DIFFERENCES = 50_000_000


class By(StrEnum):
    """Who computed or recorded a checksum."""

    SOURCE = "this:source"
    SOFTWARE = "this:software"
    DESTINATION = "this:destination"


class Evidence(StrEnum):
    """How a checksum is known."""

    RECORDED = "recorded, not recomputed"
    """It is the server's record; the verification did not read the file."""
    UPLOADED = "computed before the upload"
    """graphxfer computed it from the bytes that it then uploaded, or linked in place."""
    READ_BACK = "computed from the destination's bytes"
    """graphxfer read the file back from the destination, for the verification."""
    RECOMPUTED = "recomputed by the server"
    """The server computed it from the bytes on its disk, for the verification."""


class Checksum(NamedTuple):
    """A checksum of a file: who vouches for it, how it is known, algorithm, value."""

    by: By
    evidence: Evidence
    algorithm: str
    value: str


class File(NamedTuple):
    """A file: IRI of its node, path in the bundle, size if recorded, checksums."""

    node: str
    path: str
    size: int | None
    checksums: tuple[Checksum, ...]


class Finding(NamedTuple):
    """A difference that the verification found: as in `graphxfer.graph.differences`."""

    node: str
    kind: str
    name: str
    found_at: str
    text: str


class Part(NamedTuple):
    """The nodes of one class.

    Parameters
    ----------
    type : str
        The class.
    nodes : int
        How many.
    root : str
        The root of the hash tree of these nodes alone.
    compared : bool
        Whether the verification compared them: users, groups and link nodes are not compared.
    not_compared : tuple of str
        Fields and edges that servers set themselves.
    """

    type: str
    nodes: int
    root: str
    compared: bool
    not_compared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A server: its address, UUID of its database, OMERO's version, and the group."""

    address: str
    database_uuid: str
    version: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """All of a receipt but its files and differences.

    Parameters
    ----------
    iri : str
        The receipt's own IRI, ``urn:uuid:…#``.
    started, ended : str
        When the verification ran (ISO 8601, UTC).
    header : Header
        The header of the graph.
    nodes : int
        The number of nodes.
    root : str
        The root of the graph's hash tree.
    parts : tuple of Part
        The nodes by class.
    destination : Place
        The server that was verified.
    user, person : str
        The OMERO account there; the name of the person, if given.
    software : str
        graphxfer's version.
    not_moved : tuple of LeftOut
        Nodes of the graph that have no counterpart at the destination.
    files, differences : int
        How many follow.
    """

    iri: str
    started: str
    ended: str
    header: Header
    nodes: int
    root: str
    parts: tuple[Part, ...]
    destination: Place
    user: str
    software: str
    person: str = ""
    not_moved: tuple[LeftOut, ...] = ()
    files: int = 0
    differences: int = 0

    @property
    def outcome(self) -> str:
        """The result in words."""
        return "differences" if self.differences else "no differences"
