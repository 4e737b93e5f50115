# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks of planes made one plane, as OMERO does: ome.services.projection.ProjectionBean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from omero_sandbox.errors import invalid, misused
from omero_sandbox.pixels.buffer import PixelBuffer, Plane

#: Values of omero.constants.projection.ProjectionType, and Pixels.methodology for each.
MAXIMUM, MEAN, SUM = range(3)
METHODOLOGIES = (
    "MAXIMUM_INTENSITY_PROJECTION", "MEAN_INTENSITY_PROJECTION", "SUM_INTENSITY_PROJECTION",
)  # fmt: skip


class Projection:
    """How sections of a Pixels become one.

    Parameters
    ----------
    buffer : PixelBuffer
        Where the planes come from.
    algorithm : int
        ``MAXIMUM``, ``MEAN`` or ``SUM``.
    start, end, stepping : int
        Every ``stepping``-th section from ``start``. OMERO takes the ``end`` itself into a maximum,
        but not into a mean or a sum.
    dtype : DTypeLike, optional
        Type of the new plane; the buffer's if not given.

    Raises
    ------
    omero.ValidationException, omero.ApiUsageException
        When the sections do not exist, or the algorithm is unknown.
    """

    def __init__(
        self, buffer: PixelBuffer, algorithm: int, start: int, end: int, stepping: int,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if start < 0 or end < 0:
            raise invalid("Z interval value cannot be negative.")
        if max(start, end) >= buffer.sizes["z"]:
            raise invalid(f"Z interval value cannot be >= {buffer.sizes['z']}")
        if stepping <= 0:
            raise invalid(f"stepping: {stepping} <= 0")
        if not MAXIMUM <= algorithm <= SUM:
            raise misused(f"Unknown algorithm: {algorithm}")
        self._buffer, self._algorithm = buffer, algorithm
        self._sections = range(start, end + (algorithm == MAXIMUM), stepping)
        self._dtype = np.dtype(dtype or buffer.dtype)

    def plane(self, c: int, t: int) -> Plane:
        """Return the projection of a channel's stack."""
        projected = np.zeros(self._buffer.shape)
        for z in self._sections:
            values = self._buffer.plane(z, c, t).astype(np.float64)
            if self._algorithm == MAXIMUM:
                np.maximum(projected, values, out=projected)
            else:
                projected += values
        if self._algorithm == MEAN:
            projected /= max(1, len(self._sections))
        if self._algorithm != MAXIMUM:
            np.minimum(projected, _greatest(self._dtype), out=projected)
        return projected.astype(self._dtype)


def _greatest(dtype: Any) -> float:
    info = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return float(info.max)
