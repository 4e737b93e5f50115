# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts as a difference between two graphs, and what does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import nan

import pytest

from graphxfer.catalogue import Value
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import compare


def graph(*nodes: Node) -> TransferGraph:
    return TransferGraph(Header("https://omero.example.org/", database_uuid="6b1c"), nodes)


def tag(number: int, **fields: Value) -> Node:
    return Node(f"TagAnnotation/{number}", "TagAnnotation", dict(fields))


def lines(
    ours: TransferGraph,
    theirs: TransferGraph,
    same: Mapping[str, str],
    before: Iterable[str] = (),
    aside: Iterable[str] = (),
    imported: Iterable[str] = (),
) -> list[str]:
    both = Correspondence({node: There.of(other) for node, other in same.items()})
    old, additional, made = (set(map(There.of, each)) for each in (before, aside, imported))
    found = compare(ours, GraphThere(theirs), both, old, additional, made)
    return [str(difference) for difference in found]


SAME = {"TagAnnotation/1": "TagAnnotation/9"}


def test_ids_and_what_varies_are_no_difference() -> None:
    ours, theirs = tag(1, textValue="a", created=1), tag(9, textValue="a", created=2)
    assert lines(graph(ours), graph(theirs), SAME) == []


def test_empty_string_is_not_null() -> None:
    found = lines(graph(tag(1, textValue="")), graph(tag(9)), SAME)
    where = "TagAnnotation/1 (counterpart TagAnnotation:9)"
    assert found == [f"{where}: textValue is nothing, expected ''"]


def test_what_a_document_does_not_say_is_no_difference() -> None:
    document = TransferGraph(Header("https://ome-xml.invalid/"), [tag(1, textValue="a")])
    assert lines(document, graph(tag(9, textValue="a", description="b")), SAME) == []
    assert len(lines(document, graph(tag(9, textValue="b")), SAME)) == 1


def test_nan_equals_itself_and_zero_has_no_sign() -> None:
    double = Node("DoubleAnnotation/1", "DoubleAnnotation", {"doubleValue": nan})
    assert lines(graph(double), graph(double), {double.iri: double.iri}) == []
    one = replace(double, fields={"doubleValue": 0.0})
    minus = replace(double, fields={"doubleValue": -0.0})
    assert lines(graph(one), graph(minus), {double.iri: double.iri}) == []


def test_missing_node() -> None:
    assert lines(graph(tag(1)), graph(), SAME) == [
        "TagAnnotation/1 (counterpart TagAnnotation:9): missing"
    ]
    assert lines(graph(tag(1)), graph(), {}) == ["TagAnnotation/1: missing"]


def image(number: int, *tags: str) -> Node:
    return Node(f"Image/{number}", "Image", {"name": "a"}, {"annotations": tags})


def test_lost_and_extra_edges() -> None:
    ours = graph(image(1, "TagAnnotation/1"), tag(1))
    theirs = graph(image(7, "TagAnnotation/8"), tag(9), tag(8))
    same = SAME | {"Image/1": "Image/7"}
    assert lines(ours, theirs, same) == [
        "Image/1 (counterpart Image:7): annotations does not have TagAnnotation/1",
        "Image/1 (counterpart Image:7): annotations also has TagAnnotation:8 at the destination",
    ]
    assert len(lines(ours, theirs, same, before={"Image/7"})) == 1
    aside = {"TagAnnotation/8"}
    assert len(lines(ours, theirs, same, aside=aside, imported={"Image/7"})) == 1
    assert len(lines(ours, theirs, same, aside=aside)) == 2, "no import creates links of it"


@pytest.mark.parametrize(
    ("here", "there", "named"),
    [
        (("SHA1-160", "aa"), ("SHA1-160", "aa"), []),
        (("SHA1-160", "aa"), ("SHA1-160", "bb"), ["hash"]),
        (("SHA1-160", "aa"), ("MD5-128", "bb"), []),
        (("SHA1-160", "aa"), (None, "aa"), ["hasher"]),
        (("SHA1-160", "aa"), ("SHA1-160", None), ["hash"]),
        (("SHA1-160", "aa"), (None, None), ["hash", "hasher"]),
        ((None, None), ("SHA1-160", "aa"), []),
        ((None, "aa"), ("SHA1-160", "bb"), []),
        (("SHA1-160", None), ("SHA1-160", "bb"), []),
        ((None, None), (None, None), []),
    ],
)
def test_checksums_are_compared_if_they_are_of_one_algorithm(
    here: tuple[str | None, ...], there: tuple[str | None, ...], named: list[str]
) -> None:
    """What the source did not record cannot differ; what it did has to be there."""
    ours, theirs = (
        Node(
            f"OriginalFile/{number}",
            "OriginalFile",
            {n: v for n, v in zip(("hasher", "hash"), values, strict=True) if v},
        )
        for number, values in ((1, here), (2, there))
    )
    found = compare(
        graph(ours),
        GraphThere(graph(theirs)),
        Correspondence({ours.iri: There.of(theirs.iri)}),
    )
    assert [one.name for one in found] == named


def test_an_object_with_the_number_of_the_source_is_no_counterpart() -> None:
    ours = graph(image(1, "TagAnnotation/1"), tag(1, textValue="a"))
    theirs = graph(image(7, "TagAnnotation/1"), tag(9, textValue="a"), tag(1, textValue="b"))
    where = "Image/1 (counterpart Image:7): annotations"
    assert lines(ours, theirs, SAME | {"Image/1": "Image/7"}) == [
        f"{where} does not have TagAnnotation/1",
        f"{where} also has TagAnnotation:1 at the destination",
    ]


def test_what_existed_before_may_have_more_but_not_more_of_ours() -> None:
    def dataset(number: int, *images: str) -> Node:
        return Node(f"Dataset/{number}", "Dataset", {"name": "d"}, {"images": images})

    same = {"Dataset/1": "Dataset/7", "Image/1": "Image/7", "Image/2": "Image/8"}
    ours = graph(dataset(1, "Image/1"), image(1), image(2))
    theirs = graph(dataset(7, "Image/7", "Image/8", "Image/9"), image(7), image(8), image(9))
    assert lines(ours, theirs, same, before={"Dataset/7"}) == [
        "Dataset/1 (counterpart Dataset:7): images also has Image/2"
    ]
    assert lines(ours, theirs, same, before={"Dataset/7", "Image/8"}) == []


def test_two_nodes_that_became_one_are_told() -> None:
    ours = graph(tag(1, textValue="a"), tag(2, textValue="a"))
    same = SAME | {"TagAnnotation/2": "TagAnnotation/9"}
    assert lines(ours, graph(tag(9, textValue="a")), same) == [
        "TagAnnotation/1 (counterpart TagAnnotation:9): has its counterpart in common with "
        "TagAnnotation/2",
        "TagAnnotation/2 (counterpart TagAnnotation:9): has its counterpart in common with "
        "TagAnnotation/1",
    ]


def link(number: int, parent: str, child: str) -> Node:
    ends: dict[str, tuple[str, ...]] = {"parent": (parent,), "child": (child,)}
    return Node(f"ImageAnnotationLink/{number}", "ImageAnnotationLink", {}, ends)


def test_links_of_several_owners_are_counted() -> None:
    ends, there = ("Image/1", "TagAnnotation/1"), ("Image/7", "TagAnnotation/9")
    same = SAME | {"Image/1": "Image/7"}
    one = graph(image(1, ends[1]), tag(1))
    two = graph(image(1, ends[1]), tag(1), link(1, *ends), link(2, *ends))
    foreign = graph(image(1, ends[1]), tag(1), link(2, *ends))
    once = graph(image(7, there[1]), tag(9))
    twice = graph(image(7, there[1]), tag(9), link(1, *there), link(5, *there))
    assert lines(one, once, same) == lines(two, twice, same) == lines(foreign, once, same) == []
    where = "Image/1 (counterpart Image:7): annotations"
    assert lines(two, once, same) == [
        f"{where} does not have 1 more link to TagAnnotation/1, of another owner"
    ]
    assert lines(one, twice, same) == [
        f"{where} also has 1 more link to TagAnnotation/1, of another owner"
    ]
    assert lines(one, twice, same, before={"Image/7", "TagAnnotation/9"}) == []


def test_order_of_links_is_none_but_order_of_shapes_is() -> None:
    shapes = ("Point/1", "Point/2")
    points = [Node(name, "Point", {"x": 1.0}) for name in shapes]
    same = {name: name for name in (*shapes, "Roi/1")}
    ours = graph(Node("Roi/1", "Roi", {}, {"shapes": shapes}), *points)
    theirs = graph(Node("Roi/1", "Roi", {}, {"shapes": shapes[::-1]}), *points)
    assert len(lines(ours, theirs, same)) == 1
    assert lines(ours, ours, same) == []


def test_hashes_are_compared_only_of_the_same_hasher() -> None:
    def file(hasher: str, digest: str) -> Node:
        fields: dict[str, Value] = {"name": "a", "hash": digest, "hasher": hasher}
        return Node("OriginalFile/1", "OriginalFile", fields)

    same = {"OriginalFile/1": "OriginalFile/1"}
    sha, md5, other = file("SHA1-160", "ab"), file("MD5-128", "cd"), file("SHA1-160", "cd")
    assert lines(graph(sha), graph(md5), same) == []
    assert len(lines(graph(sha), graph(other), same)) == 1


def test_what_the_source_did_not_record_of_a_file_is_no_difference_but_a_null_is() -> None:
    ours = graph(Node("OriginalFile/1", "OriginalFile", {"name": "a"}))
    known: dict[str, Value] = {"name": "a", "size": 3, "hash": "ab", "hasher": "SHA1-160"}
    same = {"OriginalFile/1": "OriginalFile/1"}
    assert lines(ours, graph(Node("OriginalFile/1", "OriginalFile", known)), same) == []
    known["mimetype"] = "text/plain"
    assert len(lines(ours, graph(Node("OriginalFile/1", "OriginalFile", known)), same)) == 1
    assert len(lines(graph(tag(1)), graph(tag(9, description="set")), SAME)) == 1
