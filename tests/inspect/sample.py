# SPDX-License-Identifier: GPL-2.0-or-later
"""A small good graph with something to tell for every question."""

from __future__ import annotations

from pathlib import Path

from graphxfer import bundle
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Quantity, Value
from graphxfer.graph import Header, LeftOut, Node, TransferGraph

PIXELS: dict[str, Value] = {
    **{f"size{axis}": size for axis, size in zip("XYZCT", (64, 48, 3, 1, 1), strict=True)},
    "pixelsType": "uint8",
    "dimensionOrder": "XYZCT",
}


def nodes() -> list[Node]:
    """Return its nodes: two projects, three datasets, three images of two filesets, and more."""
    return [
        user(2, "ada", "Ada", "Lovelace"),
        user(9, "max", "Max", "Planck"),
        Node("ExperimenterGroup/3", "ExperimenterGroup", {"name": "Mitosis"}),
        own("Project/51", {"name": "Mitosis"}, datasets=("Dataset/101", "Dataset/102")),
        own("Project/52", {"name": "Meiosis"}, datasets=("Dataset/103",)),
        own("Dataset/101", {"name": "2026-03-14"}, images=("Image/7", "Image/8")),
        own("Dataset/102", {"name": "to do"}),
        own("Dataset/103", {"name": "2026-04-01"}, images=("Image/8",)),
        *fileset(3, "a.ome.tif", 7, 8),
        *fileset(4, "b.tif", 9, hashed=False),
        own("Plate/21", {"name": "P1", "created": 1}),
        own(
            "Well/22",
            {"row": 1, "column": 2, "created": 1},
            plate=("Plate/21",),
            wellSamples=("WellSample/23",),
        ),
        own("WellSample/23", {"created": 1}, image=("Image/9",)),
        own("TagAnnotation/5", {"textValue": "metaphase"}),
        own("TagAnnotation/6", {"textValue": "metaphase"}),
        own("MapAnnotation/9", {"pairs": (("gene", "tubA"), ("gene", "tubB"), ("µ", "½ \\ \n"))}),
        own("CommentAnnotation/4", {"textValue": 'out of "focus"'}, owner=("Experimenter/9",)),
        own("FileAnnotation/12", {"namespace": "example.org/tables"}, file=("OriginalFile/12",)),
        own("OriginalFile/12", {"name": "t.csv", "path": "/home/ada/", "size": 48, "hash": "00"}),
        own("Roi/4", {"name": "cell"}, image=("Image/7",), shapes=("Rectangle/11", "Point/12")),
        own("Rectangle/11", {"x": 3.0, "y": 4.5, "width": 10.0, "height": 12.0}),
        own("Point/12", {"x": 63.5, "y": 47.0, "theZ": 2}),
    ]


def user(number: int, name: str, first: str, last: str) -> Node:
    """Return a user."""
    fields: dict[str, Value] = {"omeName": name, "firstName": first, "lastName": last}
    return Node(f"Experimenter/{number}", "Experimenter", fields)


def own(iri: str, fields: dict[str, Value], **edges: tuple[str, ...]) -> Node:
    """Return a node that belongs to Ada."""
    details = {"owner": ("Experimenter/2",), "group": ("ExperimenterGroup/3",)}
    return Node(iri, iri.partition("/")[0], fields, details | edges)


LINKED = {
    7: ("TagAnnotation/5", "TagAnnotation/6", "MapAnnotation/9", "CommentAnnotation/4"),
    8: ("TagAnnotation/5", "FileAnnotation/12"),
    9: (),
}


def fileset(number: int, name: str, *images: int, hashed: bool = True) -> list[Node]:
    """Return a fileset of one file, and its images."""
    file: dict[str, Value] = {"name": name, "path": "ada_2/", "repo": "f2a8", "size": number * 1000}
    file |= {"hash": f"{number:040x}", "hasher": "SHA1-160"} if hashed else {}
    found = [
        own(f"OriginalFile/{number}", file),
        own(
            f"FilesetEntry/{number}",
            {"clientPath": f"data/{name}"},
            originalFile=(f"OriginalFile/{number}",),
        ),
        own(f"Fileset/{number}", {}, usedFiles=(f"FilesetEntry/{number}",)),
    ]
    for series, image in enumerate(images):
        unit = {7: "MICROMETER", 8: "PIXEL"}.get(image)
        size: dict[str, Value] = {"physicalSizeX": Quantity(0.5, unit)} if unit else {}
        linked = {"annotations": LINKED[image]} if LINKED[image] else {}
        found += [
            own(
                f"Image/{image}",
                {"name": f"{name} [{series}]", "series": series},
                fileset=(f"Fileset/{number}",),
                pixels=(f"Pixels/{image}",),
                **linked,
            ),
            own(f"Pixels/{image}", PIXELS | size, channels=(f"Channel/{image}",)),
            own(f"Channel/{image}", {"red": 255}, logicalChannel=(f"LogicalChannel/{image}",)),
            own(f"LogicalChannel/{image}", {"name": "DAPI"}),
        ]
    return found


def header() -> Header:
    """Return its header."""
    return Header(
        "https://omero.example.org/",
        "6b1c1d4e-5a39-4b1c-9d0f-2f1f6f4f7a10",
        "5.6.16",
        "graphxfer 0.1.0",
        "2026-11-23T22:00:00Z",
        ("Project/51", "Project/52", "Image/9"),
        ("Image/8",),
        (LeftOut("RenderingDef", 3, "rendering settings are not moved yet"),),
    )


def graph(*changed: Node, without: tuple[str, ...] = ()) -> TransferGraph:
    """Return it, with nodes added or replaced, or left away."""
    found = {node.iri: node for node in [*nodes(), *changed] if node.iri not in without}
    return TransferGraph(header(), found.values())


def write(folder: Path, *changed: Node, without: tuple[str, ...] = ()) -> Bundle:
    """Write it as a bundle."""
    return bundle.write(folder, graph(*changed, without=without))
