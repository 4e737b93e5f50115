# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IQuery: reading objects by id, by HQL, by string, by example."""

from __future__ import annotations

from typing import Any

import omero
import omero.all

from omero_sandbox.errors import misused
from omero_sandbox.search import Restrictions, check, full_text
from omero_sandbox.service import Call, Service


class IQuery(Service):
    """Reading; the rules are ome.logic.QueryImpl's (omero-server)."""

    interface = omero.api.IQuery

    def get(self, call: Call, klass: str, id: int) -> Any:
        return call.tx.get(klass, id)

    def find(self, call: Call, klass: str, id: int) -> Any:
        return call.tx.find(klass, id)

    def findAll(self, call: Call, klass: str, filter: Any) -> list[Any]:
        return call.tx.find_all(klass, *page(filter))

    def findByExample(self, call: Call, example: Any) -> Any:
        return only(call.tx.find_all_by_example(example))

    def findAllByExample(self, call: Call, example: Any, filter: Any) -> list[Any]:
        return call.tx.find_all_by_example(example, *page(filter))

    def findByString(self, call: Call, klass: str, field: str, value: str) -> Any:
        return only(call.tx.find_all_by_string(klass, field, value))

    def findAllByString(
        self, call: Call, klass: str, field: str, value: str, caseSensitive: bool, filter: Any
    ) -> list[Any]:
        offset, limit = page(filter)
        # QueryImpl.findAllByString: "like" with MatchMode.ANYWHERE
        return call.tx.find_all_by_string(
            klass, field, f"%{value}%", caseSensitive, like=True, offset=offset, limit=limit
        )

    def findAllByFullText(self, call: Call, klass: str, query: str, params: Any) -> list[Any]:
        from omero_sandbox.search.lucene import parse

        only = Restrictions(types=(call.tx.type(klass).name,))
        check(only, query)
        found = full_text(call.tx, only, parse(query))
        filter_ = params.theFilter if params is not None else None
        limit = filter_.limit if filter_ is not None else None
        return found[: limit.val] if limit is not None else found

    def findByQuery(self, call: Call, query: str, params: Any) -> Any:
        return only(call.tx.query(query, values(params), *paging(params)))

    def findAllByQuery(self, call: Call, query: str, params: Any) -> list[Any]:
        return call.tx.query(query, values(params), *paging(params))

    def projection(self, call: Call, query: str, params: Any) -> list[list[Any]]:
        """Return the rows; one whose only value is null is empty (tried)."""
        found = call.tx.projection(query, values(params), *paging(params))
        return [[] if row == [None] else row for row in found]

    def refresh(self, call: Call, obj: Any) -> Any:
        return call.tx.get(type(obj).__name__, obj.id.val)


def values(params: Any) -> dict[str, Any]:
    """Return the named parameters of an omero.sys.Parameters, or none."""
    return dict(params.map or {}) if params is not None else {}


def page(filter: Any) -> tuple[int | None, int | None]:
    """Return (offset, limit) of an omero.sys.Filter."""
    if filter is None:
        return None, None
    offset, limit = filter.offset, filter.limit
    return (offset.val if offset else None), (limit.val if limit else None)


def paging(params: Any) -> tuple[int | None, int | None]:
    """Return (offset, limit) of an omero.sys.Parameters."""
    return page(params.theFilter) if params is not None else (None, None)


def only(found: list[Any]) -> Any:
    """Return the one object found, or None.

    Raises
    ------
    omero.ApiUsageException
        When there are several: Hibernate's NonUniqueResultException, as QueryImpl maps it.
    """
    distinct = list({id(obj): obj for obj in found}.values())
    if len(distinct) > 1:
        raise misused(f"Query did not return a unique result: {len(distinct)}")
    return distinct[0] if distinct else None
