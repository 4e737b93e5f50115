# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies under a fileset, and the paths by which its files are sent to a server."""

from __future__ import annotations

import pytest

from graphxfer.catalogue import Value
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.fileset_tree import Tree, client_paths
from tests.transfers import fileset


def with_files(*files: tuple[str, str]) -> TransferGraph:
    """Return a fileset of files by (client path, stored path)."""
    graph = TransferGraph(Header("https://omero.example.org/"))
    entries = tuple(f"FilesetEntry/{number}" for number in range(len(files)))
    graph.add(Node("Fileset/1", "Fileset", {}, {"usedFiles": entries}))
    for number, (client, stored) in enumerate(files):
        folder, _, name = stored.rpartition("/")
        entry = Node(entries[number], "FilesetEntry", {"clientPath": client})
        entry.edges["originalFile"] = (f"OriginalFile/{number}",)
        graph.add(entry)
        fields: dict[str, Value] = {"path": f"{folder}/", "name": name}
        graph.add(Node(f"OriginalFile/{number}", "OriginalFile", fields))
    return graph


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("home/ada/a.tif", "ada_2/2026-03/14/09-00/a.tif")], ["home/ada/a.tif"]),
        ([("/home/ada/a.tif", "ada_2/2026-03/a.tif")], ["/home/ada/a.tif"]),
        (
            [("C/data/x/a.tif", "r/x/a.tif"), ("C/data/y/b.tif", "r/y/b.tif")],
            ["C/data/x/a.tif", "C/data/y/b.tif"],
        ),
        # The server had renamed a file: what refers to it inside the fileset knows the new name.
        ([("data/a:b.tif", "r/a;b.tif"), ("data/c.tif", "r/c.tif")], ["a;b.tif", "c.tif"]),
        # The tree on the disk is what Bio-Formats saw.
        ([("one/a.tif", "r/s/a.tif"), ("two/b.tif", "r/s/b.tif")], ["a.tif", "b.tif"]),
        ([("", "r/x/a.tif"), ("", "r/y/b.tif")], ["x/a.tif", "y/b.tif"]),
        ([("https://example.org/a.tif", "r/a.tif")], ["a.tif"]),
        # Nothing leads out.
        ([("../../etc/a.tif", "r/a.tif")], ["etc/a.tif"]),
    ],
)
def test_client_paths(files: list[tuple[str, str]], expected: list[str]) -> None:
    graph = with_files(*files)
    assert client_paths(graph, graph["Fileset/1"]) == expected


def test_all_that_an_import_makes_is_under_its_fileset() -> None:
    images = [Node(f"Image/{n}", "Image", {"series": 2 - n}) for n in (1, 2)]
    nodes = fileset(1, b"", "a.tif", images)
    tag = Node("TagAnnotation/1", "TagAnnotation", {"textValue": "t"})
    roi = Node("Roi/1", "Roi", {}, {"image": ("Image/1",)})
    images[0].edges["annotations"] = (tag.iri,)
    graph = TransferGraph(Header("https://omero.example.org/"), [*nodes, tag, roi])
    members = Tree(graph).members()
    assert set(members) == {node.iri for node in nodes}
    assert set(members.values()) == {"Fileset/1"}
    branches = {branch.edge: branch for branch in Tree(graph).branches(graph["Fileset/1"])}
    assert branches["Image.fileset"].children == ("Image/2", "Image/1")
    assert branches["Image.fileset"].places == ((0,), (1,))
