# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608  (HQL, not SQL: class names are checked, values are bound)
"""omero.api.ITimeline: what was made or changed when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rlist, rstring, rtime

from omero_sandbox.errors import misused
from omero_sandbox.service import Call, Service
from omero_sandbox.services.container import class_name
from omero_sandbox.services.query import page

_LIMIT = 50
_EVER = rtime(-(2**62)), rtime(2**62)
_CHANGED = (
    "(o.details.creationEvent.time >= :start or o.details.updateEvent.time >= :start)"
    " and (o.details.creationEvent.time <= :end or o.details.updateEvent.time <= :end)"
)
_RECENT = "o.details.updateEvent.id desc"
#: Class -> joins, the alias that owner and group are asked of, condition, order.
_PERIOD = {
    "Project": ("", "o", _CHANGED, _RECENT),
    "Dataset": ("", "o", _CHANGED, _RECENT),
    "RenderingDef": (
        " left outer join {fetch} o.pixels p left outer join {fetch} p.image i",
        "i",
        _CHANGED,
        "i.details.creationEvent.time desc",
    ),
    "Image": (
        "",
        "o",
        "o.acquisitionDate >= :start and o.acquisitionDate <= :end",
        "o.acquisitionDate desc",
    ),
}
_ALL = ("RenderingDef", "Image", "Project", "Dataset", "Annotation")
_LOGGED = ("ome.model.containers.Dataset", "ome.model.containers.Project")


class ITimeline(Service):
    """What happened; the rules are ome.services.blitz.impl.TimelineI's (omero-blitz).

    Images are found by their acquisition date, the others by when they were made or changed.
    """

    interface = omero.api.ITimeline

    def countByPeriod(
        self, call: Call, types: Sequence[str], start: Any, end: Any, p: Any
    ) -> dict[str, int]:
        """Count by class; -1 for classes that it does not know."""
        counts = {}
        for kind in types or _ALL:
            counts[kind] = -1
            if kind in _PERIOD:
                hql, params = _period(call, kind, start, end, p, fetch="")
                rows = call.tx.projection(f"select count(o) {hql}", params)
                counts[kind] = rows[0][0].val
        return counts

    def getByPeriod(
        self, call: Call, types: Sequence[str], start: Any, end: Any, p: Any, merge: bool
    ) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for kind in types or _ALL:
            found[kind] = []
            if kind in _PERIOD:
                hql, params = _period(call, kind, start, end, p, fetch="fetch", update=merge)
                ordered = f"select o {hql} order by {_PERIOD[kind][3]}"
                found[kind] = call.tx.query(ordered, params, *_paging(p))
        if not merge:
            return found
        # tried on OMERO 5.7: of the newest of each class, the oldest come first
        merged = _merged(found, p, oldest=True)
        return {kind: [o for name, o in merged if name == kind] for kind in found}

    def getMostRecentObjects(
        self, call: Call, types: Sequence[str], p: Any, merge: bool
    ) -> dict[str, list[Any]]:
        return self.getByPeriod(call, types, None, None, p, merge)

    def getMostRecentAnnotationLinks(
        self, call: Call, parentTypes: Sequence[str], childTypes: Sequence[str],
        namespaces: Sequence[str], p: Any,
    ) -> list[Any]:  # fmt: skip
        if len(childTypes or ()) > 1:
            raise misused("You can only restrict to a single annotation type at the moment")
        where, params = _owned(call, "link", p)
        if childTypes:
            where.append(f"child.class = {call.tx.type(class_name(childTypes[0])).name}")
        if namespaces:
            where.append(
                "(" + " or ".join(f"child.ns like :ns{n}" for n in range(len(namespaces))) + ")"
            )
            params |= {f"ns{n}": rstring(ns) for n, ns in enumerate(namespaces)}
        condition = f" where {' and '.join(where)}" if where else ""
        found = {}
        for kind in parentTypes or ("Project", "Dataset", "Image"):
            link = call.tx.type(f"{class_name(kind)}AnnotationLink").name
            found[kind] = call.tx.query(
                f"select link from {link} link join link.parent parent"
                " join fetch link.child child join fetch link.details.creationEvent"
                f" join fetch link.details.updateEvent{condition}"
                " order by link.details.updateEvent.id desc",
                params,
                *_paging(p),
            )
        return [link for _, link in _merged(found, p)]

    def getMostRecentShareCommentLinks(self, call: Call, p: Any) -> list[Any]:
        """Return the comments on the caller's shares: here, there are no shares."""
        return []

    def getEventLogsByPeriod(self, call: Call, start: Any, end: Any, p: Any) -> list[Any]:
        """Return the logs of projects and datasets, and one made for each acquired image."""
        where: list[str] = []
        params = {"start": start, "end": end}
        owner, group = _who(call, p)
        for path, id_ in (("ev.experimenter.id", owner), ("ev.experimenterGroup.id", group)):
            if id_ is not None:
                where.append(f" and {path} = :id{len(where)}")
                params[f"id{len(where) - 1}"] = id_
        logs = call.tx.query(
            "select o from EventLog o join fetch o.event ev where o.entityType in (:types)"
            " and o.action in ('INSERT', 'UPDATE', 'REINDEX')"
            f" and ev.time >= :start and ev.time <= :end{''.join(where)}",
            {**params, "types": rlist([rstring(name) for name in _LOGGED])},
            *_paging(p),
        )
        conditions, params = _owned(call, "i", p)
        conditions += ["i.acquisitionDate > :start", "i.acquisitionDate < :end"]
        images = call.tx.query(
            f"select i from Image i where {' and '.join(conditions)}",
            {**params, "start": start, "end": end},
            *_paging(p),
        )
        return [*logs, *map(_acquired, images)]


def _acquired(image: Any) -> Any:
    log = omero.model.EventLogI()
    log.entityId, log.entityType = image.id, rstring("ome.model.core.Image")
    log.action = rstring("INSERT")
    log.event = omero.model.EventI()
    log.event.time = image.acquisitionDate
    return log


def _period(
    call: Call, kind: str, start: Any, end: Any, p: Any, *, fetch: str, update: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the HQL from its ``from`` on, and the parameters."""
    joins, owned, condition, _ = _PERIOD[kind]
    where, params = _owned(call, owned, p)
    params |= {"start": start or _EVER[0], "end": end or _EVER[1]}
    parts = ("creationEvent", "owner", "group", *(["updateEvent"] if update else []))
    details = "".join(f" join {fetch} o.details.{part}" for part in parts)
    text = f"from {kind} o{details}{joins.format(fetch=fetch)} where "
    return text + " and ".join([condition, *where]), params


def _owned(call: Call, alias: str, p: Any) -> tuple[list[str], dict[str, Any]]:
    """Return conditions on owner and group, and their parameters."""
    owner, group = _who(call, p)
    wanted = {"owner": owner, "group": group}
    given = {name: id_ for name, id_ in wanted.items() if id_ is not None}
    return [f"{alias}.details.{name}.id = :{name}" for name in given], given


def _who(call: Call, p: Any) -> tuple[Any, Any]:
    """Return the owner to filter by: the caller, unless there is a group or owner -1."""
    filter_ = p.theFilter if p is not None else None
    owner = filter_.ownerId if filter_ is not None else None
    group = filter_.groupId if filter_ is not None else None
    if group is None and owner is None:
        owner = omero.rtypes.rlong(call.session.user)
    elif group is None and owner is not None and owner.val == -1:
        owner = None
    return owner, group


def _paging(p: Any) -> tuple[int, int]:
    offset, limit = page(p.theFilter if p is not None else None)
    return offset or 0, _LIMIT if limit is None else limit


def _merged(found: dict[str, list[Any]], p: Any, *, oldest: bool = False) -> list[tuple[str, Any]]:
    """Return the objects of all classes, the last changed (or oldest) first, as many as asked."""
    entries = [(kind, o) for kind, objects in found.items() for o in objects]
    entries.sort(key=lambda entry: entry[1].details.updateEvent.time.val, reverse=not oldest)
    return entries[: _paging(p)[1]]
