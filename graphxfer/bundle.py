# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder on disk: graph, manifest, files, journals."""

from __future__ import annotations

from pathlib import Path

from graphxfer.graph import TransferGraph
from graphxfer.manifest import FileEntry, Manifest


class Bundle:
    """A bundle that is there.

    Parameters
    ----------
    folder : Path
        Where it is.

    Raises
    ------
    BadDocument
        If it is not one.
    """

    folder: Path
    graph_path: Path
    xml_path: Path
    manifest_path: Path
    files: Path

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def graph(self) -> TransferGraph:
        """Return the graph; read once."""
        raise NotImplementedError

    def manifest(self) -> Manifest:
        """Return the manifest; read once."""
        raise NotImplementedError

    def file(self, entry: FileEntry) -> Path:
        """Return where a file of the manifest is or will be.

        Raises
        ------
        UnsafePath
            If that is outside.
        """
        raise NotImplementedError

    def journal(self, database_uuid: str) -> Path:
        """Return where the journal of a destination is or will be; its folder is made."""
        raise NotImplementedError


def write(folder: Path, graph: TransferGraph) -> Bundle:
    """Write a bundle, complete or not at all; a re-export of the same roots keeps files/."""
    raise NotImplementedError


def open_source(path: Path) -> Bundle:
    """Open a bundle, a JSON-LD document or an OME-XML document with its files beside it."""
    raise NotImplementedError
