# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""The copies of what is duplicated: new objects, linked among themselves as the originals are.

Source: omero-blitz ``omero/cmd/graphs/DuplicateI``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import omero
import omero.all

from omero_sandbox.errors import GraphFailure
from omero_sandbox.graphs.deletion import Key, Row
from omero_sandbox.graphs.duplication import Inclusion, Plan, by_table
from omero_sandbox.model import TYPES, Field, Type, type_of


class Copies:
    """New objects for the originals of a plan, linked among themselves as the originals are.

    Attributes
    ----------
    made : dict[Key, Any]
        Key of the original -> its copy.
    """

    def __init__(self, plan: Plan) -> None:
        self._tx, self._choice = plan.tx, plan.choice
        self._originals: dict[Key, Any] = {}
        for table, ids in by_table(plan.taken).items():
            type_ = next(t for t in TYPES.values() if t.table == table and t.is_root)
            loaded = plan.tx.loader.load(type_, ids)
            self._originals |= {(table, id_): obj for id_, obj in loaded.items()}
        self.made = {key: plan.taken[key].type.cls() for key in plan.taken}  # type: ignore[misc]
        for key, row in plan.taken.items():
            self._fill(row.type, self._originals[key], self.made[key])
        for type_, made in _lists(plan.taken.values()):
            self._fill_lists(type_, made)

    def _fill(self, type_: Type, original: Any, copy: Any) -> None:
        for made in type_.fields.values():
            value = getattr(original, made.attribute)
            if made.kind == "ref":
                if not made.ordered:
                    setattr(copy, made.attribute, self._referred(made, value))
            elif made.kind == "map":
                pairs = [omero.model.NamedValue(pair.name, pair.value) for pair in value or ()]
                setattr(copy, made.attribute, pairs)
            elif made.kind != "many":
                setattr(copy, made.attribute, value)
        external = original.details.externalInfo
        if external is not None:
            key = ("externalinfo", external.id.val)
            copy.details.externalInfo = self.made.get(key)
        if type_.name == "OriginalFile":
            copy.repo = None

    def _referred(self, made: Field, value: Any) -> Any:
        """Return what a copy refers to: the copy of what the original does, or the same object."""
        if value is None:
            return None
        target = TYPES[made.target or ""]
        copy = self.made.get((target.table, value.id.val))
        if copy is not None:
            return copy
        if self._choice.of(type_of(value)) is Inclusion.IGNORE:
            return None
        return type(value)(value.id.val, False)

    def _fill_lists(self, type_: Type, made: Field) -> None:
        """Put copies into the lists of the copies of their parents, in the same order."""
        child = TYPES[made.target or ""]
        inverse = child.fields[made.inverse or ""]
        ids = [id_ for table, id_ in self.made if table == child.table]
        rows = self._tx.connection.execute(
            f'SELECT id, "{inverse.column}" FROM "{child.table}" WHERE id IN '
            f'(SELECT value FROM json_each(?)) AND "{inverse.column}" NOTNULL ORDER BY _index',
            (json.dumps(ids),),
        )
        for id_, parent in rows:
            copy = self.made.get((type_.table, parent))
            if copy is None:
                raise GraphFailure(
                    f"The sandbox does not duplicate {child.fqn}[{id_}] "
                    f"without {type_.fqn}[{parent}], in whose list it is"
                )
            getattr(copy, made.attribute).append(self.made[(child.table, id_)])

    def result(self) -> dict[str, list[int]]:
        """Return fully-qualified class name -> ids of the copies, once they are saved."""
        found: dict[str, list[int]] = defaultdict(list)
        for copy in self.made.values():
            found[type_of(copy).fqn].append(copy.id.val)
        return {name: sorted(ids) for name, ids in sorted(found.items())}

    def pairs(self, name: str) -> list[tuple[Any, Any]]:
        """Return (original, copy) of a class."""
        table = TYPES[name].table
        return [(self._originals[k], copy) for k, copy in self.made.items() if k[0] == table]


def _lists(rows: Iterable[Row]) -> set[tuple[Type, Field]]:
    """Return the lists that the rows are in: (class of the parent, field)."""
    names = {name for row in rows for name in row.type.lineage}
    lists = (made for type_ in TYPES.values() for made in type_.fields.values() if made.ordered)
    return {
        (TYPES[made.owner], made) for made in lists if made.kind == "many" and made.target in names
    }
