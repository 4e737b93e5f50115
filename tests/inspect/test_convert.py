# SPDX-License-Identifier: GPL-2.0-or-later
"""A graph goes into other formats and comes back the same, where they can carry it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import networkx as nx
import pytest
import rdflib
from hypothesis import given, settings
from pyld import jsonld as pyld

from graphxfer.errors import BadDocument
from graphxfer.graph import TransferGraph, jsonld
from graphxfer.inspect import convert
from tests.inspect import sample
from tests.strategies import graphs

NAMES = {"turtle": "a.ttl", "nquads": "a.nq", "jsonld": "a.jsonld", "ome-xml": "a.ome.xml"}


def document(graph: TransferGraph) -> bytes:
    stream = io.BytesIO()
    jsonld.write(graph, stream)
    return stream.getvalue()


def lines(graph: TransferGraph) -> list[bytes]:
    """Return a graph's document, in no order of nodes and of edges that have none."""
    ordered = TransferGraph(graph.header, sorted(graph, key=lambda node: node.iri))
    for node in ordered:
        for name, targets in node.edges.items():
            if name not in ("pixels", "channels", "usedFiles", "shapes"):
                node.edges[name] = tuple(sorted(targets))
    ordered.header.roots = tuple(sorted(graph.header.roots))
    return document(ordered).splitlines()


@given(graphs(own_links=True))
@settings(max_examples=15)
@pytest.mark.parametrize("format_", NAMES)
def test_a_graph_comes_back_the_same(format_: str, graph: TransferGraph) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, NAMES[format_])
        with path.open("wb") as stream:
            convert.WRITERS[format_](graph, stream)
        back = convert.read(path)
    assert lines(back) == lines(graph)


def test_turtle_is_read_by_rdflib() -> None:
    graph = sample.graph()
    turtle = io.BytesIO()
    convert.WRITERS["turtle"](graph, turtle)
    read = rdflib.Graph().parse(data=turtle.getvalue(), format="turtle")
    assert len(read) == len(jsonld.to_rdflib(graph))
    assert b"@prefix ome:" in turtle.getvalue()


def test_graphml_holds_users_too(tmp_path: Path) -> None:
    graph = sample.graph()
    path = tmp_path / "a.graphml"
    with path.open("wb") as stream:
        convert.WRITERS["graphml"](graph, stream)
    assert set(nx.read_graphml(path)) == {node.iri for node in graph}


def test_foreign_json_ld_is_read(tmp_path: Path) -> None:
    graph = sample.graph()
    path = tmp_path / "expanded.jsonld"
    path.write_text(json.dumps(pyld.expand(json.loads(document(graph)))))
    assert lines(convert.read(path)) == lines(graph)


@pytest.mark.parametrize("name", ["a.ttl", "a.nq", "a.rdf"])
def test_what_is_no_rdf_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("<unfinished")
    with pytest.raises(BadDocument, match=f"{name}: is not"):
        convert.read(tmp_path / name)


def test_rdf_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ttl"
    path.write_text("<http://example.org/a> a <http://example.org/B> .")
    with pytest.raises(BadDocument):
        convert.read(path)
