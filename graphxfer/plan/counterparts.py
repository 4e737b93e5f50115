# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the counterpart of each node among the objects that an import created.

Objects under a fileset are matched by their place (an image by its series, a channel by its order);
ROIs and annotations that the file itself holds are matched by their content. Nothing is guessed:
what does not match is an error, and objects that are not in the graph are reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cache

from graphxfer import catalogue
from graphxfer.catalogue import Edge, Maker, Value, Via
from graphxfer.errors import GraphxferError, counted
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree
from graphxfer.graph.fileset_tree import Siblings, Tree

REDO = "compare the two; `graphxfer undo` removes the import"


@dataclass(slots=True)
class Matched:
    """What an import created.

    Parameters
    ----------
    same : dict
        The counterpart's IRI for each IRI of the graph.
    edited : set of str
        IRIs of the graph whose counterparts are to be updated, as users did at the source.
    missing : list of str
        IRIs of the graph that the import at the source created, and this one did not: a plate.
    extras : list of str
        IRIs at the destination of objects that are not in the graph.
    """

    same: dict[str, str] = field(default_factory=dict)
    edited: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)


class Side:
    """One of the two graphs that are matched, with its fileset tree.

    Parameters
    ----------
    graph : TransferGraph
        The graph of the source, or of the new filesets at the destination.
    """

    def __init__(self, graph: TransferGraph) -> None:
        self.graph, self.tree, self.hanging = graph, Tree(graph), _Hanging(graph)


class Matcher:
    """Matches what imports created with the graph.

    Parameters
    ----------
    ours, theirs : Side
        The source's graph, and the destination's.
    """

    def __init__(self, ours: Side, theirs: Side) -> None:
        self._graph, self._there = ours.graph, theirs.graph
        self._trees, self._hanging = (ours.tree, theirs.tree), (ours.hanging, theirs.hanging)
        # A document of another program may omit a field that is not null.
        self._clearing = bool(self._graph.header.database_uuid)

    def match(self, fileset: str, found: str, known: Container[str] = ()) -> Matched:
        """Match one fileset.

        Parameters
        ----------
        fileset, found : str
            IRIs of the fileset in the graph and at the destination.
        known : container of str
            IRIs of the graph whose counterparts are known: a tag that several files hold.

        Raises
        ------
        GraphxferError
            If the import created other objects than those in the graph.
        """
        matched = Matched({fileset: found})
        self._under(fileset, found, matched)
        self._check_edges(matched)
        matched.missing = [
            iri
            for iri in self._trees[0].under(fileset)
            if iri not in matched.same and iri not in known
        ]
        self._content(matched, known)
        self._extras(found, matched)
        self._check_missing(matched)
        return matched

    # -- by place ---------------------------------------------------------------------------

    def _under(self, fileset: str, found: str, matched: Matched) -> None:
        """Pair the nodes under two filesets: by place first, the rest by content."""
        pairs, unsure = [(fileset, found)], list[tuple[str, Siblings, Siblings]]()
        while pairs or unsure:
            if pairs:
                iri, other = pairs.pop()
                self._check(self._graph[iri], self._there[other], fileset)
                branches = self._branches(iri, other)
                unsure += [(iri, *both) for both in branches if not _has_places(*both)]
                sure = [
                    pair for both in branches if _has_places(*both) for pair in _paired(iri, *both)
                ]
            else:
                sure = self._by_content(*unsure.pop(0), matched)
            for child, counterpart in sure:
                if child in self._graph and child not in matched.same:
                    matched.same[child] = counterpart
                    pairs.append((child, counterpart))

    def _branches(self, iri: str, other: str) -> list[tuple[Siblings, Siblings]]:
        ours = self._trees[0].branches(self._graph[iri])
        theirs = self._trees[1].branches(self._there[other])
        return list(zip(ours, theirs, strict=True))

    def _by_content(
        self, iri: str, mine: Siblings, yours: Siblings, matched: Matched
    ) -> list[tuple[str, str]]:
        """Pair the children that have no place of their own."""
        taken = set(matched.same.values())
        ours = [one for one in mine.children if one in self._graph and one not in matched.same]
        theirs = [one for one in yours.children if one in self._there and one not in taken]
        alike: defaultdict[Content, list[str]] = defaultdict(list)
        for one in theirs:
            alike[_fields(self._there[one])].append(one)
        pairs = []
        for one in list(ours):
            if choices := alike.get(_fields(self._graph[one])):
                pairs.append((one, choices.pop(0)))
                ours.remove(one)
                theirs.remove(pairs[-1][1])
        if len(ours) == len(theirs) == 1:
            return [*pairs, (ours[0], theirs[0])]
        if ours and theirs:
            raise _ambiguous(iri, mine)
        return pairs

    def _check(self, node: Node, other: Node, fileset: str) -> None:
        """Check the fields that every import of the same files sets alike."""
        entry = class_of(node)
        for one in entry.fields if entry.maker is Maker.IMPORT else ():
            wanted, found = node.fields.get(one.name), other.fields.get(one.name)
            strict = one.required and not one.editable and not one.varies
            if strict and wanted is not None and wanted != found:
                raise GraphxferError(
                    f"the import of {fileset} created a different {node.type}: "
                    f"{one.name} is {found!r}, expected {wanted!r}",
                    where=node.iri,
                    do=REDO,
                )

    def _check_edges(self, matched: Matched) -> None:
        """Check that several paths lead to one counterpart: a sample's well and acquisition."""
        back: dict[str, str] = {}
        for iri, other in matched.same.items():
            node, counterpart = self._graph[iri], self._there[other]
            entry = class_of(node)
            if entry.maker is not Maker.EITHER:
                continue
            lost = [
                edge.name
                for edge in entry.edges
                if edge.via is not Via.LINK
                for target in node.edges.get(edge.name, ())
                if matched.same.get(target, "") not in ("", *counterpart.edges.get(edge.name, ()))
            ]
            if lost or other in back:
                how = f"with another {lost[0]}" if lost else f"and for {back[other]}"
                raise GraphxferError(
                    f"the import created {other} for {iri}, {how}: the destination reads these "
                    "files differently",
                    where=iri,
                    do=REDO,
                )
            back[other] = iri

    def _check_missing(self, matched: Matched) -> None:
        """Check that the import did not create other objects of a class instead of the missing."""
        extra = {one.rpartition("/")[0]: one for one in matched.extras}
        for iri in matched.missing:
            if other := extra.get(self._graph[iri].type):
                raise GraphxferError(
                    f"the import created {other} where the graph has {iri}: the destination reads "
                    "these files differently",
                    where=iri,
                    do=REDO,
                )

    # -- by content ---------------------------------------------------------------------------

    def _content(self, matched: Matched, known: Container[str]) -> None:
        """Match annotations of matched nodes and nodes that refer to them, recursively."""
        pairs = list(matched.same.items())
        taken = set(matched.same.values())
        for iri, other in pairs:  # grows as we go
            node, counterpart = self._graph[iri], self._there[other]
            entry = class_of(node)
            if fileset_tree.edits(entry, node, clearing=self._clearing) != fileset_tree.edits(
                entry, _like(counterpart, node, clearing=self._clearing), clearing=self._clearing
            ):
                matched.edited.add(iri)
            alike: defaultdict[Content, list[str]] = defaultdict(list)
            for one in self._hanging[1].on(counterpart):
                if one not in taken:
                    alike[content(self._there, one)].append(one)
            for one in self._hanging[0].on(node) if alike else ():
                if one in matched.same or one in known:
                    continue
                if choices := alike.get(content(self._graph, one)):
                    new = list(_with_parts(self._graph, one, self._there, choices.pop(0)))
                    matched.same.update(new)
                    taken.update(there for _, there in new)
                    pairs += new

    def _extras(self, found: str, matched: Matched) -> None:
        """Collect objects that the import created and that are not in the graph."""
        taken, seen = set(matched.same.values()), set[str]()
        todo = self._trees[1].under(found)
        for iri in todo:  # grows as we go
            more = [one for one in self._hanging[1].on(self._there[iri]) if one not in seen]
            seen.update(more)
            todo += more
        matched.extras += [iri for iri in todo if iri not in taken]


def _like(counterpart: Node, node: Node, *, clearing: bool) -> Node:
    """Return the counterpart; with the node's fields only, where absent fields do not count."""
    if clearing:
        return counterpart
    fields = {name: v for name, v in counterpart.fields.items() if name in node.fields}
    return Node(counterpart.iri, counterpart.type, fields)


def _has_places(mine: Siblings, yours: Siblings) -> bool:
    """Tell whether their places identify the counterparts, or there is only one pair."""
    return mine.identified or len(mine.children) == len(yours.children) == 1


def _paired(iri: str, mine: Siblings, yours: Siblings) -> Iterator[tuple[str, str]]:
    """Iterate over pairs of children, by place or else by order."""
    if not mine.places:
        if len(mine.children) != len(yours.children) and mine.children:
            raise _other_number(iri, mine, yours)
        yield from zip(mine.children, yours.children, strict=False)
        return
    there = dict(zip(yours.places, yours.children, strict=True))
    if len(there) != len(yours.children) or len(set(mine.places)) != len(mine.places):
        raise _ambiguous(iri, mine)
    for place, child in zip(mine.places, mine.children, strict=True):
        if place not in there:
            raise _other_number(iri, mine, yours, f", none at {place}")
        yield child, there[place]


def _ambiguous(iri: str, mine: Siblings) -> GraphxferError:
    return GraphxferError(
        f"ambiguous: several objects with the edge {mine.edge} have the same place",
        where=iri,
        do=REDO,
    )


def _other_number(iri: str, mine: Siblings, yours: Siblings, where: str = "") -> GraphxferError:
    return GraphxferError(
        f"the import created {counted(len(yours.children), 'object')} with the edge {mine.edge}"
        f"{where}; the graph has {len(mine.children):,}: the destination reads these files "
        "differently",
        where=iri,
        do=REDO,
    )


# -- content ------------------------------------------------------------------------------------

Content = tuple[object, ...]
"""The content of an object: its class, fields, files and parts."""


def content(graph: TransferGraph, iri: str, *, files: bool = True, edited: bool = False) -> Content:
    """Return the content of an object: all but its id and its links.

    Parameters
    ----------
    graph : TransferGraph
        Which holds it.
    iri : str
        The object.
    files : bool
        Whether the file that it refers to counts.
    edited : bool
        Whether fields that users may change after an import count.
    """
    node = graph[iri]
    entry = class_of(node)
    fields = _fields(node, edited=edited)
    inner = tuple(
        content(graph, target, files=files, edited=edited)
        for edge in entry.edges
        if _is_content(edge) and (files or edge.via is Via.LIST)
        for target in node.edges.get(edge.name, ())
        if target in graph
    )
    return node.type, fields, inner


def _fields(node: Node, *, edited: bool = True) -> tuple[object, ...]:
    return tuple(
        _comparable(node.fields.get(one.name))
        for one in class_of(node).fields
        if not (one.varies or one.when_same or (one.editable and not edited))
    )


def _is_content(edge: Edge) -> bool:
    """Tell whether an edge's objects are part of the subject's content: its parts, its file."""
    file = all(entry.bytes for entry in catalogue.subclasses(edge.target))
    return edge.via is Via.LIST or (edge.via is Via.REFERENCE and file)


def _comparable(value: Value | None) -> object:
    # NaN is unequal to itself.
    return "NaN" if isinstance(value, float) and value != value else value


def _with_parts(
    graph: TransferGraph, iri: str, there: TransferGraph, other: str
) -> Iterator[tuple[str, str]]:
    """Iterate over two objects of equal content, and their parts and files, in pairs."""
    yield iri, other
    node, counterpart = graph[iri], there[other]
    for edge in class_of(node).edges:
        if _is_content(edge):
            ours = [t for t in node.edges.get(edge.name, ()) if t in graph]
            theirs = [t for t in counterpart.edges.get(edge.name, ()) if t in there]
            for mine, yours in zip(ours, theirs, strict=True):
                yield from _with_parts(graph, mine, there, yours)


@cache
def _to_imported(name: str) -> tuple[Edge, ...]:
    """Return the references of a class to what imports create (Roi.image)."""
    return tuple(
        edge
        for edge in catalogue.CLASSES[name].edges
        if edge.via is Via.REFERENCE and fileset_tree.always_imported(edge.target)
    )


class _Hanging:
    """The annotations and ROIs of objects, whoever added them."""

    def __init__(self, graph: TransferGraph) -> None:
        self._graph = graph
        self._referring: defaultdict[str, list[str]] = defaultdict(list)
        for node in graph:
            entry = catalogue.CLASSES.get(node.type)
            if entry is None or entry.maker is not Maker.USER:
                continue
            for edge in _to_imported(entry.name):
                for target in node.edges.get(edge.name, ()):
                    self._referring[target].append(node.iri)

    def on(self, node: Node) -> list[str]:
        """Return the annotations and ROIs of a node, in the order of their ids."""
        linked = [
            target
            for edge in class_of(node).edges
            if edge.via is Via.LINK
            for target in node.edges.get(edge.name, ())
            if target in self._graph and class_of(self._graph[target]).maker is Maker.USER
        ]
        return [*self._referring.get(node.iri, ()), *linked]
