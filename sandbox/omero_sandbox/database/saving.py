# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Objects to rows: IUpdate's cascade, merge, checks and inserts, all within one transaction.

Sources: omero-server ``ome/logic/UpdateImpl``, ``ome/security/basic/OmeroInterceptor``;
omero-dsl-plugin for what required and ordered mean.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import omero

from omero_sandbox.database.loading import rlong, small_int
from omero_sandbox.database.rows import Place, Rows
from omero_sandbox.database.schema import has_index, map_table, quote
from omero_sandbox.errors import fail, forbidden, invalid, misused
from omero_sandbox.model import TYPES, Field, Type, type_of
from omero_sandbox.security.rights import ALL_GROUPS
from omero_sandbox.security.roles import USER_GROUP

# The right that a new object needs on what it refers to, if it is not "link" (OmeroInterceptor).
NEEDS = {
    "Roi": "annotate", "RenderingDef": "read", "Thumbnail": "read", "ChannelBinding": "read",
}  # fmt: skip

_NO_GROUP = (
    "No valid permissions available! DUMMY permissions are not intended for copying. Make sure "
    "that you have not passed omero.group=-1 for a save without context"
)
"""What OMERO 5.7 says to every save in all groups at once, whatever it refers to."""

ZERO = {("Image", "series")}
"""Where OMERO stores 0 for null (tried on OMERO 5.7)."""


class Existing(NamedTuple):
    """Class, owner and group of an object that is referred to."""

    type: Type
    owner: int
    group: int


class Written(NamedTuple):
    """What a client gets back in an object's details."""

    version: int
    owner: int | None
    group: int | None
    creation: int | None
    update: int | None


def _text(made: Field, value: Any) -> str:
    text: str = value._val
    if made.limit and len(text) > made.limit:
        raise invalid(
            f"{made.owner}.{made.name}: value too long for type character varying({made.limit})"
        )
    if "\0" in text:
        raise invalid(f'{made.owner}.{made.name}: invalid byte sequence for encoding "UTF8": 0x00')
    return text


def real(value: float) -> float | str:
    """Return a double as SQLite keeps it: it knows no NaN, which PostgreSQL sorts last."""
    return value if value == value else "NaN"


def _strings(made: Field, value: Any) -> str:
    return json.dumps(list(value))


ENCODE: dict[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "int": lambda made, value: value if isinstance(value, int) else value._val,
    "long": lambda made, value: value._val,
    "double": lambda made, value: real(value._val),
    "bool": lambda made, value: int(value._val),
    "time": lambda made, value: value._val,
    "bytes": lambda made, value: bytes(value),
    "strings": _strings,
}


@cache
def stored(type_: Type) -> tuple[tuple[Field, str, tuple[None, ...]], ...]:
    """Return the fields that are columns: (field, attribute, columns of a null).

    The last is empty where a null is not simply written.
    """
    return tuple(
        (f, f.attribute, () if f.required or f.ordered else (None,) * len(f.columns))
        for f in type_.fields.values()
        if f.columns
    )


@cache
def columns(type_: Type) -> tuple[str, ...]:
    """Return the names of a type's columns, in the order of ``stored``."""
    return tuple(c for f, _, _ in stored(type_) for c in f.columns)


@cache
def cascades(type_: Type) -> tuple[tuple[Field, str, str | None], ...]:
    """Return what a save follows: (field, attribute, name of the flag that it is loaded)."""
    return tuple(
        (f, f.attribute, f"_{f.name}Loaded" if f.kind == "many" else None)
        for f in type_.fields.values()
        if f.kind in ("ref", "many")
    )


@cache
def maps(type_: Type) -> tuple[Field, ...]:
    """Return the fields that are lists of NamedValues."""
    return tuple(f for f in type_.fields.values() if f.kind == "map")


class Saver:
    """One save: find what is new, what is loaded again and what is referred to; check; write."""

    def __init__(self, rows: Rows) -> None:
        self.tx = rows
        self.rights = rows.rights
        self.connection: sqlite3.Connection = rows.connection
        self.new: list[tuple[Type, Any]] = []
        self.merged: list[tuple[Type, Any]] = []
        self.referred: dict[str, set[int]] = defaultdict(set)
        self.reference_types: dict[tuple[str, int], str] = {}
        self.existing: dict[tuple[str, int], Existing] = {}
        self.listed: dict[int, tuple[Any, int]] = {}  # id() of a child -> (parent, place in list)
        self.written: list[tuple[Type, Any, Written]] = []
        self._seen: set[int] = set()
        self._linked: set[tuple[Any, ...]] = set()

    def save(self, objects: Sequence[Any]) -> None:
        """Write the graphs; ids are set on the objects themselves.

        Raises
        ------
        omero.ValidationException
            Missing or wrong values, unknown references, broken unique keys.
        omero.SecurityViolation
            What the caller may not do.
        omero.OptimisticLockException
            When an object was changed after it was read.
        """
        try:
            for obj in objects:
                self._collect(obj)
            self._look_up()
            self._update()
            self._insert()
        except BaseException:
            for _, obj in self.new:
                obj._id = None
            raise

    def describe(self) -> None:
        """Set versions and details on the saved objects, as a client gets them back."""
        for type_, obj, written in self.written:
            if "_version" in obj.__dict__:
                obj._version = small_int(written.version)
            external = obj._details._externalInfo if obj._details is not None else None
            stated = None
            if type_.name == "ExperimenterGroup":
                stated = self.tx.group_permissions()[obj._id._val]
            obj._details = self.tx.loader.details(type_, *written[1:], stated)
            obj._details._externalInfo = external

    def _collect(self, start: Any) -> None:
        """Follow loaded fields and collections, each object once, parents before children."""
        stack = [start]
        while stack:
            obj = stack.pop()
            if id(obj) in self._seen:
                continue
            self._seen.add(id(obj))
            type_ = type_of(obj)
            if not self._register(type_, obj):
                continue
            state = obj.__dict__
            below: list[Any] = []
            for made, attribute, flag in cascades(type_):
                value = state[attribute]
                if flag is None:
                    if value is not None:
                        below.append(value)
                elif state[flag]:
                    if made.ordered:
                        for place, child in enumerate(value or ()):
                            self.listed[id(child)] = (obj, place)
                    below += [child for child in value or () if child is not None]
            details = obj._details
            if details is not None and details._externalInfo is not None:
                below.append(details._externalInfo)
            stack.extend(reversed(below))

    def _register(self, type_: Type, obj: Any) -> bool:
        """Sort an object into new, merged or referred to; return whether to look inside it."""
        if obj._id is not None:
            id_ = obj._id._val
            self.referred[type_.table].add(id_)
            self.reference_types[(type_.table, id_)] = type_.name
            if obj._loaded and not type_.is_enum:
                self.merged.append((type_, obj))
                return True
            return False
        if not obj._loaded:
            raise misused(f"{type_.fqn}: an unloaded object without id cannot be saved")
        if type_.is_enum and self._match_enum(type_, obj):
            return False
        self.rights.check_creation(type_)
        obj.__dict__["_id"] = rlong(self.tx.next_id(type_.table))
        self.new.append((type_, obj))
        return True

    def _match_enum(self, type_: Type, obj: Any) -> bool:
        """Give an enumeration that has only a value the id of the row with that value."""
        value = obj._value
        if value is None:
            raise invalid(f"{type_.fqn}: neither id nor value is set")
        found = self.tx.enum_id(type_, value._val)
        if found is None:
            if self.tx.caller.admin:
                return False
            raise invalid(f"{type_.fqn}: unknown value '{value._val}'")
        obj._id = rlong(found)
        return True

    def _look_up(self) -> None:
        """Read owner and group of everything referred to; all of it must exist."""
        for table, ids in self.referred.items():
            rows = self.connection.execute(
                f'SELECT id, _type, _owner, _group FROM "{table}" WHERE id IN '
                "(SELECT value FROM json_each(?))",
                (json.dumps(sorted(ids)),),
            )
            for id_, name, owner, group in rows:
                self.existing[(table, id_)] = Existing(TYPES[name], owner, group)
        for key, name in self.reference_types.items():
            found = self.existing.get(key)
            if found is None or not found.type.is_a(name):
                raise invalid(
                    f"No row with the given identifier exists: [{TYPES[name].fqn}#{key[1]}]"
                )

    def _place(self, type_: Type, obj: Any) -> Place | None:
        """Return (owner, group) for a new object: OmeroInterceptor.newTransientDetails."""
        if type_.is_global:
            return None
        caller = self.tx.caller
        owner, group = caller.user, caller.group
        details = obj._details
        wanted = details._owner._id._val if details is not None and details._owner else owner
        over = self.rights.is_over(type_)
        if wanted != owner:
            if not over:
                raise forbidden(
                    f"You are not authorized to set the Experimenter for {type_.fqn} to {wanted}"
                )
            owner = wanted
        if group == ALL_GROUPS:
            raise misused(_NO_GROUP)
        asked = details._group._id._val if details is not None and details._group else group
        if asked != group and not (over and asked == USER_GROUP):
            raise forbidden(
                f"You are not authorized to set the ExperimenterGroup for {type_.fqn} to {asked}"
            )
        group = asked
        if not (details is not None and details._group) and not self.rights.may_add(type_, group):
            raise forbidden(f"You are not authorized to create {type_.fqn}")
        if (
            details is not None
            and details._permissions is not None
            and type_.name != "ExperimenterGroup"
        ):
            self._check_permissions(details._permissions, group)
        return owner, group

    def _check_permissions(self, wanted: Any, group: int) -> None:
        if str(wanted) != self.rights.groups[group]:
            raise fail(
                omero.GroupSecurityViolation,
                "Manually setting permissions currently disallowed",
            )

    def _row(
        self, type_: Type, obj: Any, place: Place | None, was: dict[str, Any] | None
    ) -> list[Any]:
        """Return the column values of an object, in the order of ``columns``.

        ``was`` are the present values when it is merged: unchanged references are not checked,
        and lists that a parent keeps stay as they are.
        """
        row: list[Any] = []
        state = obj.__dict__
        for made, attribute, nulls in stored(type_):
            value = state[attribute]
            kind = made.kind
            if value is None and (made.owner, made.name) in ZERO:
                row.append(0)
            elif value is None and nulls:
                row += nulls
            elif kind == "ref":
                row.append(self._reference(type_, made, obj, value, place, was))
            elif value is None:
                raise invalid(
                    "not-null property references a null or transient value: "
                    f"{type_.fqn}.{made.name}"
                )
            elif kind == "unit":
                if value._unit is None or value._value is None:
                    raise invalid(f"{type_.fqn}.{made.name}: a unit needs both value and unit")
                row += (real(value._value), value._unit.name)
            else:
                row.append(ENCODE[kind](made, value))
        return row

    def _reference(
        self,
        type_: Type,
        made: Field,
        obj: Any,
        value: Any,
        place: Place | None,
        was: dict[str, Any] | None,
    ) -> int | None:
        if made.ordered:
            parent = self.listed.get(id(obj))
            if parent is not None:
                value = parent[0]
            elif was is not None:
                kept: int = was[made.column]
                return kept
            else:
                value = None
        if value is None:
            if made.required:
                hint = " (it is written by the parent's list)" if made.ordered else ""
                raise invalid(
                    "not-null property references a null or transient value: "
                    f"{type_.fqn}.{made.name}{hint}"
                )
            return None
        id_: int = value._id._val
        if place is not None and (was is None or was[made.column] != id_):
            self._check_link(type_, made, id_, place)
        return id_

    def _check_link(self, type_: Type, made: Field, id_: int, place: Place) -> None:
        key = (TYPES[made.target or ""].table, id_)
        target = self.existing.get(key)
        if target is None or (type_, key, place) in self._linked:
            return
        need = "annotate" if type_.is_annotation_link else NEEDS.get(type_.name, "link")
        self.rights.check_link(need, type_, target.type, id_, target.owner, target.group, place)
        self._linked.add((type_, key, place))

    def _insert(self) -> None:
        rows: dict[Type, list[list[Any]]] = defaultdict(list)
        for type_, obj in self.new:
            place = self._place(type_, obj)
            if (
                type_.name == "OriginalFile"
                and obj._repo is not None
                and not self.rights.privileged
            ):
                raise forbidden(f"cannot set repo property of {type_.fqn} via ORM")
            row = self._row(type_, obj, place, None)
            rows[type_].append(self._own_columns(type_, obj, place) + row)
        if not rows:
            return
        for type_, values in rows.items():
            self._write_rows(type_, values)
        for type_ in rows:
            for made in maps(type_):
                self._write_maps(made, [obj for t, obj in self.new if t is type_])
        self._after_insert(rows.keys())
        self.tx.log("INSERT", ((type_, obj._id._val) for type_, obj in self.new))

    def _own_columns(self, type_: Type, obj: Any, place: Place | None) -> list[Any]:
        event = None if type_.is_global else self.tx.event(place[1] if place else None)
        owner, group = place or (None, None)
        details = obj._details
        external = details._externalInfo._id._val if details and details._externalInfo else None
        own = [obj._id._val, type_.name, 0, owner, group, event]
        own += [event if type_.is_mutable else None, external]
        if type_.name == "ExperimenterGroup":
            own.append(str(details._permissions) if details and details._permissions else "rw----")
        self.written.append((type_, obj, Written(0, *own[3:7])))
        if has_index(type_):
            own.append(self.listed[id(obj)][1] if id(obj) in self.listed else self._next_index(obj))
        return own

    def _next_index(self, obj: Any) -> int:
        """Return the next place of a membership in its user's list of groups."""
        found = self.connection.execute(
            "SELECT coalesce(max(_index) + 1, 0) FROM groupexperimentermap WHERE child = ?",
            (obj._child._id._val if obj._child is not None else None,),
        ).fetchone()
        index: int = found[0]
        return index

    def _write_rows(self, type_: Type, rows: list[list[Any]]) -> None:
        names = ["id", "_type", "version", "_owner", "_group", "_creation", "_update", "_external"]
        names += ["_permissions"] if type_.name == "ExperimenterGroup" else []
        names += ["_index"] if has_index(type_) else []
        names += columns(type_)
        # Most columns are null in all rows: to bind these nulls would take longer than all else.
        values = zip(names, zip(*rows, strict=True), strict=True)
        filled = {name: column for name, column in values if column.count(None) < len(column)}
        marks = ", ".join("?" * len(filled))
        self.tx.write_many(
            type_,
            f'INSERT INTO "{type_.table}" ({quote(*filled)}) VALUES ({marks})',
            list(zip(*filled.values(), strict=True)),
        )

    def _write_maps(self, made: Field, objects: Iterable[Any]) -> None:
        rows = []
        for obj in objects:
            pairs = [pair for pair in getattr(obj, made.attribute) or () if pair is not None]
            for index, pair in enumerate(pairs):
                if pair.name is None or pair.value is None:
                    raise invalid(f"{made.owner}.{made.name}: name and value must not be null")
                rows.append((obj._id._val, index, pair.name, pair.value))
        self.connection.executemany(
            f'INSERT INTO "{map_table(made)}" VALUES (?, ?, ?, ?)',
            rows,
        )

    def _after_insert(self, types: Iterable[Type]) -> None:
        """Do what the database's triggers do (omero-server ``psql-footer.sql``)."""
        for type_ in types:
            if type_.is_a("Annotation"):
                spaces = {obj._ns._val for t, obj in self.new if t is type_ and obj._ns is not None}
                self.tx.add_namespaces(spaces)
            if type_.name == "Folder":
                self.tx.check_folders()

    def _update(self) -> None:
        by_type: dict[Type, list[Any]] = defaultdict(list)
        for _, obj in self.merged:
            key = (type_of(obj).table, obj._id._val)
            by_type[self.existing[key].type].append(obj)
        for type_, objects in by_type.items():
            rows = self._present(type_, [obj._id._val for obj in objects])
            for obj in objects:
                self._merge(type_, obj, rows[obj._id._val])

    def _present(self, type_: Type, ids: list[int]) -> dict[int, dict[str, Any]]:
        names = ["id", "version", "_owner", "_group", "_creation", "_update", "_external"]
        names += ["_permissions"] if type_.name == "ExperimenterGroup" else []
        names += ["_index"] if has_index(type_) else []
        names += columns(type_)
        rows = self.connection.execute(
            f'SELECT {quote(*names)} FROM "{type_.table}" WHERE id IN '
            "(SELECT value FROM json_each(?))",
            (json.dumps(ids),),
        )
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows}

    def _merge(self, type_: Type, obj: Any, was: dict[str, Any]) -> None:
        """Write what differs from the row, if the object is not stale and the caller may."""
        self._check_stale(type_, obj, was)
        place = None if type_.is_global else (was["_owner"], was["_group"])
        values = dict(zip(columns(type_), self._row(type_, obj, place, was), strict=True))
        details = obj._details
        external = details._externalInfo if details is not None else None
        if external is not None:
            values["_external"] = external._id._val
        if id(obj) in self.listed:
            values["_index"] = self.listed[id(obj)][1]
        changed = {name: value for name, value in values.items() if was[name] != value}
        changed_maps = [m for m in maps(type_) if self._map_differs(m, obj)]
        self._check_lists(type_, obj)
        if changed or changed_maps:
            self._check_merge(type_, obj, was, changed)
            for made in changed_maps:
                self.connection.execute(
                    f'DELETE FROM "{map_table(made)}" WHERE parent = ?',
                    (obj._id._val,),
                )
                self._write_maps(made, [obj])
            was |= self.tx.update_row(type_, obj._id._val, changed, was["version"], place)
            if "parentFolder" in changed:
                self.tx.check_folders()
        written = (was[n] for n in ("version", "_owner", "_group", "_creation", "_update"))
        self.written.append((type_, obj, Written(*written)))

    def _check_stale(self, type_: Type, obj: Any, was: dict[str, Any]) -> None:
        """Refuse an object that was read before its last change, whether it is changed or not.

        Source: Hibernate's DefaultMergeEventListener.isVersionChanged; of the events
        OmeroInterceptor.managedEvent.
        """
        name = f"{type_.fqn}:Id_{obj._id._val}"
        details = obj._details
        version = obj._version if type_.is_mutable and hasattr(obj, "_version") else None
        if version is not None and was["version"] is not None and version._val != was["version"]:
            raise fail(
                omero.OptimisticLockException,
                f"{name}: Row was updated or deleted by another transaction",
            )
        if details is None or type_.is_global or self.rights.privileged:
            return
        update = details._updateEvent
        if update is not None and was["_update"] not in (None, update._id._val):
            raise fail(
                omero.OptimisticLockException,
                f"You are not authorized to change the update event for {name}",
            )

    def _check_merge(
        self, type_: Type, obj: Any, was: dict[str, Any], changed: dict[str, Any]
    ) -> None:
        """Refuse a change that is not the caller's to make.

        Source: BasicACLVoter.allowUpdate; OmeroInterceptor.managedGroup, managedOwner.
        """
        name = f"{type_.fqn}:Id_{obj._id._val}"
        if self.rights.privileged:
            return
        if not self.rights.may("edit", type_, was["_owner"], was["_group"]):
            raise forbidden(f"Updating {name} not allowed.")
        group = self.tx.caller.group
        if group == ALL_GROUPS:
            raise misused(_NO_GROUP)
        if was["_group"] not in (None, USER_GROUP, group):
            raise forbidden(
                f"Currently logged into group {group}. Cannot alter object in group {was['_group']}"
            )
        if not type_.is_mutable:
            raise forbidden(f"Updating {name} not allowed: {type_.name} is immutable")
        if "repo" in changed:
            raise forbidden(f"cannot set repo property of {name} via ORM")
        for attribute in ("_owner", "_group"):
            wanted = getattr(obj._details, attribute) if obj._details is not None else None
            if wanted is not None and was[attribute] not in (None, wanted._id._val):
                raise forbidden(f"You are not authorized to change the {attribute[1:]} for {name}")

    def _map_differs(self, made: Field, obj: Any) -> bool:
        pairs = getattr(obj, made.attribute)
        if pairs is None:
            return False
        rows = self.connection.execute(
            f'SELECT name, value FROM "{map_table(made)}" WHERE parent = ? ORDER BY _index',
            (obj._id._val,),
        ).fetchall()
        return rows != [(p.name, p.value) for p in pairs if p is not None]

    def _check_lists(self, type_: Type, obj: Any) -> None:
        """Refuse that a child is left out of its parent's list: its reference would be null."""
        for made, attribute, flag in cascades(type_):
            if not (flag and made.ordered and getattr(obj, flag)):
                continue
            target = TYPES[made.target or ""]
            kept = {c._id._val for c in getattr(obj, attribute) or () if c is not None}
            rows = self.connection.execute(
                f'SELECT id FROM "{target.table}" WHERE "{made.inverse}" = ?',
                (obj._id._val,),
            )
            missing = {row[0] for row in rows} - kept
            if missing and made.target != "GroupExperimenterMap":
                raise invalid(
                    f'null value in column "{made.inverse}" of {target.fqn}:Id_{min(missing)} '
                    "violates not-null constraint"
                )
