# SPDX-License-Identifier: GPL-2.0-or-later
"""Thumbnails that an export brings along.

What servers answer is in omero-blitz's ThumbnailStore.ice: JPEG, by the id of the pixels, of the
longest side that was asked for; nothing where one could not be made. 96 is the size of
``omero.client.browser.thumb_default_size``, 50 the number of ``omero.web.thumbnails_batch``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graphxfer.bundle import Bundle
from graphxfer.errors import Exit, ServerFailure
from graphxfer.export import export
from graphxfer.progress import Silent
from omero_sandbox.manage import Sandbox
from tests.build import import_files
from tests.places import Place, create_groups, place

CALL = "ThumbnailStore.getThumbnailByLongestSideSet"
MANY = 120


class Listener(Silent):
    """Somebody who hears what is said."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)


class Recorded:
    """A sandbox that records its calls, with some images."""

    def __init__(self, place: Place, sandbox: Sandbox, folder: Path) -> None:
        self.place, self.sandbox, self.folder = place, sandbox, folder
        self.record = folder / "calls.jsonl"
        self.wide, self.high = (
            self.imported("w&sizeX=64&sizeY=32"),
            self.imported("h&sizeX=32&sizeY=64"),
        )
        self.many = self.imported(f"m&sizeX=8&sizeY=8&series={MANY}")

    def imported(self, name: str, group: str = "") -> list[int]:
        """Import a fileset of Bio-Formats' test format, and return the ids of its images."""
        file = self.folder / f"{name}.fake"
        file.touch()
        client = self.place.client()
        if group:
            found = client.sf.getAdminService().lookupGroup(group)
            client.getImplicitContext().put("omero.group", str(found.id.val))
        pixels = import_files(client, [file])
        client.closeSession()
        return [int(each.image.id.val) for each in pixels]

    def calls(self) -> int:
        return self.record.read_text(encoding="utf-8").count(CALL)

    def exported(self, to: Path, *images: int) -> tuple[Bundle, list[str]]:
        """Export images with thumbnails, and return also what was said."""
        listener = Listener()
        with self.place.connect() as server:
            bundle = export(server, {"Image": images}, to, listener, with_thumbnails=True)
        return bundle, listener.heard


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("thumbnails")
    record = ("--record", str(folder / "calls.jsonl"))
    with place("THUMBNAILS", folder / "server", *record) as made:
        assert made.sandbox
        yield Recorded(made, made.sandbox, folder)


def size(bundle: Bundle, image: int) -> tuple[int, int]:
    with Image.open(bundle.thumbnails / f"{image}.jpg") as picture:
        assert picture.format == "JPEG"
        return picture.size


def entries(bundle: Bundle) -> dict[str, Any]:
    graph = json.loads((bundle.folder / "ro-crate-metadata.json").read_text())["@graph"]
    return {entry["@id"]: entry for entry in graph}


def test_each_image_has_its_own(server: Recorded, tmp_path: Path) -> None:
    bundle, heard = server.exported(tmp_path / "it", *server.wide, *server.high)
    assert heard == []
    assert size(bundle, server.wide[0]) == (96, 48)
    assert size(bundle, server.high[0]) == (48, 96)
    assert len(list(bundle.thumbnails.iterdir())) == 2
    assert entries(bundle)["thumbnails/"]["@type"] == "Dataset"
    assert {"@id": "thumbnails/"} in entries(bundle)["./"]["hasPart"]


def test_none_are_brought_unless_asked_for(server: Recorded, tmp_path: Path) -> None:
    before = server.calls()
    with server.place.connect() as there:
        bundle = export(there, {"Image": server.wide}, tmp_path / "it")
    assert not bundle.thumbnails.exists()
    assert "thumbnails/" not in entries(bundle)
    assert server.calls() == before


def test_calls_grow_with_batches(server: Recorded, tmp_path: Path) -> None:
    before = server.calls()
    bundle, _ = server.exported(tmp_path / "it", *server.many)
    assert len(list(bundle.thumbnails.iterdir())) == MANY
    assert server.calls() - before == 3


def test_images_of_several_groups(server: Recorded, tmp_path: Path) -> None:
    create_groups(server.place, "Elsewhere")
    elsewhere = server.imported("e&sizeX=8&sizeY=8", group="Elsewhere")
    bundle, heard = server.exported(tmp_path / "it", *server.wide, *elsewhere)
    assert heard == []
    assert size(bundle, elsewhere[0]) == (96, 96)


def test_what_cannot_be_had_is_told(server: Recorded, tmp_path: Path) -> None:
    """As in retrieveThumbnailSet of omero-server's ThumbnailBean, the others are there."""
    (gone,) = server.imported("gone&sizeX=8&sizeY=8")
    (file,) = server.sandbox.repository.rglob("gone*.fake")
    file.unlink()
    bundle, heard = server.exported(tmp_path / "it", gone, *server.wide)
    assert heard == [f"No thumbnail: Image/{gone} (the server cannot create one)"]
    assert [path.name for path in bundle.thumbnails.iterdir()] == [f"{server.wide[0]}.jpg"]


def test_exporting_again(server: Recorded, tmp_path: Path) -> None:
    """Without the option they are kept, with it made anew; strangers' links are not followed."""
    bundle, _ = server.exported(tmp_path / "it", *server.wide)
    picture = bundle.thumbnails / f"{server.wide[0]}.jpg"
    before = picture.read_bytes()
    picture.write_bytes(b"old")
    with server.place.connect() as there:
        export(there, {"Image": server.wide}, bundle.folder)
    assert picture.read_bytes() == b"old"
    assert "thumbnails/" in entries(bundle)
    server.exported(bundle.folder, *server.wide)
    assert picture.read_bytes() == before
    elsewhere = tmp_path / "elsewhere"
    bundle.thumbnails.rename(elsewhere)
    bundle.thumbnails.symlink_to(elsewhere)
    server.exported(bundle.folder, *server.wide)
    assert not bundle.thumbnails.is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == [picture.name]
    assert not list(bundle.folder.glob(".*"))


@pytest.fixture
def troubled(server: Recorded) -> Iterator[Recorded]:
    yield server
    server.sandbox.restart("--record", str(server.record))


def test_when_the_server_fails_the_other_batches_are_there(
    troubled: Recorded, tmp_path: Path
) -> None:
    troubled.sandbox.restart("--fault", f"error@2:{CALL}")
    bundle, (heard,) = troubled.exported(tmp_path / "it", *troubled.many)
    assert "and 30 more (the server failed with InternalException" in heard
    assert len(list(bundle.thumbnails.iterdir())) == MANY - 50


def test_when_the_connection_drops_nothing_is_left(troubled: Recorded, tmp_path: Path) -> None:
    troubled.sandbox.restart("--fault", f"drop@2:{CALL}")
    with pytest.raises(ServerFailure, match="the connection was lost"):
        troubled.exported(tmp_path / "it", *troubled.many)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_nothing_is_changed(troubled: Recorded, tmp_path: Path) -> None:
    bundle, _ = troubled.exported(tmp_path / "it", *troubled.many)
    before = {path: path.stat().st_mtime_ns for path in bundle.folder.rglob("*")}
    troubled.sandbox.restart("--record", str(troubled.record), "--latency", "40ms")
    calls = troubled.calls()
    objects = f"Image:{','.join(map(str, troubled.many))}"
    command = [sys.executable, "-m", "graphxfer", "export", troubled.place.uri, objects]
    environment = os.environ | {
        "OMERO_PASSWORD": troubled.place.password,
        "OMERO_SESSIONDIR": str(tmp_path / "none"),
    }
    with subprocess.Popen(
        [*command, "--to", str(bundle.folder), "--thumbnails"], env=environment
    ) as begun:
        while troubled.calls() == calls:
            assert begun.poll() is None
            time.sleep(0.01)
        begun.send_signal(signal.SIGINT)
        assert begun.wait(30) == Exit.INTERRUPTED
    assert before == {path: path.stat().st_mtime_ns for path in bundle.folder.rglob("*")}


def test_the_command(server: Recorded, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "graphxfer", "export", server.place.uri]
    options = ["--to", str(tmp_path / "it"), "--thumbnails", "--partial-ok"]
    done = subprocess.run(
        [*command, f"Image:{server.wide[0]}", *options, "--json"],
        env=os.environ | {"OMERO_PASSWORD": server.place.password},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["thumbnails"] == 1
