# SPDX-License-Identifier: GPL-2.0-or-later
"""Killed after any call, a second run ends as if nothing had happened: no duplicate, no orphan.

`make test` kills after every fourth call, `make test-slow` after each.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import omero
import pytest

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Maker, Value
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import Header, Node, TransferGraph, id_of
from graphxfer.journal import Journal
from graphxfer.verify import verify
from tests.build import build
from tests.places import Place, create_groups
from tests.there import in_group

Run = Callable[[Path, str, int], str]


IMPORTED, LATER = 1, 2
"""When things were made: with their images, or later and so by a person."""


def well(number: int, plate: int, moment: int, image: int) -> list[Node]:
    """Return a well of a plate, with an image."""
    place: dict[str, Value] = {"row": 0, "column": number - 1, "created": moment}
    ends: dict[str, tuple[str, ...]] = {
        "plate": (f"Plate/{plate}",),
        "wellSamples": (f"WellSample/{number}",),
    }
    shows: dict[str, tuple[str, ...]] = {"image": (f"Image/{image}",)}
    if moment == IMPORTED:
        shows["plateAcquisition"] = ("PlateAcquisition/1",)
    return [
        Node(f"Well/{number}", "Well", place, ends),
        Node(f"WellSample/{number}", "WellSample", {"created": moment}, shows),
    ]


def small() -> TransferGraph:
    """Return a transfer with everything that is made in a way of its own."""
    pixels = {f"size{axis}": size for axis, size in zip("XYZCT", (8, 8, 1, 1, 1), strict=True)}
    nodes = [
        Node("Project/1", "Project", {"name": "p"}, {"datasets": ("Dataset/1",)}),
        Node(
            "Dataset/1",
            "Dataset",
            {"name": "d"},
            {"images": ("Image/1", "Image/2"), "annotations": ("TagAnnotation/1",)},
        ),
        Node("Fileset/1", "Fileset", {}, {"usedFiles": ("FilesetEntry/1",)}),
        Node("FilesetEntry/1", "FilesetEntry", {}, {"originalFile": ("OriginalFile/1",)}),
        Node("OriginalFile/1", "OriginalFile", {"name": "a", "path": "b"}),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": "shared"}),
        Node(
            "TagAnnotation/2",
            "TagAnnotation",
            {"textValue": "set", "namespace": catalogue.TAG_SET},
            {"annotations": ("TagAnnotation/1",)},
        ),
        Node("MapAnnotation/3", "MapAnnotation", {"pairs": (("k", "1"), ("k", "2"))}),
        Node("FileAnnotation/4", "FileAnnotation", {}, {"file": ("OriginalFile/2",)}),
        Node("OriginalFile/2", "OriginalFile", {"name": "t.csv", "path": "/", "size": 50}),
        Node("Roi/1", "Roi", {"name": "r"}, {"image": ("Image/1",), "shapes": ("Point/1",)}),
        Node("Point/1", "Point", {"x": 1.0, "y": 2.0}, {"annotations": ("TagAnnotation/1",)}),
        Node("Plate/1", "Plate", {"name": "of the import", "created": IMPORTED}),
        Node(
            "PlateAcquisition/1", "PlateAcquisition", {"created": IMPORTED}, {"plate": ("Plate/1",)}
        ),
        Node("Plate/2", "Plate", {"name": "put together", "created": LATER}),
        *well(1, 1, IMPORTED, 1),
        *well(2, 1, IMPORTED, 2),
        *well(3, 2, LATER, 2),
    ]
    for number, linked in (
        (1, ("MapAnnotation/3", "TagAnnotation/1")),
        (2, ("FileAnnotation/4",)),
    ):
        nodes += [
            Node(
                f"Image/{number}",
                "Image",
                {"name": f"edited {number}", "series": number - 1, "created": IMPORTED},
                {"fileset": ("Fileset/1",), "pixels": (f"Pixels/{number}",)}
                | {"annotations": linked},
            ),
            Node(
                f"Pixels/{number}",
                "Pixels",
                {**pixels, "pixelsType": "uint8", "dimensionOrder": "XYZCT"},
                {"channels": (f"Channel/{number}",)},
            ),
            Node(
                f"Channel/{number}",
                "Channel",
                {},
                {"logicalChannel": (f"LogicalChannel/{number}",)},
            ),
            Node(f"LogicalChannel/{number}", "LogicalChannel", {"name": f"channel {number}"}),
        ]
    return TransferGraph(Header("https://omero.example.org/"), nodes)


@pytest.fixture(scope="module")
def bundle(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    client = source.client()
    built = build(client, small())
    client.closeSession()
    with source.connect() as server:
        roots = {name: [id_of(built[f"{name}/{n}"])] for name, n in (("Project", 1), ("Plate", 2))}
        made = export(server, roots, tmp_path_factory.mktemp("kill") / "bundle")
        assert fetch(made, server).problems == []
    return made


@pytest.fixture(scope="module")
def run(destination: Place) -> Iterator[Run]:
    """Apply a bundle to a group of the destination, to die after a call; return the outcome."""
    command = [sys.executable, "-m", "tests.killing"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def one(folder: Path, group: str, last: int) -> str:
            server = destination.uri.rpartition("/")[0] + f"/{group}"
            job = {"bundle": str(folder), "server": server, "password": destination.password}
            process.stdin.write(json.dumps({**job, "last": last}) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return process.stdout.readline().strip()  # type: ignore[union-attr]

        yield one
        process.stdin.close()


def movable(bundle: Bundle) -> Iterator[Node]:
    for node in bundle.graph():
        if catalogue.CLASSES[node.type].maker is not Maker.SERVER:
            yield node


@contextmanager
def logged_in(place: Place) -> Iterator[omero.client]:
    """Have an ordinary client for the length of a block."""
    client = place.client()
    try:
        yield client
    finally:
        client.closeSession()


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_after_calls(
    bundle: Bundle, run: Run, destination: Place, tmp_path: Path, every: int
) -> None:
    def trial(name: str, last: int) -> tuple[str, Path]:
        folder = tmp_path / name
        shutil.copytree(bundle.folder, folder)
        return run(folder, name, last), folder

    whole = f"whole-{every}"
    create_groups(destination, whole)
    outcome, _ = trial(whole, 0)
    word, _, calls = outcome.partition(" ")
    assert word == "done", outcome
    names = {last: f"killed-{every}-{last}" for last in range(1, int(calls), every)}
    create_groups(destination, *names.values())
    # To log in costs more than all that is asked: one client and one connection serve all trials.
    with logged_in(destination) as client, destination.connect() as server:
        expected = in_group(client, whole)
        assert expected["Image"] == 2
        for last, name in names.items():
            outcome, folder = trial(name, last)
            if outcome != "killed":
                assert last > int(calls) // 2, outcome  # the last calls of a run close its session
                continue
            again = run(folder, name, 0)
            assert again.startswith("done"), f"after call {last}: {again}"
            assert in_group(client, name) == expected, f"killed after call {last}"
            assert list(verify(Bundle(folder), server)) == [], f"killed after call {last}"
            with Journal(Bundle(folder).journal(server.database_uuid)) as journal:
                assert journal.same().keys() >= {node.iri for node in movable(bundle)}
