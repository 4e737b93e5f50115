# SPDX-License-Identifier: GPL-2.0-or-later
"""Convert graphs to other formats, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyoxigraph
from pyoxigraph import RdfFormat

from graphxfer import bundle as bundles
from graphxfer.bundle import file_errors
from graphxfer.errors import BadDocument
from graphxfer.graph import TransferGraph, jsonld, omexml
from graphxfer.graph.jsonld.document import MAX_FOREIGN
from graphxfer.inspect import network
from graphxfer.inspect.query import PREFIXES, stream
from graphxfer.inspect.triples import Triples

_RDF = {
    ".ttl": RdfFormat.TURTLE,
    ".nt": RdfFormat.N_TRIPLES,
    ".nq": RdfFormat.N_QUADS,
    ".trig": RdfFormat.TRIG,
    ".rdf": RdfFormat.RDF_XML,
}
"""RDF formats that can be read, by the ending of the file name."""


def _rdf(format_: RdfFormat) -> Callable[[TransferGraph, BinaryIO], None]:
    def write(graph: TransferGraph, out: BinaryIO) -> None:
        lines = stream(Triples(graph.header).of(graph))
        triples = pyoxigraph.parse(lines, RdfFormat.N_TRIPLES, lenient=True)
        prefixes = None if format_ is RdfFormat.N_QUADS else PREFIXES
        pyoxigraph.serialize(triples, out, format=format_, prefixes=prefixes)

    return write


def _graphml(graph: TransferGraph, out: BinaryIO) -> None:
    network.write_graphml(graph.to_networkx(), graph, out)


WRITERS: dict[str, Callable[[TransferGraph, BinaryIO], None]] = {
    "turtle": _rdf(RdfFormat.TURTLE),
    "nquads": _rdf(RdfFormat.N_QUADS),
    "jsonld": jsonld.write,
    "ome-xml": omexml.write,
    "graphml": _graphml,
}
"""The writer of each format. `read` reads all but GraphML, which is not complete."""


def read(path: Path) -> TransferGraph:
    """Read a graph from a bundle, or from a document in JSON-LD, OME-XML, Turtle or N-Quads.

    Parameters
    ----------
    path : Path
        A folder or a file; for RDF the ending of its name determines the format.

    Raises
    ------
    BadDocument
        If it is not valid, or has members that are not in the catalogue.
    """
    format_ = _RDF.get(path.suffix.lower())
    if format_ is None:
        return bundles.open_source(path).graph()
    with file_errors(path):
        if path.stat().st_size > MAX_FOREIGN:
            raise BadDocument(
                f"is larger than {MAX_FOREIGN // 2**20} MiB",
                where=str(path),
                do="RDF is read into memory: convert the bundle to JSON-LD instead",
            )
        data = path.read_bytes()
    return jsonld.read_any(_to_jsonld(data, format_, str(path)), str(path))


def _to_jsonld(data: bytes, format_: RdfFormat, where: str) -> Any:
    """Return RDF as expanded JSON-LD, with RDF lists as lists."""
    from pyld import jsonld as pyld  # takes a quarter of a second

    try:
        quads = set(pyoxigraph.parse(data, format_))
    except SyntaxError as error:
        raise BadDocument(f"is not {format_.name}: {error}", where=where) from None
    triples = [
        {
            "subject": _to_pyld(quad.subject),
            "predicate": _to_pyld(quad.predicate),
            "object": _to_pyld(quad.object),
        }
        for quad in quads
    ]
    return pyld.from_rdf({"@default": triples})


def _to_pyld(term: pyoxigraph.NamedNode | pyoxigraph.BlankNode | Any) -> dict[str, str]:
    """Return a term in pyld's form. Pyld's own parser of N-Quads misreads escapes."""
    if isinstance(term, pyoxigraph.NamedNode):
        return {"type": "IRI", "value": term.value}
    if isinstance(term, pyoxigraph.BlankNode):
        return {"type": "blank node", "value": f"_:{term.value}"}
    return {"type": "literal", "value": term.value, "datatype": term.datatype.value}
