# SPDX-License-Identifier: GPL-2.0-or-later
"""The manifest: which files a graph names, where they are, and what is no path."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given

from graphxfer.bundle import manifest
from graphxfer.bundle.manifest import FILES, MANAGED, FileEntry, Manifest
from graphxfer.errors import BadDocument, UnsafePath
from graphxfer.graph import Header, Node, TransferGraph
from tests.strategies import graphs

IMPORTED = Node(
    "OriginalFile/10",
    "OriginalFile",
    {
        "name": "a.ome.tif",
        "path": "/user_2/2026-11//",
        "repo": "f2a8",
        "size": 5,
        "hash": "da39",
        "hasher": "SHA1-160",
        "mimetype": "image/tiff",
    },
)
ENTRY = Node(
    "FilesetEntry/1",
    "FilesetEntry",
    {"clientPath": "home/me/a.ome.tif"},
    {"originalFile": (IMPORTED.iri,)},
)
FOLDER = Node(
    "OriginalFile/11",
    "OriginalFile",
    {"name": "2026-11", "path": "/user_2/", "repo": "f2a8", "mimetype": "Directory"},
)


def attachment(name: str, number: int = 1234) -> Node:
    fields = {"name": name, "path": "/home/me/"}
    return Node(f"OriginalFile/{number}", "OriginalFile", {**fields})


def graph_of(*nodes: Node) -> TransferGraph:
    return TransferGraph(Header("https://omero.example.org/"), nodes)


def written(files: Manifest) -> str:
    stream = StringIO()
    manifest.write(files, stream)
    return stream.getvalue()


# -- from a graph -------------------------------------------------------------------------------


def test_an_imported_file_has_its_path_in_the_repository() -> None:
    (entry,) = manifest.of_graph(graph_of(IMPORTED, ENTRY, FOLDER))
    path = "user_2/2026-11/a.ome.tif"
    assert entry == FileEntry(
        path, 5, "da39", "SHA1-160", MANAGED, path, "home/me/a.ome.tif", IMPORTED.iri
    )


def test_an_attachment_has_a_folder_of_its_own_and_its_id_at_the_source() -> None:
    (entry,) = manifest.of_graph(graph_of(attachment("results.csv")))
    assert entry == FileEntry(
        "Files/1234/results.csv", None, "", "", FILES, "Dir-001/1234", "", "OriginalFile/1234"
    )


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../../etc/passwd", "a/b", "C:\\x", "a\nb", "a\0b", "µ" * 300, "/"]
)
def test_however_an_attachment_is_called_it_stays_in_its_folder(name: str) -> None:
    (entry,) = manifest.of_graph(graph_of(attachment(name)))
    store, number, last = entry.path.split("/")
    assert (store, number) == ("Files", "1234")
    assert last not in ("", ".", "..")
    assert len(last.encode()) <= 255


def test_a_long_name_keeps_its_ending() -> None:
    (entry,) = manifest.of_graph(graph_of(attachment("a" * 300 + ".csv")))
    assert entry.path.endswith("aaa.csv")


@pytest.mark.parametrize(
    ("file_id", "path"),
    [
        (999, "999"),
        (1000, "Dir-001/1000"),
        (51_023, "Dir-051/51023"),
        (1_000_000, "Dir-001/Dir-000/1000000"),
    ],
)
def test_attachments_lie_where_omero_puts_them(file_id: int, path: str) -> None:
    assert manifest.legacy_path(file_id) == path


def test_files_beside_a_document_are_where_its_nodes_say() -> None:
    node = Node("OriginalFile/1", "OriginalFile", {"name": "b.tif", "path": "images"})
    (entry,) = manifest.beside(graph_of(node))
    assert (entry.path, entry.node) == ("images/b.tif", node.iri)
    node.fields["path"] = "../images"
    with pytest.raises(UnsafePath, match="OriginalFile/1: the path"):
        manifest.beside(graph_of(node))


# -- on disk ------------------------------------------------------------------------------------


def test_the_columns_are_the_documented_ones() -> None:
    assert written(Manifest()) == "path,size,checksum,hasher,store,source,client_path,node\n"


@given(graphs())
def test_any_manifest_comes_back(graph: TransferGraph) -> None:
    files = manifest.of_graph(graph)
    back = manifest.read(StringIO(written(files), newline=""))
    assert list(back) == list(files)
    assert len(files) == sum(1 for _ in graph.of_type("OriginalFile"))
    for entry in files:
        assert back.of(entry.node) == entry
    assert back.of("OriginalFile/999999") is None


def test_what_is_in_a_line_is_kept_as_it_is() -> None:
    entry = FileEntry('a "b",c.tif', None, "", "", MANAGED, "-x", "C\n,\rd", "OriginalFile/1")
    assert list(manifest.read(StringIO(written(Manifest([entry])), newline=""))) == [entry]


def line(**changed: str) -> str:
    """Return a manifest with a good second line and a third with these changes."""
    good = dict(
        zip(FileEntry._fields, ["a", "1", "", "", MANAGED, "a", "", "OriginalFile/1"], strict=True)
    )
    other = good | {"path": "b", "source": "b", "node": "OriginalFile/2"} | changed
    stream = StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerows([FileEntry._fields, good.values(), other.values()])
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line is not path,size"),
        ("path,size\n", "the first line is not path,size"),
        (line() + "a,b\n", "line 4: has 2 columns, not 8"),
        (line(size="-1"), "line 3: '-1' is not a size"),
        (line(size="1e5"), "line 3: '1e5' is not a size"),
        (line(size="9" * 30), "is not a size"),
        (line(store="Pixels"), "line 3: 'Pixels' is not a store"),
        (line(path="a"), "line 3: a: the path appears twice"),
        (line(node="OriginalFile/1"), "line 3: OriginalFile/1: the node has two files"),
        (line() + '"a', "is not valid CSV"),
    ],
)
def test_what_is_no_manifest_is_told(text: str, message: str) -> None:
    with pytest.raises(BadDocument) as failure:
        manifest.read(StringIO(text, newline=""))
    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "empty part"),
        ("/etc/passwd", "absolute"),
        ("../a", "contains .."),
        ("a/../../b", "contains .."),
        ("a/..", "contains .."),
        ("a//b", "empty part"),
        ("./a", "empty part"),
        ("a/", "empty part"),
        ("C:/a", "absolute"),
        ("c:a", "absolute"),
        ("a\\..\\b", "backslash"),
        ("\\\\host\\a", "backslash"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\rb", "control"),
        ("a" * 256, "too long"),
        ("a/" * 3000 + "a", "too long"),
    ],
)
def test_a_path_that_leads_out_is_refused_with_its_line(path: str, message: str) -> None:
    with pytest.raises(UnsafePath, match=r"line \d: OriginalFile/2: the path .*" + message):
        manifest.read(StringIO(line(path=path), newline=""))
    with pytest.raises(UnsafePath, match=message):
        manifest.read(StringIO(line(source=path), newline=""))


@pytest.mark.parametrize(
    "path", ["a", "a b/-c", "..a/b..", "Files/1/µ 🔬.tif", "ab:c", "~/a", "$(x)"]
)
def test_odd_names_are_names(path: str) -> None:
    manifest.check_path(path, "here")
