# SPDX-License-Identifier: GPL-2.0-or-later
"""Record what imports created at the destination, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphxfer.apply.step import Context
from graphxfer.errors import counted
from graphxfer.graph.correspondence import There
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import Counterpart, How, Stage
from graphxfer.omero import lookup
from graphxfer.plan import FileMetadata
from graphxfer.plan.counterparts import Matched, Matcher, Side
from graphxfer.plan.extras import is_content

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
            events = set(lookup.import_events(context.server, ids))
            matcher = Matcher(side, Side(lookup.import_trees(context.server, ids, events)))
            for node, number in zip(some, ids, strict=True):
                matched = matcher.match(node, There(FILESET, number), journal)
                links = lookup.links_between(context.server, matched.links, events)
                _record(context, node, matched, links)
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


def _record(context: Context, fileset: str, matched: Matched, links: Sequence[There]) -> None:
    """Record the counterparts, and what differs: to be updated or removed, or left as it is."""
    as_file = context.options.file_metadata is FileMetadata.FILE
    edited, fields = (matched.references, matched.fields) if as_file else (matched.edited, {})
    context.journal.matched(
        fileset,
        (
            (node, Counterpart(*there, How.MATCHED, settled=node not in edited))
            for node, there in matched.same.items()
            if node not in context.journal
        ),
        [*matched.extras, *links],
        [(node, name) for node, names in fields.items() for name in names],
    )


def _notes(node: str, matched: Matched) -> list[str]:
    notes = []
    if extras := [one for one in matched.extras if not is_content(one.type)]:
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
