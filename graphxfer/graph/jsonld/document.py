# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents that graphxfer writes, written and read line by line."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

from graphxfer.errors import BadDocument
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.jsonld.context import context, understood
from graphxfer.graph.jsonld.expand import read_any
from graphxfer.graph.jsonld.nodes import Decoder, checked_base, to_header, to_records
from graphxfer.graph.jsonld.values import Record

MAX_LINE = 2**28
"""The longest line that is read, in bytes: a little more than OMERO's limit of a message."""
MAX_FOREIGN = 2**26
"""The largest document that is read through pyld, in bytes: pyld needs a multiple as memory."""
MAX_NODES = 50_000_000

_START, _GRAPH, _END = b'{"@context": ', b', "@graph": [', b"]}"


def write(graph: TransferGraph, stream: BinaryIO) -> None:
    """Write a graph, one node a line.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    stream : binary file
        Written to, in UTF-8.

    Raises
    ------
    BadDocument
        If a node has a field or edge that is not in the catalogue, or text that is not Unicode.
    """
    start = json.dumps(
        context(checked_base(graph.header.base, "the graph's header")), ensure_ascii=False
    )
    stream.write(_START + start.encode() + _GRAPH)
    separator = b"\n"
    to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
    for record in to_records(graph):
        try:
            line = to_json(record).encode()
        except (TypeError, ValueError) as error:
            raise BadDocument(f"cannot be written: {error}", where=record["@id"]) from error
        stream.write(separator + line)
        separator = b",\n"
    stream.write(b"\n" + _END + b"\n")


def read(stream: BinaryIO) -> TransferGraph:
    """Read a JSON-LD document: one of graphxfer line by line, any other through pyld.

    Parameters
    ----------
    stream : binary file
        The document, in UTF-8.

    Returns
    -------
    TransferGraph
        Its graph.

    Raises
    ------
    BadDocument
        If it is not a graph of the catalogue; the message names the line or the node.
    """
    lines = _Lines(stream)
    header, nodes = _open(lines)
    graph = TransferGraph(header)
    try:
        with _without_collector():
            for node in nodes:
                graph.add(node)
    except BadDocument as error:
        raise BadDocument(error.what, where=error.where or lines.where, do=error.do) from None
    return graph


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause Python's garbage collector: nodes have no cycles, and it would visit all of them.

    That saves a third of the time of reading a million nodes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_nodes(stream: BinaryIO) -> tuple[Header, Iterator[Node]]:
    """Read a JSON-LD document node by node; in bounded memory if graphxfer wrote it.

    The caller has to check that no two nodes have the same IRI.

    Parameters
    ----------
    stream : binary file
        The document, in UTF-8; it has to stay open while nodes are read.

    Raises
    ------
    BadDocument
        If it is not a graph of the catalogue; a bad node raises when it is read.
    """
    return _open(_Lines(stream))


def _open(lines: _Lines) -> tuple[Header, Iterator[Node]]:
    base = lines.base()
    if base is None:
        graph = read_any(lines.rest(), lines.name)
        return graph.header, iter(graph)
    records = lines.records()
    header = to_header(next(records, {}), base, lines.where)
    return header, _nodes(lines, records)


def _nodes(lines: _Lines, records: Iterator[Record]) -> Iterator[Node]:
    decode = Decoder(lines.understood)
    for number, record in enumerate(records):
        if number >= MAX_NODES:
            raise BadDocument(f"there are more than {MAX_NODES:,} nodes", where=lines.where)
        try:
            node = decode(record)
        except BadDocument as error:
            raise BadDocument(error.what, where=lines.where, do=error.do) from None
        yield node


def read_header(stream: BinaryIO) -> Header:
    """Read only the header of a document that graphxfer wrote.

    Raises
    ------
    BadDocument
        If graphxfer did not write it.
    """
    lines = _Lines(stream)
    base = lines.base()
    if base is None:
        raise BadDocument("was not written by graphxfer", where=lines.name)
    return to_header(next(lines.records(), {}), base, lines.where)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not valid JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


class _Lines:
    """The lines of a document, none too long, and the current place for messages."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.name = str(getattr(stream, "name", "the JSON-LD document"))
        self.number = 1
        self.understood: dict[str, set[str]] | None = None
        self.first = stream.readline(MAX_FOREIGN + 1)

    @property
    def where(self) -> str:
        return f"{self.name}, line {self.number}"

    def base(self) -> str | None:
        """Return the base from the first line, or None if graphxfer did not write that line."""
        first = self.first.rstrip()
        if not (first.startswith(_START) and first.endswith(_GRAPH)):
            return None
        try:
            terms = json.loads(first[len(_START) : -len(_GRAPH)])
            base = terms.pop("@base")
        except (ValueError, RecursionError, KeyError, AttributeError, TypeError):
            return None
        self.understood = understood(terms)
        return None if self.understood is None else checked_base(base, self.where)

    def records(self) -> Iterator[Record]:
        """Iterate over the objects of all lines but the first."""
        more = True
        while more:
            record, more = self._record(self._next())
            yield record
        if self._next().rstrip() != _END or self.stream.readline(1):
            raise BadDocument(
                f"expected {_END.decode()} and the end of the document", where=self.where
            )

    def rest(self) -> Any:
        """Return the whole document as parsed JSON."""
        data = self.first + self.stream.read(MAX_FOREIGN + 1 - len(self.first))
        if len(data) > MAX_FOREIGN:
            raise BadDocument(
                f"is larger than {MAX_FOREIGN // 2**20} MiB",
                where=self.name,
                do="only documents that graphxfer wrote may be larger",
            )
        try:
            document = json.loads(data, parse_constant=_no_constant)
            if _spells_surrogates(data):
                _refuse_surrogates(document)
        except json.JSONDecodeError as error:
            where = f"{self.name}, line {error.lineno}, column {error.colno}"
            raise BadDocument(f"is not valid JSON: {error.msg}", where=where) from None
        except UnicodeDecodeError:
            raise BadDocument("is not UTF-8 text", where=self.name) from None
        except (ValueError, RecursionError) as error:
            raise BadDocument(f"cannot be read as JSON: {error}", where=self.name) from None
        return document

    def _next(self) -> bytes:
        self.number += 1
        line = self.stream.readline(MAX_LINE + 1)
        if not line:
            raise BadDocument(
                "the document is truncated", where=self.where, do="copy or export it again"
            )
        if len(line) > MAX_LINE:
            raise BadDocument(f"is longer than {MAX_LINE // 2**20} MiB", where=self.where)
        return line

    def _record(self, line: bytes) -> tuple[Record, bool]:
        """Return a line's object, and whether another line follows."""
        try:
            text = line.decode()
            record, end = _JSON.raw_decode(text)
            if _spells_surrogates(line):
                _refuse_surrogates(record)
        except json.JSONDecodeError as error:
            raise BadDocument(
                f"is not valid JSON: {error.msg} at column {error.colno}",
                where=self.where,
                do="write one node a line, as graphxfer does",
            ) from None
        except UnicodeDecodeError:
            raise BadDocument("is not UTF-8 text", where=self.where) from None
        except (ValueError, RecursionError) as error:
            raise BadDocument(f"cannot be read as JSON: {error}", where=self.where) from None
        tail = text[end:].strip()
        if type(record) is not dict or tail not in ("", ","):
            raise BadDocument("is not one node followed by a comma", where=self.where)
        return record, tail == ","


def _spells_surrogates(data: bytes) -> bool:
    return b"\\ud" in data or b"\\uD" in data


def _refuse_surrogates(record: Any) -> None:
    """Raise ValueError if a text has half a character, which JSON can spell and UTF-8 cannot."""
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text has half a character (a lone surrogate)") from None
