# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue: families in the order of an export, and the classes that are not covered."""

from __future__ import annotations

from graphxfer.catalogue.annotations import ANNOTATION_CLASSES
from graphxfer.catalogue.containers import CONTAINERS
from graphxfer.catalogue.entries import Class, NotCovered
from graphxfer.catalogue.images import IMAGES
from graphxfer.catalogue.people import PEOPLE
from graphxfer.catalogue.plates import PLATES
from graphxfer.catalogue.rois import ROIS

CLASSES: dict[str, Class] = {
    entry.name: entry
    for family in (CONTAINERS, PLATES, IMAGES, ROIS, ANNOTATION_CLASSES, PEOPLE)
    for entry in family
}
"""The catalogue by class name."""

FILESET = "Fileset"
"""The class of a fileset: the files of one import, in order."""
FILE = "OriginalFile"
"""The class of a file: imported or attached."""
IMAGE = "Image"
"""The class of an image: an import creates it, and it has a thumbnail."""

NOT_COVERED: tuple[NotCovered, ...] = (
    NotCovered(IMAGE, "FolderImageLink", "child.id", "folder link"),
    NotCovered("Roi", "FolderRoiLink", "child.id", "folder link"),
    NotCovered("Pixels", "RenderingDef", "pixels.id", "rendering setting"),
)
"""Classes that are not moved yet. An export reports how many of their objects it leaves out."""
