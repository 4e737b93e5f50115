# SPDX-License-Identifier: GPL-2.0-or-later
"""Planes as pictures: what OMERO's rendering engine makes of pixels and a RenderingDef."""

from collections.abc import Callable
from typing import Any

from numpy import generic, uint8
from numpy.typing import NDArray


def default(pixels: Any) -> Any:
    """Make the default RenderingDef of Pixels whose channels (with StatsInfo) are loaded."""
    raise NotImplementedError


def rgb(
    plane: Callable[[int, int, int], NDArray[generic]], settings: Any, z: int, t: int
) -> NDArray[uint8]:
    """Render plane (z, t) of all active channels to an array of shape (sizeY, sizeX, 3)."""
    raise NotImplementedError


def thumbnail(picture: NDArray[uint8], width: int, height: int) -> bytes:
    """Scale a rendered picture and encode it as JPEG, as the thumbnail store does."""
    raise NotImplementedError
