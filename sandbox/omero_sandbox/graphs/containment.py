# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""What holds what, directly or not: for omero.cmd.FindParents, FindChildren and DiskUsage2.

A whole holds its parts (Image its Pixels), an object what it uses (FilesetEntry its OriginalFile),
a parent its links and a link its child. Source of the direction: omero-blitz,
``ome/services/blitz-contained-rules.xml`` and ``omero/cmd/graphs/StopBeforeHelper``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from omero_sandbox.database.rows import Rows
from omero_sandbox.errors import GraphFailure
from omero_sandbox.graphs.deletion import LOOSE, is_part, references, unreadable
from omero_sandbox.model import TYPES, Field, Type, find

# Held by what they refer to, though it has no list of which they would be parts.
HELD = {"Image.fileset"}
# The one link whose child holds its parent.
TURNED = {"PixelsOriginalFileMap"}
Found = dict[str, dict[int, Type]]  # table -> id -> class


class Edge(NamedTuple):
    """One reference as a step from what holds to what is held, or back.

    Attributes
    ----------
    owner : Type
        The class that has the reference.
    made : Field
        The reference.
    held : bool
        Whether the owner is what is held, and not what holds.
    """

    owner: Type
    made: Field
    held: bool

    @property
    def tables(self) -> tuple[str, str]:
        """The tables above and below."""
        target = TYPES[self.made.target or ""].table
        return (target, self.owner.table) if self.held else (self.owner.table, target)


@cache
def edges() -> tuple[Edge, ...]:
    """Return all steps of the model."""
    found = []
    for owner, made in references():
        name = f"{made.owner}.{made.name}"
        if name in LOOSE:
            continue
        if owner.is_link:
            held = (made.name == "parent") != (owner.name in TURNED)
        else:
            held = is_part(made) or name in HELD
        found.append(Edge(owner, made, held))
    return tuple(found)


def tables_beyond(start: Iterable[str], upwards: bool, without: set[str]) -> set[str]:
    """Return the tables that can be reached from some, themselves included."""
    seen, stack = set(start) - without, list(set(start) - without)
    while stack:
        here = stack.pop()
        for edge in edges():
            above, below = edge.tables
            source, target = (below, above) if upwards else (above, below)
            if source == here and target not in seen | without:
                seen.add(target)
                stack.append(target)
    return seen


def search(
    tx: Rows,
    targets: Mapping[str, Sequence[int]],
    sought: Sequence[Type] | None,
    upwards: bool,
    stop_before: Sequence[Type] = (),
) -> Found:
    """Return what holds the targets, or what they hold, as far as the caller may read it.

    Parameters
    ----------
    tx : Rows
        The transaction.
    targets : Mapping[str, Sequence[int]]
        Class name to ids. They are found, too.
    sought : Sequence[Type], optional
        The classes of interest, so that ways that lead to none of them are not taken; None for all.
    upwards : bool
        To what holds, and not to what is held.
    stop_before : Sequence[Type]
        Classes that are not entered.

    Raises
    ------
    GraphFailure
        When there is no such class, or a target is not there.
    """
    found: Found = defaultdict(dict)
    for name, ids in targets.items():
        type_ = named(name)
        here = _readable(tx, type_, f"id IN ({_GIVEN})", ids)
        for id_ in ids:
            if id_ not in here:
                raise unreadable(type_, id_)
        found[type_.table].update(here)
    without = {type_.table for type_ in stop_before} - found.keys()
    allowed = tables_beyond(found, upwards, without)
    if sought is not None:
        allowed &= tables_beyond({type_.table for type_ in sought}, not upwards, without)
    new = {table: set(rows) for table, rows in found.items()}
    while new:
        new = _step(tx, new, found, allowed, upwards)
    return found


def named(name: str) -> Type:
    """Return the class of a name; GraphFailure when there is none."""
    type_ = find(name)
    if type_ is None:
        raise GraphFailure(f"unknown model object class named: {name}")
    return type_


_GIVEN = "SELECT value FROM json_each(?)"


def _step(
    tx: Rows, new: dict[str, set[int]], found: Found, allowed: set[str], upwards: bool
) -> dict[str, set[int]]:
    """Take every step from the new ones; return what was not known yet."""
    fresh: dict[str, set[int]] = defaultdict(set)
    for edge in edges():
        above, below = edge.tables
        source, target = (below, above) if upwards else (above, below)
        if not new.get(source) or target not in allowed:
            continue
        column = f'"{edge.made.column}"'
        if target == edge.owner.table and edge.held is not upwards:
            type_, where = edge.owner, f"{column} IN ({_GIVEN})"
        else:
            type_ = TYPES[edge.made.target or ""]
            where = f'id IN (SELECT {column} FROM "{edge.owner.table}" WHERE id IN ({_GIVEN}))'
        for id_, cls in _readable(tx, type_, where, new[source]).items():
            if id_ not in found[target]:
                found[target][id_] = cls
                fresh[target].add(id_)
    return fresh


def _readable(tx: Rows, type_: Type, where: str, ids: Iterable[int]) -> dict[int, Type]:
    rows = tx.connection.execute(
        f'SELECT id, _type, _owner, _group FROM "{type_.table}" WHERE {where}',
        (json.dumps(list(ids)),),
    )
    classes = ((id_, TYPES[name], owner, group) for id_, name, owner, group in rows)
    return {
        id_: cls
        for id_, cls, owner, group in classes
        if cls.is_a(type_.name) and tx.rights.may_read(cls, owner, group)
    }
