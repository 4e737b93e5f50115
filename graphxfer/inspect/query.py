# SPDX-License-Identifier: GPL-2.0-or-later
"""SPARQL 1.1 on Oxigraph, within limits of time, rows and memory."""

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
"""Prefixes that need not be declared in a query."""

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
    """A graph's triples on disk, ready to be asked.

    Parameters
    ----------
    folder : Path
        Oxigraph's.
    base : str
        What relative IRIs in queries, such as ``<Image/51>``, are relative to.
    """

    folder: Path
    base: str


@contextmanager
def load(bundle: Bundle, *, with_omero_rdf: bool = False) -> Iterator[Store]:
    """Load a bundle's graph for asking; it is gone afterwards.

    On disk and not in memory, where Oxigraph needs six gigabytes for a million nodes.

    Parameters
    ----------
    bundle : Bundle
        What to load.
    with_omero_rdf : bool
        Whether also what omero-rdf says in its own way (see :mod:`.omero_rdf`).
    """
    with tempfile.TemporaryDirectory(prefix="graphxfer-") as folder:
        with bundle.nodes() as (header, nodes):
            triples = Triples(header)
            lines = omero_rdf.added(triples, nodes) if with_omero_rdf else triples.of(nodes)
            store = pyoxigraph.Store(folder)
            store.bulk_load(stream(lines), format=RdfFormat.N_TRIPLES, lenient=True)
            store.optimize()  # or else a look-up takes six times as long
            store.flush()
            del store  # another process is to open it
        yield Store(Path(folder), header.base)


def stream(lines: Iterator[str]) -> IO[bytes]:
    """Return lines of text as the binary file that Oxigraph reads."""
    return cast("IO[bytes]", _Stream(lines))


class _Stream(io.RawIOBase):
    """Lines of text as the binary file that Oxigraph reads.

    Parameters
    ----------
    lines : iterator of str
        Each may be several.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = b""

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most so many bytes; none at the end."""
        while len(self._rest) < size and (line := next(self._lines, "")):
            self._rest += line.encode()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


# -- asking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """What one query may take.

    Parameters
    ----------
    seconds : float
        Of time, as on the wall.
    rows : int
        Rows or triples of the answer; what is beyond is cut off, and told.
    memory : int
        Bytes of address space.
    size : int
        Bytes of the answer.
    """

    seconds: float = 60
    rows: int = 10_000
    memory: int = 4 * 2**30
    size: int = 2**28


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Parameters
    ----------
    kind : str
        ``rows`` (SELECT), ``boolean`` (ASK) or ``triples`` (CONSTRUCT, DESCRIBE).
    data : bytes
        SPARQL's TSV format, or N-Triples.
    is_cut : bool
        Whether there was more than the limit of rows.
    """

    kind: str
    data: bytes
    is_cut: bool

    def solutions(self) -> QuerySolutions:
        """Return the rows of a SELECT."""
        found = pyoxigraph.parse_query_results(self.data, QueryResultsFormat.TSV)
        if not isinstance(found, QuerySolutions):
            raise UsageError("the answer has no rows", do="ask with SELECT")
        return found

    def __bool__(self) -> bool:
        """Tell the answer to an ASK; else whether anything was found."""
        if self.kind == "boolean":
            return self.data.strip() == b"true"
        return self.data.count(b"\n") > (self.kind == "rows")

    def serialize(self, format_: QueryResultsFormat | RdfFormat) -> bytes:
        """Return the answer in a standard format.

        Parameters
        ----------
        format_ : QueryResultsFormat or RdfFormat
            One of results for rows and booleans, one of RDF for triples.

        Raises
        ------
        UsageError
            If the answer has no such form.
        """
        if (self.kind == "triples") != isinstance(format_, RdfFormat):
            raise UsageError(
                f"an answer of {self.kind} cannot be written as {format_.name}",
                do="rows go to table, csv, tsv, json or xml; triples to turtle, ntriples or jsonld",
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
        What to ask.
    query : str
        SPARQL 1.1; `PREFIXES` need not be declared.
    limits : Limits, optional
        What it may take.

    Raises
    ------
    UsageError
        If it is no SPARQL query, or wants another server.
    GraphxferError
        If it took longer, or more memory, than it may.
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
        told = errors.read(2000).decode(errors="replace").strip()
    if answer is None and time.monotonic() >= end:
        raise GraphxferError(
            f"the query took longer than {limits.seconds:g} seconds and was stopped",
            do="select less, or set a longer --timeout",
        )
    if code == evaluate.BAD_QUERY:
        raise UsageError(f"is not a valid SPARQL query: {told}", where="query")
    if answer is None:
        raise GraphxferError(
            f"the query failed: {told.splitlines()[-1] if told else f'exit code {code}'}",
            do=f"it may take {limits.memory // 2**20:,} MiB of memory: select less",
        )
    return answer


def _talk(child: subprocess.Popen[bytes], request: bytes, limits: Limits) -> Answer | None:
    """Send the request and read the answer as far as it may go; None if there is no whole one."""
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
    """Return so many lines of a stream, and whether there was more."""
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
    """Raise UsageError if a query wants to ask another server: ``SERVICE``.

    ``LOAD`` and other updates are no queries to Oxigraph.
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
        As on the command line.
    sentence : str
        What it tells.
    example : str
        A row of an answer, as one could be.
    text : str
        SPARQL.
    """

    name: str
    sentence: str
    example: str
    text: str


def library() -> dict[str, Named]:
    """Return the named queries: the files in ``inspect/queries``, in the order of their names."""
    folder = resources.files("graphxfer.inspect") / "queries"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        named.name: named
        for file in files
        if file.name.endswith(".rq")
        for named in [_named(file.name.removesuffix(".rq"), file.read_text("utf-8"))]
    }


def _named(name: str, text: str) -> Named:
    """Read a query's first two lines: what it tells, and an example."""
    sentence, example = text.splitlines()[:2]
    return Named(name, sentence.removeprefix("# "), example.removeprefix("# Example: "), text)


def named(name: str) -> str:
    """Return the text of a query of the library.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    found = library().get(name)
    if found is None:
        raise UsageError(
            "is neither SPARQL nor the name of a query", where=name, do="--list shows the names"
        )
    return found.text
