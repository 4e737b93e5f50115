# SPDX-License-Identifier: GPL-2.0-or-later
"""What came, went and changed."""

from __future__ import annotations

from hypothesis import given, settings

from graphxfer.graph import Node, TransferGraph
from graphxfer.inspect.diff import diff
from tests.inspect import sample
from tests.inspect.sample import own
from tests.strategies import graphs


def test_a_graph_is_as_itself() -> None:
    assert not diff(sample.graph(), sample.graph())


def test_came_went_and_changed_are_told() -> None:
    later = sample.graph(
        own("TagAnnotation/77", {"textValue": "new"}),
        own("Project/52", {"name": "Meiosis II"}, datasets=("Dataset/103",)),
        own("Dataset/103", {"name": "2026-04-01"}, images=()),
        without=("CommentAnnotation/4",),
    )
    found = diff(sample.graph(), later)
    assert [it.iri for it in found.added] == ["TagAnnotation/77"]
    assert [(it.iri, it.name) for it in found.removed] == [
        ("CommentAnnotation/4", 'out of "focus"')
    ]
    assert {str(it) for it in found.changed} == {
        "Project/52 (counterpart Project:52): name is 'Meiosis II', expected 'Meiosis'",
        "Dataset/103 (counterpart Dataset:103): images does not have Image/8",
    }


def moved(graph: TransferGraph, by: int) -> TransferGraph:
    """Return a graph as another server has it: other ids, another database."""

    def iri(it: str) -> str:
        type_, _, number = it.partition("/")
        return f"{type_}/{int(number) + by}"

    there = TransferGraph(
        type(graph.header)(
            "https://other.example.org/",
            "00000000-0000-4000-8000-000000000002",
            roots=tuple(map(iri, graph.header.roots)),
        )
    )
    for node in graph:
        edges = {name: tuple(map(iri, targets)) for name, targets in node.edges.items()}
        there.add(Node(iri(node.iri), node.type, dict(node.fields), edges))
    return there


def test_the_same_on_another_server_is_the_same() -> None:
    assert not diff(sample.graph(), moved(sample.graph(), 1000))


def test_a_difference_on_another_server_is_told() -> None:
    renamed = own("Rectangle/11", {"x": 4.0, "y": 4.5, "width": 10.0, "height": 12.0})
    found = diff(sample.graph(), moved(sample.graph(renamed), 1000))
    assert [it.iri for it in found.removed] == ["Rectangle/11"]
    assert [it.iri for it in found.added] == ["Rectangle/1011"]


@given(graphs())
@settings(max_examples=20)
def test_any_graph_is_as_itself(graph: TransferGraph) -> None:
    assert not diff(graph, graph)
