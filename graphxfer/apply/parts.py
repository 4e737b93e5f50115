# SPDX-License-Identifier: GPL-2.0-or-later
"""Add parts to objects that an earlier run created without them: samples to a well.

A part is saved with its owner. If it had to be left out then (the file of a sample's image was
missing), and can be moved now, it is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from graphxfer import catalogue
from graphxfer.apply.step import Step
from graphxfer.catalogue import Edge, Via
from graphxfer.graph import Node, class_of
from graphxfer.graph.correspondence import There
from graphxfer.journal import Counterpart, How
from graphxfer.omero import lookup, read, write
from graphxfer.plan import Plan

Key = tuple[object, ...]
"""What a part is, and what it refers to at the destination."""


class AddParts(Step):
    """Adds to the end of an object's list of parts, then sets the order, in calls done once.

    OMERO cannot insert a part where another is: two parts would have one place for a moment. To set
    the order twice is harmless, and nothing has to be recovered: what a killed run added is in the
    list at the destination, and is found there.
    """

    def run(self, plan: Plan) -> None:
        """Add the parts that are missing."""
        for owner, edge in catalogue.part_lists():
            for nodes in lookup.chunks(self._incomplete(owner.name, edge), write.LARGE):
                self._complete(owner.name, edge, nodes)

    def _incomplete(self, owner: str, edge: Edge) -> list[str]:
        """Return the objects that do not have all of their parts in the journal."""
        return [
            node
            for node, there in self.journal.nodes().items()
            if there.type == owner
            and there.how is How.CREATED
            and node in self.graph
            and any(part not in self.journal for part in self.parts(node, edge))
        ]

    def _complete(self, owner: str, edge: Edge, nodes: Sequence[str]) -> None:
        """Adopt parts that an interrupted run added; then add the others, and record all."""
        self._adopt(owner, edge, nodes)
        build = write.Builder(
            self.graph, lambda node: self.journal[node].id, self.context.hasher
        ).build
        if self._change(owner, edge, nodes, partial(self._append, build)):
            self._adopt(owner, edge, nodes)
        self._change(owner, edge, nodes, self._order)

    def _change(
        self,
        owner: str,
        edge: Edge,
        nodes: Sequence[str],
        changed: Callable[[str, Edge, Any, list[Any]], list[Any]],
    ) -> bool:
        """Save the objects whose lists of parts change; return whether there are some."""
        numbers = {self.journal[node].id: node for node in nodes}
        fetched, name = f"left outer join fetch x.{edge.attribute}", f"_{edge.attribute}Seq"
        hql = f"select x from {owner} x {fetched} where x.id in (:ids)"  # noqa: S608
        some = []
        for one in self.server.objects(hql, ids=sorted(numbers)):
            present = list(getattr(one, name))
            wanted = changed(numbers[one.id.val], edge, one, present)
            if wanted != present:
                setattr(one, name, wanted)
                some.append(one)
        if some:
            self.context.writer.change(some)
        return bool(some)

    def _append(
        self, build: Callable[[Node], Any], node: str, edge: Edge, owner: Any, present: list[Any]
    ) -> list[Any]:
        """Return an object's parts with the new ones at the end."""
        new = [build(self.graph[one]) for one in self.parts(node, edge) if one not in self.journal]
        for part in new:
            setattr(part, edge.inverse, owner)
        return [*present, *new]

    def _order(self, node: str, edge: Edge, owner: Any, present: list[Any]) -> list[Any]:
        """Return an object's parts in the order of the graph; others stay behind."""
        known = [self.journal.get(part) for part in self.parts(node, edge)]
        place = {one.id: place for place, one in enumerate(known) if one is not None}
        # A part that was deleted leaves a gap in the list, which is None.
        real = [part for part in present if part is not None]
        wanted = sorted(real, key=lambda part: place.get(part.id.val, len(known)))
        return present if wanted == real else wanted

    def _adopt(self, owner: str, edge: Edge, nodes: Sequence[str]) -> None:
        """Record the parts at the destination that are not in the journal."""
        numbers = {self.journal[node].id: node for node in nodes}
        found = lookup.part_ids(self.server, owner, edge, list(numbers))
        types = [entry.name for entry in catalogue.subclasses(edge.target)]
        known = set[int]().union(*map(self.journal.known, types))
        unknown = [part for parts in found.values() for part in parts if part not in known]
        if not unknown:
            return
        there = read.fetch_nodes(self.server, dict.fromkeys(types, unknown))
        by_id = {node.id: node for node in there}
        ours = self.journal.same()
        recorded = []
        for number, parts in found.items():
            free = [by_id[part] for part in parts if part in by_id]
            for part in self.parts(numbers[number], edge):
                wanted = _key(self.graph[part], ours)
                alike = [one for one in free if _key(one) == wanted]
                if alike and part not in self.journal:
                    free.remove(alike[0])
                    recorded.append((part, Counterpart(alike[0].type, alike[0].id, How.CREATED)))
        self.journal.record(recorded)


def _key(node: Node, same: Mapping[str, There] | None = None) -> Key:
    """Return what a part is, and what it refers to at the destination.

    Parameters
    ----------
    node : Node
        The part, in the graph or at the destination.
    same : mapping, optional
        Counterparts of what it refers to, if it is in the graph.
    """
    entry = class_of(node)
    fields = tuple(repr(node.fields.get(one.name)) for one in entry.fields if not one.varies)
    targets = tuple(
        There.of(target) if same is None else same.get(target)
        for edge in entry.edges
        if edge.via is Via.REFERENCE and edge not in catalogue.DETAILS
        for target in node.edges.get(edge.name, ())
    )
    return node.type, fields, targets
