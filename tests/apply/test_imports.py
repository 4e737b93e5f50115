# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports that a server refuses, is too busy for, or makes twice."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import omero
import omero.all
import pytest
from omero.rtypes import rint

from graphxfer import unmovable
from graphxfer.apply import apply, filesets
from graphxfer.bundle import Bundle
from graphxfer.errors import GraphxferError, ServerFailure
from graphxfer.graph import Node
from graphxfer.journal import Journal
from graphxfer.omero import import_errors, importer
from graphxfer.omero.import_errors import About
from graphxfer.omero.server import Server
from graphxfer.plan import Import, Skip
from graphxfer.plan.planner import make_plan
from graphxfer.undo import undo
from graphxfer.verify import verify
from tests.apply.test_apply import added, counted
from tests.apply.test_plates import at, exported, lab
from tests.places import Place
from tests.test_left_out import applied, checked
from tests.transfers import fileset, tiff, write

BROKEN = b"II*\x00 but then nothing that makes sense"


@dataclass
class Room:
    """A destination, and what was there before."""

    place: Place
    before: Counter[str]

    def created(self) -> dict[str, int]:
        with self.place.connect() as server:
            return added(self.before, counted(server))


@pytest.fixture
def room(destination: Place) -> Room:
    with destination.connect() as server:
        return Room(destination, counted(server))


def images(folder: Path, contents: dict[int, bytes], mark: str = "") -> Bundle:
    """Return a bundle of images in one dataset, each with a tag and a file, by their numbers."""
    mark = mark or folder.name
    nodes = [
        Node(
            "Dataset/1",
            "Dataset",
            {"name": mark},
            {"images": tuple(f"Image/{n}" for n in contents)},
        ),
        Node("TagAnnotation/1", "TagAnnotation", {"textValue": f"of all {mark}"}),
    ]
    for n, content in contents.items():
        tags = ("TagAnnotation/1", f"CommentAnnotation/{n}")
        image = Node(f"Image/{n}", "Image", {"name": f"{n}", "series": 0}, {"annotations": tags})
        nodes += fileset(n, content, f"{n}.tif", [image])
        nodes.append(Node(f"CommentAnnotation/{n}", "CommentAnnotation", {"textValue": f"of {n}"}))
        nodes.append(Node(f"Roi/{n}", "Roi", {"name": mark}, {"image": (f"Image/{n}",)}))
    return write(folder, nodes, {f"OriginalFile/{n}": content for n, content in contents.items()})


# -- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [{1}, {2, 3}, {1, 2, 3}])
def test_what_the_server_refuses_is_left_out(room: Room, tmp_path: Path, broken: set[int]) -> None:
    good = {n: tiff(tmp_path / f"{n}.tif", n) for n in (1, 2, 3)}
    name = f"refused-{min(broken)}-{len(broken)}"
    bundle = images(tmp_path / name, {n: BROKEN if n in broken else good[n] for n in good})
    plan = applied(bundle, room.place)
    why = checked(bundle, room.place)
    assert {f"Fileset/{n}" for n in broken} == {n for n in why if why[n] == unmovable.REFUSED}
    parts = ("Fileset", "Image", "CommentAnnotation", "Roi", "OriginalFile")
    assert {f"{part}/{n}" for n in broken for part in parts} <= set(why)
    assert not {f"{part}/{n}" for n in good if n not in broken for part in parts} & set(why)
    assert {one.node for one in plan.of(Skip) if not one.child} == set(why)
    named = [one.why for one in plan.skipped if one.node.startswith("Fileset/")]
    assert len(named) == len(broken)
    assert all("error-on-init" in each for each in named)  # ManagedRequestI.init (omero-blitz)
    created = room.created()
    assert created["Dataset"] == 1
    assert created.get("Fileset", 0) == created.get("Image", 0) == 3 - len(broken)

    # The next apply tries again: that server may read it meanwhile, or the file is right now.
    with room.place.connect() as server:
        tried = {one.node for one in make_plan(bundle, server).of(Import)}
    assert tried == {f"Fileset/{n}" for n in broken}
    assert {n for n in applied(bundle, room.place).of(Skip) if n.type == "Fileset"}
    assert room.created() == created
    with room.place.connect(own_session=True) as server:
        undo(bundle, server)
    assert not {one for one in room.created() if one in ("Image", "Fileset", "Dataset", "Roi")}


def test_what_was_refused_comes_when_the_server_can(room: Room, tmp_path: Path) -> None:
    good = tiff(tmp_path / "1.tif")
    bundle = images(tmp_path / "before", {1: BROKEN, 2: good}, "one")
    assert applied(bundle, room.place).skipped
    with Journal(bundle.journal(_uuid(room))) as journal:
        assert journal.refusal("Fileset/1")
    fixed = images(tmp_path / "fixed", {1: good, 2: good}, "one")
    path = fixed.journal(_uuid(room))
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(bundle.journal(_uuid(room)), path)
    assert applied(fixed, room.place).skipped == []
    assert checked(fixed, room.place) == {}
    with Journal(path) as journal:
        assert journal.refusal("Fileset/1") == ""


def test_strict_stops_at_the_first(room: Room, tmp_path: Path) -> None:
    bundle = images(tmp_path / "strict", {1: BROKEN})
    with pytest.raises(ServerFailure, match="could not import the file") as caught:
        applied(bundle, room.place, strict=True)
    assert caught.value.exit_code == 1
    assert room.created().get("Fileset", 0) == 0


def _uuid(room: Room) -> str:
    with room.place.connect() as server:
        return server.database_uuid


# -- twice ----------------------------------------------------------------------------------------


@dataclass
class Requests:
    """The requests to begin an import, which can be sent again; their processes stay open."""

    again: int = 0
    """How many are sent twice at once."""
    sent: list[tuple[Any, list[str]]] = field(default_factory=list)

    def __call__(self, original: Callable[..., Any], process: Any, *rest: Any) -> Any:
        handle = original(process, *rest)
        self.sent.append((process, rest[0]))
        if self.again:
            self.again -= 1
            original(process, *rest)
        return handle

    def repeat(self, number: int = -1) -> None:
        """Send one once more, and wait until the server has carried it out."""
        process, hashes = self.sent[number]
        handle = process.verifyUpload(hashes)
        while handle.getResponse() is None:
            time.sleep(0.02)


class _Open:
    """A process that is not closed."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    made, begin = Requests(), importer._begin
    monkeypatch.setattr(importer, "_verify", partial(made, importer._verify))
    monkeypatch.setattr(importer, "_begin", lambda *args: _Open(begin(*args)))
    return made


def test_a_request_that_comes_twice_at_once(room: Room, tmp_path: Path, requests: Requests) -> None:
    bundle = images(tmp_path / "at once", {n: tiff(tmp_path / f"{n}.tif", n) for n in (1, 2)})
    requests.again = 1
    assert applied(bundle, room.place).skipped == []
    assert checked(bundle, room.place) == {}
    assert len(requests.sent) == 3  # one was imported anew
    created = room.created()
    assert created["Image"] == created["Fileset"] == created["Roi"] == 2


def test_requests_that_always_come_twice_end_with_an_error(
    room: Room, tmp_path: Path, requests: Requests
) -> None:
    bundle = images(tmp_path / "always", {1: tiff(tmp_path / "1.tif")})
    requests.again = 100
    with pytest.raises(GraphxferError, match="Fileset/1: the server imported a fileset twice, 3"):
        applied(bundle, room.place)
    assert room.created().get("Fileset", 0) == room.created().get("Image", 0) == 0
    requests.again = 0
    assert applied(bundle, room.place).skipped == []
    assert checked(bundle, room.place) == {}


@dataclass
class Late:
    """A transfer whose request to import arrives again when all is done."""

    room: Room
    bundle: Bundle
    server: Server
    created: dict[str, int]

    def differences(self) -> list[str]:
        return [str(one) for one in verify(self.bundle, self.server)]

    def surplus(self) -> list[int]:
        """Return the second images, those with the higher ids."""
        hql = "select i.id from Image i where i.fileset is not null order by i.id desc"
        number = self.room.created()["Image"] - self.created["Image"]
        return [row[0] for row in self.server.rows(hql)[:number]]


@pytest.fixture(params=["image", "plate"])
def late(
    source: Place,
    room: Room,
    tmp_path: Path,
    requests: Requests,
    request: pytest.FixtureRequest,
) -> Iterator[Late]:
    if request.param == "image":
        bundle = images(tmp_path / request.node.name, {1: tiff(tmp_path / "1.tif")})
    else:
        with lab(source) as person:
            plate, _ = person.plate()
        bundle = exported(source, tmp_path / "plate", Plate=plate)
    with room.place.connect(own_session=True) as server:
        apply(bundle, server)
        one = Late(room, bundle, server, room.created())
        assert one.differences() == []
        requests.repeat()
        yield one


def test_a_request_that_comes_again_later(late: Late) -> None:
    """What it creates is a difference, whoever allows additions; apply removes it."""
    found = late.differences()
    assert any("imported again as Image:" in one for one in found)
    again = apply(late.bundle, late.server)
    assert again.nothing_to_do
    assert late.differences() == []
    assert late.room.created() == late.created


def test_undo_removes_what_came_again(late: Late) -> None:
    assert undo(late.bundle, late.server, dry_run=True).removed["Image"] == len(late.surplus())
    undo(late.bundle, late.server)
    created = late.room.created()
    assert not {"Image", "Fileset", "Plate", "Well", "Dataset", "Roi"} & set(created)


def test_what_a_person_adds_to_a_fileset_stays(late: Late, destination: Place) -> None:
    """Also an image with the place of another; it was created in another session."""
    apply(late.bundle, late.server)
    (fileset_id, series) = late.server.rows(
        "select i.fileset.id, i.series from Image i where i.fileset is not null order by i.id desc",
        limit=1,
    )[0]
    with lab(destination) as person:
        image = person.new(
            "Image", name="mine", series=rint(series), fileset=at("Fileset", fileset_id)
        )
    found = late.differences()
    assert len(found) == 1
    assert f"Image:{image}" in found[0]
    assert "again" not in found[0]
    apply(late.bundle, late.server)
    assert late.server.rows("select i.fileset.id from Image i where i.id = :id", id=image)
    with lab(destination) as person:
        person.edit("Image", image, fileset=None)


def test_what_others_need_is_not_removed(late: Late, destination: Place) -> None:
    second = late.surplus()[0]
    with lab(destination) as person:
        person.annotate("Image", second, f"seen {second}")
    for command in (apply, undo):
        with pytest.raises(GraphxferError, match=r"depend on.*ImageAnnotationLink:\d+"):
            command(late.bundle, late.server)
    assert late.server.rows("select i.id from Image i where i.id = :id", id=second)
    client = destination.client()
    try:
        hql = f"select l from ImageAnnotationLink l where l.parent.id = {second}"
        for one in client.sf.getQueryService().findAllByQuery(hql, None):
            client.sf.getUpdateService().deleteObject(one)
    finally:
        client.closeSession()
    apply(late.bundle, late.server)
    assert late.differences() == []
    assert late.room.created() == late.created | {"TagAnnotation": ANY}


def test_a_whole_fileset_that_nobody_knows(room: Room, tmp_path: Path) -> None:
    """A request of the transfer that arrives when all is done: verify names what it created."""
    bundle = images(tmp_path / "stray", {1: tiff(tmp_path / "1.tif")})
    with room.place.connect(own_session=True) as server:
        apply(bundle, server)
        created = room.created()
        with Journal(bundle.journal(server.database_uuid)) as journal:
            token = journal.token("Fileset/1")
        sending = importer.Sending("Fileset/1", (importer.Part(tmp_path / "1.tif", "x/1.tif"),))

        def import_late() -> int:
            stop = threading.Event()
            return importer.import_fileset(
                server, sending, token, verifying=lambda: None, stop=stop
            )

        number = import_late()
        (found,) = [str(one) for one in verify(bundle, server)]
        assert found.startswith(f"Fileset/1: imported again as Fileset:{number} ")
        assert server.rows("select f.id from Fileset f where f.id = :id", id=number)
        apply(bundle, server)
        assert list(verify(bundle, server)) == []
        assert room.created() == created
        import_late()
        assert undo(bundle, server, dry_run=True).removed["Fileset"] == 2
        undo(bundle, server)
        assert not {"Image", "Fileset", "Dataset", "Roi"} & set(room.created())
        import_late()  # and once more, when nothing is in the journal
        undo(bundle, server)
        assert not {"Image", "Fileset", "Dataset", "Roi"} & set(room.created())


# -- busy -----------------------------------------------------------------------------------------


def answer(name: str, message: str, stacktrace: str = "") -> Any:
    return omero.cmd.ERR(name=name, parameters={"message": message, "stacktrace": stacktrace})


@pytest.mark.parametrize(
    ("name", "trace", "about"),
    [
        # As ManagedImportRequestI (omero-blitz) names them; the classes are those of the libraries.
        ("import-unknown-format", "loci.formats.UnknownFormatException: Unknown", About.FILES),
        ("import-missing-library", "loci.formats.MissingLibraryException: x", About.FILES),
        ("import-file-exception", "java.io.EOFException: Attempting to read beyond", About.FILES),
        ("error-on-init", "java.lang.NullPointerException", About.FILES),
        ("error-on-init", "omero.SecurityViolation: not in the fileset", About.FILES),
        (
            "import-request-failure",
            "omero.ValidationException: could not insert: [ome.model.core.Image]",
            About.FILES,
        ),
        ("import-request-failure", "java.lang.ArrayIndexOutOfBoundsException: 3", About.FILES),
        ("import-request-failure", "omero.DatabaseBusyException", About.LOAD),
        (
            "import-request-failure",
            "java.lang.RuntimeException: x\n\tat a.b.C(C.java:1)\nCaused by: "
            "ome.conditions.DatabaseBusyException: cannot create transaction",
            About.LOAD,
        ),
        ("error-on-init", "omero.InternalException: unexpected end of subtree [x]", About.LOAD),
        ("import-file-exception", "java.io.IOException: No space left on device", About.SERVER),
        (
            "import-file-exception",
            "java.io.FileNotFoundException: /OMERO/x (Permission denied)",
            About.SERVER,
        ),
        ("error-on-init", "omero.SessionException: it has ended", About.SERVER),
        ("import-request-failure", "omero.SecurityViolation: read-only group", About.SERVER),
        ("import-request-failure", "java.lang.OutOfMemoryError: Java heap space", About.SERVER),
        ("import-request-failure", "Ice.ConnectionRefusedException: x", About.SERVER),
        ("cancelled", "", About.SERVER),
        ("null-job", "", About.SERVER),
    ],
)
def test_what_an_error_is_about(name: str, trace: str, about: About) -> None:
    first = trace.partition(": ")[2].partition("\n")[0]
    error = answer(name, first, f"{trace}\n\tat ome.services.X(X.java)")
    assert import_errors.about(error) == about


BUSY = answer("import-request-failure", "", "omero.DatabaseBusyException\n\tat x")


@pytest.mark.parametrize("times", [2, 3])
def test_a_busy_server_is_asked_again(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The answer is what a real server gave; a sandbox is never so busy."""
    monkeypatch.setattr(filesets, "PAUSES", (0.01, 0.01))
    bundle = images(tmp_path / f"busy-{times}", {1: tiff(tmp_path / "1.tif")})
    wait, waited = importer._response, list[int]()

    def response(*args: Any) -> Any:
        found = wait(*args)
        waited.append(1)
        return BUSY if len(waited) <= times else found

    monkeypatch.setattr(importer, "_response", response)
    if times == 3:
        with pytest.raises(ServerFailure, match="too busy: import-request-failure") as caught:
            applied(bundle, room.place)
        assert caught.value.do == "run the same command again to resume"
        assert room.created().get("Fileset", 0) == room.created().get("Image", 0) == 0
    assert applied(bundle, room.place).skipped == []
    assert checked(bundle, room.place) == {}
    assert room.created()["Image"] == room.created()["Fileset"] == 1


def test_a_full_disk_is_no_refusal(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = answer("import-file-exception", "No space left on device", "java.io.IOException: No …")
    bundle = images(tmp_path / "full", {1: tiff(tmp_path / "1.tif")})
    with monkeypatch.context() as patched:
        patched.setattr(importer, "_response", lambda *_: full)
        with pytest.raises(ServerFailure, match="the server failed: No space left"):
            applied(bundle, room.place)
    assert applied(bundle, room.place).skipped == []
    assert checked(bundle, room.place) == {}


def test_other_bytes_at_the_server_are_a_refusal(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = images(tmp_path / "other", {n: tiff(tmp_path / f"{n}.tif", n) for n in (1, 2)})
    verify_upload = importer._verify

    def call(process: Any, hashes: list[str], sending: importer.Sending) -> Any:
        wrong = ["0" * 40] if sending.node == "Fileset/1" else hashes
        return verify_upload(process, wrong, sending)

    monkeypatch.setattr(importer, "_verify", call)
    applied(bundle, room.place)
    why = checked(bundle, room.place)
    assert {node for node in why if why[node] == unmovable.REFUSED} == {"Fileset/1"}
    assert room.created()["Fileset"] == 1
