# SPDX-License-Identifier: GPL-2.0-or-later
"""Bundles of any size for benchmarks: projects of datasets of images, as in a facility."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.bundle.bundle import GRAPH, MANIFEST
from graphxfer.catalogue import Quantity, Value
from graphxfer.graph import Header, Node, TransferGraph, iri, jsonld

IMAGES_PER_DATASET, SERIES, CHANNELS, ROIS = 50, 2, 3, 2
NODES_PER_IMAGE = 14.5
"""Pixels, channels, ROIs with shapes, key-value pairs, and half a fileset."""


def write(folder: Path, nodes: int) -> Bundle:
    """Write the graph and manifest of a bundle of about `nodes` nodes; no OME-XML, no files."""
    graph = make(nodes)
    folder.mkdir(parents=True)
    with (folder / GRAPH).open("wb") as stream:
        jsonld.write(graph, stream)
    (folder / MANIFEST).write_text(
        "path,size,checksum,hasher,store,source,client_path,node\n", encoding="utf-8"
    )
    return Bundle(folder)


def make(nodes: int) -> TransferGraph:
    """Return a graph of about `nodes` nodes, the same each time."""
    images = max(2, int(nodes / NODES_PER_IMAGE))
    datasets = max(1, images // IMAGES_PER_DATASET)
    projects = max(1, datasets // 20)
    header = Header(
        "https://omero.example.org/",
        "6b1c1d4e-5a39-4b1c-9d0f-2f1f6f4f7a10",
        "5.6.16",
        "graphxfer",
        "2026-11-23T22:00:00Z",
        tuple(iri("Project", number) for number in range(1, projects + 1)),
    )
    return TransferGraph(header, _nodes(projects, datasets, images))


def _nodes(projects: int, datasets: int, images: int) -> Iterator[Node]:
    choose = random.Random(1)  # noqa: S311
    tags = max(2, images // 100)
    yield Node("Experimenter/2", "Experimenter", {"omeName": "ada", **_named("Ada", "Lovelace")})
    yield Node("Experimenter/3", "Experimenter", {"omeName": "max", **_named("Max", "Planck")})
    yield Node("ExperimenterGroup/3", "ExperimenterGroup", {"name": "Mitosis"})
    for number in range(1, projects + 1):
        below = _iris("Dataset", range(number, datasets + 1, projects))
        yield _node("Project", number, {"name": f"Project {number}"}, datasets=below)
    for number in range(1, datasets + 1):
        below = _iris("Image", range(number, images + 1, datasets))
        yield _node("Dataset", number, {"name": f"2026-03-{number:04d}"}, images=below)
    for number in range(1, tags + 1):
        yield _node("TagAnnotation", number, {"textValue": f"tag {number % (tags - 1)}"})
    for number in range(1, images // SERIES + 2):
        name = f"plate-{number}.ome.tiff"
        file: dict[str, Value] = {"name": name, "path": "ada_2/2026-03/", "repo": "f2a8"}
        file["size"] = number * 1000
        hashed = {"hash": f"{number:040x}", "hasher": "SHA1-160", "mimetype": "image/tiff"}
        yield _node("OriginalFile", number, file | hashed)
        entry = {"clientPath": f"data/{name}"}
        yield _node("FilesetEntry", number, entry, originalFile=_iris("OriginalFile", [number]))
        yield _node("Fileset", number, {}, usedFiles=_iris("FilesetEntry", [number]))
    for number in range(1, images + 1):
        yield from _image(number, choose.sample(range(1, tags + 1), min(tags, 2)))


def _image(number: int, tags: list[int]) -> Iterator[Node]:
    channels = range(number * CHANNELS, (number + 1) * CHANNELS)
    for channel in channels:
        yield _node("LogicalChannel", channel, {"emissionWave": Quantity(525.5, "NANOMETER")})
        colours = {"red": 255, "green": 0, "blue": channel % 256, "alpha": 255}
        logical = _iris("LogicalChannel", [channel])
        yield _node("Channel", channel, colours, logicalChannel=logical)
    sizes = {"sizeX": 512, "sizeY": 512, "sizeZ": 10, "sizeC": CHANNELS, "sizeT": 1}
    kind: dict[str, Value] = {"pixelsType": "uint16", "dimensionOrder": "XYZCT"}
    kind["physicalSizeX"] = kind["physicalSizeY"] = Quantity(0.1083, "MICROMETER")
    yield _node("Pixels", number, {**sizes, **kind}, channels=_iris("Channel", channels))
    yield _node(
        "Image",
        number,
        {"name": f"cell {number}", "series": number % SERIES, "acquisitionDate": 1773446400000},
        pixels=_iris("Pixels", [number]),
        fileset=_iris("Fileset", [number // SERIES + 1]),
        annotations=(*_iris("TagAnnotation", tags), iri("MapAnnotation", number)),
    )
    pairs = (("gene", f"tub{number % 20}"), ("gene", "act1"), ("strain", "SK1"))
    client = "openmicroscopy.org/omero/client/mapAnnotation"
    yield _node("MapAnnotation", number, {"namespace": client, "pairs": pairs})
    for roi in range(number * ROIS, (number + 1) * ROIS):
        shapes = _iris("Rectangle", [roi])
        yield _node("Roi", roi, {}, image=_iris("Image", [number]), shapes=shapes)
        place = {"x": roi % 100 + 0.5, "y": 4.25, "width": 10.0, "height": 12.0, "theZ": 0}
        yield _node("Rectangle", roi, place)


def _node(type_: str, number: int, fields: Mapping[str, Value], **edges: tuple[str, ...]) -> Node:
    owner = {"owner": ("Experimenter/2",), "group": ("ExperimenterGroup/3",)}
    dated = {**fields, "created": 1773446400000 + number}
    return Node(iri(type_, number), type_, dated, {**edges, **owner})


def _iris(type_: str, numbers: range | list[int]) -> tuple[str, ...]:
    return tuple(iri(type_, number) for number in numbers)


def _named(first: str, last: str) -> dict[str, Value]:
    return {"firstName": first, "lastName": last}
