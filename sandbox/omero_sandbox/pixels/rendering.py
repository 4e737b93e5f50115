# SPDX-License-Identifier: GPL-2.0-or-later
"""Planes as pictures: what OMERO's rendering engine makes of pixels and a RenderingDef.

Source: ome/omero-server `ome.logic.RenderingSettingsImpl`, ome/omero-renderer
`omeis.providers.re` (quantization and the RGB and greyscale strategies).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omero.model import (
    ChannelBindingI,
    PixelsI,
    QuantumDefI,
    RenderingDefI,
    ReverseIntensityContextI,
)
from omero.rtypes import rbool, rdouble, rint
from PIL import Image

from omero_sandbox.model import enumeration
from omero_sandbox.readers.source import NUMPY_TYPES, Plane

DEPTH_8BIT = 255
#: From this number of channels on, an image is shown in grey.
MAX_CHANNELS = 10
ACTIVE_CHANNELS = 3
EPSILON = 1e-5
THUMBNAIL_SIZE = 96
THUMBNAIL_QUALITY = 85


def type_range(pixels_type: str) -> tuple[float, float]:
    """
    Return the least and the greatest value of a pixel type.

    Parameters
    ----------
    pixels_type : str
        Value of the PixelsType; for real numbers OMERO takes the range of int32
        (omero-py, `ChannelWrapper.getWindowMin`).
    """
    dtype = np.dtype(NUMPY_TYPES[pixels_type])
    limits = np.iinfo(dtype if dtype.kind in "iu" else np.int32)
    return float(limits.min), float(limits.max)


def default(pixels: Any, pixels_type: str | None = None) -> Any:
    """
    Make the default RenderingDef of Pixels (RenderingSettingsImpl.resetDefaults).

    Parameters
    ----------
    pixels : Any
        Saved Pixels, with their channels and these channels' StatsInfo loaded.
    pixels_type : str, optional
        Value of the PixelsType, where that is not loaded.

    Returns
    -------
    RenderingDef
        Not saved; the middle section, the first three channels, from minimum to maximum.
    """
    channels = [channel for channel in pixels.copyChannels() if channel is not None]
    settings = RenderingDefI()
    settings.pixels = PixelsI(pixels.id.val, False)
    settings.defaultZ, settings.defaultT = rint(pixels.sizeZ.val // 2), rint(0)
    model = "rgb" if 1 < len(channels) < MAX_CHANNELS else "greyscale"
    settings.model = enumeration("RenderingModel", model)
    settings.quantization = QuantumDefI()
    settings.quantization.cdStart = rint(0)
    settings.quantization.cdEnd = settings.quantization.bitResolution = rint(DEPTH_8BIT)
    limits = type_range(pixels_type or pixels.pixelsType.value.val)
    for index, channel in enumerate(channels):
        settings.addChannelBinding(_binding(channel, index, limits))
    return settings


def _binding(channel: Any, index: int, limits: tuple[float, float]) -> Any:
    binding = ChannelBindingI()
    binding.family, binding.coefficient = enumeration("Family", "linear"), rdouble(1.0)
    binding.active, binding.noiseReduction = rbool(index < ACTIVE_CHANNELS), rbool(False)
    for part in ("red", "green", "blue", "alpha"):
        value = getattr(channel, part)
        setattr(binding, part, rint(DEPTH_8BIT if value is None else value.val))
    binding.lookupTable = channel.lookupTable
    low, high = limits
    if (stats := channel.statsInfo) is not None:
        found = stats.globalMin.val, stats.globalMax.val
        if abs(found[1] - found[0]) >= EPSILON:
            low, high = found
    binding.inputStart, binding.inputEnd = rdouble(low), rdouble(high)
    return binding


def rgb(
    plane: Callable[[int, int, int], Plane], settings: Any, z: int, t: int
) -> NDArray[np.uint8]:
    """
    Render the active channels of one section.

    Parameters
    ----------
    plane : Callable[[int, int, int], Plane]
        `plane(z, c, t)` reads a plane.
    settings : Any
        A RenderingDef with its quantization, model and channel bindings loaded.
    z, t : int
        The section and the time point.

    Returns
    -------
    NDArray
        Of shape (sizeY, sizeX, 3). In the greyscale model, only the first active channel counts.
    """
    grey = settings.model.value.val == "greyscale"
    picture: NDArray[np.float64] | None = None
    for c, binding in enumerate(settings.copyWaveRendering()):
        if not binding.active.val:
            continue
        values = _quantize(plane(z, c, t), binding, settings.quantization)
        colour = (
            (255, 255, 255) if grey else (b.val for b in (binding.red, binding.green, binding.blue))
        )
        alpha = 1.0 if grey else binding.alpha.val / 255
        layer = values[..., np.newaxis] / 255 * np.array([*colour], dtype=float) * alpha
        picture = layer if picture is None else picture + layer
        if grey:
            break
    if picture is None:
        shape = plane(z, 0, t).shape
        picture = np.zeros((*shape, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def _quantize(values: Plane, binding: Any, quantum: Any) -> NDArray[np.float64]:
    """Map pixel values to the codomain by the binding's family of curves."""
    low, high = binding.inputStart.val, binding.inputEnd.val
    start, end = quantum.cdStart.val, quantum.cdEnd.val
    family, k = binding.family.value.val, binding.coefficient.val
    ends = _curve(np.array([low, high], dtype=np.float64), family, k, high)
    clipped = np.clip(values.astype(np.float64), low, high)
    span = ends[1] - ends[0]
    share = (_curve(clipped, family, k, high) - ends[0]) / (span or 1.0)
    mapped: NDArray[np.float64] = np.round(start + share * (end - start))
    for context in binding.copySpatialDomainEnhancement():
        if isinstance(context, ReverseIntensityContextI):
            mapped = start + end - mapped
    return mapped


def _curve(x: NDArray[np.float64], family: str, k: float, high: float) -> NDArray[np.float64]:
    """Apply the function of a family; the exponential one to a share, lest it overflow."""
    match family:
        case "polynomial":
            return np.sign(x) * np.abs(x) ** k
        case "exponential":
            return np.exp(np.clip(x / (abs(high) or 1.0), 0, 1) ** k)
        case "logarithmic":
            return np.log(np.maximum(x, 1))
        case _:
            return x


def thumbnail(
    picture: NDArray[np.uint8], width: int = THUMBNAIL_SIZE, height: int = THUMBNAIL_SIZE
) -> bytes:
    """
    Scale a rendered picture into a box and encode it as JPEG, as the thumbnail store does.

    Parameters
    ----------
    picture : NDArray[np.uint8]
        What `rgb` returned.
    width, height : int
        The box; the proportions of the picture are kept.

    Returns
    -------
    bytes
        A JPEG file.
    """
    image = Image.fromarray(picture)
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    file = io.BytesIO()
    image.resize(size, Image.Resampling.BILINEAR).save(file, "JPEG", quality=THUMBNAIL_QUALITY)
    return file.getvalue()
