# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes become OMERO objects and back without loss; batches are bounded."""

from __future__ import annotations

import math

import pytest

from graphxfer import catalogue
from graphxfer.catalogue import AffineTransform, Quantity
from graphxfer.errors import GraphxferError, ServerFailure
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.correspondence import There
from graphxfer.omero import lookup, read, write
from graphxfer.omero.server import Server
from tests.places import Place


def graph_of(*nodes: Node) -> TransferGraph:
    return TransferGraph(Header("https://omero.example.org/"), nodes)


def builder(graph: TransferGraph, **ids: int) -> write.Builder:
    return write.Builder(graph, lambda node: ids[node], lambda _: "SHA1-160")


def saved(server: Server, graph: TransferGraph, iri: str) -> Node:
    """Create a node and return what a new reading finds."""
    node = graph[iri]
    (number,) = write.save(server, [builder(graph).build(node)])
    (found,) = read.fetch_nodes(server, {node.type: [number]})
    return found


VALUES = [
    Node("TagAnnotation/1", "TagAnnotation", {"textValue": "", "description": 'µ "q" \n 😀'}),
    Node("TagAnnotation/1", "TagAnnotation", {}),
    Node("LongAnnotation/1", "LongAnnotation", {"longValue": 2**53 + 1}),
    Node("LongAnnotation/1", "LongAnnotation", {"longValue": -(2**63)}),
    Node("DoubleAnnotation/1", "DoubleAnnotation", {"doubleValue": 0.1 + 0.2}),
    Node("DoubleAnnotation/1", "DoubleAnnotation", {"doubleValue": math.inf}),
    Node("BooleanAnnotation/1", "BooleanAnnotation", {"boolValue": False}),
    Node("TimestampAnnotation/1", "TimestampAnnotation", {"timeValue": -1}),
    Node("MapAnnotation/1", "MapAnnotation", {"pairs": (("k", "2"), ("k", "1"), ("", ""))}),
    Node("MapAnnotation/1", "MapAnnotation", {"namespace": "n"}),
]


@pytest.mark.parametrize("node", VALUES, ids=lambda node: f"{node.type}-{node.fields}"[:60])
def test_values_survive(destination: Place, node: Node) -> None:
    with destination.connect() as server:
        found = saved(server, graph_of(node), node.iri)
    found.fields.pop("created")
    assert found.fields == node.fields


def test_parts_survive_in_order(destination: Place) -> None:
    roi = Node("Roi/1", "Roi", {"description": "d"}, {"shapes": ("Mask/1", "Point/2", "Line/3")})
    shapes = [
        Node("Mask/1", "Mask", {"bytes": bytes(range(256)), "theZ": -1, "fillColor": -1}),
        Node(
            "Point/2",
            "Point",
            {
                "x": 0.5,
                "transform": AffineTransform(1.0, 2.0, 3.0, 4.0, 5.0, 6.5),
                "strokeWidth": Quantity(1.5, "PIXEL"),
                "locked": True,
            },
        ),
        Node("Line/3", "Line", {"x1": 0.0, "markerEnd": "Arrow", "textValue": ""}),
    ]
    with destination.connect() as server:
        found = saved(server, graph_of(roi, *shapes), "Roi/1")
        types = [iri.partition("/")[0] for iri in found.edges["shapes"]]
        assert types == ["Mask", "Point", "Line"]
        there = read.fetch_nodes(server, lookup.by_type(map(There.of, found.edges["shapes"])))
        for shape, iri in zip(shapes, found.edges["shapes"], strict=True):
            there[iri].fields.pop("created")
            assert there[iri].fields == shape.fields
        edge = catalogue.CLASSES["Roi"].edge("shapes")
        assert isinstance(edge, catalogue.Edge)
        ids = lookup.part_ids(server, "Roi", edge, [found.id])
        assert [f"{t}/{n}" for t, n in zip(types, ids[found.id], strict=True)] == list(
            found.edges["shapes"]
        )


def test_only_what_differs_is_updated(destination: Place) -> None:
    entry = catalogue.CLASSES["TagAnnotation"]
    text, description = entry.field("textValue"), entry.field("description")
    assert text is not None
    assert description is not None
    node = Node("TagAnnotation/1", "TagAnnotation", {"textValue": "a", "description": "keep"})
    with destination.connect() as server:
        number = saved(server, graph_of(node), node.iri).id
        assert write.update(server, entry, {number: [(text, "a")]}) == 0
        assert write.update(server, entry, {number: [(text, "b")]}) == 1
        assert write.update(server, entry, {number: [(description, None)]}) == 1
        (found,) = read.fetch_nodes(server, {"TagAnnotation": [number]})
        found.fields.pop("created")
        assert found.fields == {"textValue": "b"}


def test_deletion_tells_what_goes(destination: Place) -> None:
    roi = Node("Roi/1", "Roi", {}, {"shapes": ("Point/1",)})
    with destination.connect() as server:
        number = saved(server, graph_of(roi, Node("Point/1", "Point")), "Roi/1").id
        would = write.delete(server, {"Roi": [number]}, dry_run=True)
        assert would["Roi"] == [number]
        assert len(would["Point"]) == 1
        assert lookup.present(server, "Roi", [number]) == [number]
        assert write.delete(server, {"Roi": [number]}) == would
        assert lookup.present(server, "Roi", [number]) == []


def test_a_batch_is_all_or_nothing(destination: Place) -> None:
    good = Node("Project/1", "Project", {"name": "all or nothing"})
    bad = Node("Project/2", "Project", {"description": "without the name that OMERO asks for"})
    graph = graph_of(good, bad)
    with destination.connect() as server:
        with pytest.raises(GraphxferError):
            write.save(server, [builder(graph).build(node) for node in (good, bad)])
        assert lookup.alike(server, catalogue.CLASSES["Project"], ["all or nothing"]) == []


def test_a_refused_deletion_says_why(destination: Place) -> None:
    reagent = Node("Reagent/1", "Reagent", {"name": "r"}, {"screen": ("Screen/1",)})
    screen = Node("Screen/1", "Screen", {"name": "s"})
    with destination.connect() as server:
        graph = graph_of(screen, reagent)
        (number,) = write.save(server, [builder(graph).build(screen)])
        (below,) = write.save(server, [builder(graph, **{"Screen/1": number}).build(reagent)])
        gone = write.delete(server, {"Screen": [number]}, alone=True)
        assert gone == {"Screen": [number], "Reagent": [below]}
        with pytest.raises(ServerFailure, match=rf"Delete2 failed: cannot read \w+:{number}$"):
            write.delete(server, {"Screen": [number]})


def test_what_needs_another_stays_when_only_a_link_to_it_goes(destination: Place) -> None:
    """A Reagent is its Screen's, whatever Plates and Wells have it."""
    reagent = Node("Reagent/1", "Reagent", {"name": "r"}, {"screen": ("Screen/1",)})
    well = Node("Well/1", "Well", {"row": 0, "column": 0}, {"plate": ("Plate/1",)})
    screen, plate = (Node(f"{name}/1", name, {"name": "n"}) for name in ("Screen", "Plate"))
    graph = graph_of(screen, plate, reagent, well)
    with destination.connect() as server:
        made: dict[str, int] = {}
        for node in graph:
            (made[node.iri],) = write.save(server, [builder(graph, **made).build(node)])
        for targets in "WellReagentLink", "Well", "Plate":
            ends = There("Well", made["Well/1"]), There("Reagent", made["Reagent/1"])
            link = write.save(server, [write.link("WellReagentLink", *ends)])
            ids = {"WellReagentLink": link, "Well": [made["Well/1"]], "Plate": [made["Plate/1"]]}
            gone = write.delete(server, {targets: ids[targets]}, alone=True, dry_run=True)
            assert gone.get("WellReagentLink") == link
            assert "Reagent" not in gone
            write.delete(server, {"WellReagentLink": link}, alone=True)
            assert lookup.present(server, "Reagent", [made["Reagent/1"]])
        gone = write.delete(server, {"Screen": [made["Screen/1"]]}, alone=True)
        assert gone == {"Screen": [made["Screen/1"]], "Reagent": [made["Reagent/1"]]}


def tags(number: int, text: str = "t") -> list[Node]:
    return [Node(f"TagAnnotation/{n}", "TagAnnotation", {"textValue": text}) for n in range(number)]


def test_batches_are_bounded_by_number_and_weight() -> None:
    small = tags(1250)
    assert [len(batch) for batch in write.batches(graph_of(*small), small)] == [500, 500, 250]
    heavy = tags(5, "x" * 4_000_000)
    assert [len(batch) for batch in write.batches(graph_of(*heavy), heavy)] == [2, 2, 1]
    huge = tags(2, "x" * 20_000_000)
    assert [len(batch) for batch in write.batches(graph_of(*huge), huge)] == [1, 1]
    rois = [Node(f"Roi/{n}", "Roi") for n in range(401)]
    assert [len(batch) for batch in write.batches(graph_of(*rois), rois)] == [200, 200, 1]


def test_batches_are_of_one_class_each() -> None:
    mixed = [*tags(2), Node("LongAnnotation/9", "LongAnnotation"), *tags(3)[2:]]
    batches = write.batches(graph_of(*mixed), mixed)
    assert [[node.type for node in batch] for batch in batches] == [
        ["TagAnnotation"] * 2,
        ["LongAnnotation"],
        ["TagAnnotation"],
    ]
