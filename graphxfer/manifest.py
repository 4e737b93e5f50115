# SPDX-License-Identifier: GPL-2.0-or-later
"""manifest.csv: the files that a graph's nodes stand for, one line a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TextIO

from graphxfer.graph import TransferGraph

MANAGED = "ManagedRepository"
FILES = "Files"


class FileEntry(NamedTuple):
    """One file.

    Parameters
    ----------
    path : str
        Where it is below ``files/``, with forward slashes.
    size : int or None
        Bytes, as OMERO recorded them; None where it did not.
    checksum, hasher : str
        OMERO's checksum and the name of the algorithm (``SHA1-160``); empty where it has none.
    store : str
        Which folder of the source it is in: `MANAGED` or `FILES`.
    source : str
        Its path in that folder.
    client_path : str
        The path that it was imported from; empty where that is not known.
    node : str
        IRI of its OriginalFile.
    """

    path: str
    size: int | None
    checksum: str
    hasher: str
    store: str
    source: str
    client_path: str
    node: str


class Manifest:
    """The files of a bundle, in order."""

    def __init__(self, entries: Iterable[FileEntry] = ()) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[FileEntry]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def of(self, node: str) -> FileEntry | None:
        """Return the entry of an OriginalFile, or None where it has no bytes."""
        raise NotImplementedError


def of_graph(graph: TransferGraph) -> Manifest:
    """Return the manifest of a graph: an entry for each file that it names."""
    raise NotImplementedError


def write(manifest: Manifest, stream: TextIO) -> None:
    """Write manifest.csv."""
    raise NotImplementedError


def read(stream: TextIO) -> Manifest:
    """Read manifest.csv; BadDocument or UnsafePath names the line."""
    raise NotImplementedError
