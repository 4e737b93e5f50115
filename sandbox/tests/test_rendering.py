# SPDX-License-Identifier: GPL-2.0-or-later
"""Rendered planes and thumbnails.

Source: ome/omero-renderer `omeis.providers.re` (quantization, RGB and greyscale strategies).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from omero.model import ChannelBindingI, QuantumDefI, RenderingDefI, ReverseIntensityContextI
from omero.rtypes import rbool, rdouble, rint
from PIL import Image

from omero_sandbox.model import enumeration
from omero_sandbox.pixels import rendering


def binding(colour: tuple[int, int, int], end: float, **more: Any) -> Any:
    made = ChannelBindingI()
    made.red, made.green, made.blue, made.alpha = (rint(part) for part in (*colour, 255))
    made.inputStart, made.inputEnd = rdouble(0.0), rdouble(end)
    made.active, made.coefficient = rbool(more.get("active", True)), rdouble(more.get("k", 1.0))
    made.family = enumeration("Family", more.get("family", "linear"))
    if more.get("reverse"):
        made.addCodomainMapContext(ReverseIntensityContextI())
    return made


def settings(model: str, *bindings: Any) -> Any:
    made = RenderingDefI()
    made.model = enumeration("RenderingModel", model)
    made.quantization = QuantumDefI()
    made.quantization.cdStart, made.quantization.cdEnd = rint(0), rint(255)
    for one in bindings:
        made.addChannelBinding(one)
    return made


def render(made: Any, *planes: list[int]) -> list[list[int]]:
    """Render one row of pixels."""
    row: list[list[int]] = rendering.rgb(lambda z, c, t: np.array([planes[c]]), made, 0, 0)[
        0
    ].tolist()
    return row


def test_channels_are_added_up_and_cut_off() -> None:
    made = settings("rgb", binding((255, 0, 0), 100.0), binding((255, 128, 0), 200.0))
    assert render(made, [0, 50, 400], [200, 0, 100]) == [[255, 128, 0], [128, 0, 0], [255, 64, 0]]


def test_inactive_channels_are_not_seen() -> None:
    off = binding((0, 255, 0), 100.0, active=False)
    assert render(settings("rgb", off, binding((0, 0, 255), 100.0)), [100], [100]) == [[0, 0, 255]]
    assert render(settings("rgb", off), [100]) == [[0, 0, 0]]


def test_grey_is_of_the_first_active_channel() -> None:
    off = binding((255, 0, 0), 100.0, active=False)
    made = settings("greyscale", off, binding((255, 0, 0), 100.0), binding((0, 255, 0), 100.0))
    assert render(made, [0], [100], [50]) == [[255, 255, 255]]


def test_reversed_intensity() -> None:
    made = settings("greyscale", binding((0, 0, 0), 255.0, reverse=True))
    assert render(made, [0, 55, 255]) == [[255] * 3, [200] * 3, [0] * 3]


@pytest.mark.parametrize(
    ("family", "k", "middle"),
    [("linear", 1.0, 128), ("polynomial", 2.0, 64), ("exponential", 1.0, 96)],
)
def test_curves_begin_and_end_where_the_line_does(family: str, k: float, middle: int) -> None:
    made = settings("greyscale", binding((0, 0, 0), 100.0, family=family, k=k))
    low, half, high = (pixel[0] for pixel in render(made, [0, 50, 100]))
    assert (low, high) == (0, 255)
    assert half == middle


def test_logarithmic_curve_lifts_the_dark() -> None:
    made = settings("greyscale", binding((0, 0, 0), 1000.0, family="logarithmic"))
    low, dark, high = (pixel[0] for pixel in render(made, [0, 10, 1000]))
    assert (low, dark, high) == (0, 85, 255)


@pytest.mark.parametrize(("shape", "size"), [((40, 80), (96, 48)), ((300, 100), (32, 96))])
def test_thumbnails_keep_proportions(shape: tuple[int, int], size: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), (200, 100, 50), "uint8")
    with Image.open(io.BytesIO(rendering.thumbnail(picture))) as image:
        assert (image.format, image.size) == ("JPEG", size)
        assert np.allclose(np.asarray(image)[10, 10], (200, 100, 50), atol=3)
