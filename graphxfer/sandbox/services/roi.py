# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IRoi: the ROIs of an image."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import omero
import omero.all
from omero.rtypes import rlong

from graphxfer.sandbox.dispatch import Call, Service

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

    def _result(self, call: Call, where: str, params: dict[str, Any], opts: Any) -> Any:
        if opts is not None and opts.userId is not None:
            where, params = (
                f"{where} and r.details.owner.id = :user",
                {**params, "user": opts.userId},
            )
        rois = call.tx.query(f"{_ROIS} where {where} order by r.id", params)
        by_z, by_t = defaultdict(list), defaultdict(list)
        for roi in rois:
            for shape in roi.copyShapes():
                by_z[shape.theZ.val if shape.theZ else -1].append(shape)
                by_t[shape.theT.val if shape.theT else -1].append(shape)
        return omero.api.RoiResult(opts, rois, dict(by_z), dict(by_t))


def _on(position: Any, index: int) -> bool:
    return position is None or position.val == index
