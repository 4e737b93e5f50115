# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes to JSON and back: one object a node; each member is checked when it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field
from graphxfer.errors import BadDocument
from graphxfer.graph import Header, LeftOut, Node, TransferGraph
from graphxfer.graph.jsonld.values import (
    ENCODINGS,
    HEADER,
    TRANSFER,
    Record,
    inner,
    members,
    to_long,
    to_text,
)

_ID = "(0|[1-9][0-9]{0,18})"
NODE_IRI = re.compile(f"([A-Za-z]+)/{_ID}", re.ASCII)
BASE_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s<>\"{}|\\^`?#]+/")
NAMED = f"write <base>Type/id: https://omero.example.org/{catalogue.IMAGE}/51"
KNOWN = "contexts/graphxfer.jsonld lists the known types and members"


def to_records(graph: TransferGraph) -> Iterator[Record]:
    """Iterate over the header and all nodes as JSON."""
    yield header_record(graph.header)
    encoders: dict[str, Encoder] = {}
    for node in graph:
        encode = encoders.get(node.type)
        if encode is None:
            encode = encoders[node.type] = Encoder(_entry(node.type, node.iri))
        yield encode(node)


class Encoder:
    """Nodes of one class to JSON; members in the catalogue's order, so that documents diff."""

    def __init__(self, entry: Class) -> None:
        self.fields = [(field.name, ENCODINGS[field.type].encode) for field in entry.fields]
        self.edges = [(edge.name, edge.many) for edge in entry.edges]

    def __call__(self, node: Node) -> Record:
        """Return a node as JSON."""
        record: Record = {"@id": node.iri, "@type": node.type}
        fields, edges = node.fields, node.edges
        for name, encode in self.fields:
            if name in fields:
                record[name] = encode(fields[name]) if encode else fields[name]
        for name, many in self.edges:
            if name in edges:
                record[name] = list(edges[name]) if many else edges[name][0]
        if len(record) != 2 + len(fields) + len(edges):
            unknown = ", ".join(sorted({*fields, *edges} - set(record)))
            raise BadDocument(f"{node.type} has no member {unknown}", where=node.iri)
        return record


def header_record(header: Header) -> Record:
    """Return the header as JSON."""
    left_out = [
        {"type": missing.type, "number": missing.number, "why": missing.why}
        for missing in header.left_out
    ]
    values = {
        "databaseUuid": header.database_uuid,
        "serverVersion": header.server_version,
        "madeBy": header.made_by,
        "madeAt": header.made_at,
        "roots": list(header.roots),
        "cameAlong": list(header.included),
        "leftOut": left_out,
    }
    present = {name: value for name, value in values.items() if value}
    return {"@id": TRANSFER, "@type": HEADER.name} | present


class _Member(NamedTuple):
    """How one member of a class is read."""

    name: str
    decode: Callable[[Any], Any]
    is_edge: bool


class Decoder:
    """JSON to nodes; strings that repeat in a graph (IRI, type, name) are stored once.

    Its errors do not name the line: the caller adds it.

    Parameters
    ----------
    understood : mapping, optional
        The classes and members that the document's context defines; None for the whole catalogue.
    """

    def __init__(self, understood: Mapping[str, Container[str]] | None = None) -> None:
        self._understood = understood
        self._iris: dict[str, str] = {}
        self._classes: dict[Any, tuple[str, dict[str, _Member]]] = {}

    def __call__(self, record: Record) -> Node:
        """Return the node of a JSON object."""
        iri = self.iri(record.pop("@id", None))
        type_ = record.pop("@type", None)
        try:
            type_, table = self._classes[type_]
        except (KeyError, TypeError):
            type_, table = self._learn(type_, iri)
        if not iri.startswith(type_ + "/"):
            raise BadDocument(f"{iri}: the IRI does not match the type {type_}")
        fields: dict[str, catalogue.Value] = {}
        edges: dict[str, tuple[str, ...]] = {}
        for key, raw in record.items():
            member = table.get(key)
            if member is None:
                raise BadDocument(f"{iri}: {type_} has no member {key!r}", do=KNOWN)
            if raw is None:
                continue
            name, decode, is_edge = member
            try:
                value = decode(raw)
            except ValueError as error:
                raise BadDocument(f"{iri}: {name} {error}") from None
            if not is_edge:
                fields[name] = value
            elif value:
                edges[name] = value
        return Node(iri, type_, fields, edges)

    def iri(self, raw: Any) -> str:
        """Check a node's IRI, and return it as one shared string."""
        known = self._iris.get(raw) if type(raw) is str else None
        if known is None:
            if type(raw) is not str or not NODE_IRI.fullmatch(raw):
                raise BadDocument(f"{raw!r:.200} is not a valid IRI of a node", do=NAMED)
            known = self._iris[raw] = raw
        return known

    def iris(self, raw: Any) -> tuple[str, ...]:
        """Return the IRIs of an edge to any class, such as the header's."""
        return tuple(self.iri(each) for each in (raw if type(raw) is list else [raw]))

    def _learn(self, type_: Any, iri: str) -> tuple[str, dict[str, _Member]]:
        """Build the table of a class, when its first node is read."""
        entry = _entry(type_, iri)
        table = {
            field.name: _Member(field.name, _decoder(field), is_edge=False)
            for field in entry.fields
        }
        for edge in entry.edges:
            table[edge.name] = _Member(edge.name, self._targets(edge), is_edge=True)
        if self._understood is not None:
            if entry.name not in self._understood:
                raise BadDocument(f"{iri}: the document's context does not define {entry.name}")
            defined = self._understood[entry.name]
            table = {name: member for name, member in table.items() if name in defined}
        return self._classes.setdefault(entry.name, (entry.name, table))

    def _targets(self, edge: Edge) -> Callable[[Any], tuple[str, ...]]:
        """Return the function that reads the targets of an edge."""
        names = "|".join(entry.name for entry in catalogue.subclasses(edge.target))
        is_allowed = re.compile(f"(?:{names})/{_ID}", re.ASCII).fullmatch
        keep, many, ordered, varies = self._iris.setdefault, edge.many, edge.ordered, edge.varies
        shared: dict[str, tuple[str, ...]] = {}  # thousands of nodes have the same owner

        def one(raw: Any) -> str:
            if type(raw) is str and is_allowed(raw):
                return keep(raw, raw)
            raise ValueError(f"may not refer to {self.iri(raw)}")

        def decode(raw: Any) -> tuple[str, ...]:
            if type(raw) is str:
                known = shared.get(raw)
                if known is None:
                    known = (one(raw),)
                    if varies:
                        shared[raw] = known
                return known
            targets = tuple(map(one, raw if type(raw) is list else [raw]))
            if not ordered:
                targets = tuple(dict.fromkeys(targets))
            if not many and len(targets) > 1:
                raise ValueError("has more than one value")
            return targets

        return decode


def _decoder(field: Field) -> Callable[[Any], Any]:
    """Return the function that reads a field's values."""
    decode = ENCODINGS[field.type].decode
    units = catalogue.units(field.of)
    if not units:
        return decode

    def measured(raw: Any) -> Any:
        quantity = decode(raw)
        if quantity.unit not in units:
            raise ValueError(f"has an unknown unit: {quantity.unit!r:.80}")
        return quantity

    return measured


def _entry(type_: Any, iri: str) -> Class:
    entry = None
    if type(type_) is str:
        entry = catalogue.CLASSES.get(type_) or catalogue.link_node(type_)
    if entry is None:
        raise BadDocument(f"{iri}: the type {type_!r:.200} is unknown", do=KNOWN)
    return entry


def to_header(record: Record, base: str, where: str) -> Header:
    """Return a document's header from its JSON."""
    if record.get("@id") != TRANSFER or record.get("@type") != HEADER.name:
        raise BadDocument(f"expected the header, {TRANSFER!r}", where=where)
    unknown = set(record) - {"@id", "@type"} - {member.name for member in members(HEADER)}
    if unknown:
        raise BadDocument(f"the header has no member {', '.join(sorted(unknown))}", where=where)
    iris = Decoder().iris
    try:
        return Header(
            base,
            to_text(record.get("databaseUuid", "")),
            to_text(record.get("serverVersion", "")),
            to_text(record.get("madeBy", "")),
            to_text(record.get("madeAt", "")),
            iris(record.get("roots", [])),
            iris(record.get("cameAlong", [])),
            _to_left_out(record.get("leftOut", [])),
        )
    except (BadDocument, ValueError) as error:
        what = error.what if isinstance(error, BadDocument) else str(error)
        raise BadDocument(f"the header is not valid: {what}", where=where) from None


def _to_left_out(raw: Any) -> tuple[LeftOut, ...]:
    if type(raw) is not list:
        raise ValueError("leftOut is not a list")
    rows = [inner(each, LeftOut.__match_args__) for each in raw]
    return tuple(
        LeftOut(to_text(type_), to_long(number), to_text(why)) for type_, number, why in rows
    )


def checked_base(base: Any, where: str) -> str:
    """Return the base, if it is valid."""
    if type(base) is not str or not BASE_IRI.fullmatch(base):
        raise BadDocument(
            f"{base!r:.200} is not a valid base of IRIs",
            where=where,
            do="write an absolute IRI that ends with a slash: https://omero.example.org/",
        )
    return base
