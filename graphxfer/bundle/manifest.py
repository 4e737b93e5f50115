# SPDX-License-Identifier: GPL-2.0-or-later
"""manifest.csv: the files of a graph's nodes, one line a file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TextIO

from graphxfer import catalogue
from graphxfer.errors import BadDocument, UnsafePath, counted
from graphxfer.graph import Node, TransferGraph
from graphxfer.graph.fileset_tree import ENTRY, FILE

MANAGED = "ManagedRepository"
"""The folder of imported files: a file's path is that of its OriginalFile."""
FILES = "Files"
"""The folder of attached files: a file's path comes from the id of its OriginalFile."""
DIRECTORY = "Directory"
"""The mimetype of an OriginalFile that is a folder."""

MAX_FILES = 10_000_000
_MAX_PATH, _MAX_NAME = 4096, 255  # bytes, on Linux
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]")
_DRIVE = re.compile(r"[A-Za-z]:")


class FileEntry(NamedTuple):
    """One file.

    Parameters
    ----------
    path : str
        Path below ``files/``, with forward slashes.
    size : int or None
        Bytes, as OMERO recorded them; None if it did not.
    checksum, hasher : str
        OMERO's checksum and the name of its algorithm (``SHA1-160``); empty if OMERO has none.
    store : str
        The folder of the source that it is in: `MANAGED` or `FILES`.
    source : str
        Its path in that folder.
    client_path : str
        The path that it was imported from; empty if unknown.
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
    """The files of a graph, in its order.

    Parameters
    ----------
    entries : iterable of FileEntry
        The files.

    Raises
    ------
    UnsafePath
        If a path leads out of its folder.
    BadDocument
        If two entries have the same path or node.
    """

    def __init__(self, entries: Iterable[FileEntry] = ()) -> None:
        self._by_node: dict[str, FileEntry] = {}
        paths: set[str] = set()
        for entry in entries:
            check_path(entry.path, entry.node)
            check_path(entry.source, entry.node)
            if entry.path in paths:
                raise BadDocument("the path appears twice", where=entry.path)
            if entry.node in self._by_node:
                raise BadDocument("the node has two files", where=entry.node)
            paths.add(entry.path)
            self._by_node[entry.node] = entry

    def __iter__(self) -> Iterator[FileEntry]:
        return iter(self._by_node.values())

    def __len__(self) -> int:
        return len(self._by_node)

    def of(self, node: str) -> FileEntry | None:
        """Return the entry of an OriginalFile, or None if it has no bytes (a folder)."""
        return self._by_node.get(node)


def check_path(path: str, where: str) -> None:
    """Refuse a path that may lead out of its folder.

    Parameters
    ----------
    path : str
        Relative, with forward slashes.
    where : str
        Named in the message.

    Raises
    ------
    UnsafePath
        If it is absolute, contains ``..``, or contains what some system or tool does not take as
        a name: a drive letter, a backslash, NUL, a newline.
    """
    parts = path.split("/")
    if path.startswith("/") or _DRIVE.match(path):
        why = "is absolute"
    elif ".." in parts:
        why = "contains .."
    elif "" in parts or "." in parts:
        why = "has an empty part"
    elif _CONTROL.search(path) or "\\" in path:
        why = "has a backslash or a control character"
    elif _too_long(path, parts):
        why = "is too long, or not valid Unicode"
    else:
        return
    raise UnsafePath(
        f"the path {path!r:.300} {why}", where=where, do="correct the path: it is not used"
    )


def _too_long(path: str, parts: list[str]) -> bool:
    try:
        return len(path.encode()) > _MAX_PATH or max(len(p.encode()) for p in parts) > _MAX_NAME
    except UnicodeEncodeError:
        return True


# -- from a graph -------------------------------------------------------------------------------


def of_graph(graph: TransferGraph) -> Manifest:
    """Return the manifest of an exported graph: an entry for each of its files.

    Parameters
    ----------
    graph : TransferGraph
        An exported graph.
    """
    client_paths = _client_paths(graph)
    return Manifest(_exported(node, client_paths.get(node.iri, "")) for node in _files(graph))


def beside(graph: TransferGraph) -> Manifest:
    """Return the manifest of a document with its files beside it.

    Parameters
    ----------
    graph : TransferGraph
        The document's graph; paths of its OriginalFiles are relative to the document's folder.
    """
    client_paths = _client_paths(graph)
    return Manifest(
        _entry(node, path, MANAGED, path, client_paths.get(node.iri, ""))
        for node in _files(graph)
        for path in [_join(_text(node, "path"), _text(node, "name"))]
    )


def legacy_path(file_id: int) -> str:
    """Return the path below ``Files`` at which OMERO keeps an attached file.

    Source: ome/omero-romio, AbstractFileSystemService.getPath. From 1000 on, each further three
    digits of the id are a folder.

    Examples
    --------
    >>> legacy_path(51), legacy_path(1234), legacy_path(1234567)
    ('51', 'Dir-001/1234', 'Dir-001/Dir-234/1234567')
    """
    folders = []
    remaining = file_id // 1000
    while remaining:
        folders.append(f"Dir-{remaining % 1000:03d}")
        remaining //= 1000
    return "/".join([*reversed(folders), str(file_id)])


def _files(graph: TransferGraph) -> Iterator[Node]:
    """Iterate over the nodes that have bytes; folders have none."""
    for entry in catalogue.CLASSES.values():
        if entry.bytes:
            for node in graph.of_type(entry.name):
                if _text(node, "mimetype") != DIRECTORY:
                    yield node


def _client_paths(graph: TransferGraph) -> dict[str, str]:
    """Return the client paths of files, by the IRI of the OriginalFile."""
    return {
        file: _text(entry, "clientPath")
        for entry in graph.of_type(ENTRY)
        if (file := entry.target(FILE))
    }


def _exported(node: Node, client_path: str) -> FileEntry:
    if "repo" in node.fields:
        path = _join(_text(node, "path"), _text(node, "name"))
        return _entry(node, path, MANAGED, path, client_path)
    # Attachments may have any name, and two may have the same.
    name = _NOT_IN_NAMES.sub("_", _text(node, "name"))
    path = f"{FILES}/{node.id}/{_shortened(name) if name.strip('.') else '_'}"
    return _entry(node, path, FILES, legacy_path(node.id), client_path)


def _entry(node: Node, path: str, store: str, source: str, client_path: str) -> FileEntry:
    size = node.fields.get("size")
    return FileEntry(
        path=path,
        size=size if isinstance(size, int) else None,
        checksum=_text(node, "hash"),
        hasher=_text(node, "hasher"),
        store=store,
        source=source,
        client_path=client_path,
        node=node.iri,
    )


def _join(folder: str, name: str) -> str:
    """Join a folder and a name; OMERO's folders may begin and end with a slash."""
    return "/".join([*(part for part in folder.split("/") if part), name])


def _shortened(name: str) -> str:
    """Return a name shortened to what file systems allow; its extension is kept."""
    while len(name.encode()) > _MAX_NAME:
        half = len(name) // 2
        name = name[: half - 1] + name[half:]
    return name


def _text(node: Node, name: str) -> str:
    value = node.fields.get(name)
    return value if isinstance(value, str) else ""


# -- on disk ------------------------------------------------------------------------------------


def write(manifest: Manifest, stream: TextIO) -> None:
    """Write manifest.csv.

    Parameters
    ----------
    manifest : Manifest
        The manifest.
    stream : text file
        Written to; opened with ``newline=""``.
    """
    plain = csv.writer(stream, lineterminator="\n")
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(FileEntry._fields)
    for entry in manifest:
        # Before Python 3.13, csv does not quote a carriage return.
        writer = quoted if "\r" in entry.client_path else plain
        writer.writerow(entry)


def read(stream: TextIO) -> Manifest:
    """Read manifest.csv.

    Parameters
    ----------
    stream : text file
        The document; opened with ``newline=""``.

    Raises
    ------
    BadDocument
        If it is not a manifest; the message names the line.
    UnsafePath
        If a path leads out of its folder.
    """
    name = str(getattr(stream, "name", "manifest.csv"))
    lines = csv.reader(stream, strict=True)
    try:
        if next(lines, None) != list(FileEntry._fields):
            raise BadDocument(f"the first line is not {','.join(FileEntry._fields)}")
        return Manifest(_parsed(row, lines.line_num) for row in lines)
    except BadDocument as error:
        where = f"{name}, line {lines.line_num}"
        what = f"{error.where}: {error.what}" if error.where else error.what
        raise type(error)(what, where=where, do=error.do) from None
    except csv.Error as error:
        raise BadDocument(
            f"is not valid CSV: {error}", where=f"{name}, line {lines.line_num}"
        ) from None
    except UnicodeDecodeError:
        raise BadDocument("is not UTF-8 text", where=name) from None


def _parsed(row: list[str], number: int) -> FileEntry:
    if number > MAX_FILES:
        raise BadDocument(f"there are more than {MAX_FILES:,} files")
    if len(row) != len(FileEntry._fields):
        raise BadDocument(f"has {counted(len(row), 'column')}, not {len(FileEntry._fields)}")
    path, size, checksum, hasher, store, source, client_path, node = row
    if size and not re.fullmatch(r"[0-9]{1,18}", size, re.ASCII):
        raise BadDocument(f"{size!r:.100} is not a size in bytes")
    if store not in (MANAGED, FILES):
        raise BadDocument(f"{store!r:.100} is not a store: use {MANAGED} or {FILES}")
    return FileEntry(
        path, int(size) if size else None, checksum, hasher, store, source, client_path, node
    )
