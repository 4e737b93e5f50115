# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts as a difference between two graphs, and what does not."""

from __future__ import annotations

from dataclasses import replace
from math import nan

from graphxfer.catalogue import Value
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.differences import compare


def graph(*nodes: Node) -> TransferGraph:
    return TransferGraph(Header("https://omero.example.org/", database_uuid="6b1c"), nodes)


def tag(number: int, **fields: Value) -> Node:
    return Node(f"TagAnnotation/{number}", "TagAnnotation", dict(fields))


def lines(*arguments: object) -> list[str]:
    return [str(difference) for difference in compare(*arguments)]  # type: ignore[arg-type]


SAME = {"TagAnnotation/1": "TagAnnotation/9"}


def test_ids_and_what_varies_are_no_difference() -> None:
    ours, theirs = tag(1, textValue="a", created=1), tag(9, textValue="a", created=2)
    assert lines(graph(ours), graph(theirs), SAME) == []


def test_empty_string_is_not_null() -> None:
    found = lines(graph(tag(1, textValue="")), graph(tag(9)), SAME)
    where = "TagAnnotation/1 (counterpart TagAnnotation/9)"
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
        "TagAnnotation/1 (counterpart TagAnnotation/9): missing"
    ]
    assert lines(graph(tag(1)), graph(), {}) == ["TagAnnotation/1: missing"]


def image(number: int, *tags: str) -> Node:
    return Node(f"Image/{number}", "Image", {"name": "a"}, {"annotations": tags})


def test_lost_and_extra_edges() -> None:
    ours = graph(image(1, "TagAnnotation/1"), tag(1))
    theirs = graph(image(7, "TagAnnotation/8"), tag(9), tag(8))
    same = SAME | {"Image/1": "Image/7"}
    assert lines(ours, theirs, same) == [
        "Image/1 (counterpart Image/7): annotations does not have TagAnnotation/1",
        "Image/1 (counterpart Image/7): annotations also has TagAnnotation/8",
    ]
    assert len(lines(ours, theirs, same, {"Image/1"})) == 1


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
