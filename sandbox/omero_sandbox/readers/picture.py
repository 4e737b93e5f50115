# SPDX-License-Identifier: GPL-2.0-or-later
"""PNG and JPEG pictures: one plane, a channel per colour.

Source: ome/bioformats, `loci.formats.in.{APNGReader,JPEGReader}` (both of the graphics domain).
"""

from pathlib import Path

import imagecodecs
import numpy as np

from omero_sandbox.readers.document import E
from omero_sandbox.readers.source import PIXEL_TYPES, BrokenFile, Plane, Series, Source

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def knows(path: Path) -> bool:
    """Return whether the file starts as a PNG or JPEG does."""
    return _start(path).startswith((PNG, JPEG))


def read(path: Path) -> Source:
    """
    Read a picture.

    Parameters
    ----------
    path : Path
        The file; it is decoded now, since the sizes of a PNG with a palette need it.

    Returns
    -------
    Source
        One series of one plane.

    Raises
    ------
    BrokenFile
        When it cannot be decoded.
    """
    is_png = _start(path).startswith(PNG)
    decode = imagecodecs.png_decode if is_png else imagecodecs.jpeg_decode
    try:
        data: Plane = decode(path.read_bytes())
    except Exception as error:  # each codec has its own error class
        raise BrokenFile(f"{path.name} cannot be decoded: {error}") from error
    samples = data[np.newaxis] if data.ndim == 2 else np.moveaxis(data, -1, 0)
    count, height, width = samples.shape
    pixels = E.Pixels(
        E.Channel(ID="Channel:0:0", SamplesPerPixel=str(count)),
        ID="Pixels:0", DimensionOrder="XYCZT", Type=PIXEL_TYPES[data.dtype.name],
        SignificantBits=str(data.dtype.itemsize * 8), SizeX=str(width), SizeY=str(height),
        SizeC=str(count), SizeZ="1", SizeT="1",
    )  # fmt: skip
    image = E.Image(pixels, ID="Image:0")
    series = Series(0, image, lambda z, c, t: samples[c], little=False)
    name = "PNG" if is_png else "JPEG"
    reader = "loci.formats.in." + ("APNGReader" if is_png else "JPEGReader")
    return Source(name, reader, E.OME(image), (series,), (path,), graphics=True)
