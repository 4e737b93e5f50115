# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare two graphs, and ignore differences that the catalogue allows.

The comparison is made in terms of the second graph: each IRI of the first is translated by the
`Correspondence`. What has no counterpart stays a `There`, and equals no IRI.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Maker, Value, Via
from graphxfer.errors import counted
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.digests import order_of
from graphxfer.graph.transfer_graph import Node, TransferGraph

Names = tuple[str | There, ...]
"""Objects: by their IRIs in the first graph, if they have one."""
Shown = Value | Names | None
"""One side of a difference: a field's value, objects, or None."""
ADDITIONS = ("extra", "added")
"""Kinds of differences that are additions: everything expected is there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between an expected and an actual graph.

    Parameters
    ----------
    node : str
        IRI in the expected graph.
    kind : str
        ``missing`` (node), ``shared`` (a counterpart of several nodes), ``field``, ``lost``
        (expected edge or link), ``extra`` (unexpected edge or link of it), ``added`` (another
        object refers to it), ``bytes`` (of a file), ``again`` (what its import created twice).
    name : str
        Name of the field or edge; empty for a node.
    expected, actual : value, objects or None
        The values or objects of each side.
    found_at : There, optional
        The counterpart in the actual graph.
    """

    node: str
    kind: str
    name: str = ""
    expected: Shown = None
    actual: Shown = None
    found_at: There | None = None

    @property
    def is_addition(self) -> bool:
        """Whether it is something that was added, and nothing is missing or changed."""
        return self.kind in ADDITIONS

    @property
    def objects(self) -> tuple[There, ...]:
        """The additional objects that it names."""
        named = self.actual if isinstance(self.actual, tuple) else ()
        return tuple(one for one in named if isinstance(one, There))

    def __str__(self) -> str:
        return self.text()

    def text(self, where: str = "at the destination") -> str:
        """Return a line for people; `where` names the actual graph."""
        actual, expected = short(self.actual, where), short(self.expected, where)
        node = f"{self.node} (counterpart {self.found_at})" if self.found_at else self.node
        what = {
            "missing": "missing",
            "shared": f"has its counterpart in common with {expected}",
            "field": f"{self.name} is {actual}, expected {expected}",
            "lost": f"{self.name} does not have {expected}",
            "extra": f"{self.name} also has {actual}",
            "added": f"{actual} refers to it ({self.name})",
            "bytes": self.name,
            "again": f"imported again as {actual}; `graphxfer apply` or `undo` removes that",
        }[self.kind]
        return f"{node}: {what}"


def short(value: Shown, where: str = "there", limit: int = 80) -> str:
    """Return one side of a difference for people; `where` names the actual graph."""
    text = "nothing" if value is None else repr(value)
    if isinstance(value, tuple) and all(isinstance(each, str | There) for each in value):
        shown = (f"{each} {where}" if isinstance(each, There) else str(each) for each in value)
        text = ", ".join(shown) or "nothing"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def compare(
    expected: TransferGraph,
    actual: GraphThere,
    same: Correspondence,
    before: Container[There] = (),
    aside: Container[There | tuple[There, There]] = (),
    imported: Container[There] = (),
    nodes: Iterable[Node] | None = None,
) -> Iterator[Difference]:
    """Compare two graphs, node by node.

    Parameters
    ----------
    expected : TransferGraph
        The graph as it should be.
    actual : GraphThere
        The graph as it is.
    same : Correspondence
        The counterparts in `actual` of the nodes of `expected`.
    before : container of There
        Counterparts that existed before (reused, merged). They may have more edges, except to
        counterparts that did not.
    aside : container of There or (There, There)
        What an import creates itself: an edge that leads to such an object from an object of an
        import is not an addition, nor is a link between two such ends.
    imported : container of There
        Counterparts that an import created.
    nodes : iterable of Node, optional
        The nodes of `expected` to compare; all by default.

    Yields
    ------
    Difference
        In the order of the expected graph. Not compared: users, groups, the owners of links, and
        fields and edges that the catalogue marks with `varies`.
    """
    return _Comparison(expected, actual, same, before, aside, imported).differences(
        expected if nodes is None else nodes
    )


class _Comparison:
    def __init__(
        self,
        expected: TransferGraph,
        actual: GraphThere,
        same: Correspondence,
        before: Container[There],
        aside: Container[There | tuple[There, There]],
        imported: Container[There],
    ) -> None:
        self._expected, self._actual, self._same = expected, actual, same
        self._before, self._aside, self._imported = before, aside, imported
        # An export has all fields, so an absent one is null. Other documents may omit fields.
        self._complete = bool(expected.header.database_uuid)
        self._wanted_links = Counter(
            (name, parent, child)
            for name in catalogue.link_classes()
            for node in expected.of_type(name)
            if (parent := node.target("parent")) and (child := node.target("child"))
        )
        self._found_links = Counter(
            (name, *ends) for name in catalogue.link_classes() for ends in actual.links(name)
        )

    def differences(self, nodes: Iterable[Node]) -> Iterator[Difference]:
        for node in nodes:
            entry = catalogue.CLASSES.get(node.type)
            if entry is None or entry.maker is Maker.SERVER:
                continue
            there = self._same.there(node.iri)
            fields = self._actual.fields(there) if there and there.type == node.type else None
            if there is None or fields is None:
                yield Difference(node.iri, "missing", found_at=there)
                continue
            if others := tuple(one for one in self._same.here(there) if one != node.iri):
                yield Difference(node.iri, "shared", expected=others, found_at=there)
            yield from self._fields(entry, node, there, fields)
            for edge in entry.edges:
                if not edge.varies:
                    yield from self._targets(edge, node, there)
                    if edge.via is Via.LINK:
                        yield from self._links(edge, node, there)

    def _fields(
        self, entry: Class, node: Node, there: There, actual: Mapping[str, Value]
    ) -> Iterator[Difference]:
        for field in entry.fields:
            unknown = field.computed or not self._complete
            if field.varies or (unknown and field.name not in node.fields):
                continue
            if field.when_same and _is_of_another_kind(node, actual, field):
                continue
            names = (field.name, *([field.when_same] if field.when_same else ()))
            for name in names:
                if unequal := _values(node, actual, name):
                    yield Difference(node.iri, "field", name, *unequal, found_at=there)

    def _targets(self, edge: Edge, node: Node, there: There) -> Iterator[Difference]:
        # An edge that leads out of the graph has no counterpart to look for.
        targets = [each for each in node.edges.get(edge.name, ()) if each in self._expected]
        wanted = {each: self._same.there(each) for each in targets}
        found = self._actual.targets(there, edge.name)
        actual, counterparts = set(found), set(wanted.values())
        lost = tuple(each for each, counterpart in wanted.items() if counterpart not in actual)
        extra = [e for e in found if e not in counterparts and self._is_added(there, e)]
        if lost:
            yield Difference(node.iri, "lost", edge.name, expected=lost, found_at=there)
        if extra:
            named = self._named(extra)
            yield Difference(node.iri, "extra", edge.name, actual=named, found_at=there)
        if edge.ordered and not lost and not extra and tuple(wanted.values()) != found:
            name, named = order_of(edge), self._named(found)
            yield Difference(node.iri, "field", name, tuple(targets), named, there)

    def _is_added(self, there: There, target: There) -> bool:
        """Tell whether an unexpected edge is an addition to something that was created."""
        is_old = there in self._before and (target in self._before or not self._same.here(target))
        by_import = (there, target) in self._aside or (
            there in self._imported and target in self._aside
        )
        return not is_old and not by_import

    def _named(self, found: Sequence[There]) -> Names:
        return tuple(name for each in found for name in self._same.here(each) or (each,))

    def _links(self, edge: Edge, node: Node, there: There) -> Iterator[Difference]:
        """Compare the numbers of links between the same two objects: links of several owners."""
        for target in node.edges.get(edge.name, ()):
            if (other := self._same.there(target)) is None:
                continue
            wanted = self._wanted_links[edge.attribute, node.iri, target] or 1
            found = self._found_links[edge.attribute, there, other] or 1
            if wanted == found or other not in self._actual.targets(there, edge.name):
                continue
            text = f"{counted(abs(wanted - found), 'more link')} to {target}, of another owner"
            if found < wanted:
                yield Difference(node.iri, "lost", edge.name, (text,), found_at=there)
            elif found > wanted and self._is_added(there, other):
                yield Difference(node.iri, "extra", edge.name, actual=(text,), found_at=there)


def _is_of_another_kind(node: Node, actual: Mapping[str, Value], field: Field) -> bool:
    """Tell whether both sides have a value, but not of the same kind: checksums of two algorithms.

    What the source does not know (a checksum, or its algorithm) cannot be compared, either.
    """
    ours, theirs = (
        (side.get(field.name), side.get(field.when_same)) for side in (node.fields, actual)
    )
    return None in ours or (None not in theirs and ours[1] != theirs[1])


def _values(
    node: Node, actual: Mapping[str, Value], name: str
) -> tuple[Value | None, Value | None] | None:
    """Return both values of a field, or None if they are equal; NaN equals NaN here."""
    ours, theirs = node.fields.get(name), actual.get(name)
    # NaN is unequal to itself, but its repr is not.
    if ours == theirs or repr(ours) == repr(theirs):
        return None
    return ours, theirs
