# SPDX-License-Identifier: GPL-2.0-or-later
"""The bundle: written whole or not at all, kept where it is the same, never left by a path."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from graphxfer import bundle
from graphxfer.bundle import Bundle
from graphxfer.errors import BadDocument, Exit, FileProblem, UnsafePath, UsageError
from graphxfer.graph import Header, Node, TransferGraph, jsonld, omexml

FILE = Node(
    "OriginalFile/10",
    "OriginalFile",
    {"name": "a.tif", "path": "user_2/", "repo": "f2a8", "size": 5},
)
PROJECT = Node("Project/1", "Project", {"name": "Mitosis"})


def graph_of(*nodes: Node, **header: Any) -> TransferGraph:
    known: dict[str, Any] = {
        "database_uuid": "6b1c",
        "made_by": "graphxfer 0.1.0",
        "made_at": "2026-11-23T22:00:00Z",
        "roots": ("Project/1",),
    }
    return TransferGraph(Header("https://omero.example.org/", **{**known, **header}), nodes)


GRAPH = graph_of(PROJECT, FILE)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


DOCUMENTS = ["graph.jsonld", "graph.ome.xml", "manifest.csv", "ro-crate-metadata.json"]


# -- writing ------------------------------------------------------------------------------------


def test_a_bundle_holds_what_it_should(tmp_path: Path) -> None:
    made = bundle.write(tmp_path / "new" / "transfer", GRAPH)
    assert names(made.folder) == sorted(["files", *DOCUMENTS])
    assert names(made.folder.parent) == ["transfer"]
    there = Bundle(tmp_path / "new" / "transfer")
    assert list(there.graph()) == list(GRAPH)
    assert there.graph().header == GRAPH.header
    assert there.graph() is there.graph()
    assert [entry.path for entry in there.manifest()] == ["user_2/a.tif"]
    assert list(omexml.read(there.xml_path)) == list(GRAPH)


def test_its_documents_are_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        made = bundle.write(tmp_path / "transfer", GRAPH)
    finally:
        os.umask(old)
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o750
    assert {stat.S_IMODE((made.folder / name).stat().st_mode) for name in DOCUMENTS} == {0o640}


def test_a_second_export_of_the_same_keeps_what_was_fetched_and_journalled(tmp_path: Path) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    (made.files / "user_2").mkdir()
    (made.files / "user_2" / "a.tif").write_bytes(b"12345")
    made.journals.mkdir()
    made.journal("other-db").write_bytes(b"journal")
    renamed = graph_of(Node("Project/1", "Project", {"name": "Meiosis"}), FILE)
    again = bundle.write(tmp_path / "transfer", renamed)
    assert again.graph()["Project/1"].fields["name"] == "Meiosis"
    assert again.file(next(iter(again.manifest()))).read_bytes() == b"12345"
    assert again.journal("other-db").read_bytes() == b"journal"
    assert names(again.folder) == sorted(["files", "journals", *DOCUMENTS])


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    assert list(bundle.write(tmp_path, GRAPH).graph()) == list(GRAPH)


@pytest.mark.parametrize("header", [{"roots": ("Project/2",)}, {"database_uuid": "other"}])
def test_a_bundle_of_something_else_is_left_alone(tmp_path: Path, header: dict[str, Any]) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    before = {name: (made.folder / name).read_bytes() for name in DOCUMENTS}
    with pytest.raises(UsageError, match="bundle of another transfer: Project/1") as failure:
        bundle.write(tmp_path / "transfer", graph_of(PROJECT, **header))
    assert failure.value.exit_code is Exit.USAGE
    assert {name: (made.folder / name).read_bytes() for name in DOCUMENTS} == before


def test_a_folder_that_is_no_bundle_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(UsageError, match="not a bundle"):
        bundle.write(tmp_path, GRAPH)
    with pytest.raises(UsageError, match="is a file"):
        bundle.write(tmp_path / "photo.jpg", GRAPH)
    assert names(tmp_path) == ["photo.jpg"]


def test_a_graph_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    wrong = graph_of(Node("Project/1", "Project", {"name": "\ud800"}))
    with pytest.raises(BadDocument):
        bundle.write(tmp_path / "transfer", wrong)
    assert names(tmp_path) == []
    made = bundle.write(tmp_path / "transfer", GRAPH)
    before = made.graph_path.read_bytes()
    with pytest.raises(BadDocument):
        bundle.write(tmp_path / "transfer", wrong)
    assert made.graph_path.read_bytes() == before
    assert names(made.folder) == sorted(["files", *DOCUMENTS])


BIG = """
import sys
import time
from pathlib import Path
from graphxfer import bundle
from graphxfer.graph import Header, Node, TransferGraph
nodes = [Node(f"Roi/{n}", "Roi", {"name": "a" * 100}) for n in range(20000)]
header = Header("https://omero.example.org/", "6b1c", roots=("Project/1",))
print("writing", flush=True)
bundle.write(Path(sys.argv[1]), TransferGraph(header, nodes))
print("done", flush=True)
"""


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: write() fails, as it does when full."""
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n" + BIG
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "transfer"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"FileProblem: {tmp_path}" in run.stderr
    assert os.strerror(errno.EFBIG) in run.stderr
    assert names(tmp_path) == []


def test_a_killed_export_leaves_no_bundle(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BIG, tmp_path / "transfer"], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "writing\n"
        while run.poll() is None and not names(tmp_path):
            time.sleep(0.001)
        run.send_signal(signal.SIGKILL)
    assert "transfer" not in names(tmp_path)
    assert list(bundle.write(tmp_path / "transfer", GRAPH).graph()) == list(GRAPH)


# -- what RO-Crate tools see --------------------------------------------------------------------


def test_ro_crate_tools_read_it(tmp_path: Path) -> None:
    crate = ROCrate(bundle.write(tmp_path / "transfer", GRAPH).folder)
    root = crate.root_dataset
    assert root["name"] == "OMERO transfer: Project/1"
    assert root["datePublished"] == "2026-11-23T22:00:00Z"
    assert "1 OriginalFile, 1 Project" in root["description"]
    assert "no licence" in root["license"]
    parts = {part.id for part in root["hasPart"]}
    assert parts == {"graph.jsonld", "graph.ome.xml", "manifest.csv", "files/"}


def test_the_same_graph_makes_the_same_bundle(tmp_path: Path) -> None:
    one = bundle.write(tmp_path / "one", GRAPH).folder
    two = bundle.write(tmp_path / "two", GRAPH).folder
    for name in DOCUMENTS:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_many_files_are_still_one_entry(tmp_path: Path) -> None:
    fields = {"path": "", "repo": "f2a8"}
    files = [
        Node(f"OriginalFile/{number}", "OriginalFile", {"name": f"{number}.tif", **fields})
        for number in range(2000)
    ]
    made = bundle.write(tmp_path / "transfer", graph_of(*files))
    assert len(made.manifest()) == 2000
    assert (made.folder / "ro-crate-metadata.json").stat().st_size < 3000


# -- what a stranger's bundle may hold ----------------------------------------------------------


def entry_of(made: Bundle, path: str) -> Any:
    return next(iter(made.manifest()))._replace(path=path)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\b", "a\0b", ""])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    with pytest.raises(UnsafePath):
        made.file(entry_of(made, path))


def test_a_manifest_with_such_a_path_is_refused_with_its_line(tmp_path: Path) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    text = made.manifest_path.read_text()
    made.manifest_path.write_text(text.replace("user_2/a.tif", "../../a.tif"))
    with pytest.raises(UnsafePath, match=r"manifest\.csv, line 2"):
        Bundle(made.folder).manifest()


def test_a_symlink_out_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.tif").touch()
    link = made.files / "user_2"
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafePath, match="symlink leads out"):
        made.file(entry_of(made, "user_2/a.tif"))
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(UnsafePath):
        made.file(entry_of(made, "user_2/a.tif"))
    link.unlink()
    (made.files / "real").mkdir()
    link.symlink_to("real")
    assert made.file(entry_of(made, "user_2/a.tif")) == link / "a.tif"


def use(folder: Path) -> None:
    there = Bundle(folder)
    for entry in there.manifest():
        there.file(entry)
    there.journal("6b1c")


@pytest.mark.parametrize("name", ["graph.jsonld", "manifest.csv", "files", "journals"])
def test_its_own_parts_may_not_be_links_out_either(tmp_path: Path, name: str) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    part = made.folder / name
    if part.exists():
        part.rename(tmp_path / name)
    else:
        (tmp_path / name).mkdir()
    part.symlink_to(tmp_path / name)
    with pytest.raises(UnsafePath):
        use(made.folder)
    assert not any(tmp_path.glob("journals/*"))


@pytest.mark.parametrize("uuid", ["", "../x", "a/b", "a.b", "-x", "a" * 200, "a\0"])
def test_a_journal_is_named_by_a_uuid_only(tmp_path: Path, uuid: str) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    with pytest.raises(UnsafePath):
        made.journal(uuid)
    assert names(made.folder) == sorted(["files", *DOCUMENTS])


@pytest.mark.parametrize("missing", ["graph.jsonld", "manifest.csv"])
def test_a_folder_that_is_no_bundle_is_told(tmp_path: Path, missing: str) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    (made.folder / missing).unlink()
    with pytest.raises(BadDocument, match=f"is not a bundle: {re.escape(missing)} is missing"):
        Bundle(made.folder)


# -- other sources ------------------------------------------------------------------------------


def test_a_document_of_a_bundle_stands_for_the_bundle(tmp_path: Path) -> None:
    made = bundle.write(tmp_path / "transfer", GRAPH)
    for path in (made.folder, made.graph_path, made.xml_path):
        opened = bundle.open_source(path)
        assert (opened.folder, opened.files) == (made.folder, made.files)
        assert list(opened.manifest()) == list(made.manifest())


@pytest.mark.parametrize("name", ["mine.jsonld", "mine.ome.xml"])
def test_an_exported_document_alone_has_its_files_as_in_a_bundle(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:
        (omexml if name.endswith("xml") else jsonld).write(GRAPH, stream)
    opened = bundle.open_source(path)
    assert list(opened.graph()) == list(GRAPH)
    (entry,) = opened.manifest()
    assert opened.file(entry) == tmp_path / "files" / "user_2" / "a.tif"
    assert opened.journal("6b1c") == tmp_path / f"{name}.journals" / "6b1c.sqlite"


def test_any_other_document_has_its_files_beside_it(tmp_path: Path) -> None:
    node = Node("OriginalFile/1", "OriginalFile", {"name": "a.tif", "path": "images"})
    path = tmp_path / "theirs.jsonld"
    with path.open("wb") as stream:
        jsonld.write(TransferGraph(Header("https://lab.example.org/"), [node]), stream)
    opened = bundle.open_source(path)
    (entry,) = opened.manifest()
    assert opened.file(entry) == tmp_path / "images" / "a.tif"
    (tmp_path / "images").symlink_to("/")
    with pytest.raises(UnsafePath):
        opened.file(entry)


def test_what_is_no_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="does not exist"):
        bundle.open_source(tmp_path / "nothing")
    with pytest.raises(BadDocument, match="is not a bundle"):
        bundle.open_source(tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("hello")
    with pytest.raises(BadDocument, match=r"text\.txt: is neither JSON-LD nor OME-XML"):
        bundle.open_source(text)
    text.write_text("{hello")
    with pytest.raises(BadDocument, match=r"text\.txt, line 1, column 2: is not valid JSON"):
        bundle.open_source(text)
    text.write_text('<?xml version="1.0"?><html/>')
    with pytest.raises(BadDocument, match=r"text\.txt"):
        bundle.open_source(text)


def test_what_the_system_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileProblem, match=os.strerror(errno.EEXIST)):
        bundle.write(tmp_path / "file" / "transfer", GRAPH)
    with pytest.raises(FileProblem, match=os.strerror(errno.ENAMETOOLONG)):
        bundle.write(tmp_path / ("a" * 300), GRAPH)
