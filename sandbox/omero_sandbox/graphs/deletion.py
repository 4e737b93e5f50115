# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Which objects are deleted, moved or given away together (omero.cmd.Delete2 ...).

Source of the rules: omero-blitz ``ome/services/blitz-graph-rules.xml``. In short:

- what cannot be without an object goes with it (Pixels with their Image, Wells with their Plate);
- so do links to it and from it;
- what it uses or holds goes too, when nothing else does (is orphaned) and the caller may;
- a fileset goes with all of its images or not at all, an image in a plate only with its well.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from omero_sandbox.database.rows import Rows
from omero_sandbox.errors import GraphFailure
from omero_sandbox.model import TYPES, Field, Type, find, tables
from omero_sandbox.security.rights import DELETE

# References to something that has a list of them, which all the same use it rather than being
# part of it: what they refer to goes with the last of them.
USES = {"FilesetEntry.originalFile", "Channel.logicalChannel", "WellSample.image", "Image.fileset"}
# References that tie nothing together.
LOOSE = {"Pixels.relatedTo"}
# Required references, whose owners all the same do not go with what they refer to while something
# else holds them: Delete2 then fails (tried: a Reagent that a Well of a remaining Plate has).
HELD = {"Reagent.screen"}
# References that are not required, whose owners go with what they refer to all the same.
GOES_WITH = {"FileAnnotation.file", "Image.fileset", "WellSample.plateAcquisition"}

Key = tuple[str, int]  # table, id


class Row(NamedTuple):
    """One object of the graph."""

    type: Type
    owner: int | None
    group: int | None


@cache
def references() -> tuple[tuple[Type, Field], ...]:
    """Return all references between objects that have owners: (declaring class, field)."""
    return tuple(
        (type_, made)
        for type_ in TYPES.values()
        for made in type_.fields.values()
        if made.kind == "ref"
        and made.owner == type_.name
        and not TYPES[made.target or ""].is_global
        and not (type_.is_global and not type_.is_link)
    )


@cache
def is_part(made: Field) -> bool:
    """Return whether a reference makes its owner a part of what it refers to."""
    name = f"{made.owner}.{made.name}"
    lists = (f for t in TYPES[made.target or ""].lineage for f in TYPES[t].fields.values())
    listed = any(
        f.kind == "many" and f.inverse == made.name and made.owner in TYPES[f.target or ""].lineage
        for f in lists
    )
    return listed and name not in USES and not TYPES[made.owner].is_link


@cache
def incoming(table: str) -> tuple[tuple[Type, Field], ...]:
    """Return the references to rows of a table."""
    return tuple((t, f) for t, f in references() if TYPES[f.target or ""].table == table)


@cache
def outgoing(type_: Type) -> tuple[Field, ...]:
    """Return the references of a class."""
    return tuple(f for t, f in references() if type_.is_a(t.name))


class ChildOptions:
    """The child options of a request: which orphans are taken, or kept, whatever the rules say.

    Parameters
    ----------
    options : Sequence[Any]
        omero.cmd.graphs.ChildOption instances; the first that applies to an object counts.
    """

    def __init__(self, options: Sequence[Any]) -> None:
        self._options = [
            (
                self._types(option.includeType),
                self._types(option.excludeType),
                set(option.includeNs or ()),
                set(option.excludeNs or ()),
            )
            for option in options or ()
        ]

    @staticmethod
    def _types(names: Iterable[str] | None) -> list[str]:
        types = []
        for name in names or ():
            type_ = find(name)
            if type_ is None:
                raise GraphFailure(f"unknown type in child option: {name}")
            types.append(type_.name)
        return types

    def decide(self, type_: Type, ns: str | None) -> bool | None:
        """Return True to take an object, False to keep it, None to follow the rules."""
        for include, exclude, with_ns, without_ns in self._options:
            if type_.is_a("Annotation") and (
                (with_ns and ns not in with_ns) or (without_ns and ns in without_ns)
            ):
                continue
            if any(type_.is_a(name) for name in include):
                return True
            if any(type_.is_a(name) for name in exclude):
                return False
        return None


def unreadable(type_: Type, id_: int) -> GraphFailure:
    """Return the error of GraphTraversal (omero-server) for a target that does not exist.

    It notices that at once for classes that share a table with others, else when it gets there.
    """
    if len(tables()[type_.table]) > 1:
        return GraphFailure(f"cannot read all the specified objects of class {type_.fqn}")
    return GraphFailure(f"cannot read {type_.fqn}[{id_}]")


class Graph:
    """The objects that a request affects, found step by step from its targets.

    Parameters
    ----------
    tx : Rows
        The transaction.
    verb : str
        What the request does (``delete``), for messages.
    may : Callable[[Row], bool]
        Tells whether the caller may do that to an object: checked for targets and orphans.
    options : ChildOptions
        The request's child options.
    stays : Callable[[Row], bool]
        Tells whether an object that is not a target is kept.
    """

    def __init__(
        self,
        tx: Rows,
        verb: str,
        may: Callable[[Row], bool],
        options: ChildOptions,
        stays: Callable[[Row], bool] = lambda row: False,
    ) -> None:
        self.tx = tx
        self.verb = verb
        self.may = may
        self.options = options
        self.stays = stays
        self.taken: dict[Key, Row] = {}
        self._candidates: dict[Key, Row] = {}

    def rows(
        self, table: str, column: str, ids: Iterable[int], type_: Type | None = None
    ) -> list[Any]:
        """Return (id, class, owner, group, column) where the column has one of the ids."""
        own = ""
        if type_ is not None and not type_.is_root:
            own = f" AND _type IN ({', '.join(repr(c) for c in type_.concrete)})"
        return self.tx.connection.execute(
            f'SELECT id, _type, _owner, _group, "{column}" FROM "{table}" '
            f'WHERE "{column}" IN (SELECT value FROM json_each(?)){own}',
            (json.dumps(list(ids)),),
        ).fetchall()

    def start(self, targets: Mapping[str, Sequence[int]]) -> None:
        """Take the targets and all that has to go with them.

        Raises
        ------
        GraphFailure
            When one of them is not there, or not the caller's to take.
        """
        for name, ids in targets.items():
            type_ = find(name)
            if type_ is None:
                raise GraphFailure(f"unknown model object class: {name}")
            found = {r[0]: Row(TYPES[r[1]], r[2], r[3]) for r in self.rows(type_.table, "id", ids)}
            for id_ in ids:
                row = found.get(id_)
                rights = self.tx.rights
                if row is None or not row.type.is_a(type_.name) or not rights.may_read(*row):
                    raise unreadable(type_, id_)
                if not self.may(row):
                    raise GraphFailure(f"not permitted to {self.verb} {row.type.fqn}[{id_}]")
                self.taken[(type_.table, id_)] = row
        new = dict(self.taken)
        while new:
            new = self._dependents(new)
            if not new:
                new = self._orphans()

    def by_table(self, keys: Iterable[Key]) -> dict[str, list[int]]:
        tables: dict[str, list[int]] = defaultdict(list)
        for table, id_ in keys:
            tables[table].append(id_)
        return tables

    def _dependents(self, new: dict[Key, Row]) -> dict[Key, Row]:
        """Take what cannot be without the new ones; note what they may leave orphaned."""
        found: dict[Key, Row] = {}
        for table, ids in self.by_table(new).items():
            for type_, made in incoming(table):
                goes = self._goes(f"{made.owner}.{made.name}", made)
                if not goes and not is_part(made):
                    continue
                for id_, name, owner, group, _ in self.rows(type_.table, made.column, ids, type_):
                    key, row = (type_.table, id_), Row(TYPES[name], owner, group)
                    if f"{made.owner}.{made.name}" == "WellSample.image" or self.stays(row):
                        continue
                    if key in self.taken:
                        continue
                    if goes:
                        found[key] = self.taken[key] = row
                    else:
                        self._candidates.setdefault(key, row)
        self._used_by(new)
        return found

    def _goes(self, name: str, made: Field) -> bool:
        """Return whether the owner of a reference goes with what it refers to in any case."""
        if name in HELD and self.verb == "delete":
            return False
        return made.required or name in GOES_WITH

    def _used_by(self, new: dict[Key, Row]) -> None:
        """Note what the new ones use: link children, and what they refer to without being part."""
        by_type: dict[Type, list[int]] = defaultdict(list)
        for (_, id_), row in new.items():
            by_type[row.type].append(id_)
        for type_, ids in by_type.items():
            for made in outgoing(type_):
                name = f"{made.owner}.{made.name}"
                if is_part(made) or name in LOOSE or (type_.is_link and made.name == "parent"):
                    continue
                target = TYPES[made.target or ""]
                if type_.is_link:
                    wanted = self._children(type_, ids)
                else:
                    column = f'SELECT DISTINCT "{made.column}" FROM "{type_.table}"'
                    wanted = {r[0] for r in self._select(column, ids) if r[0] is not None}
                for id_, cls, owner, group, _ in self.rows(target.table, "id", wanted):
                    key, row = (target.table, id_), Row(TYPES[cls], owner, group)
                    if key not in self.taken and not self.stays(row):
                        self._candidates.setdefault(key, row)

    def links(self, type_: Type, column: str, ids: Iterable[int]) -> list[tuple[int, Key, Key]]:
        """Return (id, parent, child) of links where the column has one of the ids."""
        parent, child = (TYPES[type_.fields[n].target or ""].table for n in ("parent", "child"))
        rows = self.tx.connection.execute(
            f'SELECT id, parent, child FROM "{type_.table}" WHERE {column} IN '
            "(SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        return [(id_, (parent, p), (child, c)) for id_, p, c in rows]

    def _children(self, type_: Type, ids: list[int]) -> set[int]:
        """Return the children of links of which the parent is taken."""
        found = self.links(type_, "id", ids)
        return {child[1] for _, parent, child in found if parent in self.taken}

    def _orphans(self) -> dict[Key, Row]:
        """Take the candidates that nothing else uses or holds."""
        candidates = {k: r for k, r in self._candidates.items() if k not in self.taken}
        attached: set[Key] = set()
        leads: dict[Key, set[Key]] = defaultdict(set)  # if the first stays, the others stay
        for table, ids in self.by_table(candidates).items():
            self._holders(table, ids, candidates, attached, leads)
            self._wholes(table, ids, candidates, attached, leads)
        decisions = self._decisions(candidates)
        attached = (attached | {k for k, take in decisions.items() if take is False}) - {
            k for k, take in decisions.items() if take
        }
        attached |= {k for k, row in candidates.items() if not self._may_orphan(row)}
        stack = list(attached)
        while stack:
            for key in leads[stack.pop()]:
                if key not in attached and not decisions.get(key):
                    attached.add(key)
                    stack.append(key)
        found = {k: r for k, r in candidates.items() if k not in attached}
        self.taken |= found
        self._candidates = {k: r for k, r in candidates.items() if k in attached}
        return found

    def _may_orphan(self, row: Row) -> bool:
        return row.type.is_a("Job") or self.may(row)

    def _holders(
        self, table: str, ids: list[int], candidates: dict[Key, Row], attached: set[Key],
        leads: dict[Key, set[Key]],
    ) -> None:  # fmt: skip
        """Find who uses the candidates: other objects, and the parents of links to them."""
        for type_, made in incoming(table):
            if is_part(made) or f"{made.owner}.{made.name}" in LOOSE:
                continue
            if type_.is_link and made.name == "parent":
                continue
            if type_.is_link:
                found = [
                    (parent, child)
                    for id_, parent, child in self.links(type_, "child", ids)
                    if (type_.table, id_) not in self.taken
                ]
            else:
                found = [
                    ((type_.table, row[0]), (table, row[4]))
                    for row in self.rows(type_.table, made.column, ids, type_)
                    if (type_.table, row[0]) not in self.taken
                ]
            for holder, held in found:
                if holder in candidates:
                    leads[holder].add(held)
                else:
                    attached.add(held)

    def _wholes(
        self, table: str, ids: list[int], candidates: dict[Key, Row], attached: set[Key],
        leads: dict[Key, set[Key]],
    ) -> None:  # fmt: skip
        """Find what the candidates are part of: a ROI of an image stays with the image."""
        for type_ in {candidates[(table, id_)].type for id_ in ids}:
            for made in outgoing(type_):
                if not is_part(made):
                    continue
                target = TYPES[made.target or ""]
                rows = self.tx.connection.execute(
                    f'SELECT id, "{made.column}" FROM "{table}" WHERE id IN '
                    f'(SELECT value FROM json_each(?)) AND "{made.column}" NOTNULL',
                    (json.dumps(ids),),
                )
                for id_, whole in rows:
                    key = (target.table, whole)
                    if key in candidates:
                        leads[key].add((table, id_))
                    elif key not in self.taken:
                        attached.add((table, id_))

    def _decisions(self, candidates: dict[Key, Row]) -> dict[Key, bool]:
        decisions = {}
        for (table, id_), row in candidates.items():
            ns = None
            if row.type.is_a("Annotation"):
                found = self.tx.connection.execute("SELECT ns FROM annotation WHERE id = ?", (id_,))
                ns = found.fetchone()[0]
            decision = self.options.decide(row.type, ns)
            if decision is not None:
                decisions[(table, id_)] = decision
        return decisions

    def ids(self, table: str) -> list[int]:
        """Return the ids that are taken from a table."""
        return [id_ for t, id_ in self.taken if t == table]

    def check(self) -> None:
        """Refuse what would be torn apart.

        Raises
        ------
        GraphFailure
            Naming the fileset, or the image and its well sample.
        """
        images = self.ids("image")
        filesets = {
            r[0] for r in self._select("SELECT DISTINCT fileset FROM image", images) if r[0]
        }
        for fileset in sorted(filesets - set(self.ids("fileset"))):
            raise GraphFailure(f"may not split {TYPES['Fileset'].fqn}[{fileset}]")
        taken = set(self.ids("wellsample"))
        for id_, *_, image in self.rows("wellsample", "image", images):
            if id_ not in taken:
                raise GraphFailure(
                    f"may not {self.verb} Image[{image}] while WellSample[{id_}] remains"
                )

    def _select(self, select: str, ids: list[int]) -> list[Any]:
        return self.tx.connection.execute(
            f"{select} WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
        ).fetchall()

    def result(self, keys: Iterable[Key] | None = None) -> dict[str, list[int]]:
        """Return fully-qualified class name -> ids."""
        found: dict[str, list[int]] = defaultdict(list)
        for key in self.taken if keys is None else keys:
            found[self.taken[key].type.fqn].append(key[1])
        return {name: sorted(ids) for name, ids in sorted(found.items())}


def delete(
    tx: Rows,
    targets: Mapping[str, Sequence[int]],
    child_options: Sequence[Any],
    dry_run: bool,
) -> dict[str, list[int]]:
    """Delete targets and what goes with them; see ``Transaction.delete``."""
    rights = tx.rights
    may = lambda row: rights.may(DELETE, row.type, row.owner, row.group)  # noqa: E731
    graph = Graph(tx, "delete", may, ChildOptions(child_options))
    graph.start(targets)
    graph.check()
    _check_tags(graph)
    _check_required(graph)
    if not dry_run:
        tx.write()
        unlink(graph)
        remove(graph, graph.taken)
    return graph.result()


def _check_required(graph: Graph) -> None:
    """Refuse to leave an object without what it needs (GraphTraversal.unlinkTargets)."""
    for table, ids in graph.by_table(graph.taken).items():
        for type_, made in incoming(table):
            if f"{made.owner}.{made.name}" not in HELD:
                continue
            for row in graph.rows(type_.table, made.column, ids, type_):
                if (type_.table, row[0]) not in graph.taken:
                    raise GraphFailure(f"cannot null {type_.fqn}.{made.name}")


def remove(graph: Graph, keys: Iterable[Key]) -> None:
    """Delete the rows of objects that were taken."""
    by_type: dict[Type, list[int]] = defaultdict(list)
    for key in keys:
        by_type[graph.taken[key].type].append(key[1])
    for type_, ids in by_type.items():
        graph.tx.remove_rows(type_, ids)


def _check_tags(graph: Graph) -> None:
    """Refuse to delete a tag from what others tagged with it."""
    tags = [id_ for (t, id_), row in graph.taken.items() if row.type.is_a("TagAnnotation")]
    for type_, made in incoming("annotation"):
        if not type_.is_annotation_link or made.name != "child":
            continue
        parent = TYPES[type_.fields["parent"].target or ""]
        if parent.is_global:
            continue
        tagged = {key[1]: tag[1] for _, key, tag in graph.links(type_, "child", tags)}
        for id_, name, owner, group, _ in graph.rows(parent.table, "id", tagged):
            row = Row(TYPES[name], owner, group)
            if (parent.table, id_) not in graph.taken and not graph.may(row):
                raise GraphFailure(
                    f"may not delete {TYPES['TagAnnotation'].fqn}[{tagged[id_]}] because "
                    f"{row.type.fqn}[{id_}] is tagged with it"
                )


def unlink(graph: Graph) -> None:
    """Null the references of what stays to what goes."""
    for table, ids in graph.by_table(graph.taken).items():
        for type_, made in incoming(table):
            if made.required:
                continue
            kept = [
                row[0]
                for row in graph.rows(type_.table, made.column, ids, type_)
                if (type_.table, row[0]) not in graph.taken
            ]
            graph.tx.connection.executemany(
                f'UPDATE "{type_.table}" SET "{made.column}" = NULL WHERE id = ?',
                [(id_,) for id_ in kept],
            )
