# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.Search: full text search, a batch of results after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import omero
import omero.all

from omero_sandbox.errors import misused
from omero_sandbox.search import Restrictions, check, full_text
from omero_sandbox.service import Call, Stateful
from omero_sandbox.services.container import class_name
from omero_sandbox.services.query import paging, values


class Search(Stateful):
    """Searches; the rules are ome.services.SearchBean's (omero-server).

    A query runs when its results are requested.
    """

    interface = omero.api.Search

    def __init__(self) -> None:
        self._only = Restrictions()
        self._queries: list[Callable[[Call], list[Any]]] = []
        self._found: list[list[Any]] = []

    # -- what is to be found ----------------------------------------------------------------------

    def onlyType(self, call: Call, klass: str) -> None:
        self.onlyTypes(call, [klass])

    def onlyTypes(self, call: Call, classes: Sequence[str]) -> None:
        names = tuple(call.tx.type(class_name(klass)).name for klass in classes)
        self._only = replace(self._only, types=names)

    def onlyIds(self, call: Call, ids: Sequence[int] | None) -> None:
        self._only = replace(self._only, ids=tuple(ids) if ids else None)

    def onlyOwnedBy(self, call: Call, d: Any) -> None:
        self._restrict("owned", *owner(d, "="))

    def notOwnedBy(self, call: Call, d: Any) -> None:
        self._restrict("not owned", *owner(d, "!="))

    def onlyCreatedBetween(self, call: Call, start: Any, stop: Any) -> None:
        self._restrict("created from", "o.details.creationEvent.time > :", start)
        self._restrict("created to", "o.details.creationEvent.time < :", stop)

    def onlyModifiedBetween(self, call: Call, start: Any, stop: Any) -> None:
        self._restrict("modified from", "o.details.updateEvent.time > :", start)
        self._restrict("modified to", "o.details.updateEvent.time < :", stop)

    def _restrict(self, name: str, condition: str, value: Any) -> None:
        kept = {key: pair for key, pair in self._only.conditions.items() if key != name}
        if value is not None:
            kept[name] = condition, value
        self._only = replace(self._only, conditions=kept)

    def addOrderByAsc(self, call: Call, path: str) -> None:
        self._only = replace(self._only, order=(*self._only.order, f"o.{path} asc"))

    def addOrderByDesc(self, call: Call, path: str) -> None:
        self._only = replace(self._only, order=(*self._only.order, f"o.{path} desc"))

    def unordered(self, call: Call) -> None:
        self._only = replace(self._only, order=())

    def resetDefaults(self, call: Call) -> None:
        self._only = Restrictions()

    # -- settings ---------------------------------------------------------------------------------

    def setBatchSize(self, call: Call, size: int) -> None:
        self._only = replace(self._only, batch=size)

    def getBatchSize(self, call: Call) -> int:
        return self._only.batch

    def setMergedBatches(self, call: Call, merge: bool) -> None:
        self._only = replace(self._only, merged=merge)

    def isMergedBatches(self, call: Call) -> bool:
        return self._only.merged

    def setCaseSensitive(self, call: Call, caseSensitive: bool) -> None:
        self._only = replace(self._only, case_sensitive=caseSensitive)

    def setCaseSentivice(self, call: Call, caseSensitive: bool) -> None:
        self.setCaseSensitive(call, caseSensitive)

    def isCaseSensitive(self, call: Call) -> bool:
        return self._only.case_sensitive

    def setUseProjections(self, call: Call, useProjections: bool) -> None:
        self._only = replace(self._only, projections=useProjections)

    def isUseProjections(self, call: Call) -> bool:
        return self._only.projections

    def setReturnUnloaded(self, call: Call, returnUnloaded: bool) -> None:
        self._only = replace(self._only, unloaded=returnUnloaded)

    def isReturnUnloaded(self, call: Call) -> bool:
        return self._only.unloaded

    def setAllowLeadingWildcard(self, call: Call, allowLeadingWildcard: bool) -> None:
        self._only = replace(self._only, leading_wildcard=allowLeadingWildcard)

    def isAllowLeadingWildcard(self, call: Call) -> bool:
        return self._only.leading_wildcard

    # -- queries ----------------------------------------------------------------------------------

    def byFullText(self, call: Call, query: str) -> None:
        check(self._only, query)
        if not query:
            raise misused("Query string must be non-empty")
        self._add_lucene(query, phrases=False)

    def byLuceneQueryBuilder(
        self, call: Call, fields: str, from_: str, to: str, dateType: str, query: str
    ) -> None:
        from omero_sandbox.search.builder import build

        check(self._only, query)
        if not (query or from_ or to):
            raise misused("Query string must be non-empty if no date range is provided")
        if dateType == "acquisitionDate" and "Image" not in self._only.types:
            dateType = "details.creationEvent.time"  # other things have only been imported
        names = [name.strip() for name in fields.split(",") if name.strip()]
        built = build(names, from_, to, dateType, query)
        if built:
            self._add_lucene(built, phrases=True)
        else:
            self._queries.append(lambda _: [])

    def bySomeMustNone(
        self, call: Call, some: Sequence[str], must: Sequence[str], none: Sequence[str]
    ) -> None:
        words = [*some, *(f"+{word}" for word in must), *(f"-{word}" for word in none)]
        self.byFullText(call, " ".join(words))

    def byHqlQuery(self, call: Call, query: str, params: Any) -> None:
        self._queries.append(lambda now: now.tx.query(query, values(params), *paging(params)))

    def _add_lucene(self, query: str, *, phrases: bool) -> None:
        from omero_sandbox.search.lucene import parse

        tree, only = parse(query), self._only
        self._queries.append(lambda now: full_text(now.tx, only, tree, phrases=phrases))

    def activeQueries(self, call: Call) -> int:
        return len(self._queries)

    def clearQueries(self, call: Call) -> None:
        self._queries.clear()

    # -- results ----------------------------------------------------------------------------------

    def hasNext(self, call: Call) -> bool:
        while self._found and not self._found[0]:
            self._found.pop(0)
        while not self._found and self._queries:
            found = self._queries.pop(0)(call)
            if found:
                self._found.append(found)
        return bool(self._found)

    def next(self, call: Call) -> Any:
        if not self.hasNext(call):
            raise misused("No element. Please use hasNext().")
        return self._take()

    def results(self, call: Call) -> list[Any]:
        """Return a batch; the results of several queries follow each other in it, as SearchBean's.

        Whether batches are merged is kept for clients that ask, and does not matter.
        """
        if not self.hasNext(call):
            raise misused("No elements. Please use hasNext().")
        batch: list[Any] = []
        while len(batch) < self._only.batch and self.hasNext(call):
            batch.append(self._take())
        return batch

    def _take(self) -> Any:
        found = self._found[0].pop(0)
        if self._only.unloaded:
            found.unload()
        return found


def owner(details: Any, operator: str) -> tuple[str, Any]:
    """Return the condition for an owner, or else a group, and its value."""
    for name in ("owner", "group"):
        one = getattr(details, name) if details is not None else None
        if one is not None:
            return f"o.details.{name}.id {operator} :", one.id
    return "", None
