# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether two graphs are equal but for what the catalogue says legitimately differs."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from graphxfer import catalogue
from graphxfer.catalogue import Class, Maker, Value
from graphxfer.graph.transfer_graph import Node, TransferGraph

Told = Value | tuple[str, ...] | None
"""What a difference tells of either side; None where there is nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be.

    Parameters
    ----------
    node : str
        IRI in the expected graph.
    kind : str
        ``missing`` (no such node), ``field``, ``lost`` (edge that should be there) or ``extra``.
    name : str
        The field's or edge's name; empty for a missing node.
    expected, actual : value, targets or None
        What either side has.
    found_at : str
        IRI of its counterpart in the actual graph, where there is one.
    """

    node: str
    kind: str
    name: str = ""
    expected: Told = None
    actual: Told = None
    found_at: str = ""

    def __str__(self) -> str:
        there = f" ({self.found_at} there)" if self.found_at else ""
        if self.kind == "missing":
            return f"{self.node}{there}: is not there"
        if self.kind == "field":
            values = f"{_short(self.actual)}, not {_short(self.expected)}"
            return f"{self.node}{there}: {self.name} is {values}"
        if self.kind == "lost":
            return f"{self.node}{there}: {self.name} lacks {_short(self.expected)}"
        return f"{self.node}{there}: {self.name} has {_short(self.actual)} besides"


def _short(value: Told, limit: int = 80) -> str:
    text = "nothing" if value is None else repr(value)
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        text = ", ".join(map(str, value)) or "nothing"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def compare(
    expected: TransferGraph,
    actual: TransferGraph,
    same: Mapping[str, str],
    extra_allowed: Container[str] = (),
) -> Iterator[Difference]:
    """Compare two graphs, node by node.

    Parameters
    ----------
    expected : TransferGraph
        What should be there.
    actual : TransferGraph
        What is there.
    same : mapping
        For each IRI of `expected` the IRI of its counterpart in `actual`.
    extra_allowed : container of str
        IRIs of expected nodes that were there before (reused, merged), and may have more edges.

    Yields
    ------
    Difference
        In the order of the expected graph. Users, groups and what `varies` are not compared, nor
        are link nodes: who owns a link is the server's own affair.
    """
    back = {there: here for here, there in same.items()}
    # A server tells everything, so what it does not tell is null; a document may just not say it.
    told = bool(expected.header.database_uuid)
    for node in expected:
        entry = catalogue.CLASSES.get(node.type)
        if entry is None or entry.maker is Maker.SERVER:
            continue
        there = same.get(node.iri, "")
        other = actual.get(there)
        if other is None or other.type != node.type:
            yield Difference(node.iri, "missing", found_at=there)
            continue
        yield from _fields(entry, node, other, told=told)
        yield from _edges(entry, node, other, expected, same, back, node.iri in extra_allowed)


def _fields(entry: Class, node: Node, other: Node, *, told: bool) -> Iterator[Difference]:
    for field in entry.fields:
        if field.varies or not (told or field.name in node.fields):
            continue
        if field.when_same and _values(node, other, field.when_same) is not None:
            continue
        unequal = _values(node, other, field.name)
        if unequal is not None:
            yield Difference(node.iri, "field", field.name, *unequal, found_at=other.iri)


def _values(node: Node, other: Node, name: str) -> tuple[Told, Told] | None:
    """Return both values of a field where they differ; NaN is equal to itself."""
    ours, theirs = node.fields.get(name), other.fields.get(name)
    # NaN is unequal to itself, but its repr is not.
    if ours == theirs or repr(ours) == repr(theirs):
        return None
    return ours, theirs


def _edges(
    entry: Class,
    node: Node,
    other: Node,
    expected: TransferGraph,
    same: Mapping[str, str],
    back: Mapping[str, str],
    extra_allowed: bool,
) -> Iterator[Difference]:
    for edge in entry.edges:
        if edge.varies:
            continue
        # An edge that leads out of the graph has no counterpart to look for.
        wanted = [target for target in node.edges.get(edge.name, ()) if target in expected]
        found = [back.get(target, target) for target in other.edges.get(edge.name, ())]
        lost = tuple(target for target in wanted if target not in set(found))
        extra = tuple(target for target in found if target not in set(wanted))
        if lost:
            yield Difference(node.iri, "lost", edge.name, expected=lost, found_at=other.iri)
        if extra and not extra_allowed:
            yield Difference(node.iri, "extra", edge.name, actual=extra, found_at=other.iri)
        if edge.ordered and not lost and not extra and wanted != found:
            yield Difference(
                node.iri, "field", f"order of {edge.name}", tuple(wanted), tuple(found), other.iri
            )
