# SPDX-License-Identifier: GPL-2.0-or-later
"""SPARQL on Oxigraph: the same answers as rdflib's, within limits, and never over the network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import rdflib
from pyoxigraph import BlankNode, Literal, QueryResultsFormat, RdfFormat

from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError, UsageError
from graphxfer.graph import Node
from graphxfer.inspect import omero_rdf
from graphxfer.inspect.query import (
    PREFIXES,
    Answer,
    Limits,
    Store,
    ask,
    library,
    load,
    named,
    refuse_network,
)
from graphxfer.inspect.triples import Triples
from tests.inspect.sample import own, write


@pytest.fixture(scope="module")
def store(bundle: Bundle) -> Iterator[Store]:
    with load(bundle) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def other(bundle: Bundle) -> rdflib.Graph:
    """The same triples in rdflib, which evaluates SPARQL by itself."""
    graph = bundle.graph()
    lines = "".join(Triples(graph.header).of(graph))
    return rdflib.Graph().parse(data=lines, format="nt")


def rows(answer: Answer) -> list[tuple[str, ...]]:
    return [tuple(str(getattr(term, "value", "")) for term in row) for row in answer.solutions()]


@pytest.mark.parametrize(
    "touched",
    [
        own("Plate/21", {"name": "P1"}, annotations=("TagAnnotation/5",)),
        own(
            "Well/22",
            {},
            plate=("Plate/21",),
            wellSamples=("WellSample/23",),
            annotations=("TagAnnotation/5",),
        ),
        own("PlateAcquisition/24", {}, plate=("Plate/21",), annotations=("TagAnnotation/5",)),
        own("Roi/25", {}, image=("Image/9",)),
        own("Image/9", {"name": "b"}, fileset=("Fileset/4",), annotations=("TagAnnotation/5",)),
    ],
    ids=lambda node: node.type,
)
def test_a_plate_is_touched_by_what_hangs_on_any_part_of_it(touched: Node, tmp_path: Path) -> None:
    with load(write(tmp_path / "b", touched)) as store:
        assert rows(ask(store, named("untouched-plates"))) == []


@pytest.mark.parametrize("name", library())
def test_every_named_query_answers_as_rdflib_does(
    name: str, store: Store, other: rdflib.Graph
) -> None:
    found = rows(ask(store, named(name)))
    # Its namespaces must not override what the query means; what is unbound is an empty text.
    expected = other.query(named(name), initNs=PREFIXES)
    assert found == [
        tuple("" if term is None else str(term) for term in cast("rdflib.query.ResultRow", row))
        for row in expected
    ]
    assert found, "the sample has something for each"


def test_named_queries_tell_what_is_there(store: Store) -> None:
    base = "https://omero.example.org/"
    assert rows(ask(store, named("images-without-tag"))) == [(f"{base}Image/9", "b.tif [0]")]
    assert rows(ask(store, named("tags-across-projects"))) == [
        (f"{base}TagAnnotation/5", "metaphase", "2", "2")
    ]
    assert rows(ask(store, named("largest-filesets"))) == [
        (f"{base}Fileset/4", "1", "4000"),
        (f"{base}Fileset/3", "1", "3000"),
    ]
    assert rows(ask(store, named("partial-filesets"))) == [
        (f"{base}Fileset/3", f"{base}Image/7", "a.ome.tif [0]", "1")
    ]
    assert rows(ask(store, named("untouched-plates"))) == [(f"{base}Plate/21", "P1", "1")]
    others = ("Image/7", "CommentAnnotation/4", "Experimenter/2", "Experimenter/9")
    assert rows(ask(store, named("annotations-by-others"))) == [tuple(base + it for it in others)]


def test_every_named_query_says_what_it_tells() -> None:
    for query in library().values():
        assert query.sentence.endswith(".")
        assert query.text.splitlines()[1].startswith("# Example: ")


def test_answers_in_every_form(store: Store) -> None:
    answer = ask(store, "SELECT ?name { <Image/7> ome:Name ?name }")
    assert answer.serialize(QueryResultsFormat.CSV) == b"name\r\na.ome.tif [0]\r\n"
    found = json.loads(answer.serialize(QueryResultsFormat.JSON))
    assert found["results"]["bindings"] == [{"name": {"type": "literal", "value": "a.ome.tif [0]"}}]
    assert bool(ask(store, "ASK { <Image/7> a model:Image }"))
    assert not ask(store, "ASK { <Image/7> a model:Dataset }")
    built = ask(store, "CONSTRUCT { ?i dcterms:title ?n } WHERE { ?i a model:Image; ome:Name ?n }")
    turtle = built.serialize(RdfFormat.TURTLE).decode()
    assert len(rdflib.Graph().parse(data=turtle, format="turtle")) == 3
    assert "dcterms:title" in turtle
    with pytest.raises(UsageError, match="cannot be written"):
        built.serialize(QueryResultsFormat.CSV)


def test_values_come_back_as_they_are(store: Store) -> None:
    (row,) = ask(store, 'SELECT ?v { [] ome:Key "µ" ; ome:Value ?v }').solutions()
    assert row["v"] == Literal("½ \\ \n")
    (row,) = ask(store, "SELECT ?pair { ?pair ome:Key 'µ' }").solutions()
    assert isinstance(row["pair"], BlankNode)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://127.0.0.1:1/sparql> { ?s ?p ?o } }",
        "SELECT * { service silent ?x { ?s ?p ?o } }",
        'SELECT * { ?s ?p "a # b" . SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }',
        "SELECT * { ?s ?p <x#y> SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
        "SELECT * { FILTER(1 < 2) SERVICE<http://127.0.0.1:1/>{ ?s ?p ?o } }",
    ],
)
def test_other_servers_are_never_asked(query: str) -> None:
    with pytest.raises(UsageError, match="never queries other servers"):
        refuse_network(query)


@pytest.mark.parametrize(
    "query",
    [
        'SELECT * { ?s ?p "self service" } # service',
        "SELECT ?service { ?service <http://example.org/service> 'SERVICE', '''a 'SERVICE' b''' }",
        "PREFIX service: <http://example.org/> SELECT * { ?s service:service ?o }",
    ],
)
def test_the_word_alone_is_no_offence(query: str, store: Store) -> None:
    assert not ask(store, query)


@pytest.mark.parametrize("query", ["LOAD <http://127.0.0.1:1/>", "DELETE WHERE { ?s ?p ?o }", "{"])
def test_what_is_no_query_is_told(query: str, store: Store) -> None:
    with pytest.raises(UsageError, match="is not a valid SPARQL query"):
        ask(store, query)


ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"


def test_a_query_that_takes_too_long_is_ended(store: Store) -> None:
    with pytest.raises(GraphxferError, match="longer than 1 seconds"):
        ask(store, ENDLESS, Limits(seconds=1))


def test_a_query_that_takes_too_much_memory_is_ended(store: Store) -> None:
    greedy = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l } ORDER BY ?a ?d ?g ?j"
    with pytest.raises(GraphxferError, match="failed"):
        ask(store, greedy, Limits(seconds=120, memory=2**29))


def test_rows_are_cut_at_the_limit(store: Store) -> None:
    every = "SELECT * { ?s ?p ?o . ?x ?y ?z }"
    answer = ask(store, every, Limits(rows=5))
    assert answer.is_cut
    assert len(list(answer.solutions())) == 5
    assert not ask(store, "SELECT * { ?s a model:Image }", Limits(rows=3)).is_cut
    triples = ask(store, "CONSTRUCT WHERE { ?s ?p ?o }", Limits(rows=4))
    assert triples.is_cut
    assert triples.data.count(b"\n") == 4


def test_an_answer_that_is_too_large_is_told(store: Store) -> None:
    with pytest.raises(GraphxferError, match="larger than"):
        ask(store, "SELECT * { ?s ?p ?o }", Limits(size=1000))


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(UsageError, match="--list"):
        named("no-such-query")


# -- what omero-rdf says in its own way ---------------------------------------------------------


def test_what_omero_rdf_says_is_loaded_when_it_is_asked_for(bundle: Bundle, store: Store) -> None:
    parts = "SELECT ?part ?whole { ?part dcterms:isPartOf ?whole }"
    assert not ask(store, parts)
    assert omero_rdf.is_asked_for(parts)
    assert not omero_rdf.is_asked_for(named("keys"))
    with load(bundle, with_omero_rdf=True) as more:
        found = {tuple(one.rpartition(".org/")[2] for one in row) for row in rows(ask(more, parts))}
        assert ("Dataset/101", "Project/51") in found
        assert ("Roi/4", "Pixels/7") in found
        assert ("Point/12", "Roi/4") in found
        assert ("MapAnnotation/9", "Image/7") in found
        assert ("Pixels/8", "Image/8") in found
        back = "SELECT ?part ?whole { ?whole dcterms:hasPart ?part }"
        assert Counter(rows(ask(more, back))) == Counter(rows(ask(more, parts)))
        maps = "SELECT ?k ?v { <MapAnnotation/9> ome:Map [ ome:Key ?k ; ome:Value ?v ] }"
        assert sorted(rows(ask(more, maps))) == [
            ("gene", "tubA"),
            ("gene", "tubB"),
            ("µ", "½ \\ \n"),
        ]
