# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the counterpart of each node among the objects that an import created.

Objects under a fileset are matched by their place (an image by its series, a channel by its order);
ROIs and annotations that the file itself holds are matched by their content. Nothing is guessed:
what does not match is an error, and objects that are not in the graph are reported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from graphxfer import catalogue
from graphxfer.catalogue import Edge, Maker, Value, Via
from graphxfer.errors import GraphxferError, counted
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree, iri
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import Siblings, Tree

REDO = "compare the two; `graphxfer undo` removes the import"


@dataclass(slots=True)
class Matched:
    """What an import created.

    Parameters
    ----------
    same : dict
        The counterpart for each IRI of the graph.
    fields : dict
        Fields that users changed at the source, and that the file has otherwise, by IRI.
    references : set of str
        IRIs of the graph whose references users changed at the source.
    missing : list of str
        IRIs of the graph that the import at the source created, and this one did not: a plate.
    extras : list of There
        Objects that the import created and that are not in the graph.
    links : list of (str, There, There)
        Links at the destination between counterparts that the graph does not link: link class,
        parent and child.
    """

    same: dict[str, There] = field(default_factory=dict)
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    extras: list[There] = field(default_factory=list)
    links: list[tuple[str, There, There]] = field(default_factory=list)

    @property
    def edited(self) -> set[str]:
        """IRIs of the graph whose counterparts differ, as users changed something at the source."""
        return self.references | self.fields.keys()


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

    def match(self, fileset: str, found: There, known: Container[str] = ()) -> Matched:
        """Match one fileset.

        Parameters
        ----------
        fileset : str
            IRI of the fileset in the graph.
        found : There
            The fileset at the destination.
        known : container of str
            IRIs of the graph whose counterparts are known: a tag that several files hold.

        Raises
        ------
        GraphxferError
            If the import created other objects than those in the graph.
        """
        matched = Matched({fileset: found})
        self._under(fileset, found, matched, known)
        self._check_edges(matched)
        matched.missing = [
            iri
            for iri in self._trees[0].under(fileset)
            if iri not in matched.same and iri not in known
        ]
        self._content(matched, known)
        self._extras(found, matched)
        self._links(matched)
        self._check_missing(matched)
        return matched

    # -- by place ---------------------------------------------------------------------------

    def _under(self, fileset: str, found: There, matched: Matched, known: Container[str]) -> None:
        """Pair the nodes under two filesets: by place first, the rest by content, then the shared.

        One object represents one node only: else the values of one would overwrite the other's.
        """
        pairs, unsure = [(fileset, found)], list[tuple[str, Siblings, Siblings]]()
        shared = list[tuple[str, There]]()
        while pairs or unsure or shared:
            if pairs:
                node, other = pairs.pop()
                self._check(self._graph[node], self._found(other), fileset)
                branches = self._branches(node, other)
                unsure += [(node, *both) for both in branches if not _has_places(*both)]
                certain = [both for both in branches if _has_places(*both)]
                shared += [p for b in certain if b[0].editable for p in _paired(node, *b)]
                sure = [p for b in certain if not b[0].editable for p in _paired(node, *b)]
            elif unsure:
                sure = self._by_content(*unsure.pop(0), matched)
            else:
                sure, shared = self._most_alike(shared, matched, known), []
            for child, counterpart in sure:
                if child in self._graph and child not in matched.same:
                    matched.same[child] = counterpart
                    pairs.append((child, counterpart))

    def _found(self, there: There) -> Node:
        return self._there[iri(*there)]

    def _branches(self, node: str, other: There) -> list[tuple[Siblings, Siblings]]:
        ours = self._trees[0].branches(self._graph[node])
        theirs = self._trees[1].branches(self._found(other))
        return list(zip(ours, theirs, strict=True))

    def _most_alike(
        self, pairs: Sequence[tuple[str, There]], matched: Matched, known: Container[str]
    ) -> list[tuple[str, There]]:
        """Pair objects that several nodes share: equal ones first, then the most frequent pairs.

        A node without a counterpart is one that a user gave to only some of those that shared it.
        """
        times, taken = Counter(pairs), set(matched.same.values())
        found = dict[str, There]()

        def unlikeness(pair: tuple[str, There]) -> tuple[bool, int, There]:
            mine, yours = self._graph[pair[0]], self._found(pair[1])
            return _fields(mine) != _fields(yours), -times[pair], pair[1]

        pairs = [p for p in times if p[0] in self._graph and p[0] not in known]
        for node, other in sorted(pairs, key=unlikeness):
            if node not in found and node not in matched.same and other not in taken:
                found[node] = other
                taken.add(other)
        return list(found.items())

    def _by_content(
        self, node: str, mine: Siblings, yours: Siblings, matched: Matched
    ) -> list[tuple[str, There]]:
        """Pair the children that have no place of their own."""
        taken = set(matched.same.values())
        ours = [one for one in mine.children if one in self._graph and one not in matched.same]
        there = [There.of(one) for one in yours.children if one in self._there]
        theirs = [one for one in there if one not in taken]
        alike: defaultdict[Content, list[There]] = defaultdict(list)
        for other in theirs:
            alike[_fields(self._found(other))].append(other)
        pairs = []
        for one in list(ours):
            if choices := alike.get(_fields(self._graph[one])):
                pairs.append((one, choices.pop(0)))
                ours.remove(one)
                theirs.remove(pairs[-1][1])
        if len(ours) == len(theirs) == 1:
            return [*pairs, (ours[0], theirs[0])]
        if ours and theirs:
            raise _ambiguous(node, mine)
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
        back: dict[There, str] = {}
        for one, other in matched.same.items():
            node, counterpart = self._graph[one], self._found(other)
            entry = class_of(node)
            if entry.maker is not Maker.EITHER:
                continue
            lost = [
                edge.name
                for edge in entry.edges
                if edge.via is not Via.LINK
                for target in node.edges.get(edge.name, ())
                if not self._leads_to(counterpart, edge, matched.same.get(target))
            ]
            if lost or other in back:
                how = f"with another {lost[0]}" if lost else f"and for {back[other]}"
                raise GraphxferError(
                    f"the import created {other} for {one}, {how}: the destination reads these "
                    "files differently",
                    where=one,
                    do=REDO,
                )
            back[other] = one

    @staticmethod
    def _leads_to(counterpart: Node, edge: Edge, target: There | None) -> bool:
        """Tell whether an edge leads to the counterpart of its target, if that has one."""
        return target is None or target in map(There.of, counterpart.edges.get(edge.name, ()))

    def _check_missing(self, matched: Matched) -> None:
        """Check that the import did not create other objects of a class instead of the missing."""
        extra = {one.type: one for one in matched.extras}
        for node in matched.missing:
            type_ = self._graph[node].type
            if (other := extra.get(type_)) and not _is_shared(type_):
                raise GraphxferError(
                    f"the import created {other} where the graph has {node}: the destination reads "
                    "these files differently",
                    where=node,
                    do=REDO,
                )

    # -- by content ---------------------------------------------------------------------------

    def _content(self, matched: Matched, known: Container[str]) -> None:
        """Match annotations of matched nodes and nodes that refer to them, recursively."""
        pairs = list(matched.same.items())
        taken = set(matched.same.values())
        for one, other in pairs:  # grows as we go
            node, counterpart = self._graph[one], self._found(other)
            self._note_edits(node, counterpart, matched)
            alike: defaultdict[Content, list[There]] = defaultdict(list)
            for hanging in self._hanging[1].on(counterpart):
                if There.of(hanging) not in taken:
                    alike[content(self._there, hanging)].append(There.of(hanging))
            for hanging in self._hanging[0].on(node) if alike else ():
                if hanging in matched.same or hanging in known:
                    continue
                if choices := alike.get(content(self._graph, hanging)):
                    chosen = iri(*choices.pop(0))
                    new = list(_with_parts(self._graph, hanging, self._there, chosen))
                    matched.same.update(new)
                    taken.update(there for _, there in new)
                    pairs += new

    def _note_edits(self, node: Node, counterpart: Node, matched: Matched) -> None:
        """Note the fields and references that users changed after the import at the source."""
        edits = fileset_tree.edits(class_of(node), node, clearing=self._clearing)
        fields = counterpart.fields
        differing = [one.name for one, value in edits if fields.get(one.name) != value]
        if differing:
            matched.fields[node.iri] = tuple(differing)
        if any(
            (there := matched.same.get(target)) is None
            or not self._leads_to(counterpart, edge, there)
            for edge, target in fileset_tree.edited_references(node)
            if target in self._graph
        ):
            matched.references.add(node.iri)

    def _extras(self, found: There, matched: Matched) -> None:
        """Collect objects that the import created and that are not in the graph."""
        taken, seen = set(matched.same.values()), set[str]()
        todo = self._trees[1].under(iri(*found))
        for one in todo:  # grows as we go
            node = self._there[one]
            here = [*self._hanging[1].on(node), *_content_of(self._there, node)]
            more = [other for other in dict.fromkeys(here) if other not in seen]
            seen.update(more)
            todo += more
        unmatched = (there for there in map(There.of, todo) if there not in taken)
        matched.extras += dict.fromkeys(unmatched)

    def _links(self, matched: Matched) -> None:
        """Collect links between counterparts of nodes that the graph does not link."""
        back = {there: node for node, there in matched.same.items()}
        for one, other in matched.same.items():
            node, counterpart = self._graph[one], self._found(other)
            for edge in class_of(node).edges if counterpart.edges else ():
                if edge.via is Via.LINK:
                    wanted = set(node.edges.get(edge.name, ()))
                    targets = map(There.of, counterpart.edges.get(edge.name, ()))
                    matched.links += [
                        (edge.attribute, other, there)
                        for there in targets
                        if there in back and back[there] not in wanted
                    ]


@cache
def _is_shared(name: str) -> bool:
    """Tell whether several nodes may refer to one object of a class, and users may change that."""
    return any(
        edge.editable and edge.target == name
        for entry in catalogue.CLASSES.values()
        for edge in entry.edges
    )


def _has_places(mine: Siblings, yours: Siblings) -> bool:
    """Tell whether their places identify the counterparts, or there is only one pair."""
    return mine.identified or len(mine.children) == len(yours.children) == 1


def _paired(iri: str, mine: Siblings, yours: Siblings) -> Iterator[tuple[str, There]]:
    """Iterate over pairs of children, by place or else by order."""
    if not mine.places:
        if len(mine.children) != len(yours.children) and mine.children:
            raise _other_number(iri, mine, yours)
        yield from zip(mine.children, map(There.of, yours.children), strict=False)
        return
    there = dict(zip(yours.places, yours.children, strict=True))
    if len(there) != len(yours.children) or len(set(mine.places)) != len(mine.places):
        raise _ambiguous(iri, mine)
    for place, child in zip(mine.places, mine.children, strict=True):
        if place not in there:
            raise _other_number(iri, mine, yours, f", none at {place}")
        yield child, There.of(there[place])


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


def _content_of(graph: TransferGraph, node: Node) -> list[str]:
    """Return the parts and the file of a ROI or annotation."""
    edges = class_of(node).edges if node.type in fileset_tree.embedded() else ()
    inner = (node.edges.get(edge.name, ()) for edge in edges if _is_content(edge))
    return [target for targets in inner for target in targets if target in graph]


def _comparable(value: Value | None) -> object:
    # NaN is unequal to itself.
    return "NaN" if isinstance(value, float) and value != value else value


def _with_parts(
    graph: TransferGraph, iri: str, there: TransferGraph, other: str
) -> Iterator[tuple[str, There]]:
    """Iterate over two objects of equal content, and their parts and files, in pairs."""
    yield iri, There.of(other)
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
