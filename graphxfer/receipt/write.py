# SPDX-License-Identifier: GPL-2.0-or-later
"""Write a receipt: JSON-LD with PROV-O terms, one entity a line. See docs/receipt.md.

Files and differences come last, so that documents of any length are written and read in bounded
memory. The context is inline and fixed: as JSON and as RDF, a receipt has one meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from graphxfer.errors import BadDocument
from graphxfer.graph import LeftOut
from graphxfer.graph.jsonld.nodes import NODE_IRI, checked_base, header_record
from graphxfer.graph.jsonld.values import TRANSFER, Record
from graphxfer.receipt.contents import (
    FORMAT,
    MAX_DIFFERENCES,
    MAX_LINE,
    By,
    File,
    Finding,
    Place,
    Receipt,
)

START, GRAPH, END = '{"@context": ', ', "@graph": [', "]}"
"""What the first line begins and ends with; the last line."""


def context(iri: str, base: str) -> dict[str, Any]:
    """Return the JSON-LD context of a receipt.

    Parameters
    ----------
    iri : str
        The receipt's IRI: the prefix ``this:``.
    base : str
        The base of the source's IRIs.
    """
    return {"@version": 1.1, "@base": base, "this": iri} | _terms()


def _terms() -> dict[str, Any]:
    """Return the terms of `FORMAT`; they never change, so that archived receipts can be read."""
    whole = {"@type": "xsd:integer"}
    left_out = {
        "@context": {
            "type": "omero:className",
            "number": {"@id": "omero:count", **whole},
            "why": "omero:reason",
        },
        "@container": "@list",
    }
    return {
        "dc": "http://purl.org/dc/elements/1.1/",
        "dcterms": "http://purl.org/dc/terms/",
        "omero": "http://www.openmicroscopy.org/TBD/omero/",
        "prov": "http://www.w3.org/ns/prov#",
        "schema": "http://schema.org/",
        "spdx": "http://spdx.org/rdf/terms#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "databaseUuid": "omero:databaseUuid",
        "serverVersion": "omero:serverVersion",
        "madeBy": "dc:creator",
        "madeAt": "dcterms:date",
        "roots": _link("prov:used"),
        "cameAlong": _link("omero:cameAlong"),
        "leftOut": {"@id": "omero:leftOut", **left_out},
        "notMoved": {"@id": "omero:notMoved", **left_out},
        **{name: _link(f"prov:{name}") for name in _LINKS},
        "verifiedBy": {"@reverse": "prov:used", "@type": "@id"},
        "startedAtTime": {"@id": "prov:startedAtTime", "@type": "xsd:dateTime"},
        "endedAtTime": {"@id": "prov:endedAtTime", "@type": "xsd:dateTime"},
        "format": "dcterms:conformsTo",
        "outcome": "omero:outcome",
        "files": {"@id": "omero:files", **whole},
        "differences": {"@id": "omero:differences", **whole},
        "nodes": {"@id": "omero:nodes", **whole},
        "merkleRoot": "omero:merkleRoot",
        "partOf": _link("dcterms:isPartOf"),
        "class": "omero:className",
        "compared": {"@id": "omero:compared", "@type": "xsd:boolean"},
        "notCompared": "omero:notCompared",
        "address": "schema:url",
        "group": "omero:group",
        "server": _link("omero:server"),
        "name": "schema:name",
        "version": "schema:softwareVersion",
        "path": "omero:path",
        "size": {"@id": "schema:contentSize", **whole},
        "checksums": {"@id": "spdx:checksum"},
        "algorithm": "omero:hasher",
        "value": "spdx:checksumValue",
        "by": _link("prov:wasAttributedTo"),
        "evidence": "omero:evidence",
        "about": _link("schema:about"),
        "foundAt": "omero:foundAt",
        "kind": "omero:kind",
        "member": "omero:member",
        "text": "schema:text",
    }


_LINKS = ("used", "wasAssociatedWith", "wasGeneratedBy", "actedOnBehalfOf")


def _link(iri: str) -> dict[str, str]:
    return {"@id": iri, "@type": "@id"}


# -- entities -----------------------------------------------------------------------------------


def write(
    receipt: Receipt, files: Iterable[File], findings: Iterable[Finding], stream: BinaryIO
) -> None:
    """Write a receipt.

    Parameters
    ----------
    receipt : Receipt
        The receipt, which counts the files and differences.
    files : iterable of File
        Its files.
    findings : iterable of Finding
        Its differences.
    stream : binary file
        Written to, in UTF-8.
    """
    terms = _dumped(context(receipt.iri, checked_base(receipt.header.base, "the graph's header")))
    stream.write(f"{START}{terms}{GRAPH}\n".encode())
    separator = ""
    for records in (_head(receipt), map(_of_file, files), map(_of_finding, findings, _numbers())):
        for record in records:
            line = f"{separator}{_dumped(record)}".encode()
            if len(line) > MAX_LINE:
                raise BadDocument(f"is longer than {MAX_LINE // 2**20} MiB", where=record["@id"])
            stream.write(line)
            separator = ",\n"
    stream.write(f"\n{END}\n".encode())


def _numbers() -> Iterator[int]:
    return iter(range(1, MAX_DIFFERENCES + 1))


def _dumped(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


def _head(receipt: Receipt) -> Iterator[Record]:
    """Iterate over the entities that every receipt has."""
    people = ["this:user", "this:person"] if receipt.person else ["this:user"]
    yield {
        "@id": "this:verification",
        "@type": "prov:Activity",
        "format": FORMAT,
        "startedAtTime": receipt.started,
        "endedAtTime": receipt.ended,
        "used": ["this:graph"],
        "wasAssociatedWith": ["this:software", *people],
        "outcome": receipt.outcome,
        "files": receipt.files,
        "differences": receipt.differences,
        "notMoved": [dict(zip(_LEFT_OUT, _astuple(one), strict=True)) for one in receipt.not_moved],
    }
    yield header_record(receipt.header)
    yield {
        "@id": "this:graph",
        "@type": "prov:Entity",
        "wasGeneratedBy": TRANSFER,
        "nodes": receipt.nodes,
        "merkleRoot": receipt.root,
    }
    for part in receipt.parts:
        yield {
            "@id": f"this:graph/{part.type}",
            "@type": "prov:Entity",
            "partOf": "this:graph",
            "class": part.type,
            "nodes": part.nodes,
            "merkleRoot": part.root,
            "compared": part.compared,
            "notCompared": list(part.not_compared),
        }
    header, there = receipt.header, receipt.destination
    yield _of_place(By.SOURCE, Place(header.base, header.database_uuid, header.server_version))
    yield _of_place(By.DESTINATION, there)
    user = {"@id": "this:user", "@type": "prov:Agent", "name": receipt.user}
    yield user | {"server": By.DESTINATION} | ({"actedOnBehalfOf": people[1]} if people[1:] else {})
    if receipt.person:
        yield {"@id": "this:person", "@type": "prov:Person", "name": receipt.person}
    software = {"@id": By.SOFTWARE, "@type": "prov:SoftwareAgent", "name": "graphxfer"}
    yield software | {"version": receipt.software}


_LEFT_OUT = ("type", "number", "why")


def _astuple(one: LeftOut) -> tuple[str, int, str]:
    return one.type, one.number, one.why


def _of_place(by: By, place: Place) -> Record:
    facts = {
        "address": place.address,
        "databaseUuid": place.database_uuid,
        "serverVersion": place.version,
        "group": place.group,
    }
    known = {name: fact for name, fact in facts.items() if fact}
    return {"@id": by, "@type": "prov:SoftwareAgent"} | known


def _of_file(file: File) -> Record:
    sums = [
        {"by": one.by, "evidence": one.evidence, "algorithm": one.algorithm, "value": one.value}
        for one in file.checksums
    ]
    record: Record = {"@id": file.node, "@type": "prov:Entity", "verifiedBy": "this:verification"}
    size = {} if file.size is None else {"size": file.size}
    return record | {"path": file.path} | size | {"checksums": sums}


def _of_finding(finding: Finding, number: int) -> Record:
    return {
        "@id": f"this:difference-{number}",
        "@type": "prov:Entity",
        "wasGeneratedBy": "this:verification",
        **({"about": finding.node} if NODE_IRI.fullmatch(finding.node) else {}),
        "kind": finding.kind,
        "member": finding.name,
        "foundAt": finding.found_at,
        "text": finding.text,
    }
