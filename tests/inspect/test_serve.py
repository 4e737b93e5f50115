# SPDX-License-Identifier: GPL-2.0-or-later
"""The endpoint: SPARQL 1.1 Protocol to ordinary clients, and closed to strangers."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from rdflib import RDF, Graph, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import CSV, JSON, SPARQLWrapper

from graphxfer.bundle import Bundle
from graphxfer.errors import FileProblem
from graphxfer.inspect import query, serve
from graphxfer.inspect.query import Limits
from tests.inspect.browser import served

NAMES = "SELECT ?project ?name WHERE { ?project a model:Project ; ome:Name ?name } ORDER BY ?name"
BUILD = "CONSTRUCT WHERE { <Project/51> ome:Name ?name }"
BASE = "https://omero.example.org/"


@pytest.fixture(scope="module")
def url(bundle: Bundle) -> Iterator[str]:
    with served(bundle) as address:
        yield address


def ask(url: str, accept: str = "", data: bytes | None = None, **headers: str) -> tuple[str, str]:
    """Ask, and return the answer's media type and text."""
    given = headers | ({"Accept": accept} if accept else {})
    with urlopen(Request(url, data, given)) as answer:  # noqa: S310
        return answer.headers.get_content_type(), answer.read().decode()


def refused(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(url, data, headers))  # noqa: S310
    return caught.value.code, caught.value.read().decode()


FORMS = {
    "get": lambda url: ask(f"{url}sparql?query={quote(NAMES)}"),
    "form": lambda url: ask(f"{url}sparql", data=urlencode({"query": NAMES}).encode()),
    "direct": lambda url: ask(
        f"{url}sparql", data=NAMES.encode(), **{"Content-Type": "application/sparql-query"}
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_query_comes_in_the_three_forms_of_the_protocol(url: str, form: str) -> None:
    kind, text = FORMS[form](url)
    assert kind == "application/sparql-results+json"
    rows = json.loads(text)["results"]["bindings"]
    assert [row["name"]["value"] for row in rows] == ["Meiosis", "Mitosis"]
    assert rows[1]["project"] == {"type": "uri", "value": f"{BASE}Project/51"}


@pytest.mark.parametrize(
    ("accept", "kind", "start"),
    [
        ("text/csv", "text/csv", "project,name"),
        ("text/tab-separated-values", "text/tab-separated-values", "?project\t?name"),
        ("application/sparql-results+xml", "application/sparql-results+xml", "<?xml"),
        ("text/html, text/csv;q=0.5, */*;q=0.1", "text/csv", "project,name"),
        ("*/*", "application/sparql-results+json", "{"),
    ],
)
def test_rows_come_as_the_client_likes(url: str, accept: str, kind: str, start: str) -> None:
    found, text = ask(f"{url}sparql?query={quote(NAMES)}", accept)
    assert found == kind
    assert text.startswith(start)


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        ("text/turtle", "turtle"),
        ("application/n-triples", "nt"),
        ("application/rdf+xml", "xml"),
        ("application/ld+json", "json-ld"),
    ],
)
def test_triples_come_as_the_client_likes(url: str, accept: str, format_: str) -> None:
    kind, text = ask(f"{url}sparql?query={quote(BUILD)}", accept)
    assert kind == accept
    (triple,) = Graph().parse(data=text, format=format_)
    assert triple[0] == URIRef(f"{BASE}Project/51")
    assert str(triple[2]) == "Mitosis"


def test_yes_and_no_come_too(url: str) -> None:
    _, text = ask(f"{url}sparql?query={quote('ASK { <Project/51> a model:Project }')}")
    assert json.loads(text)["boolean"] is True


def test_the_endpoint_describes_itself(url: str) -> None:
    kind, text = ask(f"{url}sparql")
    assert kind == "text/turtle"
    described = Graph().parse(data=text, format="turtle", publicID=f"{url}sparql")
    service = "http://www.w3.org/ns/sparql-service-description#"
    (endpoint,) = described.objects(None, URIRef(f"{service}endpoint"))
    assert str(endpoint) == f"{url}sparql"


# -- ordinary clients


def test_sparqlwrapper_works(url: str) -> None:
    client = SPARQLWrapper(f"{url}sparql", returnFormat=JSON)
    client.setQuery(NAMES)
    rows = client.query().convert()["results"]["bindings"]
    assert [row["name"]["value"] for row in rows] == ["Meiosis", "Mitosis"]
    client.setMethod("POST")
    client.setReturnFormat(CSV)
    assert client.query().convert().decode().splitlines()[1:] == [
        f"{BASE}Project/52,Meiosis",
        f"{BASE}Project/51,Mitosis",
    ]
    client.setQuery(BUILD)
    client.setReturnFormat("turtle")
    assert b"Mitosis" in client.query().convert()


@pytest.mark.parametrize("format_", ["xml", "json", "csv", "tsv"])
def test_rdflibs_sparqlstore_works(url: str, format_: str) -> None:
    graph = Graph(SPARQLStore(f"{url}sparql", returnFormat=format_))
    rows = graph.query(NAMES)
    assert [str(row[1]) for row in rows] == ["Meiosis", "Mitosis"]  # type: ignore[index]


def test_rdflibs_sparqlstore_looks_up_triples_and_constructs(url: str) -> None:
    graph = Graph(SPARQLStore(f"{url}sparql"))
    kind = URIRef("http://www.openmicroscopy.org/Schemas/OME/2016-06#Project")
    projects = {str(subject) for subject in graph.subjects(RDF.type, kind)}
    assert projects == {f"{BASE}Project/51", f"{BASE}Project/52"}
    built = graph.query(BUILD)
    assert built.graph is not None
    assert [str(value) for value in built.graph.objects()] == ["Mitosis"]


@pytest.mark.parametrize("name", ["keys", "owners", "partial-filesets"])
def test_queries_of_the_library_are_answered_as_on_the_command_line(
    url: str, bundle: Bundle, name: str
) -> None:
    text = query.named(name)
    _, answer = ask(
        f"{url}sparql", "text/tab-separated-values", urlencode({"query": text}).encode()
    )
    with query.load(bundle) as store:
        assert answer.encode() == query.ask(store, text).data


def test_queries_made_for_omero_rdf_are_answered(url: str) -> None:
    text = "SELECT ?part WHERE { <Project/52> dcterms:hasPart ?part }"
    rows = json.loads(ask(f"{url}sparql?query={quote(text)}")[1])["results"]["bindings"]
    assert [row["part"]["value"] for row in rows] == [f"{BASE}Dataset/103"]


# -- what is refused

SERVICE = "SELECT * WHERE { SERVICE <http://example.org/> { ?s ?p ?o } }"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT nonsense", "is not a valid SPARQL query"),
        (SERVICE, "SERVICE is refused: graphxfer never queries other servers"),
        ("LOAD <http://example.org/>", "is not a valid SPARQL query"),
        ("INSERT DATA { <a:a> <a:b> <a:c> }", "is not a valid SPARQL query"),
        ("", "is not a valid SPARQL query"),
    ],
)
def test_bad_queries_are_reported(url: str, text: str, told: str) -> None:
    code, message = refused(f"{url}sparql", urlencode({"query": text}).encode())
    assert code == 400
    assert told in message


UPDATE = "INSERT DATA { <a:a> <a:b> <a:c> }"


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (urlencode({"update": UPDATE}), "application/x-www-form-urlencoded", 400),
        (UPDATE, "application/sparql-update", 400),
        (urlencode([("query", NAMES), ("query", NAMES)]), "application/x-www-form-urlencoded", 400),
        (urlencode({"nothing": NAMES}), "application/x-www-form-urlencoded", 400),
        (
            urlencode({"query": NAMES, "default-graph-uri": "http://example.org/"}),
            "application/x-www-form-urlencoded",
            400,
        ),
        (NAMES, "text/plain", 415),
        ("x" * (serve.MAX_QUERY + 1), "application/sparql-query", 413),
        ("query=" + "x" * serve.MAX_QUERY, "application/x-www-form-urlencoded", 413),
    ],
)
def test_bad_requests_are_refused(url: str, data: str, kind: str, code: int) -> None:
    assert refused(f"{url}sparql", data.encode(), **{"Content-Type": kind})[0] == code


def test_formats_that_nobody_has_are_refused(url: str) -> None:
    code, told = refused(f"{url}sparql?query={quote(NAMES)}", Accept="image/png")
    assert code == 406
    assert "text/csv" in told


def test_methods_that_would_write_are_refused(url: str) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(f"{url}sparql", b"", method=method))  # noqa: S310
        assert caught.value.code == 405


def test_limits_hold(bundle: Bundle) -> None:
    forever = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
    everything = "SELECT * WHERE { ?s ?p ?o }"
    options = serve.Options(limits=Limits(seconds=1, rows=5))
    with served(bundle, options) as url:
        code, told = refused(f"{url}sparql?query={quote(forever)}")
        assert code == 500
        assert "took longer than 1 seconds" in told
        with urlopen(f"{url}sparql?query={quote(everything)}") as answer:  # noqa: S310
            assert "Graphxfer-Cut" in answer.headers
            assert len(json.load(answer)["results"]["bindings"]) == 5


def status(url: str, path: str = "/", **headers: str) -> int:
    """Return the status of a request with headers that urllib would not send."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    try:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in ({"Host": address.netloc} | headers).items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:1234", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("attacker.example", 403),
        ("127.0.0.1.attacker.example:80", 403),
        ("", 403),
    ],
)
def test_other_names_for_this_address_are_refused(url: str, host: str, code: int) -> None:
    assert status(url, Host=host) == code


def test_a_given_name_is_accepted(bundle: Bundle) -> None:
    with served(bundle, serve.Options(names=("graphs.example.org",))) as url:
        assert status(url, Host="Graphs.example.org:80") == 200
        assert status(url, Host="other.example.org") == 403


def test_pages_of_other_sites_may_not_ask(url: str) -> None:
    path = f"/sparql?query={quote(NAMES)}"
    own = url.rstrip("/")
    assert status(url, path, Origin="http://attacker.example") == 403
    assert status(url, path, Origin="null") == 403
    assert status(url, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors") == 403
    assert status(url, path, Origin=own, Sec_Fetch_Site="same-origin") == 200
    assert status(url, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 200


def test_only_this_machine_is_listened_to(bundle: Bundle) -> None:
    with serve.server(bundle, serve.Options()) as server:
        assert server.socket.getsockname()[0] == "127.0.0.1"
        taken = serve.Options(port=server.port)
        with (
            pytest.raises(FileProblem, match="cannot listen on this address"),
            serve.server(bundle, taken),
        ):
            pass


# -- search and nodes


def found(url: str, wanted: str) -> list[str]:
    return [hit["iri"] for hit in json.loads(ask(f"{url}search?q={quote(wanted)}")[1])["hits"]]


def test_search_looks_into_all_texts(url: str) -> None:
    assert found(url, "GENE = tuba") == ["MapAnnotation/9"]
    assert found(url, "metaphase") == ["TagAnnotation/5", "TagAnnotation/6"]
    assert found(url, "rectangle/") == ["Rectangle/11"]
    assert found(url, "no such text") == found(url, "") == []


def test_a_node_is_told_with_its_neighbours(url: str) -> None:
    node = json.loads(ask(f"{url}node?iri=Image/7")[1])
    assert ["name", "a.ome.tif [0]"] in node["facts"]
    out = {name: targets for name, targets, _ in node["out"]}
    assert ["TagAnnotation/5", "metaphase"] in out["annotations"]
    incoming = {name: targets for name, targets, _ in node["in"]}
    assert incoming["images"] == [["Dataset/101", "2026-03-14"]]
    assert incoming["image"] == [["Roi/4", "cell"]]
    assert refused(f"{url}node?iri=Image/1000")[0] == 404


def test_the_command_serves_until_it_is_interrupted(bundle: Bundle) -> None:
    command = [sys.executable, "-m", "graphxfer", "serve", str(bundle.folder)]
    with subprocess.Popen(
        [*command, "--port", "0", "--no-validate"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline(), child.stdout.readline()]
        address = lines[0].split()[-1]
        assert "metaphase" in ask(address)[1]
        assert lines[1].split()[-1] == f"{address}sparql"
        child.send_signal(signal.SIGINT)
        assert child.wait(10) in (0, 130)
