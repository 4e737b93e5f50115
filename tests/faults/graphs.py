# SPDX-License-Identifier: GPL-2.0-or-later
"""What a story transfers: graphs that are so small that a hundred stories take half a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.graph import Node
from tests import transfers


def tags(folder: Path, mark: str) -> Bundle:
    """Return a bundle of what is created and linked only: containers, a tag in a tag set."""
    return transfers.write(
        folder,
        [
            Node("Project/1", "Project", {"name": f"p{mark}"}, {"datasets": ("Dataset/1",)}),
            Node(
                "Dataset/1", "Dataset", {"name": f"d{mark}"}, {"annotations": ("TagAnnotation/1",)}
            ),
            Node("TagAnnotation/1", "TagAnnotation", {"textValue": f"shared{mark}"}),
            Node(
                "TagAnnotation/2",
                "TagAnnotation",
                {"textValue": f"set{mark}", "namespace": catalogue.TAG_SET},
                {"annotations": ("TagAnnotation/1",)},
            ),
        ],
        {},
    )


def attachment(folder: Path, mark: str) -> Bundle:
    """Return a bundle with a file that is not imported, on a Dataset."""
    table = b"a,b\n1,2\n"
    return transfers.write(
        folder,
        [
            Node(
                "Dataset/1", "Dataset", {"name": f"d{mark}"}, {"annotations": ("FileAnnotation/4",)}
            ),
            Node(
                "FileAnnotation/4",
                "FileAnnotation",
                {"namespace": "a table"},
                {"file": ("OriginalFile/2",)},
            ),
            transfers.file_node("OriginalFile/2", "t.csv", table, imported=False),
        ],
        {"OriginalFile/2": table},
    )


def image(folder: Path, mark: str) -> Bundle:
    """Return a bundle with an image that is imported and was edited; a ROI; a Dataset."""
    content = transfers.tiff(folder.with_name(f"{folder.name}.tif"))
    edited = Node("Image/1", "Image", {"name": "a name that a user gave", "series": 0})
    return transfers.write(
        folder,
        [
            Node("Dataset/1", "Dataset", {"name": f"d{mark}"}, {"images": ("Image/1",)}),
            *transfers.fileset(1, content, "a.tif", [edited]),
            Node(
                "Roi/1",
                "Roi",
                {"name": "r"},
                {"image": ("Image/1",), "shapes": ("Point/1", "Point/2")},
            ),
            Node("Point/1", "Point", {"x": 1.0, "y": 2.0}),
            Node("Point/2", "Point", {"x": 3.0, "y": 4.0}),
        ],
        {"OriginalFile/1": content},
    )


GRAPHS: Mapping[str, Callable[[Path, str], Bundle]] = {
    "tags": tags,
    "attachment": attachment,
    "image": image,
    "all": transfers.small,
}
"""By name; `all` has everything that is made in a way of its own, and takes the longest."""
OFTEN = ("tags", "tags", "attachment", "attachment", "image", "image", "image", "all")
"""How often each is drawn."""
