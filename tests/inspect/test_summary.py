# SPDX-License-Identifier: GPL-2.0-or-later
"""What a summary tells of a graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from graphxfer import bundle as bundles
from graphxfer.catalogue import Value
from graphxfer.graph import Node, TransferGraph
from graphxfer.inspect.summary import Alike, Branch, position, summarise
from tests.docs.test_commands import run
from tests.inspect import sample
from tests.inspect.sample import own
from tests.strategies import graphs


def test_the_tree_counts_each_thing_once() -> None:
    tree = summarise(sample.graph()).tree
    mitosis, meiosis, alone = tree
    assert (mitosis.images, mitosis.rois, mitosis.bytes) == (2, 1, 3000)
    # Five links from two images, and one tag is on both.
    assert mitosis.annotations == 5
    assert [child.name for child in mitosis.children] == ["2026-03-14", "to do"]
    # The fileset is whole, whichever of its images is asked for.
    assert (meiosis.images, meiosis.bytes) == (1, 3000)
    assert (alone.type, alone.images, alone.bytes) == ("Image", 1, 4000)


def test_nodes_edges_files_and_owners_are_counted() -> None:
    found = summarise(sample.graph())
    assert found.nodes["Image"] == 3
    assert found.edges["images"] == 3
    assert found.files == {"tif": (1, 4000), "ome.tif": (1, 3000), "csv": (1, 48)}
    assert found.owners["max"] == 1
    assert found.included == 1
    assert found.left_out[0].number == 3


def test_what_is_shared_and_what_is_alike() -> None:
    found = summarise(sample.graph())
    assert [(it.iri, it.objects) for it in found.shared] == [("TagAnnotation/5", 2)]
    assert found.duplicates == [Alike("metaphase", ("TagAnnotation/5", "TagAnnotation/6"))]


def test_what_came_along_is_in_the_tree_once() -> None:
    """An image that a selected dataset holds stands there; another by itself."""
    graph = sample.graph()
    roots = ["Project/51", "Project/52", "Image/9"]
    assert [branch.iri for branch in summarise(graph).tree] == roots
    graph.header.roots = ("Image/7",)
    (asked, along) = summarise(graph).tree
    assert (asked.iri, asked.included) == ("Image/7", False)
    assert (along.iri, along.included) == ("Image/8", True)


def test_what_is_shared_is_told_by_what_it_says() -> None:
    """A file annotation by its file; one that says nothing by its IRI."""
    graph = sample.graph(
        own("CommentAnnotation/4", {"textValue": " "}),
        own("Dataset/102", {}, annotations=("CommentAnnotation/4", "FileAnnotation/12")),
    )
    texts = {one.iri: one.text for one in summarise(graph).shared}
    assert texts["FileAnnotation/12"] == "t.csv"
    assert texts["CommentAnnotation/4"] == "CommentAnnotation/4"


def test_a_graph_with_holes_is_summarised_too() -> None:
    holes = sample.graph(
        own("Dataset/102", {"name": "to do"}, images=("Image/404",)),
        without=("OriginalFile/3", "Project/52"),
    )
    found = summarise(holes)
    assert [branch.iri for branch in found.tree] == ["Project/51", "Image/9"]
    assert found.tree[0].bytes == 0


def test_a_document_that_names_no_roots_has_a_tree_too() -> None:
    graph = sample.graph()
    graph.header.roots = graph.header.included = ()
    tree = summarise(graph).tree
    assert [branch.iri for branch in tree] == ["Project/51", "Project/52", "Plate/21"]
    assert [child.iri for child in tree[0].children] == ["Dataset/101", "Dataset/102"]


def test_a_plate_is_told_by_its_wells() -> None:
    graph = sample.graph(own("Screen/20", {"name": "S"}, plates=("Plate/21",)))
    graph.header.roots, graph.header.included = ("Screen/20",), ()
    (screen,) = summarise(graph).tree
    (plate,) = screen.children
    (well,) = plate.children
    assert [branch.iri for branch in well.children] == ["Image/9"]
    assert (screen.images, plate.images, well.images, plate.bytes) == (1, 1, 1, 4000)
    assert (plate.name, well.name) == ("P1", "B3")


@pytest.mark.parametrize(
    ("row", "column", "conventions", "name"),
    [
        (0, 0, {}, "A1"),
        (31, 47, {}, "AF48"),  # the last of 1,536 wells
        (25, 0, {}, "Z1"),
        (26, 0, {"rowNamingConvention": "letter", "columnNamingConvention": "number"}, "AA1"),
        (1, 2, {"rowNamingConvention": "Number", "columnNamingConvention": "letter"}, "2C"),
    ],
)
def test_wells_are_called_as_clients_call_them(
    row: int, column: int, conventions: dict[str, Value], name: str
) -> None:
    """Source: omero-py, ``BlitzGateway`` ``WellWrapper.getWellPos``."""
    plate = Node("Plate/1", "Plate", conventions)
    assert position(Node("Well/1", "Well", {"row": row, "column": column}), plate) == name


def test_wells_of_a_large_plate_are_only_counted(tmp_path: Path) -> None:
    wells = [
        own(
            f"Well/{number}",
            {"row": number // 24, "column": number % 24},
            plate=("Plate/21",),
            wellSamples=(f"WellSample/{number}",),
        )
        for number in range(384)
    ]
    samples = [own(f"WellSample/{number}", {}, image=("Image/9",)) for number in range(384)]
    graph = sample.graph(*wells, *samples)
    graph.header.roots, graph.header.included = ("Plate/21",), ()
    bundles.write(tmp_path / "b", graph)
    told = run(f"graphxfer summary {tmp_path / 'b'}").splitlines()
    (plate,) = (place for place, line in enumerate(told) if line.startswith("Plate/21"))
    assert told[plate] == "Plate/21  P1  384 wells, 1 image, 4.0 kB"
    assert told[plate + 1] == ""


def leaves(branch: Branch) -> set[str]:
    below = [leaves(child) for child in branch.children]
    return set().union(*below) if below else {branch.iri}


@given(graphs())
@settings(max_examples=20)
def test_counts_are_those_of_the_graph(graph: TransferGraph) -> None:
    found = summarise(graph)
    assert sum(found.nodes.values()) == len(graph)
    assert sum(found.edges.values()) == sum(1 for _ in graph.edges())
    images = {node.iri for node in graph.of_type("Image")}
    for branch in found.tree:
        assert branch.images == len(leaves(branch) & images)
