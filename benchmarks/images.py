# SPDX-License-Identifier: GPL-2.0-or-later
"""Create any number of images at a server, with plain omero-py and few calls.

Each image has pixels, two shared tags, a map annotation of its own, and three ROIs with one shape
each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import omero
import omero.all
from omero.model import NamedValue
from omero.rtypes import rdouble, rint, rstring

from tests.build import import_files

FILESETS, TAGS, ROIS = 10, 20, 3
_BATCH = 1000


def build(client: Any, images: int, filesets: int = FILESETS) -> int:
    """Create images at a server, and return the id of their dataset.

    Parameters
    ----------
    client : omero.client
        Logged in.
    images : int
        Number of images.
    filesets : int
        Number of multi-series files to import them from; a divisor of `images`.
    """
    found = list(_import(client, images // filesets, filesets))
    dataset = omero.model.DatasetI()
    dataset.name = rstring(f"{images} images")
    (dataset_id,) = _save(client, [dataset])
    tags = _save(client, [_tag(number) for number in range(TAGS)])
    maps = _save(client, [_map(number) for number in range(images)])
    _save(client, [_link("DatasetImage", "Dataset", dataset_id, "Image", image) for image in found])
    for one, other in ((0, 1), (1, 7)):
        pairs = [(image, tags[(n + other * one) % TAGS]) for n, image in enumerate(found)]
        _save(client, [_annotation(image, "Tag", tag) for image, tag in pairs])
    _save(client, [_annotation(*pair) for pair in zip(found, ["Map"] * images, maps, strict=True)])
    _save(client, [_roi(image, place) for image in found for place in range(ROIS)])
    return dataset_id


def _import(client: Any, series: int, filesets: int) -> Iterator[int]:
    """Import files, and yield the ids of their images."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(filesets):
            size = "sizeX=32&sizeY=32&sizeZ=1&sizeC=1&sizeT=1"
            file = Path(folder, f"cells-{number}&series={series}&{size}.fake")
            file.touch()
            for pixels in import_files(client, [file]):
                yield pixels.image.id.val


def _save(client: Any, objects: Sequence[Any]) -> list[int]:
    update = client.sf.getUpdateService()
    return [
        id_
        for first in range(0, len(objects), _BATCH)
        for id_ in update.saveAndReturnIds(objects[first : first + _BATCH])
    ]


def _tag(number: int) -> Any:
    tag = omero.model.TagAnnotationI()
    tag.textValue = rstring(f"phase {number}")
    return tag


def _map(number: int) -> Any:
    annotation = omero.model.MapAnnotationI()
    annotation.ns = rstring("openmicroscopy.org/omero/client/mapAnnotation")
    annotation.mapValue = [NamedValue("gene", f"tub{number}"), NamedValue("strain", "SK1")]
    return annotation


def _annotation(image: int, kind: str, id_: int) -> Any:
    return _link("ImageAnnotation", "Image", image, f"{kind}Annotation", id_)


def _link(name: str, parent: str, parent_id: int, child: str, child_id: int) -> Any:
    link = getattr(omero.model, f"{name}LinkI")()
    link.parent = getattr(omero.model, f"{parent}I")(parent_id, False)
    link.child = getattr(omero.model, f"{child}I")(child_id, False)
    return link


def _roi(image: int, place: int) -> Any:
    roi, shape = omero.model.RoiI(), omero.model.RectangleI()
    roi.image = omero.model.ImageI(image, False)
    for number, name in enumerate(("x", "y", "width", "height")):
        setattr(shape, name, rdouble(2.5 * place + number))
    shape.theZ, shape.theT = rint(0), rint(0)
    shape.textValue = rstring(f"cell {place}")
    roi.addShape(shape)
    return roi
