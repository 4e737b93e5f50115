# SPDX-License-Identifier: GPL-2.0-or-later
"""contexts/ and shapes/ are what the catalogue says today, and hold what they should."""

from __future__ import annotations

import json
from io import BytesIO

import pyshacl
import pytest
import rdflib
from hypothesis import given, settings

from graphxfer import generate
from graphxfer.catalogue import Quantity, Value
from graphxfer.graph import Header, Node, TransferGraph, jsonld
from tests.strategies import graphs

DOCUMENTS = generate.documents()


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_generated_document_is_up_to_date(path: str) -> None:
    there = (generate.ROOT / path).read_text(encoding="utf-8")
    assert there == DOCUMENTS[path], "run `make generate` and commit what it wrote"


def test_a_document_has_the_context_that_is_published() -> None:
    stream = BytesIO()
    jsonld.write(TransferGraph(Header("https://omero.example.org/")), stream)
    inline = json.loads(stream.getvalue())["@context"]
    assert inline.pop("@base") == "https://omero.example.org/"
    assert inline == json.loads(DOCUMENTS["contexts/graphxfer.jsonld"])["@context"]


SHAPES = rdflib.Graph().parse(data=DOCUMENTS["shapes/structure.ttl"], format="turtle")


def violations(graph: TransferGraph) -> set[str]:
    """Return the shapes that a graph violates."""
    _, report, _ = pyshacl.validate(jsonld.to_rdflib(graph), shacl_graph=SHAPES)
    assert isinstance(report, rdflib.Graph)
    return {str(shape).rpartition("#")[2] for shape in report.objects(None, rdflib.SH.sourceShape)}


@settings(max_examples=5)
@given(graphs(own_links=True))
def test_a_legal_graph_fits_the_shapes(graph: TransferGraph) -> None:
    assert violations(graph) == set()


def test_what_does_not_fit_is_named() -> None:
    long: dict[str, Value] = {"fontFamily": "a" * 256, "strokeWidth": Quantity(1.0, "PIXEL")}
    graph = TransferGraph(
        Header("https://omero.example.org/"),
        [
            Node("Project/1", "Project"),
            Node("Image/1", "Image", {"name": "a", "series": 2**31}),
            Node("Point/1", "Point", long),
            Node("Roi/1", "Roi", {"name": "good"}),
        ],
    )
    assert violations(graph) == {"Project-name", "Image-series", "Point-fontFamily"}
