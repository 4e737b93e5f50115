# SPDX-License-Identifier: GPL-2.0-or-later
"""Example image files for the seed program: real micrographs, and made ones.

The real ones come with the scikit-image package (its README names their sources and licences).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import skimage.data
import tifffile
from numpy.typing import NDArray
from ome_types import OME, model
from PIL import Image

SHIPPED = Path(skimage.data.__file__).parent
FAKE = "time-lapse&sizeX=64&sizeY=48&sizeZ=3&sizeC=2&sizeT=5&series=2&points=2.fake"


@dataclass(frozen=True)
class ExampleFiles:
    """
    Files to import, each attribute a fileset (the file to open comes first).

    Attributes
    ----------
    cell : list[Path]
        A cell in transmitted light, as a plain TIFF with its pixel size.
    tissue : list[Path]
        A stained section of tissue, as a PNG in colours.
    retina : list[Path]
        A photograph of a retina, as a JPEG.
    aneurysms : list[Path]
        Microaneurysms, as an OME-TIFF with acquisition date, tag and ROI in its OME-XML.
    positions : list[Path]
        Three positions of a stack of nuclei, as one OME-TIFF of three series.
    two_files : list[Path]
        A time series whose time points lie in two OME-TIFFs.
    time_lapse : list[Path]
        A `.fake` file of two series.
    nuclei : list[list[Path]]
        OME-TIFFs with nuclei, as many as requested.
    """

    cell: list[Path]
    tissue: list[Path]
    retina: list[Path]
    aneurysms: list[Path]
    positions: list[Path]
    two_files: list[Path]
    time_lapse: list[Path]
    nuclei: list[list[Path]]


def write(folder: Path, scale: int = 1) -> ExampleFiles:
    """
    Write the example files.

    Parameters
    ----------
    folder : Path
        Where to; it exists.
    scale : int
        How many files of nuclei.

    Returns
    -------
    ExampleFiles
        The files.
    """
    cell = folder / "cell.tif"
    resolution = (10000 / 0.12, 10000 / 0.12)
    tifffile.imwrite(cell, _read("cell.png"), resolution=resolution, resolutionunit="CENTIMETER")
    tissue = Path(shutil.copy(SHIPPED / "ihc.png", folder / "tissue α-tubulin.png"))
    retina = Path(shutil.copy(SHIPPED / "retina.jpg", folder / "retina.jpg"))
    fake = folder / FAKE
    fake.touch()
    return ExampleFiles(
        [cell],
        [tissue],
        [retina],
        [_aneurysms(folder / "microaneurysms.ome.tif")],
        [_positions(folder / "positions.ome.tif")],
        _two_files(folder),
        [fake],
        [[_nuclei_file(folder / f"nuclei_{i:04}.ome.tif", i)] for i in range(scale)],
    )


def _read(name: str) -> NDArray[Any]:
    with Image.open(SHIPPED / name) as image:
        return np.asarray(image)


def nuclei(seed: int, shape: tuple[int, int, int, int, int]) -> NDArray[np.uint16]:
    """
    Make a stack of blurred spots with noise.

    Parameters
    ----------
    seed : int
        The same seed gives the same spots.
    shape : tuple[int, int, int, int, int]
        Sizes T, C, Z, Y, X.
    """
    random = np.random.default_rng(seed)
    _, channels, sections, height, width = shape
    y, x = np.mgrid[:height, :width]
    stack = random.poisson(20, shape).astype(np.float64)
    for centre_y, centre_x, depth, radius in random.random((12, 4)):
        distance = (y - centre_y * height) ** 2 + (x - centre_x * width) ** 2
        spot = 900 * np.exp(-distance / (2 * (2 + 4 * radius) ** 2))
        for z in range(sections):
            focus = np.exp(-(((z + 0.5) / sections - depth) ** 2) * 8)
            stack[:, :, z] += spot * focus / np.arange(1, channels + 1)[:, None, None]
    return np.clip(stack, 0, 65535).astype(np.uint16)


def _image(index: int, name: str, data: NDArray[Any], **more: Any) -> model.Image:
    """Describe a stack of axes TCZYX."""
    times, channels, sections, height, width = data.shape
    names = (("DAPI", "#3050ffff", 461.0), ("GFP", "#20ff40ff", 509.0), ("RFP", "#ff4020ff", 583.0))
    return model.Image(
        id=f"Image:{index}",
        name=name,
        pixels=model.Pixels(
            id=f"Pixels:{index}", dimension_order=model.Pixels_DimensionOrder.XYZCT,
            type=model.PixelType(data.dtype.name),
            size_x=width, size_y=height, size_z=sections, size_c=channels, size_t=times,
            physical_size_x=0.25, physical_size_y=0.25, physical_size_z=1.0,
            channels=[
                model.Channel(
                    id=f"Channel:{index}:{c}", name=names[c][0], samples_per_pixel=1,
                    color=model.Color(names[c][1]), emission_wavelength=names[c][2],
                )
                for c in range(channels)
            ],
        ),
        **more,
    )  # fmt: skip


def _write(path: Path, document: OME, stacks: list[NDArray[Any]]) -> Path:
    """Write an OME-TIFF; its first page carries the document."""
    with tifffile.TiffWriter(path) as writer:
        description: str | None = document.to_xml()
        for stack in stacks:
            for plane in stack.reshape(-1, *stack.shape[-2:]):
                writer.write(
                    plane, description=description, metadata=None, photometric="minisblack"
                )
                description = None
    return path


def _nuclei_file(path: Path, seed: int) -> Path:
    data = nuclei(seed, (1, 2, 3, 96, 128))
    image = _image(0, f"nuclei {seed}", data)
    image.pixels.tiff_data_blocks = [model.TiffData(ifd=0, plane_count=6)]
    return _write(path, OME(images=[image]), [data])


def _positions(path: Path) -> Path:
    """Write three series of different sizes, with the microscope they were taken with."""
    stacks = [nuclei(50 + i, (1, 3, 4, 80 + 16 * i, 96 + 16 * i)) for i in range(3)]
    objective = model.Objective(
        id="Objective:0", model="Plan-Apochromat 63x", lens_na=1.4, nominal_magnification=63.0,
        immersion=model.Objective_Immersion.OIL,
        correction=model.Objective_Correction.PLAN_APO,
    )  # fmt: skip
    detector = model.Detector(id="Detector:0", model="ORCA", type=model.Detector_Type.CCD)
    instrument = model.Instrument(
        id="Instrument:0",
        microscope=model.Microscope(type=model.Microscope_Type.INVERTED, manufacturer="Zeiss"),
        objectives=[objective],
        detectors=[detector],
    )
    settings = model.ObjectiveSettings(id="Objective:0", medium=model.ObjectiveSettings_Medium.OIL)
    images, first = [], 0
    for i, stack in enumerate(stacks):
        image = _image(
            i, f"position {i + 1}", stack,
            instrument_ref=model.InstrumentRef(id="Instrument:0"),
            objective_settings=settings,
        )  # fmt: skip
        count = stack.shape[1] * stack.shape[2]
        image.pixels.tiff_data_blocks = [model.TiffData(ifd=first, plane_count=count)]
        first += count
        images.append(image)
    return _write(path, OME(images=images, instruments=[instrument]), stacks)


def _aneurysms(path: Path) -> Path:
    """Write an image that brings a tag, key-value pairs and a ROI of its own."""
    data = _read("microaneurysms.png")[np.newaxis, np.newaxis, np.newaxis]
    image = _image(
        0, "microaneurysms", data,
        acquisition_date=datetime(2012, 5, 3, 9, 30, tzinfo=UTC),
        description="A part of a retina with lesions",
        annotation_refs=[model.AnnotationRef(id=f"Annotation:{i}") for i in range(2)],
        roi_refs=[model.ROIRef(id="ROI:0")],
    )  # fmt: skip
    image.pixels.tiff_data_blocks = [model.TiffData(ifd=0, plane_count=1)]
    annotations = model.StructuredAnnotations(
        tag_annotations=[model.TagAnnotation(id="Annotation:0", value="from the file")],
        map_annotations=[
            model.MapAnnotation(
                id="Annotation:1",
                value=model.Map(ms=[model.Map.M(k="organ", value="eye")]),
            )
        ],
    )
    lesion = model.Rectangle(id="Shape:0", x=20.0, y=30.0, width=25.0, height=15.0, text="lesion")
    shapes = model.ROI.Union(
        rectangles=[lesion], points=[model.Point(id="Shape:1", x=60.0, y=62.5)]
    )
    roi = model.ROI(id="ROI:0", name="lesions", union=shapes)
    return _write(path, OME(images=[image], structured_annotations=annotations, rois=[roi]), [data])


def _two_files(folder: Path) -> list[Path]:
    """Write a time series of two time points, a file each; both carry the whole document."""
    data = nuclei(99, (2, 1, 2, 72, 72))
    paths = [folder / f"series_t{t}.ome.tif" for t in range(2)]
    uuids = [uuid4().urn for _ in paths]
    image = _image(0, "two time points", data)
    image.pixels.tiff_data_blocks = [
        model.TiffData(
            ifd=0, first_t=t, plane_count=2,
            uuid=model.TiffData.UUID(value=uuids[t], file_name=paths[t].name),
        )
        for t in range(2)
    ]  # fmt: skip
    for t, path in enumerate(paths):
        _write(path, OME(images=[image], uuid=uuids[t]), [data[t]])
    return paths
