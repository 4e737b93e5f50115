# SPDX-License-Identifier: GPL-2.0-or-later
"""SPARQL 1.1 queries with Oxigraph, with limits on time, rows and memory."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from threading import Timer
from typing import IO, NamedTuple, cast

import pyoxigraph
from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat

from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError, UsageError
from graphxfer.graph.jsonld.values import PREFIXES as OURS
from graphxfer.inspect import evaluate, omero_rdf
from graphxfer.inspect.triples import Triples

PREFIXES = OURS | {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}
"""Prefixes that queries can use without declaring them."""

_NOT_CODE = re.compile(
    r"""'''(?:[^'\\]|\\.|'(?!''))*'''|\"{3}(?:[^"\\]|\\.|"(?!""))*\"{3}"""  # long strings
    r"""|'(?:[^'\\\r\n]|\\.)*'|"(?:[^"\\\r\n]|\\.)*\""""  # strings
    r"""|<[^<>"{}|^`\\\x00-\x20]*>|\#[^\r\n]*"""  # IRIs, comments
    r"""|[?$]\w+|[\w.-]*:[\w.-]*""",  # variables, prefixed names
    re.DOTALL,
)
_SERVICE = re.compile(r"\bservice\b", re.IGNORECASE)


# -- loading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Store:
    """A graph's triples on disk, for queries.

    Parameters
    ----------
    folder : Path
        The folder of Oxigraph's files.
    base : str
        The base of relative IRIs in queries, such as ``<Image/51>``.
    """

    folder: Path
    base: str


@contextmanager
def load(bundle: Bundle, *, with_omero_rdf: bool = False) -> Iterator[Store]:
    """Load a bundle's graph into a temporary store.

    The store is on disk: in memory, Oxigraph needs six gigabytes for a million nodes.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    with_omero_rdf : bool
        Whether to add the triples that only omero-rdf writes (see :mod:`.omero_rdf`).
    """
    with tempfile.TemporaryDirectory(prefix="graphxfer-") as folder:
        with bundle.nodes() as (header, nodes):
            triples = Triples(header)
            lines = omero_rdf.added(triples, nodes) if with_omero_rdf else triples.of(nodes)
            store = pyoxigraph.Store(folder)
            store.bulk_load(stream(lines), format=RdfFormat.N_TRIPLES, lenient=True)
            store.optimize()  # without this, look-ups take six times as long
            store.flush()
            del store  # close it for the child process
        yield Store(Path(folder), header.base)


def stream(lines: Iterator[str]) -> IO[bytes]:
    """Return lines of text as a binary file for Oxigraph."""
    return cast("IO[bytes]", _Stream(lines))


class _Stream(io.RawIOBase):
    """Lines of text as a binary file for Oxigraph.

    Parameters
    ----------
    lines : iterator of str
        The lines; an item may have several.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = b""

    def readable(self) -> bool:
        """Tell that the file can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most some number of bytes; empty at the end."""
        while len(self._rest) < size and (line := next(self._lines, "")):
            self._rest += line.encode()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


# -- asking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """Limits of one query.

    Parameters
    ----------
    seconds : float
        Maximum time in seconds.
    rows : int
        Maximum number of rows or triples of the answer; the rest is cut off, and this is reported.
    memory : int
        Maximum address space in bytes.
    size : int
        Maximum size of the answer in bytes.
    """

    seconds: float = 60
    rows: int = 10_000
    memory: int = 4 * 2**30
    size: int = 2**28


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Parameters
    ----------
    kind : str
        ``rows`` (SELECT), ``boolean`` (ASK) or ``triples`` (CONSTRUCT, DESCRIBE).
    data : bytes
        SPARQL's TSV format, or N-Triples.
    is_cut : bool
        Whether the answer was cut at the limit of rows.
    """

    kind: str
    data: bytes
    is_cut: bool

    def solutions(self) -> QuerySolutions:
        """Return the rows of a SELECT."""
        found = pyoxigraph.parse_query_results(self.data, QueryResultsFormat.TSV)
        if not isinstance(found, QuerySolutions):
            raise UsageError("the answer has no rows", do="use a SELECT query")
        return found

    def __bool__(self) -> bool:
        """Return the answer to an ASK; for other queries, whether the answer is not empty."""
        if self.kind == "boolean":
            return self.data.strip() == b"true"
        return self.data.count(b"\n") > (self.kind == "rows")

    def serialize(self, format_: QueryResultsFormat | RdfFormat) -> bytes:
        """Return the answer in a standard format.

        Parameters
        ----------
        format_ : QueryResultsFormat or RdfFormat
            A results format for rows and booleans, an RDF format for triples.

        Raises
        ------
        UsageError
            If the answer cannot be written in the format.
        """
        if (self.kind == "triples") != isinstance(format_, RdfFormat):
            raise UsageError(
                f"an answer of {self.kind} cannot be written as {format_.name}",
                do="use table, csv, tsv, json or xml for rows, and turtle, ntriples or jsonld for "
                "triples",
            )
        if isinstance(format_, RdfFormat):
            triples = pyoxigraph.parse(self.data, RdfFormat.N_TRIPLES)
            used = {name: iri for name, iri in PREFIXES.items() if iri.encode() in self.data}
            written = pyoxigraph.serialize(triples, format=format_, prefixes=used)
        else:
            found = pyoxigraph.parse_query_results(self.data, QueryResultsFormat.TSV)
            written = found.serialize(format=format_)
        return written or b""


def ask(store: Store, query: str, limits: Limits | None = None) -> Answer:
    """Evaluate a query.

    Parameters
    ----------
    store : Store
        The store.
    query : str
        The query in SPARQL 1.1; it can use `PREFIXES` without declaring them.
    limits : Limits, optional
        The limits.

    Raises
    ------
    UsageError
        If it is not a valid SPARQL query, or queries another server.
    GraphxferError
        If it exceeds a limit.
    """
    limits = limits or Limits()
    refuse_network(query)
    request = {
        "query": query,
        "base": store.base,
        "prefixes": PREFIXES,
        "memory": limits.memory,
    }
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-P", evaluate.__file__, str(store.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as child,
    ):
        end = time.monotonic() + limits.seconds
        timer = Timer(limits.seconds, child.kill)
        timer.start()
        try:
            answer = _talk(child, json.dumps(request).encode(), limits)
        finally:
            timer.cancel()
            child.kill()
        code = child.wait()
        errors.seek(0)
        reported = errors.read(2000).decode(errors="replace").strip()
    if answer is None and time.monotonic() >= end:
        raise GraphxferError(
            f"the query took longer than {limits.seconds:g} seconds and was stopped",
            do="select less, or set a longer --timeout",
        )
    if code == evaluate.BAD_QUERY:
        raise UsageError(f"is not a valid SPARQL query: {reported}", where="query")
    if answer is None:
        raise GraphxferError(
            f"the query failed: {reported.splitlines()[-1] if reported else f'exit code {code}'}",
            do=f"its memory limit is {limits.memory // 2**20:,} MiB: select less",
        )
    return answer


def _talk(child: subprocess.Popen[bytes], request: bytes, limits: Limits) -> Answer | None:
    """Send the request, and read the answer up to the limits; None if it is not complete."""
    stdin, stdout = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    try:
        stdin.write(request)
        stdin.close()
    except BrokenPipeError:
        return None
    kind = stdout.readline().decode().strip()
    head = 1 if kind == "rows" else 0
    data, is_cut = _lines(stdout, limits.rows + head, limits.size)
    if not is_cut and child.wait() != 0:
        return None
    return Answer(kind, data, is_cut)


def _lines(stream: IO[bytes], number: int, size: int) -> tuple[bytes, bool]:
    """Return at most some number of lines of a stream, and whether there are more."""
    data = io.BytesIO()
    for _ in range(number):
        line = stream.readline(size)
        data.write(line)
        if data.tell() >= size:
            raise GraphxferError(
                f"the answer is larger than {size // 2**20:,} MiB", do="select less"
            )
        if not line:
            return data.getvalue(), False
    return data.getvalue(), bool(stream.read(1))


def refuse_network(query: str) -> None:
    """Raise UsageError if a query contains ``SERVICE``, which queries another server.

    Oxigraph does not accept ``LOAD`` and other updates as queries.
    """
    if _SERVICE.search(_NOT_CODE.sub(" ", query)):
        raise UsageError(
            "SERVICE is refused: graphxfer never queries other servers",
            where="query",
            do="query that server itself",
        )


# -- the library of queries ---------------------------------------------------------------------


class Named(NamedTuple):
    """A query of the library.

    Parameters
    ----------
    name : str
        The name on the command line.
    sentence : str
        What the query finds.
    example : str
        An example of a row of the answer.
    text : str
        The query in SPARQL.
    """

    name: str
    sentence: str
    example: str
    text: str


def library() -> dict[str, Named]:
    """Return the named queries: the files in ``inspect/queries``, ordered by name."""
    folder = resources.files("graphxfer.inspect") / "queries"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        named.name: named
        for file in files
        if file.name.endswith(".rq")
        for named in [_named(file.name.removesuffix(".rq"), file.read_text("utf-8"))]
    }


def _named(name: str, text: str) -> Named:
    """Read the first two lines of a query: what it finds, and an example."""
    sentence, example = text.splitlines()[:2]
    return Named(name, sentence.removeprefix("# "), example.removeprefix("# Example: "), text)


def named(name: str) -> str:
    """Return the text of a query of the library.

    Raises
    ------
    UsageError
        If the name is unknown.
    """
    found = library().get(name)
    if found is None:
        raise UsageError(
            "is neither SPARQL nor the name of a query",
            where=name,
            do="use --list to show the names",
        )
    return found.text
