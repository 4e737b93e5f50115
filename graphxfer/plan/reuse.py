# SPDX-License-Identifier: GPL-2.0-or-later
"""Find objects of the destination to use for nodes of the graph: equal tags, containers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from graphxfer import catalogue
from graphxfer.catalogue import Class, Reusable, Via
from graphxfer.errors import GraphxferError, counted
from graphxfer.graph import Node, TransferGraph
from graphxfer.omero import lookup
from graphxfer.omero.connect import Server
from graphxfer.omero.lookup import Candidate
from graphxfer.omero.rights import rights
from graphxfer.plan import actions
from graphxfer.plan.actions import ApplyOptions, Merge, Tags


@dataclass(slots=True)
class Found:
    """The objects to use for nodes, by IRI; and notes for the user."""

    choices: dict[str, actions.Reuse] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find(
    server: Server,
    graph: TransferGraph,
    nodes: Sequence[Node],
    options: ApplyOptions,
    taken: Collection[tuple[str, int]] = (),
) -> Found:
    """Find existing objects of the destination to use for nodes.

    Parameters
    ----------
    server : Server
        The destination.
    graph : TransferGraph
        The source's.
    nodes : sequence of Node
        The nodes to create.
    options : ApplyOptions
        The options of the apply.
    taken : collection
        Class and id of objects that are used for other nodes already.

    Raises
    ------
    GraphxferError
        If `--tags error` finds one, or if the container is ambiguous.
    """
    found = Found()
    for entry in catalogue.CLASSES.values():
        mine = [node for node in nodes if node.type == entry.name]
        wanted = entry.reuse is Reusable.POLICY and options.tags is not Tags.CREATE
        wanted |= entry.reuse is Reusable.MERGE and options.merge
        if mine and wanted:
            alike = _candidates(server, entry, mine, found)
            alike = {
                key: [c for c in some if (entry.name, c.id) not in taken]
                for key, some in alike.items()
            }
            if entry.reuse is Reusable.MERGE:
                _merge(server, graph, entry, mine, alike, found)
            else:
                _reuse(entry, mine, alike, options, found)
    return found


def _identity(entry: Class, node: Node) -> tuple[object, ...]:
    return tuple(node.fields.get(name) for name in entry.identity)


def _candidates(
    server: Server, entry: Class, nodes: Sequence[Node], found: Found
) -> dict[tuple[object, ...], list[Candidate]]:
    """Return candidates by identity; only those that the user may link to."""
    first = entry.identity[0]
    values = [value for node in nodes if (value := node.fields.get(first)) is not None]
    alike = lookup.alike(server, entry, values)
    if any(one.owner != server.user_id for one in alike):
        here = rights(server)
        if not (here.write if entry.reuse is Reusable.MERGE else here.use):
            wanted = {_identity(entry, node) for node in nodes}
            theirs = [one for one in alike if one.owner != server.user_id]
            alike = [one for one in alike if one.owner == server.user_id]
            if number := sum(one.identity in wanted for one in theirs):
                found.notes.append(
                    f"{counted(number, f'equal {entry.name}')} of other users, which you may "
                    f"not link to (the group {here.group} is {here.permissions})"
                )
    by_identity: defaultdict[tuple[object, ...], list[Candidate]] = defaultdict(list)
    for one in alike:
        by_identity[one.identity].append(one)
    return by_identity


def _reuse(
    entry: Class,
    nodes: Sequence[Node],
    alike: dict[tuple[object, ...], list[Candidate]],
    options: ApplyOptions,
    found: Found,
) -> None:
    """Use each equal object for one node: two tags stay two."""
    for node in nodes:
        choices = alike.get(_identity(entry, node))
        if not choices:
            continue
        if options.tags is Tags.ERROR:
            raise GraphxferError(
                f"it already exists at the destination: {entry.name}:{choices[0].id} "
                f"({node.fields.get(entry.identity[0])!r})",
                where=node.iri,
                do="use --tags reuse or --tags create",
            )
        if len(choices) > 1:
            listed = ", ".join(str(one.id) for one in choices)
            found.notes.append(f"{node.iri}: {entry.name} {listed} are equal; apply uses the first")
        reason, id_ = "an equal one exists", choices.pop(0).id
        found.choices[node.iri] = actions.Reuse(node.iri, node.type, reason, id_)


def _merge(
    server: Server,
    graph: TransferGraph,
    entry: Class,
    nodes: Sequence[Node],
    alike: dict[tuple[object, ...], list[Candidate]],
    found: Found,
) -> None:
    """Use containers of the same name, if they are unambiguous."""
    rivals: defaultdict[tuple[object, ...], list[Node]] = defaultdict(list)
    for node in nodes:
        rivals[_identity(entry, node)].append(node)
    used = set[int]()
    for name, same in rivals.items():
        for node in same:
            choices = alike.get(name, [])
            if len(choices) > 1 or (choices and len(same) > 1):
                choices = _inside(server, graph, node, choices, found)
            if len(choices) > 1 or any(one.id in used for one in choices):
                raise _ambiguous(entry, node, choices)
            if choices:
                used.add(choices[0].id)
                reason = "one of the same name exists"
                found.choices[node.iri] = Merge(node.iri, node.type, reason, choices[0].id)


def _inside(
    server: Server, graph: TransferGraph, node: Node, choices: list[Candidate], found: Found
) -> list[Candidate]:
    """Return the candidates inside the counterparts of the node's own containers."""
    inside, contained = set[int](), False
    for holder, edge in catalogue.link_edges():
        if node.type != edge.target:
            continue
        for other in graph.of_type(holder.name):
            if edge.via is Via.LINK and node.iri in other.edges.get(edge.name, ()):
                contained = True
                if other.iri in found.choices:
                    parent = found.choices[other.iri].destination or 0
                    inside |= {c for _, c in lookup.linked(server, edge.attribute, [parent])}
    return [one for one in choices if one.id in inside] if contained else choices


def _ambiguous(entry: Class, node: Node, choices: Sequence[Candidate]) -> GraphxferError:
    listed = ", ".join(f"{entry.name}:{one.id}" for one in choices)
    return GraphxferError(
        f"ambiguous: several containers have its name: {listed} "
        f"({node.fields.get(entry.identity[0])!r})",
        where=node.iri,
        do="rename one of them at the destination, or apply without --merge",
    )
