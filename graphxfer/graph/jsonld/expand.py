# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON-LD of other programs, read through pyld: expanded, nested, with another context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from graphxfer.catalogue import Class, Edge, Field
from graphxfer.errors import BadDocument
from graphxfer.graph import TransferGraph
from graphxfer.graph.jsonld.nodes import KNOWN, NAMED, NODE_IRI, Decoder, checked_base, to_header
from graphxfer.graph.jsonld.values import HEADER, TRANSFER, Record, classes, is_list, members, parts

_NOWHERE = "nowhere:///"
"""The base of relative IRIs in a document without one; such IRIs are refused."""
MAX_DEPTH = 64
"""The deepest nesting of a document; the catalogue needs about 20 levels."""


def read_any(document: Any, where: str = "the JSON-LD document") -> TransferGraph:
    """Read parsed JSON-LD of any form through pyld: expanded, nested, with another context.

    The network is never used: the context must be inline. Nodes must be of the catalogue, with
    IRIs ``<base>Type/id``. A node that is described in several places is merged.

    Parameters
    ----------
    document : object
        The result of a JSON parser.
    where : str
        Named in messages.

    Returns
    -------
    TransferGraph
        Its graph.

    Raises
    ------
    BadDocument
        If it is not JSON-LD, or has types or members that are not in the catalogue.
    """
    try:
        foreign = _Foreign(_flatten(document))
        base = checked_base(foreign.base.removeprefix(_NOWHERE), where)
        graph = TransferGraph(to_header(foreign.header, base, where))
        decode = Decoder()
        for record in foreign.records():
            graph.add(decode(record))
        foreign.refuse_leftovers()
    except BadDocument as error:
        raise BadDocument(error.what, where=error.where or where, do=error.do) from None
    return graph


def _flatten(document: Any) -> list[Record]:
    """Return the document's nodes, expanded and flattened."""
    if not isinstance(document, dict | list):  # pyld would read a string as an address
        raise BadDocument("is not valid JSON-LD: neither an object nor a list")
    from pyld import jsonld as pyld  # takes a quarter of a second

    wanted: list[str] = []

    def refuse(url: str, _: object) -> NoReturn:
        wanted.append(url.removeprefix(_NOWHERE))
        raise ValueError

    _refuse_depth(document)
    try:
        options = {"documentLoader": refuse, "base": _NOWHERE}
        nodes: list[Record] = pyld.flatten(document, None, options)
    except (pyld.JsonLdError, ValueError, TypeError, LookupError, RecursionError) as error:
        if wanted:
            raise BadDocument(
                f"refers to {wanted[0]:.300}; graphxfer does not load documents from elsewhere",
                do="write the context into the document",
            ) from None
        raise BadDocument(f"is not valid JSON-LD: {_reason(error):.300}") from None
    return nodes


def _reason(error: BaseException) -> str:
    """Return the first cause of a pyld error, which says most."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error.args[0] if error.args else error)


def _refuse_depth(document: Any) -> None:
    """Raise BadDocument if a document is nested too deep."""
    level = [document]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        if not inner:
            return
        level = inner
    raise BadDocument(f"is nested deeper than {MAX_DEPTH} levels")


class _Foreign:
    """Flattened JSON-LD, converted to the objects of graphxfer's own documents.

    Parameters
    ----------
    nodes : list of dict
        The result of pyld's flatten.
    """

    def __init__(self, nodes: list[Record]) -> None:
        self._inner = {node["@id"]: node for node in nodes if _is_inner(node)}
        self._used: set[str] = set()
        named = [node for node in nodes if node["@id"] not in self._inner]
        headers = [node for node in named if node.get("@type") == [HEADER.iri]]
        self._nodes = [node for node in named if node not in headers]
        if len(headers) > 1:
            raise BadDocument(f"has {len(headers)} headers ({HEADER.name}), not one")
        self.base = _base_of([*headers, *self._nodes])
        empty = {"@id": self.base + TRANSFER, "@type": [HEADER.iri]}
        self.header = self._record(headers[0] if headers else empty, HEADER)

    def records(self) -> Iterator[Record]:
        """Iterate over the nodes in the form of graphxfer's documents."""
        by_iri = {entry.iri: entry for entry in classes()}
        for node in self._nodes:
            types = node.get("@type", [])
            entry = by_iri.get(types[0]) if len(types) == 1 else None
            if entry is None:
                names = ", ".join(types) or "none"
                raise BadDocument(f"{node['@id']}: the type {names:.200} is unknown", do=KNOWN)
            yield self._record(node, entry)

    def refuse_leftovers(self) -> None:
        """Raise BadDocument if a part without an IRI belongs to no node."""
        if left := sorted(set(self._inner) - self._used):
            raise BadDocument(f"the node {left[0]} has no IRI", do="give it the IRI <base>Type/id")

    def _record(self, node: Record, entry: Class) -> Record:
        known = {member.iri: member for member in members(entry)}
        record: Record = {"@id": self._relative(node["@id"]), "@type": entry.name}
        for iri, values in node.items():
            if iri in ("@id", "@type"):
                continue
            member = known.get(iri)
            if member is None:
                raise BadDocument(f"{node['@id']}: {entry.name} has no member {iri}", do=KNOWN)
            try:
                record[member.name] = self._raw(member, values)
            except (LookupError, TypeError, ValueError, AttributeError):
                raise BadDocument(f"{node['@id']}: {iri} has a value of the wrong type") from None
        return record

    def _raw(self, member: Field | Edge, values: list[Any]) -> Any:
        """Return a member's values in the form of graphxfer's documents."""
        if is_list(member):
            (whole,) = values
            values = whole["@list"]
        if isinstance(member, Edge):
            return [self._relative(value["@id"]) for value in values]
        inside = parts(member)
        raw = [self._part(value["@id"], inside) if inside else value["@value"] for value in values]
        if is_list(member):
            return raw
        (one,) = raw
        return one

    def _part(self, label: str, inside: tuple[Field, ...]) -> Record:
        """Return a value that is an object, such as a quantity."""
        node = self._inner[label]
        self._used.add(label)
        return {part.name: self._raw(part, node[part.iri]) for part in inside}

    def _relative(self, iri: str) -> str:
        return iri.removeprefix(self.base)


def _is_inner(node: Record) -> bool:
    label: str = node["@id"]
    return label.startswith("_:")


def _base_of(nodes: list[Record]) -> str:
    """Return the common base of the nodes' IRIs."""
    if not nodes:
        raise BadDocument("has no nodes")
    first: str = nodes[0]["@id"]
    if first.endswith(TRANSFER):
        return first.removesuffix(TRANSFER)
    head, _, number = first.rpartition("/")
    base, _, type_ = head.rpartition("/")
    if not NODE_IRI.fullmatch(f"{type_}/{number}"):
        raise BadDocument(f"{first!r:.200} is not a valid IRI of a node", do=NAMED)
    return base + "/"
