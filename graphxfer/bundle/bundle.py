# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder on disk: graph, manifest, files, journals."""

from __future__ import annotations

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
                    f"is no bundle: {path.name} is missing",
                    where=str(folder),
                    do="make one with `graphxfer export`",
                )

    def graph(self) -> TransferGraph:
        """Return the graph; it is read once."""
        if self._graph is None:
            with told(self.graph_path), self.graph_path.open("rb") as stream:
                self._graph = jsonld.read(stream)
        return self._graph

    @contextmanager
    def nodes(self) -> Iterator[tuple[Header, Iterator[Node]]]:
        """Open the graph to take its nodes one by one, in bounded memory."""
        if self._graph is not None:
            yield self._graph.header, iter(self._graph)
            return
        with told(self.graph_path), self.graph_path.open("rb") as stream:
            yield jsonld.read_nodes(stream)

    def manifest(self) -> Manifest:
        """Return the manifest; it is read once."""
        if self._manifest is None:
            with (
                told(self.manifest_path),
                self.manifest_path.open(newline="", encoding="utf-8") as stream,
            ):
                self._manifest = manifests.read(stream)
        return self._manifest

    def file(self, entry: FileEntry) -> Path:
        """Return where a file of the manifest is or will be.

        Raises
        ------
        UnsafePath
            If that is outside, by its name or through a symlink.
        """
        manifests.check_path(entry.path, entry.node)
        return self.inside(self.files / entry.path)

    def journal(self, database_uuid: str) -> Path:
        """Return where the journal of a destination is or will be.

        Parameters
        ----------
        database_uuid : str
            The destination's.
        """
        if not _UUID.fullmatch(database_uuid):
            raise UnsafePath(f"{database_uuid!r:.100} is no database UUID")
        return self.inside(self.journals / f"{database_uuid}.sqlite")

    def inside(self, path: Path) -> Path:
        """Return the path if no symlink on its way leads out of the folder.

        Parameters
        ----------
        path : Path
            Of the bundle.

        Raises
        ------
        UnsafePath
            If one does.
        """
        try:
            is_inside = path.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError):  # RuntimeError: a loop of symlinks
            is_inside = False
        if not is_inside:
            raise UnsafePath(
                "a symlink leads out of the bundle",
                where=str(path),
                do="put the file there instead of the link",
            )
        return path


class Document(Bundle):
    """A document that stands for a bundle, with what belongs to it beside it.

    Parameters
    ----------
    path : Path
        The document. Its journals go to the folder ``<path>.journals``.
    graph : TransferGraph
        What it says.
    manifest : Manifest
        Its files.
    files : Path
        The folder that they are in.
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
    """Open what can be applied.

    Parameters
    ----------
    path : Path
        A bundle, or a JSON-LD or OME-XML document. The files of a document that graphxfer
        exported are in ``files/`` beside it, as in a bundle; those of any other are beside it,
        where its OriginalFiles say.

    Raises
    ------
    BadDocument
        If it is none of these.
    """
    if not path.exists():
        raise FileProblem("is not there", where=str(path))
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
    """Read a document, JSON-LD or OME-XML as it begins."""
    with told(path), path.open("rb") as stream:
        start = stream.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n")
        stream.seek(0)
        if start.startswith(b"<"):
            from graphxfer.graph import omexml  # half a second, which most commands need not wait

            return omexml.read(path)
        if start.startswith((b"{", b"[")):
            return jsonld.read(stream)
    raise BadDocument(
        "is neither JSON-LD nor OME-XML",
        where=str(path),
        do="Turtle and N-Quads: `graphxfer convert FILE --to bundle -o FOLDER` comes first",
    )


# -- writing ------------------------------------------------------------------------------------


def write(
    folder: Path, graph: TransferGraph, thumbnails: Callable[[Path], None] | None = None
) -> Bundle:
    """Write a bundle: a new folder appears complete or not at all.

    Where there is a bundle of the same roots of the same server, its documents are replaced one
    by one, the graph last, and what was fetched and journalled is kept; thumbnails are, too,
    unless there are new ones.

    Parameters
    ----------
    folder : Path
        Where to; its parents are made.
    graph : TransferGraph
        What to write.
    thumbnails : callable, optional
        Writes them into a folder that it is given.

    Raises
    ------
    UsageError
        If something else is there.
    FileProblem
        If it cannot be written.
    """
    with told(folder):
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
    """Refuse to write where something else is than an earlier export of the same."""
    if not folder.is_dir():
        raise UsageError("is a file", where=str(folder), do="name a new folder")
    if not any(folder.iterdir()):
        return
    try:
        with Bundle(folder).graph_path.open("rb") as stream:
            there = jsonld.read_header(stream)
    except BadDocument as error:
        raise UsageError(
            "there is something that is no bundle",
            where=str(folder),
            do=f"name a new folder ({error.what})",
        ) from None
    here = graph.header
    if there.database_uuid != here.database_uuid or set(there.roots) != set(here.roots):
        raise UsageError(
            f"there is another transfer: {', '.join(there.roots)} of {there.base}",
            where=str(folder),
            do="name a new folder",
        )


def _write(
    folder: Path,
    graph: TransferGraph,
    manifest: Manifest,
    thumbnails: Callable[[Path], None] | None,
) -> None:
    """Write all that is not fetched; the graph comes last, for it makes the folder a bundle."""
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
    """Write a file beside, wait until it is on the disk, and put it in its place.

    Parameters
    ----------
    path : Path
        Where to.
    write_to : callable
        Writes it to a stream that it is given.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    if not path.parent.is_dir():
        raise FileProblem("there is no such folder", where=str(path.parent), do="make it first")
    with told(path):
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
            error.filename = str(path)  # nobody has heard of the other name
        raise


def _replace_folder(path: Path, write_to: Callable[[Path], None]) -> None:
    """Write a folder's files beside, and put it in its place, whole."""
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
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a FileProblem that names the path."""
    try:
        yield
    except OSError as error:
        raise FileProblem(
            error.strerror or str(error), where=str(error.filename or path)
        ) from error
