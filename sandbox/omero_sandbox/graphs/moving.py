# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Objects to another group or another owner: omero.cmd.Chgrp2 and Chown2.

Source of the rules: omero-blitz ``ome/services/blitz-graph-rules.xml`` (chgrpRules, chownRules).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from omero_sandbox.database.rows import Rows
from omero_sandbox.errors import GraphFailure, forbidden
from omero_sandbox.graphs.deletion import ChildOptions, Graph, Key, Row, outgoing, remove, unlink
from omero_sandbox.model import TYPES, Type, find
from omero_sandbox.security.rights import grants

Result = tuple[dict[str, list[int]], dict[str, list[int]]]
# What others put on an image is not shown in a private group: it goes (``$to_private``).
OTHERS = ("Roi", "RenderingDef", "Thumbnail")
# What holds and what is held may have different owners in a read-write group only.
CONTAINER_LINKS = {
    "ProjectDatasetLink", "DatasetImageLink", "FolderImageLink", "FolderRoiLink", "ScreenPlateLink",
}  # fmt: skip


def chgrp(
    tx: Rows,
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

    graph = Graph(tx, "chgrp", may, ChildOptions(child_options))
    graph.start(targets)
    graph.check()
    to_private = not grants(tx.rights.groups[group], "group", "read")
    deleted = _crossing_links(graph, graph.taken) | (_of_others(graph) if to_private else set())
    moved = [key for key in graph.taken if key not in deleted]
    _check_shared(graph)
    if not dry_run:
        tx.write()
        unlink(graph)
        _write(graph, moved, "_group", group)
        remove(graph, deleted)
    return graph.result(moved), graph.result(deleted)


def chown(
    tx: Rows,
    targets: Mapping[str, Sequence[int]],
    users: Sequence[int],
    to_user: int,
    child_options: Sequence[Any],
    dry_run: bool,
) -> Result:
    """Give targets and what goes with them to another user; see ``Transaction.chown``."""
    caller = tx.caller
    anywhere = "Chown" in caller.privileges
    groups = None if anywhere else caller.leader_of
    everything = {**targets, **_all_of(tx, users, groups)} if users else dict(targets)

    def may(row: Row) -> bool:
        return anywhere or row.group in caller.leader_of

    graph = Graph(tx, "chown", may, ChildOptions(child_options), lambda row: _stays(tx, row))
    graph.start(everything)
    graph.check()
    aimed_at = {
        ((find(name) or TYPES[name]).table, id_) for name, ids in everything.items() for id_ in ids
    }
    owners = {graph.taken[key].owner for key in aimed_at}
    given = {key for key, row in graph.taken.items() if row.owner in owners}
    crossing = _crossing_links(graph, given) - aimed_at
    given -= crossing
    deleted = {key for key in crossing if _parts(tx, graph.taken[key])}
    if not anywhere:
        _check_member(tx, to_user, {graph.taken[key].group for key in given})
    _check_links(graph, given, to_user)
    if not dry_run:
        tx.write()
        _write(graph, given, "_owner", to_user)
        remove(graph, deleted)
    return graph.result(given), graph.result(deleted)


def _stays(tx: Rows, row: Row) -> bool:
    """Return whether an object keeps its owner although its container gets another one.

    Where users may annotate what others own, annotations and ROIs stay theirs; rendering settings
    and thumbnails do wherever others may see them.
    """
    permissions = tx.rights.groups.get(row.group or 0, "rw----")
    if row.type.is_a("Annotation") or row.type.is_a("Roi"):
        return grants(permissions, "group", "annotate")
    if row.type.is_a("RenderingDef") or row.type.is_a("Thumbnail"):
        return grants(permissions, "group", "read")
    return False


def _parts(tx: Rows, link: Row) -> bool:
    """Return whether a link is deleted when only one of its ends gets another owner."""
    permissions = tx.rights.groups.get(link.group or 0, "rw----")
    if link.type.is_annotation_link:
        return not grants(permissions, "group", "read")
    return link.type.name in CONTAINER_LINKS and not grants(permissions, "group", "write")


def _all_of(tx: Rows, users: Sequence[int], groups: frozenset[int] | None) -> dict[str, list[int]]:
    """Return everything that users own in groups (None: in all), links aside.

    Links go with what they link.
    """
    found = {}
    for type_ in TYPES.values():
        if type_.is_global or type_.is_link or not type_.cls:
            continue
        rows = tx.connection.execute(
            f'SELECT id, _group FROM "{type_.table}" WHERE _type = ? AND _owner IN '
            "(SELECT value FROM json_each(?))",
            (type_.name, json.dumps(list(users))),
        )
        ids = [id_ for id_, group in rows if groups is None or group in groups]
        if ids:
            found[type_.name] = ids
    return found


def _crossing_links(graph: Graph, going: Collection[Key]) -> set[Key]:
    """Return the links of which one end goes and the other stays behind."""
    crossing = set()
    for type_ in {row.type for row in graph.taken.values() if row.type.is_link}:
        names = ("parent", "child")
        is_global = [TYPES[type_.fields[name].target or ""].is_global for name in names]
        for id_, *ends in graph.links(type_, "id", graph.ids(type_.table)):
            if any(not g and end not in going for g, end in zip(is_global, ends, strict=True)):
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


def _check_member(tx: Rows, user: int, groups: set[int | None]) -> None:
    members = tx.connection.execute(
        "SELECT parent FROM groupexperimentermap WHERE child = ?", (user,)
    ).fetchall()
    missing = groups - {row[0] for row in members} - {None}
    if missing:
        raise GraphFailure(f"user {user} is not a member of group {min(g for g in missing if g)}")


def _check_links(graph: Graph, given: Iterable[Key], user: int) -> None:
    """Refuse that a user would have the same link twice (Chown2I.assertMayProcess)."""
    by_type: dict[Type, list[int]] = defaultdict(list)
    for key in given:
        if graph.taken[key].type.is_link and graph.taken[key].owner != user:
            by_type[graph.taken[key].type].append(key[1])
    for type_, ids in by_type.items():
        theirs = {
            (parent, child)
            for parent, child in graph.tx.connection.execute(
                f'SELECT parent, child FROM "{type_.table}" WHERE _owner = ?', (user,)
            )
        }
        for _, (_, parent), (_, child) in graph.links(type_, "id", ids):
            if (parent, child) in theirs:
                raise GraphFailure(f"would have user {user} owning multiple identical links")
            theirs.add((parent, child))


def _write(graph: Graph, keys: Collection[Key], column: str, value: int) -> None:
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
