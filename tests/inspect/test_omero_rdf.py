# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries made for omero-rdf answer the same on our graph as on what omero-rdf writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import rdflib
from omero.gateway import BlitzGateway

from graphxfer.export import export
from graphxfer.inspect.query import PREFIXES, Store, ask, load
from tests.build import build
from tests.inspect import sample
from tests.places import Place

omero_rdf = pytest.importorskip("omero_rdf.library")

QUERIES = {
    "parts": "SELECT ?part ?whole { ?part dcterms:isPartOf ?whole }",
    "wholes": "SELECT ?part ?whole { ?whole dcterms:hasPart ?part }",
    "rois of pixels": "SELECT ?roi { ?roi a model:ROI ; dcterms:isPartOf/a model:Pixels }",
    "shapes of images": """SELECT ?shape ?type ?image {
        ?image a model:Image ; dcterms:hasPart/dcterms:hasPart/dcterms:hasPart ?shape .
        ?shape a ?type }""",
    "key-value pairs": """SELECT ?image ?key ?value {
        ?image a model:Image ; dcterms:hasPart ?annotation .
        ?annotation ome:Map ?pair . ?pair ome:Key ?key ; ome:Value ?value }""",
    "images by key": """SELECT ?name { ?image ome:Name ?name ; dcterms:hasPart/ome:Map
        [ ome:Key "gene" ; ome:Value "tubB" ] }""",
    "tags": """SELECT ?image ?text { ?image dcterms:hasPart ?tag .
        ?tag a model:TagAnnotation ; ome:Value ?text }""",
    "names": """SELECT ?it ?name { ?it ome:Name ?name ; a ?type
        VALUES ?type { model:Project model:Dataset model:Image } }""",
    "sizes": "SELECT ?image ?x ?y { ?image dcterms:hasPart ?p . ?p ome:SizeX ?x ; ome:SizeY ?y }",
    "physical sizes": """SELECT ?pixels ?value ?unit {
        ?pixels ome:PhysicalSizeX [ ome:Value ?value ; ome:Unit ?unit ] }""",
    "coordinates": "SELECT ?shape ?x ?y { ?shape ome:X ?x ; ome:Y ?y }",
    "count by type": """SELECT ?type (COUNT(DISTINCT ?it) AS ?n) {
        ?it a ?type ; dcterms:isPartOf ?whole } GROUP BY ?type""",
}


@pytest.fixture(scope="module")
def stores(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Any]]:
    """The same project, as we export it and as omero-rdf does."""
    client = source.client()
    try:
        same = build(client, sample.graph())
        project = int(same["Project/51"].rpartition("/")[2])
        theirs = omero_rdf.Triplyfier(BlitzGateway(client_obj=client)).export_graph(
            target=f"Project:{project}"
        )
        folder = tmp_path_factory.mktemp("rdf") / "bundle"
        with source.connect() as server:
            ours = export(server, {"Project": [project]}, folder)
    finally:
        client.closeSession()
    with load(ours, with_omero_rdf=True) as store:
        yield store, theirs


def told(term: Any) -> str:
    """Return a term without what legitimately differs.

    That is the host, how a ROI's IRI is spelled, and the digits that a double is spelled with.
    """
    text = str(term if isinstance(term, rdflib.term.Node) else term.value)
    if str(getattr(term, "datatype", "")).strip("<>").endswith("#double"):
        return str(float(text))
    return text.rpartition("://")[2].partition("/")[2].lower() if "://" in text else text


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_made_for_omero_rdf_answers_the_same(name: str, stores: tuple[Store, Any]) -> None:
    store, theirs = stores
    solutions = ask(store, QUERIES[name]).solutions()
    ours = Counter(tuple(map(told, solution)) for solution in solutions)
    expected = Counter(
        tuple(map(told, row)) for row in theirs.query(QUERIES[name], initNs=PREFIXES)
    )
    assert ours == expected
    assert ours
