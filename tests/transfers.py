# SPDX-License-Identifier: GPL-2.0-or-later
"""Small bundles made by hand, with real files that a server can import."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tifffile

from graphxfer import bundle as bundles
from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Quantity, Value
from graphxfer.graph import Header, Node, TransferGraph

SOURCE = "0f0f0f0f-source"
"""The database UUID of a source that is not there."""
SIZES = {"sizeX": 16, "sizeY": 12, "sizeZ": 1, "sizeC": 1, "sizeT": 1}


def file_node(iri: str, name: str, content: bytes, *, imported: bool) -> Node:
    """Return an OriginalFile as an export has it."""
    fields: dict[str, Value] = {"name": name, "path": "user_2/2026/", "size": len(content)}
    fields |= {"hash": hashlib.sha1(content).hexdigest(), "hasher": "SHA1-160"}
    return Node(iri, "OriginalFile", fields | ({"repo": "there"} if imported else {}))


def fileset(number: int, content: bytes, name: str, images: Iterable[Node]) -> list[Node]:
    """Return a fileset of one file, with its images and what is below them."""
    nodes = [
        Node(
            f"Fileset/{number}",
            "Fileset",
            {"templatePrefix": "user_2/2026/"},
            {"usedFiles": (f"FilesetEntry/{number}",)},
        ),
        Node(
            f"FilesetEntry/{number}",
            "FilesetEntry",
            {"clientPath": f"data/{name}"},
            {"originalFile": (f"OriginalFile/{number}",)},
        ),
        file_node(f"OriginalFile/{number}", name, content, imported=True),
    ]
    nodes[-1].fields["mimetype"] = "image/tiff"
    for image in images:
        image.edges |= {"fileset": (f"Fileset/{number}",), "pixels": (f"Pixels/{image.id}",)}
        nodes += [
            image,
            Node(
                f"Pixels/{image.id}",
                "Pixels",
                {**SIZES, "pixelsType": "uint8", "dimensionOrder": "XYCZT", "significantBits": 8},
                {"channels": (f"Channel/{image.id}",)},
            ),
            Node(
                f"Channel/{image.id}",
                "Channel",
                {},
                {"logicalChannel": (f"LogicalChannel/{image.id}",)},
            ),
            Node(
                f"LogicalChannel/{image.id}",
                "LogicalChannel",
                {
                    "name": "a channel that a user named",
                    "samplesPerPixel": 1,
                    "emissionWave": Quantity(525.0, "NANOMETER"),
                },
            ),
        ]
    return nodes


def tiff(path: Path, seed: int = 0) -> bytes:
    """Write an image file and return its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 16), dtype=np.uint8)
    tifffile.imwrite(path, pixels, metadata=None)
    return path.read_bytes()


def write(folder: Path, nodes: Iterable[Node], contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle with its files, as after a fetch."""
    graph = TransferGraph(Header("https://omero.example.org/", SOURCE), nodes)
    bundle = bundles.write(folder, graph)
    for entry in bundle.manifest():
        path = bundle.file(entry)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[entry.node])
    return bundle


def small(folder: Path, mark: str = "") -> Bundle:
    """Return a bundle with everything that is made in a way of its own.

    Parameters
    ----------
    folder : Path
        Where it is to be.
    mark : str
        Told in its tags, so that they are not those of another.
    """
    content, table = tiff(folder.with_name(f"{folder.name}.tif")), b"a,b\n1,2\n"
    image = Node(
        "Image/1",
        "Image",
        {"name": "a name that a user gave", "series": 0, "description": "and a description"},
        {"annotations": ("MapAnnotation/3", "TagAnnotation/1", "FileAnnotation/4")},
    )
    nodes = [
        Node("Project/1", "Project", {"name": f"p{mark}"}, {"datasets": ("Dataset/1",)}),
        Node(
            "Dataset/1",
            "Dataset",
            {"name": f"d{mark}", "description": ""},
            {"images": ("Image/1",), "annotations": ("TagAnnotation/1",)},
        ),
        *fileset(1, content, "a.tif", [image]),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": f"shared{mark}"}),
        Node(
            "TagAnnotation/2",
            "TagAnnotation",
            {"textValue": f"set{mark}", "namespace": catalogue.TAG_SET},
            {"annotations": ("TagAnnotation/1",)},
        ),
        Node("MapAnnotation/3", "MapAnnotation", {"pairs": (("k", "1"), ("k", "2"))}),
        Node(
            "FileAnnotation/4",
            "FileAnnotation",
            {"namespace": "a table"},
            {"file": ("OriginalFile/2",)},
        ),
        file_node("OriginalFile/2", "t.csv", table, imported=False),
        Node(
            "Roi/1",
            "Roi",
            {"name": "r"},
            {"image": ("Image/1",), "shapes": ("Point/1", "Mask/2")},
        ),
        Node("Point/1", "Point", {"x": 1.0, "y": 2.0}, {"annotations": ("TagAnnotation/1",)}),
        Node(
            "Mask/2",
            "Mask",
            {"x": 0.0, "y": 0.0, "width": 4.0, "height": 4.0, "bytes": b"\x00\xff", "theZ": 0},
        ),
        Node("Roi/2", "Roi", {"name": "of no image"}, {"shapes": ("Point/3",)}),
        Node("Point/3", "Point", {"x": 3.5, "y": 2.0}),
    ]
    return write(folder, nodes, {"OriginalFile/1": content, "OriginalFile/2": table})
