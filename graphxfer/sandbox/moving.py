# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Objects to another group or another owner: omero.cmd.Chgrp2 and Chown2.

Source of the rules: omero-blitz ``ome/services/blitz-graph-rules.xml`` (chgrpRules, chownRules).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphxfer.sandbox.deletion import Graph, Key, Options, Row, outgoing, remove, unlink
from graphxfer.sandbox.errors import GraphFailure, forbidden
from graphxfer.sandbox.model import TYPES, Type, find
from graphxfer.sandbox.security import grants

if TYPE_CHECKING:
    from graphxfer.sandbox.store import Transaction

Result = tuple[dict[str, list[int]], dict[str, list[int]]]
# What others put on an image is not shown in a private group: it goes (``$to_private``).
OTHERS = ("Roi", "RenderingDef", "Thumbnail")


def chgrp(
    tx: Transaction,
    targets: Mapping[str, Sequence[int]],
    group: int,
    child_options: Sequence[Any],
    dry_run: bool,
) -> Result:
    """Move targets and what goes with them to another group; see ``Transaction.chgrp``."""
    caller = tx.caller
    if group not in tx.rights.groups:
        raise GraphFailure(f"no such group: {group}")
    if not caller.admin and group not in caller.member_of:
        raise forbidden(f"not a member of chgrp target group {group}")

    def may(row: Row) -> bool:
        return row.owner == caller.user or "Chgrp" in caller.privileges

    graph = Graph(tx, "chgrp", may, Options(child_options))
    graph.start(targets)
    graph.check()
    to_private = not grants(tx.rights.groups[group], "group", "read")
    deleted = _crossing_links(graph) | (_of_others(graph) if to_private else set())
    moved = [key for key in graph.taken if key not in deleted]
    _check_shared(graph)
    if not dry_run:
        tx.write()
        unlink(graph)
        _write(graph, moved, "_group", group)
        remove(graph, deleted)
    return graph.result(moved), graph.result(deleted)


def chown(
    tx: Transaction,
    targets: Mapping[str, Sequence[int]],
    users: Sequence[int],
    to_user: int,
    child_options: Sequence[Any],
    dry_run: bool,
) -> Result:
    """Give targets and what goes with them to another user; see ``Transaction.chown``."""
    caller = tx.caller
    everything = {**targets, **_all_of(tx, users)} if users else dict(targets)

    def may(row: Row) -> bool:
        return "Chown" in caller.privileges or row.group in caller.leader_of

    graph = Graph(tx, "chown", may, Options(child_options))
    graph.start(everything)
    graph.check()
    owners = {
        graph.taken[((find(name) or TYPES[name]).table, id_)].owner
        for name, ids in everything.items()
        for id_ in ids
    }
    given = [key for key, row in graph.taken.items() if row.owner in owners]
    _check_member(tx, to_user, {graph.taken[key].group for key in given})
    if not dry_run:
        tx.write()
        _write(graph, given, "_owner", to_user)
    return graph.result(given), {}


def _all_of(tx: Transaction, users: Sequence[int]) -> dict[str, list[int]]:
    """Return everything that users own, links aside: they go with what they link."""
    found = {}
    for type_ in TYPES.values():
        if type_.is_global or type_.is_link or not type_.cls:
            continue
        rows = tx.connection.execute(
            f'SELECT id FROM "{type_.table}" WHERE _type = ? AND _owner IN '
            "(SELECT value FROM json_each(?))",
            (type_.name, json.dumps(list(users))),
        ).fetchall()
        if rows:
            found[type_.name] = [row[0] for row in rows]
    return found


def _crossing_links(graph: Graph) -> set[Key]:
    """Return the links of which one end stays behind."""
    crossing = set()
    for type_ in {row.type for row in graph.taken.values() if row.type.is_link}:
        names = ("parent", "child")
        is_global = [TYPES[type_.fields[name].target or ""].is_global for name in names]
        for id_, *ends in graph.links(type_, "id", graph.ids(type_.table)):
            if any(
                not g and end not in graph.taken for g, end in zip(is_global, ends, strict=True)
            ):
                crossing.add((type_.table, id_))
    return crossing


def _of_others(graph: Graph) -> set[Key]:
    """Return what other users put on the images that move, and its parts."""
    user = graph.tx.caller.user
    return {
        (table, id_)
        for (table, id_), row in graph.taken.items()
        if row.owner != user and any(row.type.is_a(name) for name in (*OTHERS, "Shape"))
    }


def _check_shared(graph: Graph) -> None:
    """Refuse to part those that share an instrument or a file.

    Raises
    ------
    GraphFailure
        Naming what is shared.
    """
    by_type: dict[Type, list[int]] = defaultdict(list)
    for key, row in graph.taken.items():
        if not row.type.is_link:
            by_type[row.type].append(key[1])
    for type_, ids in by_type.items():
        for made in outgoing(type_):
            target = TYPES[made.target or ""]
            rows = graph.tx.connection.execute(
                f'SELECT id, "{made.column}" FROM "{type_.table}" WHERE id IN '
                f'(SELECT value FROM json_each(?)) AND "{made.column}" NOTNULL',
                (json.dumps(ids),),
            )
            for id_, value in rows:
                if not target.is_global and (target.table, value) not in graph.taken:
                    raise GraphFailure(
                        f"may not move {type_.fqn}[{id_}] without {target.fqn}[{value}] "
                        "that it uses"
                    )


def _check_member(tx: Transaction, user: int, groups: set[int | None]) -> None:
    members = tx.connection.execute(
        "SELECT parent FROM groupexperimentermap WHERE child = ?", (user,)
    ).fetchall()
    missing = groups - {row[0] for row in members} - {None}
    if missing:
        raise GraphFailure(f"user {user} is not a member of group {min(g for g in missing if g)}")


def _write(graph: Graph, keys: Sequence[Key], column: str, value: int) -> None:
    """Write owner or group, also of the ExternalInfo of the objects."""
    for table, ids in graph.by_table(keys).items():
        given = json.dumps(ids)
        where = "id IN (SELECT value FROM json_each(?))"
        graph.tx.connection.execute(
            f"UPDATE externalinfo SET {column} = ? WHERE id IN "
            f'(SELECT _external FROM "{table}" WHERE {where})',
            (value, given),
        )
        graph.tx.connection.execute(
            f'UPDATE "{table}" SET {column} = ? WHERE {where}',
            (value, given),
        )
    graph.tx.log("UPDATE", ((graph.taken[key].type, key[1]) for key in keys))
