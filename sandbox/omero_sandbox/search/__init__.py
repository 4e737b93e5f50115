# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608  (HQL, not SQL: class names are checked, values are bound)
"""Full text search: what Lucene is to OMERO, over SQLite's FTS5."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omero.rtypes import rlist, rlong

from omero_sandbox.errors import misused
from omero_sandbox.store import Transaction


@dataclass(frozen=True)
class Restrictions:
    """Restrictions of the next query: ome.services.search.SearchValues."""

    types: tuple[str, ...] = ()
    ids: tuple[int, ...] | None = None
    #: HQL condition -> its parameter, by what it restricts.
    conditions: dict[str, tuple[str, Any]] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    batch: int = 1000
    merged: bool = False
    unloaded: bool = False
    case_sensitive: bool = False
    leading_wildcard: bool = False
    projections: bool = False


def check(only: Restrictions, query: str) -> None:
    """Refuse what ome.services.search.FullText (omero-server) does.

    Raises
    ------
    omero.ApiUsageException
        When not exactly one class is requested, or the query begins with a wildcard.
    """
    if len(only.types) != 1:
        raise misused(
            "Searches by full text are currently limited to a single type.\n"
            "Plese use Search.onlyType()"
        )
    if query[:1] in ("*", "?") and not only.leading_wildcard:
        raise misused(
            "Searches starting with a leading wildcard (*,?) can be slow.\n"
            "Please use setAllowLeadingWildcard() to permit this usage."
        )
    if query == "*":
        raise misused("Wildcard searches (*) must contain more than a single wildcard. ")


def full_text(
    tx: Transaction, only: Restrictions, tree: Any, *, phrases: bool = False
) -> list[Any]:
    """Return the objects that a Lucene query finds, in order of id if there is no other."""
    from omero_sandbox.search.lucene import find
    from omero_sandbox.search.words import index

    (kind,) = only.types
    with index(tx, tx.type(kind)) as words:
        found = find(tree, words, phrases=phrases)
    if only.ids is not None:
        found &= set(only.ids)
    if not found:
        return []
    where, params = ["o.id in (:ids)"], {"ids": rlist([rlong(id_) for id_ in sorted(found)])}
    for number, (condition, value) in enumerate(only.conditions.values()):
        where.append(f"{condition}value{number}")
        params[f"value{number}"] = value
    order = ", ".join(only.order or ("o.id",))
    return tx.query(f"select o from {kind} o where {' and '.join(where)} order by {order}", params)
