# SPDX-License-Identifier: GPL-2.0-or-later
"""Write a graph as N-Triples, for every RDF tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from rdflib import RDF

from graphxfer.catalogue import Class, Edge, Field
from graphxfer.errors import BadDocument
from graphxfer.graph import Header, Node, class_of
from graphxfer.graph.jsonld.nodes import checked_base, header_record
from graphxfer.graph.jsonld.values import ENCODINGS, HEADER, datatype, is_list, members, parts

Write = Callable[[str, Any], str]
"""Returns the lines of N-Triples for a subject (as written) and a member's value."""

TYPE, FIRST, REST, NIL = (f"<{term}>" for term in (RDF.type, RDF.first, RDF.rest, RDF.nil))
_END = re.compile(r".*/#?([A-Za-z]+(?:/[0-9]+)?)>")
_SPECIAL = re.compile(r'["\\\n\r]')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


class Triples:
    """Writes nodes as N-Triples: the same triples as in the JSON-LD document.

    Parameters
    ----------
    header : Header
        The graph's header, with the base of the nodes' relative IRIs.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.base = checked_base(header.base, "the graph's header")
        self._tables: dict[str, tuple[str, dict[str, Write]]] = {}

    def of(self, nodes: Iterable[Node]) -> Iterator[str]:
        """Iterate over the header's lines, then over those of each node."""
        yield self.of_header()
        yield from map(self.of_node, nodes)

    def of_node(self, node: Node) -> str:
        """Return the lines of a node.

        Raises
        ------
        BadDocument
            If it has members that are not in the catalogue.
        """
        type_line, table = self._tables.get(node.type) or self._learn(node)
        subject = f"<{self.base}{node.iri}>"
        lines = [subject + type_line]
        try:
            for name, value in node.fields.items():
                lines.append(table[name](subject, value))
            for name, targets in node.edges.items():
                lines.append(table[name](subject, targets))
        except KeyError:
            raise BadDocument(f"{node.type} has no member {name!r}", where=node.iri) from None
        return "".join(lines)

    def iri(self, node_iri: str) -> str:
        """Return the IRI of a node as written in N-Triples."""
        return f"<{self.base}{node_iri}>"

    def _learn(self, node: Node) -> tuple[str, dict[str, Write]]:
        """Create the table of a class for its first node."""
        return self._tables.setdefault(node.type, self._table(class_of(node)))

    def _table(self, entry: Class) -> tuple[str, dict[str, Write]]:
        table = {
            member.name: self._edge(member) if isinstance(member, Edge) else _field(member)
            for member in members(entry)
        }
        return f" {TYPE} <{entry.iri}> .\n", table

    def _edge(self, edge: Edge) -> Write:
        start, predicate = f"<{self.base}", f" <{edge.iri}> "
        if is_list(edge):
            return _list(edge, lambda _, target: (f"{start}{target}>", ""))

        def write(subject: str, targets: tuple[str, ...]) -> str:
            here = f"{subject}{predicate}{start}"
            return "".join([f"{here}{target}> .\n" for target in targets])

        return write

    def of_header(self) -> str:
        """Return the lines of the header."""
        record = header_record(self.header)
        subject = self.iri(record.pop("@id"))
        record.pop("@type")
        type_line, table = self._table(HEADER)
        return (
            subject
            + type_line
            + "".join(table[name](subject, value) for name, value in record.items())
        )


def _field(field: Field) -> Write:
    predicate = f" <{field.iri}> "
    item = _item(field)
    if is_list(field):
        return _list(field, item)
    if parts(field):

        def write_object(subject: str, value: Any) -> str:
            label, inner = item(_label(subject, field.name), value)
            return f"{subject}{predicate}{label} .\n{inner}"

        return write_object
    literal = _literal(field)
    return lambda subject, value: f"{subject}{predicate}{literal(value)} .\n"


def _list(member: Field | Edge, item: Callable[[str, Any], tuple[str, str]]) -> Write:
    """Return the writer of an RDF list. Its cells have labels from subject and position."""

    def write(subject: str, values: Sequence[Any]) -> str:
        lines, here = [], f"{subject} <{member.iri}> "
        for cell, value in zip(cells(subject, member.name, len(values)), values, strict=True):
            term, inner = item(f"{cell}v", value)
            lines.append(f"{here}{cell} .\n{cell} {FIRST} {term} .\n{inner}")
            here = f"{cell} {REST} "
        return "".join([*lines, f"{here}{NIL} .\n"])

    return write


def _item(field: Field) -> Callable[[str, Any], tuple[str, str]]:
    """Return the writer of one value: it returns the object, and lines about it."""
    inside = parts(field)
    if not inside:
        literal = _literal(field)
        return lambda _, value: (literal(value), "")
    writers = [(f" <{part.iri}> ", _literal(part), part.name) for part in inside]

    def write(label: str, value: Any) -> tuple[str, str]:
        # The header's parts are in a dict; those of a field in the order of its parts.
        values = [value[name] for _, _, name in writers] if isinstance(value, dict) else value
        lines = [
            f"{label}{predicate}{literal(part)} .\n"
            for (predicate, literal, _), part in zip(writers, values, strict=True)
        ]
        return label, "".join(lines)

    return write


def _literal(field: Field) -> Callable[[Any], str]:
    """Return the writer of a plain value."""
    type_, encode = datatype(field.type), ENCODINGS[field.type].encode
    end = f'"^^<{type_}>' if type_ else '"'
    is_special = _SPECIAL.search

    def write(value: Any) -> str:
        if encode:
            value = encode(value)
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, str) and is_special(value):
            value = value.translate(_ESCAPES)
        return f'"{value}{end}'

    return write


def cells(subject: str, name: str, number: int) -> list[str]:
    """Return the labels of a list's cells; the label of a cell's value ends with ``v``."""
    label = _label(subject, name)
    return [f"{label}x{place}" for place in range(number)]


def _label(subject: str, name: str) -> str:
    """Return the label of a blank node: the same in every run, so that diffs stay small."""
    (end,) = _END.findall(subject)
    return f"_:{end.replace('/', 'x')}x{name}"
