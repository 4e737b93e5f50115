# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare two graphs, and ignore differences that the catalogue allows."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from graphxfer import catalogue
from graphxfer.catalogue import Class, Maker, Value
from graphxfer.graph.transfer_graph import Node, TransferGraph

Shown = Value | tuple[str, ...] | None
"""One side of a difference: a field's value, targets of an edge, or None."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between an expected and an actual graph.

    Parameters
    ----------
    node : str
        IRI in the expected graph.
    kind : str
        ``missing`` (node), ``field``, ``lost`` (expected edge) or ``extra`` (unexpected edge).
    name : str
        Name of the field or edge; empty for a missing node.
    expected, actual : value, targets or None
        The values or targets of each side.
    found_at : str
        IRI of the counterpart in the actual graph; empty if it has none.
    """

    node: str
    kind: str
    name: str = ""
    expected: Shown = None
    actual: Shown = None
    found_at: str = ""

    def __str__(self) -> str:
        where = f"{self.node} (counterpart {self.found_at})" if self.found_at else self.node
        if self.kind == "missing":
            return f"{where}: missing"
        if self.kind == "field":
            values = f"{_short(self.actual)}, expected {_short(self.expected)}"
            return f"{where}: {self.name} is {values}"
        if self.kind == "lost":
            return f"{where}: {self.name} does not have {_short(self.expected)}"
        return f"{where}: {self.name} also has {_short(self.actual)}"


def _short(value: Shown, limit: int = 80) -> str:
    text = "nothing" if value is None else repr(value)
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        text = ", ".join(map(str, value)) or "nothing"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


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
        The graph as it should be.
    actual : TransferGraph
        The graph as it is.
    same : mapping
        For each IRI of `expected` the IRI of its counterpart in `actual`.
    extra_allowed : container of str
        IRIs of expected nodes that may have more edges: they existed before (reused, merged).

    Yields
    ------
    Difference
        In the order of the expected graph. Not compared: users, groups, link nodes, and fields
        and edges that the catalogue marks with `varies`.
    """
    back = {theirs: ours for ours, theirs in same.items()}
    # An export has all fields, so an absent one is null. Other documents may omit fields.
    complete = bool(expected.header.database_uuid)
    for node in expected:
        entry = catalogue.CLASSES.get(node.type)
        if entry is None or entry.maker is Maker.SERVER:
            continue
        counterpart = same.get(node.iri, "")
        other = actual.get(counterpart)
        if other is None or other.type != node.type:
            yield Difference(node.iri, "missing", found_at=counterpart)
            continue
        yield from _fields(entry, node, other, complete=complete)
        yield from _edges(entry, node, other, expected, same, back, node.iri in extra_allowed)


def _fields(entry: Class, node: Node, other: Node, *, complete: bool) -> Iterator[Difference]:
    for field in entry.fields:
        if field.varies or not (complete or field.name in node.fields):
            continue
        if field.when_same and _values(node, other, field.when_same) is not None:
            continue
        unequal = _values(node, other, field.name)
        if unequal is not None:
            yield Difference(node.iri, "field", field.name, *unequal, found_at=other.iri)


def _values(node: Node, other: Node, name: str) -> tuple[Shown, Shown] | None:
    """Return both values of a field, or None if they are equal; NaN equals NaN here."""
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
