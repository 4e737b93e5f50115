# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608  (HQL, not SQL: whoever calls may send any HQL as it is)
"""omero.api.IContainer: containers with what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rlist, rlong

from graphxfer.sandbox.dispatch import Call, Service
from graphxfer.sandbox.errors import misused
from graphxfer.sandbox.services.query import paging

#: Container -> (links below it, leaf below the child); PojosLoadHierarchyQueryDefinition.
_BELOW = {
    "Project": ("datasetLinks", "imageLinks"),
    "Dataset": ("imageLinks", ""),
    "Screen": ("plateLinks", ""),
    "Plate": ("", ""),
}
_IMAGES = (
    "select distinct i from Image i left outer join fetch i.pixels p"
    " left outer join fetch p.pixelsType left outer join fetch p.dimensionOrder"
)
#: What an image is found by: PojosGetImagesQueryDefinition.
_IMAGES_IN = {
    "Image": " where i.id in (:ids)",
    "Dataset": " join i.datasetLinks l where l.parent.id in (:ids)",
    "Project": " join i.datasetLinks l join l.parent d join d.projectLinks pl"
    " where pl.parent.id in (:ids)",
}


class IContainer(Service):
    """Hierarchies; the rules are ome.logic.PojosImpl's (omero-server)."""

    interface = omero.api.IContainer

    def loadContainerHierarchy(
        self, call: Call, rootType: str, rootIds: Sequence[int] | None, options: Any
    ) -> list[Any]:
        kind = class_name(rootType)
        if kind not in _BELOW:
            raise misused(f"Class parameter for loadContainerHierarchy() cannot be {rootType}")
        links, leaves = _BELOW[kind]
        hql = f"select distinct x from {kind} x"
        if links:
            hql += f" left outer join fetch x.{links} l left outer join fetch l.child c"
            if leaves and _wants_leaves(options):
                hql += f" left outer join fetch c.{leaves} m left outer join fetch m.child"
        return _of_owner(call, hql, "x", rootIds, options)

    def getImages(
        self, call: Call, rootType: str, rootIds: Sequence[int], options: Any
    ) -> list[Any]:
        kind = class_name(rootType)
        if kind not in _IMAGES_IN:
            raise misused(f"Class parameter for getImages() cannot be {rootType}")
        if not rootIds:
            raise misused("Set of ids for getImages() may not be empty")
        hql = f"{_IMAGES}{_IMAGES_IN[kind]} order by i.id"
        return call.tx.query(hql, {"ids": ids(rootIds)}, *paging(options))

    def getUserImages(self, call: Call, options: Any) -> list[Any]:
        hql = f"{_IMAGES} where i.details.owner.id = :user order by i.id"
        return call.tx.query(hql, {"user": rlong(call.session.user)}, *paging(options))

    def getCollectionCount(
        self, call: Call, type: str, property: str, ids_: Sequence[int], options: Any
    ) -> dict[int, int]:
        kind, field = class_name(type), property.rpartition("_")[2]
        rows = call.tx.projection(
            f"select x.id, count(c.id) from {kind} x join x.{field} c"
            " where x.id in (:ids) group by x.id",
            {"ids": ids(ids_)},
        )
        return {**dict.fromkeys(ids_, 0), **{row[0].val: row[1].val for row in rows}}

    def createDataObject(self, call: Call, obj: Any, options: Any) -> Any:
        return call.tx.save([obj])[0]

    def createDataObjects(self, call: Call, objs: list[Any], options: Any) -> list[Any]:
        return call.tx.save(objs)

    def updateDataObject(self, call: Call, obj: Any, options: Any) -> Any:
        return call.tx.save([obj])[0]

    def updateDataObjects(self, call: Call, objs: list[Any], options: Any) -> list[Any]:
        return call.tx.save(objs)

    def link(self, call: Call, links: list[Any], options: Any) -> list[Any]:
        return call.tx.save(links)

    def unlink(self, call: Call, links: list[Any], options: Any) -> None:
        for link in links:
            call.tx.delete_row(link)


def class_name(text: str) -> str:
    """Return ``Project`` of whatever a client calls it: ome.model.containers.Project, ProjectI."""
    name = text.rpartition(".")[2]
    return name.removesuffix("I") if not hasattr(omero.model, name + "I") else name


def ids(values: Sequence[int]) -> Any:
    """Return ids as a query parameter; never empty, which HQL does not know."""
    return rlist([rlong(value) for value in values] or [rlong(-1)])


def _wants_leaves(options: Any) -> bool:
    leaf = options.theOptions.leaf if options is not None and options.theOptions else None
    return leaf is not None and bool(leaf.val)


def _of_owner(
    call: Call, hql: str, alias: str, wanted: Sequence[int] | None, options: Any
) -> list[Any]:
    """Restrict a query to ids, and to the owner or group of the options."""
    where, params = [], {}
    filter_ = options.theFilter if options is not None else None
    if wanted:
        where.append(f"{alias}.id in (:ids)")
        params["ids"] = ids(wanted)
    if filter_ is not None and filter_.ownerId is not None:
        where.append(f"{alias}.details.owner.id = :owner")
        params["owner"] = filter_.ownerId
    if filter_ is not None and filter_.groupId is not None:
        where.append(f"{alias}.details.group.id = :group")
        params["group"] = filter_.groupId
    condition = f" where {' and '.join(where)}" if where else ""
    return call.tx.query(f"{hql}{condition} order by {alias}.id", params, *paging(options))
