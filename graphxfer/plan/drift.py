# SPDX-License-Identifier: GPL-2.0-or-later
"""Find what changed since the last apply: at the destination, in the graph, or at both.

Three versions of a value are compared: *here* (in the graph, perhaps of a newer export), *there*
(at the destination), and the *base*, which the graph had when it was applied (the journal has its
digest). Here and there are compared as `verify` does it; the base tells which of them changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.catalogue import Class, Edge, Field, Maker, Via
from graphxfer.graph import Node, TransferGraph, class_of
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import Difference, Shown, compare, short
from graphxfer.graph.digests import Digests, digest, digests, order_of
from graphxfer.journal import Counterpart, How, Journal, LinkKey
from graphxfer.omero import lookup, read
from graphxfer.omero.connect import Server
from graphxfer.plan.actions import CONFLICT, HERE, THERE
from graphxfer.progress import SILENT, Progress

AT_ONCE = 5000
"""How many nodes are read at once: limits memory and the number of queries."""
UNKNOWN = "?"
"""The digest of a base that is not known: it equals none."""


class Change(NamedTuple):
    """A field, or a reference, that differs between the graph and the destination.

    Parameters
    ----------
    name : str
        Its name.
    why : str
        HERE, THERE or CONFLICT.
    is_settable : bool
        Whether apply can set it: not if only an import does.
    is_of_bytes : bool
        Whether it is set by sending the bytes of a file.
    text : str
        Both values, for people.
    needs : tuple of str
        The IRIs that a reference should lead to, and does not.
    """

    name: str
    why: str
    is_settable: bool
    is_of_bytes: bool
    text: str
    needs: tuple[str, ...] = ()


@dataclass(slots=True)
class Drift:
    """What differs at the destination.

    Parameters
    ----------
    changes : dict
        The changes of each node that has some.
    absent : set of str
        Nodes that were deleted there, and only an import of their fileset can create.
    links : set of LinkKey
        Links that were deleted there.
    """

    changes: dict[str, list[Change]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    links: set[LinkKey] = field(default_factory=set)

    def to_send(self, *, repair: bool) -> list[str]:
        """Return the files whose bytes have to be sent again."""
        return [
            node
            for node, changes in self.changes.items()
            if any(c.is_of_bytes and c.is_settable and (repair or c.why == HERE) for c in changes)
        ]


def find(
    server: Server, graph: TransferGraph, journal: Journal, progress: Progress = SILENT
) -> Drift:
    """Compare what the journal lists with the destination, a batch of nodes after another.

    Where the two agree, the base is what they have now; it is recorded if the journal is open for
    writing.

    Parameters
    ----------
    server : Server
        The destination, as a user who can read all that the journal lists.
    graph : TransferGraph
        The source's graph.
    journal : Journal
        The journal, without the objects that do not exist any more.
    progress : Progress
        Shows how many nodes are compared.
    """
    return _Finder(server, graph, journal).find(progress)


class _Finder:
    """Compares nodes, and collects what differs."""

    def __init__(self, server: Server, graph: TransferGraph, journal: Journal) -> None:
        self._server, self._graph, self._journal = server, graph, journal
        self._same = Correspondence(journal.same())
        self._before = {one.there for one in journal.nodes().values() if not one.how.ours}
        self._of_files = journal.file_fields()
        self._drift = Drift()

    def find(self, progress: Progress) -> Drift:
        # Class by class: a batch of few classes takes few queries.
        nodes = [
            node
            for entry in catalogue.CLASSES.values()
            if entry.maker is not Maker.SERVER
            for node in self._graph.of_type(entry.name)
            if node.iri in self._journal
        ]
        with progress.task("compare", len(nodes), "nodes") as advance:
            for some in lookup.chunks(nodes, AT_ONCE):
                self._compare(some)
                advance(len(some))
        self._journal.forget_links(self._drift.links)
        return self._drift

    def _compare(self, nodes: Sequence[Node]) -> None:
        """Compare one batch."""
        found = lookup.by_type(self._journal[node.iri].there for node in nodes)
        there = GraphThere(read.fetch_nodes(self._server, found))
        unlike: defaultdict[str, list[Difference]] = defaultdict(list)
        for one in compare(self._graph, there, self._same, self._before, nodes=nodes):
            unlike[one.node].append(one)
        bases = self._journal.bases([node.iri for node in nodes])
        agreed = dict[str, Digests]()
        for node in nodes:
            recorded, differences = self._journal[node.iri], unlike.get(node.iri, [])
            self._drift.links |= set(self._lost_links(node, differences))
            if any(one.kind == "missing" for one in differences):
                self._drift.absent.add(node.iri)
            elif recorded.how.ours and (recorded.settled or recorded.how is How.CREATED):
                base = bases.get(node.iri)
                changes = _together(self._changes(node, recorded, differences, there, base))
                if changes:
                    self._drift.changes[node.iri] = changes
                if (now := _agreed(node, base, changes)) != base and recorded.settled:
                    agreed[node.iri] = now
        self._journal.set_bases(agreed)

    def _lost_links(self, node: Node, differences: Sequence[Difference]) -> Iterator[LinkKey]:
        """Iterate over the links of the journal that do not exist any more."""
        for one in differences:
            edge = class_of(node).edge(one.name)
            if one.kind == "lost" and edge is not None and edge.via is Via.LINK:
                keys = (LinkKey(edge.attribute, node.iri, child) for child in _names(one.expected))
                yield from (key for key in keys if key in self._journal)

    def _changes(
        self,
        node: Node,
        recorded: Counterpart,
        differences: Sequence[Difference],
        there: GraphThere,
        base: Digests | None,
    ) -> Iterator[Change]:
        """Iterate over the fields and references of a node that differ, each once."""
        entry, here = class_of(node), digests(node)
        fields = there.fields(recorded.there) or {}
        for one in entry.fields:
            if one.name in self._of_files.get(node.iri, ()):
                continue  # left as the file has it, by choice
            differs = any(d.kind == "field" and d.name == one.name for d in differences)
            is_sent = entry.bytes and one.computed
            # A checksum of another algorithm is not compared; a new export may have another one.
            other = one.when_same and node.fields.get(one.when_same) != fields.get(one.when_same)
            if other and base is not None and base.get(one.name) != here.get(one.name):
                differs = one.name in node.fields
            if differs and (recorded.settled or not is_sent):
                value = fields.get(one.name)
                now = digest(value, one.type) if value is not None else None
                yield Change(
                    one.name,
                    HERE if other else _why(here.get(one.name), now, _base(base, one.name)),
                    _is_settable(entry, recorded.how, one),
                    is_sent,
                    _text(one.name, node.fields.get(one.name), value),
                )
        for edge in entry.edges:
            yield from self._edge(edge, node, recorded, differences, there, base)

    def _edge(
        self,
        edge: Edge,
        node: Node,
        recorded: Counterpart,
        differences: Sequence[Difference],
        there: GraphThere,
        base: Digests | None,
    ) -> Iterator[Change]:
        """Iterate over the change of a reference, or of the order or the owner of parts."""
        name = order_of(edge) if edge.ordered else edge.name
        own = [one for one in differences if one.name in (edge.name, name)]
        lost = tuple(t for one in own if one.kind == "lost" for t in _names(one.expected))
        if edge.via is Via.LIST:
            # A new part is added as a node, and an additional one is kept.
            lost = tuple(target for target in lost if target in self._journal)
            own = [one for one in own if lost or one.kind == "field"]
        if not own or edge.via is Via.LINK:
            return
        found = self._named(there.targets(recorded.there, edge.name))
        wanted = node.edges.get(edge.name, ())
        here, now = (digest(some) if some else None for some in (wanted, found))
        why = _why(here, now, _base(base, name))
        if not found and lost and not any(target in self._journal for target in lost):
            why = HERE  # what it referred to was deleted there, and is created again
        settable = edge.via is Via.REFERENCE and _is_settable(class_of(node), recorded.how, edge)
        if edge.required and not wanted:
            settable = False
        yield Change(name, why, settable, False, _text(name, wanted or None, found or None), lost)

    def _named(self, found: Sequence[There]) -> tuple[str, ...]:
        """Return objects by their IRIs, as a base has them; others as they are called there."""
        return tuple((self._same.here(one) or (f"{one} there",))[0] for one in found)


def _together(found: Iterable[Change]) -> list[Change]:
    """Return the changes; what is set by sending a file is set as a whole."""
    changes = list(found)
    whys = {one.why for one in changes if one.is_of_bytes}
    if len(whys) < 2:
        return changes
    return [one._replace(why=CONFLICT) if one.is_of_bytes else one for one in changes]


def _names(shown: Shown) -> tuple[str, ...]:
    return tuple(one for one in shown if isinstance(one, str)) if isinstance(shown, tuple) else ()


def _base(base: Digests | None, name: str) -> str | None:
    return UNKNOWN if base is None else base.get(name)


def _why(here: str | None, there: str | None, base: str | None) -> str:
    """Return which side changed since the base.

    Examples
    --------
    >>> _why("new", "old", "old"), _why("old", "new", "old"), _why("one", "other", "old")
    ('changed here', 'changed there', 'conflict')
    >>> _why(None, "old", UNKNOWN)
    'conflict'
    """
    if base == here:
        return THERE
    return HERE if base == there else CONFLICT


def _is_settable(entry: Class, how: How, member: Field | Edge) -> bool:
    """Tell whether apply can set a field or reference of an object that was created so."""
    if isinstance(member, Field) and member.computed:
        return how is How.CREATED
    return member.editable or how is How.CREATED or entry.maker is Maker.USER


def _text(name: str, here: Shown, there: Shown) -> str:
    return f"{name} is {short(there)} there, {short(here)} here"


def _agreed(node: Node, base: Digests | None, changes: Sequence[Change]) -> Digests:
    """Return the base after a comparison: what both have now; what differs keeps its base."""
    now = digests(node)
    for one in changes:
        now.pop(one.name, None)
        if (known := _base(base, one.name)) is not None:
            now[one.name] = known
    return now
