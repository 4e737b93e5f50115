# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608  (HQL, not SQL: values are bound)
"""omero.api.IRoi: the ROIs of an image."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import omero
import omero.all
from omero.rtypes import rlong, rstring

from omero_sandbox.errors import misused
from omero_sandbox.service import Call, Service
from omero_sandbox.services.table import open_table

_MEASUREMENT = omero.constants.namespaces.NSMEASUREMENT
_ROIS = "select distinct r from Roi r left outer join fetch r.shapes"


class IRoi(Service):
    """ROIs; the rules are ome.logic.RoiImpl's (omero-server)."""

    interface = omero.api.IRoi

    def findByRoi(self, call: Call, roiId: int, opts: Any) -> Any:
        return self._result(call, "r.id = :id", {"id": rlong(roiId)}, opts)

    def findByImage(self, call: Call, imageId: int, opts: Any) -> Any:
        return self._result(call, "r.image.id = :id", {"id": rlong(imageId)}, opts)

    def findByPlane(self, call: Call, imageId: int, z: int, t: int, opts: Any) -> Any:
        """Return the ROIs that have a shape on a plane; no Z or T means all of them."""
        result = self.findByImage(call, imageId, opts)
        result.rois = [
            roi
            for roi in result.rois
            if any(_on(s.theZ, z) and _on(s.theT, t) for s in roi.copyShapes())
        ]
        return result

    # -- measurements ---------------------------------------------------------------------------

    def getRoiMeasurements(self, call: Call, imageId: int, opts: Any) -> list[Any]:
        """Return the results of measurements: on the image's plate, and on ROIs of the image."""
        where, params = _of_user(opts, "fa")
        return call.tx.query(
            "select distinct fa from PlateAnnotationLink l join l.child fa join l.parent plate"
            " join plate.wells w join w.wellSamples s"
            " where fa.ns = :ns and s.image.id = :id and fa.id in (select rl.child.id"
            f" from RoiAnnotationLink rl where rl.parent.image.id = :id){where} order by fa.id",
            {"ns": rstring(_MEASUREMENT), "id": rlong(imageId), **params},
        )

    def getMeasuredRois(self, call: Call, imageId: int, annotationId: int, opts: Any) -> Any:
        """Return the ROIs of an image whose plate has an annotation."""
        return self._result(
            call,
            "r.image.id = :id and r.image.id in (select s.image.id from WellSample s"
            " join s.well w join w.plate p join p.annotationLinks l"
            " where l.child.id = :annotation)",
            {"id": rlong(imageId), "annotation": rlong(annotationId)},
            opts,
        )

    def getMeasuredRoisMap(
        self, call: Call, imageId: int, annotationIds: list[int], opts: Any
    ) -> dict[int, Any]:
        return {id_: self.getMeasuredRois(call, imageId, id_, opts) for id_ in annotationIds or ()}

    def getTable(self, call: Call, annotationId: int) -> Any:
        """Open the table of a file annotation."""
        rows = call.tx.projection(
            "select f.id from FileAnnotation a join a.file f where a.id = :id",
            {"id": rlong(annotationId)},
        )
        if not rows:
            raise misused(f"No such file annotation: {annotationId}")
        return open_table(call, rows[0][0].val)

    def _result(self, call: Call, where: str, params: dict[str, Any], opts: Any) -> Any:
        more, user = _of_user(opts, "r")
        rois = call.tx.query(f"{_ROIS} where {where}{more} order by r.id", {**params, **user})
        by_z, by_t = defaultdict(list), defaultdict(list)
        for roi in rois:
            for shape in roi.copyShapes():
                by_z[shape.theZ.val if shape.theZ else -1].append(shape)
                by_t[shape.theT.val if shape.theT else -1].append(shape)
        return omero.api.RoiResult(opts, rois, dict(by_z), dict(by_t))


def _of_user(opts: Any, alias: str) -> tuple[str, dict[str, Any]]:
    """Return the condition that the options make, and its parameter."""
    if opts is None or opts.userId is None:
        return "", {}
    return f" and {alias}.details.owner.id = :user", {"user": opts.userId}


def _on(position: Any, index: int) -> bool:
    return position is None or position.val == index
