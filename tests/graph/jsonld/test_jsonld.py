# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON-LD: what is written comes back, by both ways of reading, and means the same to everyone."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
import rdflib.compare
from hypothesis import given, settings
from pyld import jsonld as pyld

from graphxfer import catalogue
from graphxfer.catalogue import OME, OMERO, AffineTransform, Class, Edge, Field, Quantity, Type, Via
from graphxfer.errors import BadDocument
from graphxfer.graph import Header, LeftOut, Node, TransferGraph, jsonld
from graphxfer.graph.jsonld import document as own_documents
from graphxfer.graph.jsonld import expand
from tests.strategies import graphs

BASE = "https://omero.example.org/"
SERIES = {"@id": "omero:series", "@type": "xsd:integer"}


def graph_of(*nodes: Node, **header: Any) -> TransferGraph:
    return TransferGraph(Header(BASE, **header), nodes)


def written(graph: TransferGraph) -> bytes:
    stream = BytesIO()
    jsonld.write(graph, stream)
    return stream.getvalue()


def read(document: bytes | str) -> TransferGraph:
    return jsonld.read(BytesIO(document.encode() if isinstance(document, str) else document))


def told(graph: TransferGraph) -> tuple[str, dict[str, str]]:
    """Return all that a graph says; repr tells 1 from 1.0 and -0.0 from 0.0, and knows NaN."""
    nodes = {node.iri: (node.type, sorted(node.fields.items()), node.edges) for node in graph}
    return repr(graph.header), {
        iri: repr((*said, sorted(edges.items()))) for iri, (*said, edges) in nodes.items()
    }


# -- round trips --------------------------------------------------------------------------------


@given(graphs(own_links=True))
def test_any_graph_comes_back_from_its_document(graph: TransferGraph) -> None:
    assert told(read(written(graph))) == told(graph)


@settings(max_examples=40)
@given(graphs(own_links=True))
def test_pyld_reads_our_documents_as_we_do(graph: TransferGraph) -> None:
    document = json.loads(written(graph))
    assert told(jsonld.read_any(document)) == told(graph)
    assert told(jsonld.read_any(pyld.expand(document))) == told(graph)


def test_the_order_of_nodes_and_of_the_things_that_have_one_is_kept() -> None:
    graph = graph_of(
        Node("Point/3", "Point"),
        Node("Label/1", "Label"),
        Node("Point/1", "Point"),
        Node("Roi/1", "Roi", {}, {"shapes": ("Point/3", "Label/1", "Point/1")}),
        Node("MapAnnotation/1", "MapAnnotation", {"pairs": (("b", "2"), ("a", "1"), ("b", "2"))}),
    )
    back = read(written(graph))
    assert [node.iri for node in back] == [node.iri for node in graph]
    assert told(back) == told(graph) == told(jsonld.read_any(json.loads(written(graph))))


def test_a_node_takes_one_line_and_the_same_graph_the_same_bytes() -> None:
    first = Node("TagAnnotation/1", "TagAnnotation", {"textValue": "a\nb"})
    first.fields["description"] = "µ\u2028"
    other = Node("TagAnnotation/1", "TagAnnotation", {"description": "µ\u2028"})
    other.fields["textValue"] = "a\nb"
    document = written(graph_of(first))
    assert document == written(graph_of(other))
    assert [line[:7] for line in document.split(b"\n")][1:] == [b'{"@id":', b'{"@id":', b"]}", b""]


# -- the form of values -------------------------------------------------------------------------


def line_of(**fields: catalogue.Value) -> dict[str, Any]:
    """Return a shape, with these fields, as it stands in a document."""
    document = json.loads(written(graph_of(Node("Mask/1", "Mask", dict(fields)))))
    line: dict[str, Any] = document["@graph"][1]
    return line


def test_doubles_are_numbers_where_16_digits_keep_them_and_else_strings() -> None:
    line = line_of(x=0.1, y=0.1 + 0.2, width=float("nan"), height=float("-inf"))
    assert line["x"] == 0.1
    assert line["y"] == "0.30000000000000004"
    assert line_of(x=-0.0, y=0.0) == line_of() | {"x": "-0.0", "y": 0.0}
    assert (line["width"], line["height"]) == ("NaN", "-INF")


def test_whole_numbers_that_a_double_cannot_hold_are_strings() -> None:
    nodes = [
        Node(f"LongAnnotation/{place}", "LongAnnotation", {"longValue": value})
        for place, value in enumerate([2**53 - 1, 2**53, -(2**63)])
    ]
    lines_ = json.loads(written(graph_of(*nodes)))["@graph"][1:]
    assert [line["longValue"] for line in lines_] == [2**53 - 1, str(2**53), str(-(2**63))]


def test_objects_have_their_parts_by_name() -> None:
    line = line_of(
        strokeWidth=Quantity(1.5, "PIXEL"),
        transform=AffineTransform(1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        bytes=b"\xff\x00",
    )
    assert line["strokeWidth"] == {"value": 1.5, "unit": "PIXEL"}
    assert line["transform"] == {
        f"a{place}": float(n) for n, place in enumerate(("00", "10", "01", "11", "02", "12"), 1)
    }
    assert line["bytes"] == "/wA="


def test_empty_zero_and_minus_one_are_not_null() -> None:
    said = {"name": "", "description": ""}
    plane = {"theZ": -1, "theT": 0, "locked": False}
    back = read(
        written(graph_of(Node("Roi/1", "Roi", {**said}), Node("Point/1", "Point", {**plane})))
    )
    assert back["Roi/1"].fields == said
    assert back["Point/1"].fields == plane
    assert "theC" not in back["Point/1"].fields


def test_the_header_comes_back() -> None:
    header = Header(
        BASE,
        "6b1c1d4e",
        "5.6.16",
        "graphxfer 0.1.0",
        "2026-11-23T22:00:00Z",
        ("Image/1",),
        ("Image/2",),
        (LeftOut("FolderImageLink", 3, "folders are not moved yet"),),
    )
    document = written(TransferGraph(header))
    assert read(document).header == header
    assert jsonld.read_header(BytesIO(document)) == header
    assert jsonld.read_any(json.loads(document)).header == header


# -- it means the same to everyone --------------------------------------------------------------


def exactly(value: float) -> float:
    return value


def in_16_digits(value: float) -> float:
    """Return a double as pyld writes it in RDF: JSON-LD's canonical form, also for strings."""
    return float(f"{value:.15e}")


def canonical(ntriples: str, double: Any = exactly) -> set[str]:
    """Return triples with blank nodes named by what they say, and doubles by their value."""
    dataset = ox.Dataset()
    for quad in ox.parse(ntriples, format=ox.RdfFormat.N_TRIPLES):
        thing = quad.object
        if isinstance(thing, ox.Literal) and thing.datatype.value.endswith("#double"):
            thing = ox.Literal(repr(double(float(thing.value)) + 0.0), datatype=thing.datatype)
        dataset.add(ox.Quad(quad.subject, quad.predicate, thing))
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return {str(quad) for quad in dataset}


@settings(max_examples=25)
@given(graphs(own_links=True))
def test_rdflib_pyld_and_pyoxigraph_read_the_same_triples(graph: TransferGraph) -> None:
    document = written(graph)
    ours = jsonld.to_rdflib(graph).serialize(format="nt")
    by_rdflib = rdflib.Graph().parse(data=document, format="json-ld").serialize(format="nt")
    by_pyoxigraph = ox.serialize(
        ox.parse(document, format=ox.RdfFormat.JSON_LD), format=ox.RdfFormat.N_TRIPLES
    )
    options = {"format": "application/n-quads", "documentLoader": None}
    by_pyld = pyld.to_rdf(json.loads(document), options)
    assert by_pyoxigraph
    assert canonical(by_rdflib) == canonical(ours)
    assert canonical(by_pyoxigraph.decode()) == canonical(ours)
    assert canonical(by_pyld, in_16_digits) == canonical(ours, in_16_digits)


def test_the_terms_are_those_of_omero_rdf() -> None:
    tag = Node("TagAnnotation/5", "TagAnnotation", {"textValue": "mitosis"})
    image = Node("Image/7", "Image", {"name": "a"}, {"annotations": (tag.iri,)})
    query = f"""
        SELECT ?text WHERE {{
            <{BASE}Image/7> <{OME}annotation> ?tag .
            ?tag a <{catalogue.OME_CLASS}TagAnnotation> ; <{OME}Value> ?text }}
    """
    (row,) = jsonld.to_rdflib(graph_of(tag, image)).query(query)
    assert [str(value) for value in row] == ["mitosis"]  # type: ignore[union-attr]


# -- other documents ----------------------------------------------------------------------------

NESTED = {
    "@context": {
        "@base": BASE,
        "@vocab": OME,
        "o": OMERO,
        "s": catalogue.OME_CLASS,
        "label": OME + "Name",
        "in": {"@reverse": OME + "Images"},
        "size": {"@id": OME + "StrokeWidth"},
        "forms": {"@id": OMERO + "shapes", "@container": "@list"},
    },
    "@id": "Image/7",
    "@type": "s:Image",
    "label": "a",
    "in": {"@id": "Dataset/1", "@type": "s:Dataset", "label": "d"},
    "annotation": [
        {
            "@id": "MapAnnotation/9",
            "@type": "s:MapAnnotation",
            "o:mapValue": {"@list": [{"Key": "gene", "Value": "tubA"}]},
        },
        {"@id": "LongAnnotation/2", "@type": "s:LongAnnotation", "Value": 5.0},
    ],
    "@included": {
        "@id": "Roi/4",
        "@type": "s:ROI",
        "o:image": {"@id": "Image/7"},
        "forms": {
            "@id": "Rectangle/11",
            "@type": "s:Rectangle",
            "X": 3,
            "Height": "1.5",
            "size": {"Value": {"@value": "2.5", "@type": "xsd:double"}, "Unit": "PIXEL"},
        },
    },
}


def test_a_nested_document_under_another_context_is_read() -> None:
    graph = jsonld.read_any(NESTED)
    assert graph.header == Header(BASE)
    assert {node.iri: (node.fields, node.edges) for node in graph} == {
        "Dataset/1": ({"name": "d"}, {"images": ("Image/7",)}),
        "Image/7": ({"name": "a"}, {"annotations": ("MapAnnotation/9", "LongAnnotation/2")}),
        "MapAnnotation/9": ({"pairs": (("gene", "tubA"),)}, {}),
        "LongAnnotation/2": ({"longValue": 5}, {}),
        "Roi/4": ({}, {"image": ("Image/7",), "shapes": ("Rectangle/11",)}),
        "Rectangle/11": ({"x": 3.0, "height": 1.5, "strokeWidth": Quantity(2.5, "PIXEL")}, {}),
    }
    assert type(graph["Rectangle/11"].fields["x"]) is float


def test_a_document_of_ours_that_was_formatted_is_read_too(tmp_path: Path) -> None:
    graph = graph_of(Node("Project/1", "Project", {"name": "Mitosis"}))
    formatted = json.dumps(json.loads(written(graph)), indent=4)
    assert told(read(formatted)) == told(graph)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"@context": "https://example.org/context"}, "refers to https://example.org/context;"),
        (
            {"@context": {"@version": 1.1, "@import": "https://e.org/c"}},
            "refers to https://e.org/c;",
        ),
        (
            {
                "@context": {"s": "x:", "T": {"@id": "s:T", "@context": "http://e.org/"}},
                "@type": "T",
            },
            "refers to http://e.org/;",
        ),
        ({"@context": "other.jsonld", "@id": "Image/1"}, "refers to other.jsonld;"),
        ({}, "has no nodes"),
        ([], "has no nodes"),
        ("Image/1", "is not valid JSON-LD"),
        ({"@context": {"a": {"@id": []}}, "a": 1}, "is not valid JSON-LD"),
        ({"@id": BASE + "Image/1", "@type": "x:Galaxy"}, "the type x:Galaxy is unknown"),
        ({"@id": BASE + "Image/1", OME + "Name": "a"}, "the type none is unknown"),
        (
            {"@id": BASE + "Image/1", "@type": catalogue.OME_CLASS + "Image", "x:y": 1},
            "has no member x:y",
        ),
        (
            {"@id": "x:1", "@type": catalogue.OME_CLASS + "Image"},
            "'x:1' is not a valid IRI of a node",
        ),
        ({"@id": "Image/1", "@type": catalogue.OME_CLASS + "Image"}, "is not a valid base of IRIs"),
        ({"@id": BASE + "Image/1", "@graph": [{"@id": "x:1", "x:y": 1}]}, "is unknown"),
    ],
)
def test_what_cannot_be_read_is_told(document: Any, message: str) -> None:
    with pytest.raises(BadDocument, match="JSON-LD") as failure:
        jsonld.read_any(document)
    assert message in str(failure.value)


IMAGE = {"@id": BASE + "Image/1", "@type": catalogue.OME_CLASS + "Image"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({OME + "Name": ["a", "b"]}, "Name has a value of the wrong type"),
        ({OME + "Name": {"@id": "x:1"}}, "Name has a value of the wrong type"),
        ({OME + "Name": 5}, "name is not a string"),
        ({OME + "Name": {"@list": ["a"]}}, "Name has a value of the wrong type"),
        ({OME + "annotation": "a"}, "annotation has a value of the wrong type"),
        (
            {OME + "annotation": {"@id": "http://other/TagAnnotation/1"}},
            "is not a valid IRI of a node",
        ),
        ({OME + "annotation": {"@id": BASE + "Roi/1"}}, "may not refer to Roi/1"),
        ({OME + "annotation": {OME + "Value": "a"}}, "is not a valid IRI of a node"),
        ({OMERO + "pixels": {"@id": BASE + "Pixels/1"}}, "pixels has a value of the wrong type"),
    ],
)
def test_a_member_of_the_wrong_kind_is_told(members: dict[str, Any], message: str) -> None:
    with pytest.raises(BadDocument) as failure:
        jsonld.read_any(IMAGE | members)
    assert message in str(failure.value)


def test_a_part_that_belongs_to_nothing_is_told() -> None:
    with pytest.raises(BadDocument, match="has no IRI"):
        jsonld.read_any([IMAGE, {OME + "Value": 3, OME + "Unit": "PIXEL"}])


def test_a_document_without_end_is_refused() -> None:
    deep: Any = "a"
    for _ in range(expand.MAX_DEPTH):
        deep = [deep]
    with pytest.raises(BadDocument, match="nested deeper"):
        jsonld.read_any(deep)
    with pytest.raises(BadDocument, match="cannot be read as JSON"):
        read("[" * 100_000)


# -- broken documents of ours -------------------------------------------------------------------


def with_line(text: str) -> bytes:
    """Return a document with a header, a tag, and this on line 4."""
    lines_ = written(graph_of(Node("TagAnnotation/1", "TagAnnotation"))).split(b"\n")
    return b"\n".join([*lines_[:2], lines_[2] + b",", text.encode(), *lines_[3:]])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"@id": "Image/1", "@type": "Image"',
            "is not valid JSON: Expecting ',' delimiter at column",
        ),
        ('{"@id": "Image/1", "@type": "Image"} x', "not one node followed by a comma"),
        ('["Image/1"]', "not one node followed by a comma"),
        ("", "is not valid JSON"),
        ('{"@id": "Image/1", "@type": "Galaxy"}', "Image/1: the type 'Galaxy' is unknown"),
        ('{"@id": "Image/1", "@type": ["Image"]}', "the type ['Image'] is unknown"),
        ('{"@id": "Image/1"}', "the type None is unknown"),
        ('{"@id": "Roi/1", "@type": "Image"}', "Roi/1: the IRI does not match the type Image"),
        ('{"@type": "Image"}', "None is not a valid IRI of a node"),
        ('{"@id": "Image/01", "@type": "Image"}', "'Image/01' is not a valid IRI of a node"),
        ('{"@id": "../Image/1", "@type": "Image"}', "is not a valid IRI of a node"),
        ('{"@id": 5, "@type": "Image"}', "5 is not a valid IRI of a node"),
        ('{"@id": "TagAnnotation/1", "@type": "TagAnnotation"}', "appears twice"),
        ('{"@id": "Image/1", "@type": "Image", "colour": "red"}', "Image has no member 'colour'"),
        ('{"@id": "Image/1", "@type": "Image", "name": 5}', "name is not a string"),
        ('{"@id": "Image/1", "@type": "Image", "name": ["a"]}', "name is not a string"),
        ('{"@id": "Image/1", "@type": "Image", "name": "\\ud800"}', "lone surrogate"),
        ('{"@id": "Image/1", "@type": "Image", "series": 1.5}', "an integer of 32 bits"),
        ('{"@id": "Image/1", "@type": "Image", "series": true}', "an integer of 32 bits"),
        ('{"@id": "Image/1", "@type": "Image", "series": 2147483648}', "an integer of 32"),
        ('{"@id": "Image/1", "@type": "Image", "series": 1' + "0" * 5000 + "}", "as JSON"),
        ('{"@id": "Image/1", "@type": "Image", "fileset": "Roi/1"}', "may not refer to Roi/1"),
        (
            '{"@id": "Image/1", "@type": "Image", "fileset": {"@id": "Fileset/1"}}',
            "is not a valid IRI",
        ),
        ('{"@id": "Roi/1", "@type": "Roi", "image": ["Image/1", "Image/2"]}', "more than one"),
        ('{"@id": "Point/1", "@type": "Point", "x": NaN}', "NaN is not valid JSON"),
        ('{"@id": "Point/1", "@type": "Point", "x": "1_0"}', "x is not a number"),
        ('{"@id": "Point/1", "@type": "Point", "x": 1e999}', "x is not a number"),
        (
            '{"@id": "Point/1", "@type": "Point", "strokeWidth": {"value": 1, "unit": "ELL"}}',
            "strokeWidth has an unknown unit: 'ELL'",
        ),
        ('{"@id": "Point/1", "@type": "Point", "locked": 1}', "not true or false"),
        (
            '{"@id": "Point/1", "@type": "Point", "strokeWidth": 1}',
            "not an object with value, unit",
        ),
        ('{"@id": "Point/1", "@type": "Point", "strokeWidth": {"value": 1}}', "not an object with"),
        ('{"@id": "Point/1", "@type": "Point", "transform": {"a00": 1}}', "not an object with a00"),
        ('{"@id": "Mask/1", "@type": "Mask", "bytes": "a"}', "is not base64"),
        ('{"@id": "MapAnnotation/1", "@type": "MapAnnotation", "pairs": "a"}', "list of pairs"),
        ('{"@id": "MapAnnotation/1", "@type": "MapAnnotation", "pairs": ["a"]}', "key, value"),
        ("[" * 100_000, "as JSON"),
    ],
)
def test_a_broken_line_is_named(line: str, message: str) -> None:
    with pytest.raises(BadDocument) as failure:
        read(with_line(line))
    assert message in str(failure.value)
    assert ", line 4: " in str(failure.value)


def test_the_file_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "graph.jsonld"
    path.write_bytes(with_line("{"))
    with path.open("rb") as stream, pytest.raises(BadDocument, match=r"graph\.jsonld, line 4"):
        jsonld.read(stream)


def test_a_document_that_was_cut_off_is_not_taken_for_whole() -> None:
    document = written(graph_of(Node("Project/1", "Project", {"name": "a"})))
    for end in range(len(document) - 1):
        with pytest.raises(BadDocument):
            read(document[:end])
    with pytest.raises(BadDocument, match="and the end"):
        read(document + b"{}")


def test_bytes_that_are_no_text_are_told() -> None:
    with pytest.raises(BadDocument, match="line 4: is not UTF-8"):
        read(with_line("@@").replace(b"@@", b"\xff"))
    with pytest.raises(BadDocument, match="UTF-8"):
        read(b'{"a": "\xff"}')


def test_a_header_that_is_none_is_told() -> None:
    document = written(graph_of())
    for wrong, message in [
        (document.replace(b'"#transfer"', b'"#other"'), "expected the header"),
        (
            document.replace(b'"prov:Activity"}', b'"prov:Activity", "x": 1}'),
            "header has no member x",
        ),
        (
            document.replace(b'Activity"}', b'Activity", "roots": ["/"]}'),
            "header is not valid: '/'",
        ),
        (document.replace(b'Activity"}', b'Activity", "leftOut": [1]}'), "header is not valid"),
        (
            document.replace(b'Activity"}', b'Activity", "madeBy": 1}'),
            "header is not valid: is not a string",
        ),
        (document.replace(BASE.encode(), b"file.jsonld"), "is not a valid base of IRIs"),
    ]:
        with pytest.raises(BadDocument) as failure:
            read(wrong)
        assert message in str(failure.value)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    document = written(graph_of(*(Node(f"Roi/{number}", "Roi") for number in range(5))))
    monkeypatch.setattr(own_documents, "MAX_NODES", 4)
    with pytest.raises(BadDocument, match="line 7: there are more than 4 nodes"):
        read(document)
    monkeypatch.setattr(own_documents, "MAX_LINE", 30)
    with pytest.raises(BadDocument, match="line 2: is longer"):
        read(document)
    monkeypatch.setattr(own_documents, "MAX_FOREIGN", 2000)
    with pytest.raises(BadDocument, match="is larger than"):
        read(b'{"a": "' + b"b" * 3000 + b'"}')


# -- documents of other versions ----------------------------------------------------------------


def under(terms: dict[str, Any], graph: TransferGraph) -> bytes:
    """Return the document of a graph, under a context of these terms."""
    _, *others = written(graph).split(b"\n")
    start = json.dumps({"@base": BASE} | terms)
    return b"\n".join([b'{"@context": ' + start.encode() + b', "@graph": [', *others])


def without(*names: str) -> dict[str, Any]:
    terms = jsonld.context()
    for name in names:
        del terms[name]
    return terms


IN_BOTH = graph_of(Node("Image/1", "Image", {"name": "a", "series": 1}), Node("Roi/1", "Roi"))


@pytest.mark.parametrize(
    "terms",
    [
        without("Path", "d", "Mask", "bytes"),
        without("dcterms", "created", "madeAt"),
        jsonld.context() | {"Galaxy": "omero:Galaxy", "stars": {"@id": "omero:stars"}},
        without("series", "Image")
        | {"Image": {"@id": "model:Image", "@context": {"name": "ome:Name", "series": SERIES}}},
    ],
    ids=["older", "before a prefix", "newer", "defined elsewhere"],
)
def test_a_document_of_another_version_is_read_line_by_line(
    terms: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = under(terms, IN_BOTH)
    assert told(jsonld.read_any(json.loads(document))) == told(IN_BOTH)
    monkeypatch.setattr(own_documents, "read_any", None)
    assert told(read(document)) == told(IN_BOTH)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (without("Image"), "line 3: Image/1: the document's context does not define Image"),
        (without("series"), "line 3: Image/1: Image has no member 'series'"),
    ],
)
def test_what_its_own_context_does_not_define_is_refused(
    terms: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadDocument) as failure:
        read(under(terms, IN_BOTH))
    assert message in str(failure.value)


@pytest.mark.parametrize(
    "terms",
    [
        jsonld.context() | {"series": "omero:number"},
        jsonld.context() | {"ome": "http://other.example.org/"},
        jsonld.context() | {"Image": "model:Picture"},
        jsonld.context() | {"Image": {"@id": "model:Image", "@context": {"@vocab": OME}}},
        jsonld.context() | {"Image": {"@id": "model:Image", "@context": {"name": "ome:Other"}}},
        jsonld.context() | {"Image": {"@id": "model:Image", "@context": {"omero": "http://x/"}}},
        jsonld.context() | {"Image": {"@id": "model:Image", "@context": "http://x/"}},
        jsonld.context() | {"@vocab": OME},
        jsonld.context() | {"@language": "en"},
        without("@version"),
        without("dc"),
        {},
    ],
)
def test_names_that_mean_something_else_are_not_taken_for_ours(terms: dict[str, Any]) -> None:
    stream = BytesIO(under(terms, IN_BOTH))
    with pytest.raises(BadDocument, match="was not written by graphxfer"):
        jsonld.read_header(stream)


# -- what cannot be written ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node("Roi/1", "Roi", {"colour": "red"}), "Roi has no member colour"),
        (Node("Roi/1", "Roi", {}, {"tags": ("TagAnnotation/1",)}), "Roi has no member tags"),
        (Node("Galaxy/1", "Galaxy"), "the type 'Galaxy' is unknown"),
        (Node("Roi/1", "Roi", {"name": "\ud800"}), "cannot be written"),
        (Node("Roi/1", "Roi", {"name": b"a"}), "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_told(node: Node, message: str) -> None:
    with pytest.raises(BadDocument) as failure:
        written(graph_of(node))
    assert message in str(failure.value)
    assert node.iri in str(failure.value)


def test_a_base_that_is_none_is_refused() -> None:
    with pytest.raises(BadDocument, match="is not a valid base of IRIs"):
        written(TransferGraph(Header("omero.example.org")))


# -- a new class --------------------------------------------------------------------------------


def test_a_new_entry_of_the_catalogue_is_all_that_a_new_class_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget = Class(
        "Widget",
        (Field("name", Type.STRING, OMERO + "widgetName"), Field("turns", Type.DOUBLE, OME + "T")),
        (Edge("parts", "Widget", Via.LIST, "parts", OMERO + "parts", inverse="whole"),),
        iri=OMERO + "Widget",
    )
    monkeypatch.setitem(catalogue.CLASSES, "Widget", widget)
    graph = graph_of(
        Node("Widget/1", "Widget", {"name": "a", "turns": 1.5}, {"parts": ("Widget/2",)}),
        Node("Widget/2", "Widget", {"name": "b"}),
    )
    document = written(graph)
    assert told(read(document)) == told(graph) == told(jsonld.read_any(json.loads(document)))
    triples = rdflib.Graph().parse(data=document, format="json-ld")
    assert rdflib.compare.isomorphic(triples, jsonld.to_rdflib(graph))
