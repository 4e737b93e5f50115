# SPDX-License-Identifier: GPL-2.0-or-later
"""A receipt is JSON-LD with PROV-O terms; one that is damaged or hostile is refused."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import rdflib
import rdflib.compare
from pyld import jsonld as pyld

from graphxfer.bundle import Bundle
from graphxfer.errors import BadDocument
from graphxfer.graph import jsonld
from graphxfer.graph.jsonld import values
from graphxfer.receipt import read
from graphxfer.receipt.contents import File, Finding, Receipt
from tests.inspect import sample
from tests.receipt.samples import FINDING, document_of, files_of, receipt_of

READING = tuple[Receipt, list[File], list[Finding]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return sample.write(tmp_path_factory.mktemp("receipt") / "b")


@pytest.fixture(scope="module")
def document(bundle: Bundle) -> bytes:
    return document_of(bundle, [FINDING, FINDING._replace(node="", text='"\n\u202e µ 🔬')])


def reading(document: bytes) -> READING:
    receipt, files, findings = read.read(io.BytesIO(document))
    return receipt, list(files), list(findings)


def test_what_was_written_is_read(bundle: Bundle, document: bytes) -> None:
    receipt, files, findings = reading(document)
    assert receipt == receipt_of(bundle, 2)
    assert files == files_of(bundle)
    assert [each.text for each in findings] == [FINDING.text, '"\n\u202e µ 🔬']
    assert receipt.outcome == "differences"


# -- as RDF -------------------------------------------------------------------------------------

QUESTION = """
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX omero: <http://www.openmicroscopy.org/TBD/omero/>
PREFIX spdx: <http://spdx.org/rdf/terms#>
PREFIX schema: <http://schema.org/>
SELECT ?root ?version ?person ?file ?sum ?uuid {
    ?verification a prov:Activity ; prov:used ?graph, ?file ; prov:startedAtTime ?begun ;
        prov:wasAssociatedWith ?software, ?who ; omero:outcome "differences" .
    ?graph a prov:Entity ; omero:merkleRoot ?root ; prov:wasGeneratedBy ?export .
    ?export a prov:Activity ; omero:databaseUuid ?uuid .
    ?software a prov:SoftwareAgent ; schema:softwareVersion ?version .
    ?who a prov:Person ; schema:name ?person .
    ?account prov:actedOnBehalfOf ?who .
    ?file spdx:checksum [ spdx:checksumValue ?sum ; prov:wasAttributedTo ?server ] .
    ?server omero:databaseUuid "0d9cbb52-4e0b-4f0e-8a6f-6f1f0c7a2e55" .
}
"""


def test_sparql_finds_who_verified_what(bundle: Bundle, document: bytes) -> None:
    graph = rdflib.Graph().parse(data=document.decode(), format="json-ld")
    rows = {tuple(map(str, row)) for row in graph.query(QUESTION)}  # type: ignore[arg-type, union-attr]
    receipt, header = receipt_of(bundle), bundle.graph().header
    assert rows == {
        (
            *(receipt.root, "0.1.0", "Ada Lovelace", header.base + file.node),
            *(file.checksums[-1].value, header.database_uuid),
        )
        for file in files_of(bundle)
        if len(file.checksums) > 1
    }


def test_pyld_and_rdflib_read_the_same(document: bytes) -> None:
    def refuse(url: str, _: object) -> None:
        raise AssertionError(url)

    options = {"format": "application/n-quads", "documentLoader": refuse}
    quads = pyld.to_rdf(json.loads(document), options)
    one = rdflib.Graph().parse(data=quads, format="nt")
    other = rdflib.Graph().parse(data=document.decode(), format="json-ld")
    assert len(one) > 100
    assert rdflib.compare.isomorphic(one, other)


def test_every_member_is_defined(document: bytes) -> None:
    """A member that the context does not define would be lost as RDF."""
    terms = json.loads(document)["@context"]
    used = {name for entity in json.loads(document)["@graph"] for name in entity}
    assert used - {"@id", "@type"} <= set(terms)
    for entity in json.loads(document)["@graph"]:
        for inside in entity.get("checksums", []):
            assert set(inside) <= set(terms)


def test_the_header_means_the_same_as_in_the_graph(document: bytes) -> None:
    """If the graph's header changes, receipts need a new format, and this one is still read."""
    terms, of_graph = json.loads(document)["@context"], jsonld.context()
    for member in values.members(values.HEADER):
        assert terms[member.name] == of_graph[member.name]
    assert all(terms[name] == of_graph[name] for name in values.PREFIXES if name in terms)


# -- hostile ------------------------------------------------------------------------------------


def lines_of(document: bytes) -> list[str]:
    return document.decode().split("\n")


ODD: tuple[Any, ...] = (7, -1, 1.5, True, None, "x", "", [], ["x"], {}, {"@id": "x"}, [[]])


def variants(document: bytes) -> list[bytes]:
    """Return documents in which one member of one line is lost, or has another value."""
    lines = lines_of(document)
    found = []
    for number, line in enumerate(lines[1:-2], 1):
        record = json.loads(line.removesuffix(","))
        for name in record:
            others: list[dict[str, Any]] = [{k: v for k, v in record.items() if k != name}]
            others += [
                record | {name: value}
                for value in ODD
                if value != record[name] or type(value) is not type(record[name])
            ]
            for other in others:
                tail = "," if line.endswith(",") else ""
                text = json.dumps(other, ensure_ascii=False) + tail
                found.append("\n".join([*lines[:number], text, *lines[number + 1 :]]).encode())
    return found


def test_no_member_can_be_lost_or_changed_without_notice(document: bytes) -> None:
    expected, refused, tried = reading(document), [], variants(document)
    for each in tried:
        try:
            assert reading(each) != expected, each
        except BadDocument as error:
            refused.append(error.where)
    assert all("line" in where for where in refused)
    assert len(refused) > len(tried) * 0.7


def test_no_document_can_be_cut(document: bytes) -> None:
    for length in range(0, len(document), 7):
        with pytest.raises(BadDocument):
            reading(document[:length])


def test_no_line_can_be_lost_repeated_or_moved(document: bytes) -> None:
    lines = lines_of(document)
    for number in range(len(lines) - 1):
        for other in (
            [*lines[:number], *lines[number + 1 :]],
            [*lines[: number + 1], *lines[number:]],
        ):
            with pytest.raises(BadDocument):
                reading("\n".join(other).encode())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"@version": 1.1,', '"@version": 1.1, "x": "http://e.org/",', "the context"),
        ('"prov:used"', '"prov:wasInvalidatedBy"', "the context"),
        ('{"@version": 1.1,', '["http://127.0.0.1:9/context", {"@version": 1.1,', "JSON"),
        ("urn:uuid:5d3c1e0a", "urn:uuid:5d3c1e0aa", "IRI"),
        ('"nodes": 38', '"nodes": 1, "nodes": 38', "appears twice"),
        ('"nodes": 38', '"nodes": NaN', "NaN"),
        ('"nodes": 38', '"nodes": ' + "1" * 5000, "JSON"),
        ('"ada"', '"\\ud800"', "JSON"),
        ('"ada"', "[" * 100_000, "JSON"),
        ('"ada"', '"' + "a" * 2**24 + '"', "longer"),
        ("graphxfer receipt 1", "graphxfer receipt 2", "format"),
        ('"files": 3', '"files": 4', "too few|few|@id|wasGeneratedBy|@type|verifiedBy"),
        ('"differences": 2', '"differences": 0', "outcome"),
        ("2026-11-24T09:30:00", "2026-13-24T09:30:00", "month"),
        ('"class": "Image"', '"class": "' + "I" * 101 + '"', "name of a class"),
        ("OriginalFile/3", "../../etc/passwd", "IRI"),
        ("OriginalFile/3", "this:verification", "IRI"),
    ],
)
def test_a_hostile_receipt_is_refused(document: bytes, old: str, new: str, reason: str) -> None:
    text = document.decode()
    assert old in text
    with pytest.raises(BadDocument, match=reason):
        reading(text.replace(old, new).encode())


def test_classes_are_few_and_sorted(document: bytes) -> None:
    """So no class appears twice, and memory has a limit."""
    lines = lines_of(document)
    first = next(n for n, line in enumerate(lines) if '"@id": "this:graph/' in line)
    swapped = [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]
    with pytest.raises(BadDocument, match="not sorted"):
        reading("\n".join(swapped).encode())
    part = json.loads(lines[first].removesuffix(","))
    letters = itertools.product("abcdefghijkl", repeat=3)
    many = [
        json.dumps(part | {"@id": f"this:graph/{name}", "class": name}) + ","
        for name in map("".join, letters)
    ]
    with pytest.raises(BadDocument, match="too many"):
        reading("\n".join([*lines[:first], *many, *lines[first:]]).encode())


def test_text_that_is_not_utf8_is_refused(document: bytes) -> None:
    with pytest.raises(BadDocument, match="UTF-8"):
        reading(document.replace(b"Lovelace", b"\xff"))


def test_a_graph_is_not_a_receipt(bundle: Bundle) -> None:
    with pytest.raises(BadDocument, match="line 1"), Path(bundle.graph_path).open("rb") as stream:
        read.read(stream)
