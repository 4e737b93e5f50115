# SPDX-License-Identifier: GPL-2.0-or-later
"""Round trips: their number depends on classes, batches and filesets, not on objects.

They are counted where they arrive, by the sandbox's record of every call.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import images
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.graph import TransferGraph, iri
from graphxfer.omero import write
from graphxfer.plan import ApplyOptions, Tags
from tests.places import Place, place

UNCOUNTED = {
    "Handle.getResponse": "asked again and again while an import takes long",
    "Handle.getStatus": "asked again and again while a deletion takes long",
    "Router.addProxies": "Ice's own: it tells Glacier2 of each new proxy",
    "Router.getCategoryForClient": "omero.client's own, for each callback",
}
SMALL, LARGE, MANY_FILESETS = (10, 2), (100, 2), (10, 10)
"""Images, and the filesets that they are in."""


@dataclass
class Recorded:
    """A server that records its calls."""

    place: Place
    record: Path

    def calls(self) -> Counter[str]:
        """Return how often each operation was called so far."""
        lines = self.record.read_text(encoding="utf-8").splitlines()
        return Counter(
            operation
            for line in lines
            if (operation := json.loads(line)["operation"]) not in UNCOUNTED
        )


def recorded(name: str, folder: Path) -> Iterator[Recorded]:
    record = folder / "calls.jsonl"
    with place(name, folder / "server", "--record", str(record)) as server:
        if server.sandbox is None:
            pytest.skip("only sandboxes record their calls")
        yield Recorded(server, record)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    yield from recorded("SOURCE", tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    yield from recorded("DESTINATION", tmp_path_factory.mktemp("destination"))


@dataclass
class Transfer:
    """What a transfer moved, and the calls that it took."""

    graph: TransferGraph
    exporting: Counter[str]
    applying: Counter[str]


@pytest.fixture(scope="module")
def transfers(
    source: Recorded, destination: Recorded, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[int, int], Transfer]:
    """Transfers of so many images in so many filesets."""
    folder = tmp_path_factory.mktemp("bundles")
    return {
        numbers: transferred(source, destination, folder / f"{number}", *numbers)
        for number, numbers in enumerate((SMALL, LARGE, MANY_FILESETS))
    }


def transferred(
    source: Recorded, destination: Recorded, folder: Path, number: int, filesets: int
) -> Transfer:
    client = source.place.client()
    dataset = images.build(client, number, filesets)
    client.closeSession()
    with source.place.connect() as server:
        before, counted = source.calls(), server.calls
        bundle = export(server, {"Dataset": [dataset]}, folder)
        exporting = source.calls() - before
        assert exporting.total() == server.calls - counted
        fetch(bundle, server)
    with destination.place.connect(own_session=True) as server:
        before = destination.calls()
        apply(Bundle(folder), server, ApplyOptions(tags=Tags.CREATE))
        return Transfer(bundle.graph(), exporting, destination.calls() - before)


def test_all_of_it_was_moved(transfers: dict[tuple[int, int], Transfer]) -> None:
    for (number, filesets), transfer in transfers.items():
        moved = transfer.graph.types()
        assert (moved["Image"], moved["Fileset"]) == (number, filesets)
        assert moved["Roi"] == moved["Rectangle"] == images.ROIS * number
        assert moved["MapAnnotation"] == number
        for image in transfer.graph.of_type("Image"):
            kinds = Counter(transfer.graph[one].type for one in image.edges["annotations"])
            assert kinds == {"TagAnnotation": 2, "MapAnnotation": 1}, iri("Image", image.id)


def test_an_export_of_ten_times_the_images_takes_the_same_calls(
    transfers: dict[tuple[int, int], Transfer],
) -> None:
    assert transfers[LARGE].exporting == transfers[SMALL].exporting
    assert transfers[MANY_FILESETS].exporting == transfers[SMALL].exporting
    assert transfers[LARGE].exporting.total() <= 60


def test_an_apply_of_ten_times_the_images_takes_more_calls_only_for_more_batches(
    transfers: dict[tuple[int, int], Transfer],
) -> None:
    def batches(number: int) -> int:
        return math.ceil(images.ROIS * number / write.LARGE)

    more = transfers[LARGE].applying - transfers[SMALL].applying
    assert more == {"IUpdate.saveAndReturnIds": batches(LARGE[0]) - batches(SMALL[0])}
    assert more.total() > 0
    assert transfers[SMALL].applying <= transfers[LARGE].applying


def test_a_fileset_of_one_file_takes_eight_calls_and_the_upload(
    transfers: dict[tuple[int, int], Transfer],
) -> None:
    more = transfers[MANY_FILESETS].applying - transfers[SMALL].applying
    uploads = more.pop("RawFileStore.write")
    assert uploads == MANY_FILESETS[1] - SMALL[1]
    assert more.total() <= 8 * uploads
    assert transfers[SMALL].applying <= transfers[MANY_FILESETS].applying
