# SPDX-License-Identifier: GPL-2.0-or-later
"""Record what imports created at the destination, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphxfer.apply.step import Context
from graphxfer.errors import counted
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import Counterpart, How, Journal, Stage
from graphxfer.omero import lookup
from graphxfer.plan.counterparts import Matched, Matcher, Side

AT_ONCE = 5000
"""Approximate number of nodes to match at once: limits memory and the number of queries."""


def record_imported(context: Context) -> list[str]:
    """Record the counterparts of all nodes under filesets whose import is complete.

    Parameters
    ----------
    context : Context
        The bundle, the destination and the journal.

    Returns
    -------
    list of str
        Notes: objects that an import created in addition to the graph, or did not create.

    Raises
    ------
    GraphxferError
        If an import created other objects than those in the graph.
    """
    notes: list[str] = []
    journal = context.journal
    ours = context.bundle.graph()
    # A newer export may not have one any more.
    waiting = [one.node for one in journal.imports(Stage.IMPORTED) if one.node in ours]
    if not waiting:
        return notes
    with context.progress.task("match", len(waiting), "filesets") as advance:
        side = Side(ours)
        for some in _groups(waiting, side.tree):
            ids = [journal[node].id for node in some]
            matcher = Matcher(side, Side(lookup.import_trees(context.server, ids)))
            for node, number in zip(some, ids, strict=True):
                matched = matcher.match(node, There(FILESET, number), journal)
                _record(journal, node, matched)
                notes += _notes(node, matched)
                advance(1)
    return notes


def _groups(nodes: Sequence[str], tree: Tree) -> Iterator[list[str]]:
    """Divide filesets into groups with about as many nodes as are matched at once."""
    group, size = list[str](), 0
    for node in nodes:
        group.append(node)
        size += len(tree.under(node))
        if size >= AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _record(journal: Journal, fileset: str, matched: Matched) -> None:
    nodes = []
    for node, there in matched.same.items():
        if node not in journal:
            settled = node not in matched.edited
            nodes.append((node, Counterpart(*there, How.MATCHED, settled)))
    journal.matched(fileset, nodes, matched.extras)


def _notes(node: str, matched: Matched) -> list[str]:
    notes = []
    if extras := matched.extras:
        notes.append(
            f"The import of {node} created {counted(len(extras), 'object')} not in the graph: "
            f"{_some(extras)}"
        )
    if missing := matched.missing:
        notes.append(
            f"The import of {node} did not create {counted(len(missing), 'object')} of the source; "
            f"apply creates {'it' if len(missing) == 1 else 'them'}: {_some(missing)}"
        )
    return notes


def _some(objects: Sequence[str] | Sequence[There]) -> str:
    return ", ".join(map(str, objects[:5])) + (" …" if len(objects) > 5 else "")
