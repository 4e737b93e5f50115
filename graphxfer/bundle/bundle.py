# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder on disk: graph, manifest, files, journals."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from graphxfer.bundle import crate
from graphxfer.bundle import manifest as manifests
from graphxfer.bundle.manifest import FileEntry, Manifest
from graphxfer.errors import BadDocument, FileProblem, UnsafePath, UsageError
from graphxfer.graph import Header, Node, TransferGraph, jsonld

GRAPH, XML, MANIFEST, CRATE = (
    "graph.jsonld",
    "graph.ome.xml",
    "manifest.csv",
    "ro-crate-metadata.json",
)
THUMBNAILS = "thumbnails"
_UUID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}", re.ASCII)


class Bundle:
    """An existing bundle.

    Parameters
    ----------
    folder : Path
        Its folder.

    Raises
    ------
    BadDocument
        If the folder is not a bundle.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.graph_path = folder / GRAPH
        self.xml_path = folder / XML
        self.manifest_path = folder / MANIFEST
        self.files = folder / "files"
        self.thumbnails = folder / THUMBNAILS
        self.journals = folder / "journals"
        self._graph: TransferGraph | None = None
        self._manifest: Manifest | None = None
        for path in (self.graph_path, self.manifest_path):
            if not self.inside(path).is_file():
                raise BadDocument(
                    f"is not a bundle: {path.name} is missing",
                    where=str(folder),
                    do="create one with `graphxfer export`",
                )

    def graph(self) -> TransferGraph:
        """Return the graph; it is read only once."""
        if self._graph is None:
            with file_errors(self.graph_path), self.graph_path.open("rb") as stream:
                self._graph = jsonld.read(stream)
        return self._graph

    @property
    def transfer(self) -> str:
        """A name of what is transferred, which all copies of the bundle share: its digest."""
        with file_errors(self.graph_path), self.graph_path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextmanager
    def nodes(self) -> Iterator[tuple[Header, Iterator[Node]]]:
        """Open the graph to read its nodes one by one, in bounded memory."""
        if self._graph is not None:
            yield self._graph.header, iter(self._graph)
            return
        with file_errors(self.graph_path), self.graph_path.open("rb") as stream:
            yield jsonld.read_nodes(stream)

    def manifest(self) -> Manifest:
        """Return the manifest; it is read only once."""
        if self._manifest is None:
            with (
                file_errors(self.manifest_path),
                self.manifest_path.open(newline="", encoding="utf-8") as stream,
            ):
                self._manifest = manifests.read(stream)
        return self._manifest

    def file(self, entry: FileEntry) -> Path:
        """Return the path of a file of the manifest, which may not exist yet.

        Parameters
        ----------
        entry : FileEntry
            The file.

        Raises
        ------
        UnsafePath
            If the path is outside the bundle, by its name or through a symlink.
        """
        manifests.check_path(entry.path, entry.node)
        return self.inside(self.files / entry.path)

    def journal(self, database_uuid: str) -> Path:
        """Return the path of a destination's journal, which may not exist yet.

        Parameters
        ----------
        database_uuid : str
            UUID of the destination's database.
        """
        if not _UUID.fullmatch(database_uuid):
            raise UnsafePath(f"{database_uuid!r:.100} is not a database UUID")
        return self.inside(self.journals / f"{database_uuid}.sqlite")

    def inside(self, path: Path) -> Path:
        """Return a path of the bundle, unless a symlink on it leads out of the bundle.

        Parameters
        ----------
        path : Path
            The path.

        Raises
        ------
        UnsafePath
            If a symlink leads out.
        """
        try:
            is_inside = path.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError):  # RuntimeError: a loop of symlinks
            is_inside = False
        if not is_inside:
            raise UnsafePath(
                "a symlink leads out of the bundle",
                where=str(path),
                do="replace the symlink by the file",
            )
        return path


class Document(Bundle):
    """A single document used as a bundle, with its files beside it.

    Parameters
    ----------
    path : Path
        The document. Its journals are in the folder ``<path>.journals``.
    graph : TransferGraph
        Its graph.
    manifest : Manifest
        Its files.
    files : Path
        The folder of the files.
    """

    def __init__(self, path: Path, graph: TransferGraph, manifest: Manifest, files: Path) -> None:
        self.folder = path.parent
        self.graph_path = self.xml_path = path
        self.manifest_path = path.with_name(MANIFEST)
        self.files = files
        self.thumbnails = path.with_name(THUMBNAILS)
        self.journals = path.with_name(f"{path.name}.journals")
        self._graph, self._manifest = graph, manifest


def open_source(path: Path) -> Bundle:
    """Open a bundle, or a document as a bundle.

    Parameters
    ----------
    path : Path
        A bundle, or a JSON-LD or OME-XML document. The files of a document that graphxfer
        exported are in ``files/`` beside it, as in a bundle. The files of any other document are
        beside it, at the paths of its OriginalFiles.

    Returns
    -------
    Bundle
        The bundle.

    Raises
    ------
    BadDocument
        If it is none of these.
    FileProblem
        If it does not exist.
    """
    if not path.exists():
        raise FileProblem("does not exist", where=str(path))
    if path.is_dir():
        return Bundle(path)
    documents = (path.with_name(GRAPH), path.with_name(XML))
    if path in documents and path.with_name(GRAPH).is_file() and path.with_name(MANIFEST).is_file():
        return Bundle(path.parent)
    graph = _read(path)
    if graph.header.database_uuid:
        return Document(path, graph, manifests.of_graph(graph), path.with_name("files"))
    return Document(path, graph, manifests.beside(graph), path.parent)


def _read(path: Path) -> TransferGraph:
    """Read a document; its first characters tell JSON-LD from OME-XML."""
    with file_errors(path), path.open("rb") as stream:
        start = stream.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n")
        stream.seek(0)
        if start.startswith(b"<"):
            from graphxfer.graph import (
                omexml,  # takes half a second, and most commands do not need it
            )

            return omexml.read(path)
        if start.startswith((b"{", b"[")):
            return jsonld.read(stream)
    raise BadDocument(
        "is neither JSON-LD nor OME-XML",
        where=str(path),
        do="convert Turtle and N-Quads first: `graphxfer convert FILE --to bundle -o FOLDER`",
    )


# -- writing ------------------------------------------------------------------------------------


def write(
    folder: Path, graph: TransferGraph, thumbnails: Callable[[Path], None] | None = None
) -> Bundle:
    """Write a bundle: a new folder appears complete or not at all.

    If the folder is a bundle of the same roots of the same server, its documents are replaced one
    by one, the graph last. Its files and journals are kept, and its thumbnails unless there are
    new ones.

    Parameters
    ----------
    folder : Path
        The folder; its parents are created.
    graph : TransferGraph
        What to write.
    thumbnails : callable, optional
        Called with a folder, to write thumbnails there.

    Returns
    -------
    Bundle
        The bundle that was written.

    Raises
    ------
    UsageError
        If the folder has other contents.
    FileProblem
        If it cannot be written.
    """
    with file_errors(folder):
        folder = folder.resolve()
        manifest = manifests.of_graph(graph)
        if folder.exists():
            _refuse_other(folder, graph)
            _write(folder, graph, manifest, thumbnails)
            return Bundle(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
        part.mkdir()
        try:
            _write(part, graph, manifest, thumbnails)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        _sync(folder.parent)
    return Bundle(folder)


def _refuse_other(folder: Path, graph: TransferGraph) -> None:
    """Refuse a folder with contents, unless it is an earlier export of the same objects."""
    if not folder.is_dir():
        raise UsageError("is a file, not a folder", where=str(folder), do="name a new folder")
    if not any(folder.iterdir()):
        return
    try:
        with Bundle(folder).graph_path.open("rb") as stream:
            there = jsonld.read_header(stream)
    except BadDocument as error:
        raise UsageError(
            "the folder is not empty, and not a bundle",
            where=str(folder),
            do=f"name a new folder ({error.what})",
        ) from None
    here = graph.header
    if there.database_uuid != here.database_uuid or set(there.roots) != set(here.roots):
        raise UsageError(
            "the folder has the bundle of another transfer: "
            f"{', '.join(there.roots)} of {there.base}",
            where=str(folder),
            do="name a new folder",
        )


def _write(
    folder: Path,
    graph: TransferGraph,
    manifest: Manifest,
    thumbnails: Callable[[Path], None] | None,
) -> None:
    """Write the documents; the graph comes last, as it makes the folder a bundle."""
    from graphxfer.graph import omexml  # as above

    (folder / "files").mkdir(exist_ok=True)
    if thumbnails:
        _replace_folder(folder / THUMBNAILS, thumbnails)
    has_thumbnails = (folder / THUMBNAILS).is_dir()
    _replace(folder / MANIFEST, partial(_write_manifest, manifest))
    _replace(folder / XML, partial(omexml.write, graph))
    _replace(folder / CRATE, partial(crate.write, graph, manifest, has_thumbnails))
    _replace(folder / GRAPH, partial(jsonld.write, graph))
    _sync(folder)


def _write_manifest(manifest: Manifest, stream: BinaryIO) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    manifests.write(manifest, text)
    text.detach()


def replace(path: Path, write_to: Callable[[BinaryIO], None]) -> None:
    """Write a file under a temporary name, sync it to the disk, and rename it.

    Parameters
    ----------
    path : Path
        The file.
    write_to : callable
        Called with a binary stream, to write the file.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    if not path.parent.is_dir():
        raise FileProblem("the folder does not exist", where=str(path.parent), do="create it first")
    with file_errors(path):
        _replace(path, write_to)


def _replace(path: Path, write_to: Callable[[BinaryIO], None]) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb", buffering=2**20) as stream:
            write_to(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.filename == str(part):
            error.filename = str(path)  # the temporary name means nothing to a person
        raise


def _replace_folder(path: Path, write_to: Callable[[Path], None]) -> None:
    """Write a folder under a temporary name, and rename it."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    new, old = part / "new", part / "old"
    new.mkdir(parents=True)
    try:
        write_to(new)
        if os.path.lexists(path):
            path.rename(old)
        new.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Sync the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a FileProblem that names the path.

    Parameters
    ----------
    path : Path
        Named in the message, if the error itself names no file.

    Examples
    --------
    >>> with file_errors(Path("a.csv")):
    ...     raise PermissionError(13, "Permission denied")
    Traceback (most recent call last):
        ...
    graphxfer.errors.FileProblem: a.csv: Permission denied
    """
    try:
        yield
    except OSError as error:
        raise FileProblem(
            error.strerror or str(error), where=str(error.filename or path)
        ) from error
