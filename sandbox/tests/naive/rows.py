# SPDX-License-Identifier: GPL-2.0-or-later
"""A small world, twice: as objects of OMERO's to save, and as plain rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import omero.all
from omero.model import DimensionOrderI, LengthI, LogicalChannelI, PixelsTypeI
from omero.rtypes import rdouble, rint, rlong, rstring

#: Class -> property -> kind of its value, or the class that it refers to; ``*`` for collections,
#: with the property that refers back. Ordered ones are in the order of ``Row.place``.
SCHEMA: dict[str, dict[str, str]] = {
    "Project": {
        "name": "text", "description": "text", "datasetLinks": "*ProjectDatasetLink.parent",
    },
    "ProjectDatasetLink": {"parent": "Project", "child": "Dataset"},
    "Dataset": {
        "name": "text", "description": "text", "projectLinks": "*ProjectDatasetLink.child",
        "imageLinks": "*DatasetImageLink.parent",
    },
    "DatasetImageLink": {"parent": "Dataset", "child": "Image"},
    "Image": {
        "name": "text", "description": "text", "series": "int", "fileset": "Fileset",
        "pixels": "*Pixels.image", "rois": "*Roi.image", "datasetLinks": "*DatasetImageLink.child",
        "annotationLinks": "*ImageAnnotationLink.parent",
    },
    "ImageAnnotationLink": {"parent": "Image", "child": "Annotation"},
    "Annotation": {
        "ns": "text", "description": "text", "longValue": "long", "doubleValue": "double",
        "textValue": "text",
    },
    "Pixels": {"image": "Image", "sizeX": "int", "sizeC": "int", "physicalSizeX.value": "double"},
    "Roi": {"name": "text", "image": "Image", "shapes": "*Shape.roi"},
    "Shape": {"roi": "Roi", "theZ": "int", "theT": "int", "textValue": "text"},
    "Fileset": {"templatePrefix": "text", "images": "*Image.fileset"},
}  # fmt: skip
ORDERED = {"Image.pixels", "Roi.shapes"}
_BASES = {
    "TagAnnotation": "Annotation", "LongAnnotation": "Annotation",
    "DoubleAnnotation": "Annotation", "CommentAnnotation": "Annotation", "Point": "Shape",
    "Rectangle": "Shape",
}  # fmt: skip
SUBCLASSES = {
    base: [name for name, own in _BASES.items() if own == base] for base in _BASES.values()
}


@dataclass(eq=False)
class Row:
    """A row: its class, and its values by property; references are rows."""

    cls: str
    values: dict[str, Any]
    obj: Any
    world: World
    place: int = 0

    @property
    def id(self) -> int:
        """Its id, once it is saved."""
        number: int = self.obj.id.val
        return number

    @property
    def base(self) -> str:
        """The class that queries name."""
        return _BASES.get(self.cls, self.cls)

    def get(self, name: str) -> Any:
        """Return a value, a row, or a list of rows."""
        kind = SCHEMA[self.base][name]
        if not kind.startswith("*"):
            return self.values.get(name)
        target, _, back = kind[1:].partition(".")
        found = [row for row in self.world.rows[target] if row.values.get(back) is self]
        return sorted(found, key=lambda row: row.place)


@dataclass
class World:
    """All rows by the class that queries name."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in SCHEMA})

    def add(self, cls: str, **values: Any) -> Row:
        """Make a row and its object."""
        row = Row(cls, {name.replace("__", "."): v for name, v in values.items()}, _made(cls), self)
        for name, value in row.values.items():
            self._set(row, name, value)
        self.rows[row.base].append(row)
        return row

    def _set(self, row: Row, name: str, value: Any) -> None:
        kind = SCHEMA[row.base][name]
        if name == "physicalSizeX.value":
            row.obj.physicalSizeX = None if value is None else LengthI(value, "MICROMETER")
        elif isinstance(value, Row) and (row.base, name) in (("Pixels", "image"), ("Shape", "roi")):
            add = value.obj.addPixels if name == "image" else value.obj.addShape
            row.place = len(value.get("pixels" if name == "image" else "shapes"))
            add(row.obj)
        elif isinstance(value, Row):
            setattr(row.obj, name, value.obj)
        elif value is not None:
            wrap = {"int": rint, "long": rlong, "double": rdouble, "text": rstring}[kind]
            setattr(row.obj, name, wrap(value))

    def objects(self) -> list[Any]:
        """Return all objects, to be saved."""
        return [row.obj for rows in self.rows.values() for row in rows]


def _made(cls: str) -> Any:
    made = getattr(omero.model, f"{cls}I")()
    if cls == "Pixels":
        made.sizeY = made.sizeZ = made.sizeT = rint(1)
        made.sha1 = rstring("Pending...")
        made.pixelsType, made.dimensionOrder = PixelsTypeI(), DimensionOrderI()
        made.pixelsType.value, made.dimensionOrder.value = rstring("uint8"), rstring("XYZCT")
        channel = omero.model.ChannelI()
        channel.logicalChannel = LogicalChannelI()
        made.addChannel(channel)
    return made


def example() -> World:
    """Return a world with nulls, duplicates, empty collections and texts that LIKE trips over."""
    world = World()
    projects = [world.add("Project", name=n, description=d) for n, d in (("p", "x"), ("P", None))]
    datasets = [
        world.add("Dataset", name=name, description=text)
        for name, text in (("one", None), ("two", "x"), ("", "50% of_it"))
    ]
    for parent, child in ((0, 0), (0, 1), (1, 1)):
        world.add("ProjectDatasetLink", parent=projects[parent], child=datasets[child])
    filesets = [world.add("Fileset", templatePrefix=text) for text in ("a_1/", "A\\1/")]
    images = [
        world.add("Image", name=name, description=text, series=series, fileset=fileset)
        for name, text, series, fileset in (
            ("a0", "x", 0, filesets[0]), ("A0", None, 1, filesets[0]), ("b%", "", 0, filesets[1]),
            ("b_c", "it's", 2, None), ("é", "X", 7, None),
        )
    ]  # fmt: skip
    for parent, child in ((0, 0), (0, 1), (1, 1), (1, 2), (2, 3)):
        world.add("DatasetImageLink", parent=datasets[parent], child=images[child])
    for image, size, channels, physical in (
        (0, 16, 1, 0.5), (1, 16, 2, None), (1, 8, 1, 2.0), (2, 4, 3, 0.25),
    ):  # fmt: skip
        world.add("Pixels", image=images[image], sizeX=size, sizeC=channels,
                  physicalSizeX__value=physical)  # fmt: skip
    rois = [
        world.add("Roi", image=image, name=name)
        for image, name in ((images[0], "r"), (images[0], None), (images[3], "R"), (None, "free"))
    ]
    for roi, cls, z, text in (
        (0, "Point", 0, "x"), (0, "Rectangle", None, None), (0, "Point", 2, "a0"),
        (2, "Rectangle", 1, "x"), (3, "Point", None, "é"),
    ):  # fmt: skip
        world.add(cls, roi=rois[roi], theZ=z, theT=0 if z else None, textValue=text)
    annotations = [
        world.add("TagAnnotation", textValue="a0", ns=None, description="x"),
        world.add("TagAnnotation", textValue="A0", ns="n"),
        world.add("LongAnnotation", longValue=5, ns="n"),
        world.add("LongAnnotation", longValue=-3, ns="N"),
        world.add("DoubleAnnotation", doubleValue=0.5, description="x"),
        world.add("CommentAnnotation", textValue="it's", ns="n"),
    ]
    for image, annotation in ((0, 0), (0, 1), (0, 2), (1, 0), (2, 2), (2, 3), (3, 4), (3, 5)):
        world.add("ImageAnnotationLink", parent=images[image], child=annotations[annotation])
    return world
