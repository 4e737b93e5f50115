# SPDX-License-Identifier: GPL-2.0-or-later
"""N-Triples straight from nodes mean what the JSON-LD document means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from pyoxigraph import CanonicalizationAlgorithm, Dataset, RdfFormat, parse

from graphxfer.errors import BadDocument
from graphxfer.graph import Header, Node, TransferGraph, jsonld
from graphxfer.inspect.triples import Triples
from tests.strategies import graphs


def canonical(data: bytes) -> set[str]:
    dataset = Dataset(parse(data, RdfFormat.N_TRIPLES))
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return {str(quad) for quad in dataset}


@given(graphs(own_links=True))
@settings(max_examples=40)
def test_the_triples_are_those_of_the_json_ld_document(graph: TransferGraph) -> None:
    expected = canonical(jsonld.to_rdflib(graph).serialize(format="nt", encoding="utf-8"))
    assert canonical("".join(Triples(graph.header).of(graph)).encode()) == expected


def test_what_the_catalogue_does_not_know_is_told() -> None:
    triples = Triples(Header("https://omero.example.org/"))
    with pytest.raises(BadDocument, match="Image has no member 'colour'"):
        triples.of_node(Node("Image/1", "Image", {"colour": "red"}))
    with pytest.raises(BadDocument, match="'Camera' is unknown"):
        triples.of_node(Node("Camera/1", "Camera"))
