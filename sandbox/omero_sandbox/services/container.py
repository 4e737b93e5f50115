# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608  (HQL, not SQL: whoever calls may send any HQL as it is)
"""omero.api.IContainer: containers with what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rlist, rlong

from omero_sandbox.errors import misused
from omero_sandbox.service import Call, Service
from omero_sandbox.services.query import paging

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

#: What can be selected -> the images in it; the lookups of HierarchyNavigator.
_IMAGES_BELOW = {
    "Image": "select i.id from Image i where i.id in (:ids)",
    "Fileset": "select i.id from Image i where i.fileset.id in (:ids)",
    "Dataset": "select l.child.id from DatasetImageLink l where l.parent.id in (:ids)",
    "Project": "select l.child.id from DatasetImageLink l join l.parent d join d.projectLinks pl"
    " where pl.parent.id in (:ids)",
    "Well": "select s.image.id from WellSample s where s.well.id in (:ids)",
    "Plate": "select s.image.id from WellSample s where s.well.plate.id in (:ids)",
    "Screen": "select s.image.id from WellSample s join s.well w join w.plate p"
    " join p.screenLinks sl where sl.parent.id in (:ids)",
}
#: Roots above some images, each loaded with these images only.
_ROOTS = (
    "select distinct p from Project p join fetch p.datasetLinks pl join fetch pl.child d"
    " join fetch d.imageLinks l join fetch l.child i where i.id in (:ids) order by p.id",
    "select distinct d from Dataset d join fetch d.imageLinks l join fetch l.child i"
    " where i.id in (:ids) and d.id not in (select x.child.id from ProjectDatasetLink x)"
    " order by d.id",
    "select i from Image i where i.id in (:ids)"
    " and i.id not in (select x.child.id from DatasetImageLink x) order by i.id",
)


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
        hql = f"{_IMAGES}{_IMAGES_IN[kind]} order by i.id"
        return call.tx.query(hql, {"ids": ids(rootIds)}, *paging(options))

    def getUserImages(self, call: Call, options: Any) -> list[Any]:
        filter_ = options.theFilter if options is not None else None
        if filter_ is None or (filter_.ownerId is None and filter_.groupId is None):
            raise misused("experimenter or group option is required for getUserImages().")
        return _of_owner(call, _IMAGES, "i", None, options)

    def getImagesByOptions(self, call: Call, options: Any) -> list[Any]:
        """Return images by when they were made."""
        filter_ = options.theFilter if options is not None else None
        start = filter_.startTime if filter_ is not None else None
        end = filter_.endTime if filter_ is not None else None
        if start is None and end is None:
            raise misused("start or end time option is required for getImagesByOptions().")
        where = {"start": (">", start), "end": ("<", end)}
        times = [
            (f"i.details.creationEvent.time {operator} :{name}", name, time)
            for name, (operator, time) in where.items()
            if time is not None
        ]
        return _of_owner(call, _IMAGES, "i", None, options, times)

    def getImagesBySplitFilesets(
        self, call: Call, included: dict[str, Sequence[int]], options: Any
    ) -> dict[int, dict[bool, list[int]]]:
        """Return filesets with only some images selected: the selected and the others."""
        chosen: set[int] = set()
        for kind, wanted in included.items():
            inside = _IMAGES_BELOW.get(class_name(kind))
            if inside is not None:
                rows = call.tx.projection(inside, {"ids": ids(wanted)})
                chosen.update(row[0].val for row in rows)
        rows = call.tx.projection(
            "select f.id, i.id from Image i join i.fileset f where f.id in"
            " (select c.fileset.id from Image c where c.id in (:ids)) order by f.id, i.id",
            {"ids": ids(sorted(chosen))},
        )
        whole = {id_ for kind, some in included.items() if class_name(kind) == "Fileset"
                 for id_ in some}  # fmt: skip
        split: dict[int, dict[bool, list[int]]] = {}
        for fileset, image in rows:
            if fileset.val not in whole:
                halves = split.setdefault(fileset.val, {True: [], False: []})
                halves[image.val in chosen].append(image.val)
        return {fileset: halves for fileset, halves in split.items() if halves[False]}

    def findContainerHierarchies(
        self, call: Call, rootType: str, imageIds: Sequence[int], options: Any
    ) -> list[Any]:
        """Return projects, datasets in none, and images in none, with no more than these images."""
        if class_name(rootType) != "Project":
            raise misused(
                "Class parameter for findContainerHierarchies() must be in {Project}, not"
                f" {rootType}"
            )
        wanted = {"ids": ids(imageIds)}
        return [root for hql in _ROOTS for root in call.tx.query(hql, wanted)]

    def retrieveCollection(
        self, call: Call, obj: Any, collectionName: str, options: Any
    ) -> list[Any]:
        kind, field = class_name(type(obj).__name__), collectionName.rpartition("_")[2]
        hql = f"select c from {kind} x join x.{field} c where x.id = :id order by c.id"
        return call.tx.query(hql, {"id": obj.id})

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
    call: Call, hql: str, alias: str, wanted: Sequence[int] | None, options: Any,
    more: Sequence[tuple[str, str, Any]] = (),
) -> list[Any]:  # fmt: skip
    """Restrict a query to ids, to the owner or group of the options, and by more conditions."""
    where = [condition for condition, _, _ in more]
    params = {name: value for _, name, value in more}
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
