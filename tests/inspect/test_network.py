# SPDX-License-Identifier: GPL-2.0-or-later
"""The networkx view, and what is written of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import networkx as nx
import pytest
from hypothesis import given, settings

from graphxfer.errors import UsageError
from graphxfer.graph import Node, TransferGraph
from graphxfer.inspect import network
from tests.inspect import sample
from tests.inspect.sample import own
from tests.strategies import graphs


def test_users_and_groups_are_no_part_of_the_network() -> None:
    view = network.view(sample.graph())
    assert "Image/7" in view
    assert not [iri for iri in view if iri.startswith("Experimenter")]
    assert view.has_edge("Dataset/101", "Image/7", key="images")


def test_the_shape_of_a_graph() -> None:
    shape = network.shape(sample.graph(own("TagAnnotation/77", {"textValue": "lonely"})), hubs=1)
    # One of the two filesets has an image that nothing else leads to.
    assert len(shape.components) == 3
    assert sum(shape.components) == shape.nodes
    assert shape.orphans == ["TagAnnotation/77"]
    assert shape.hubs[0][0] == "Image/7"
    assert shape.cycles == []


def test_layers_are_an_order_of_applying() -> None:
    shape = network.shape(sample.graph())
    places = {type_: number for number, layer in enumerate(shape.layers) for type_ in layer}
    assert places["OriginalFile"] < places["FilesetEntry"]
    assert places["Fileset"] < places["Image"] < places["Roi"] < places["Rectangle"]
    assert places["Fileset"] < places["FilesetEntry"]


def test_tags_come_before_their_set() -> None:
    tagset = own("TagAnnotation/80", {"textValue": "all"}, annotations=("TagAnnotation/5",))
    assert network.shape(sample.graph(tagset)).layers[1]["TagAnnotation"] == 1


def test_a_cycle_is_found_with_the_nodes_that_make_it() -> None:
    one = own("TagAnnotation/80", {"textValue": "a"}, annotations=("TagAnnotation/81",))
    other = own("TagAnnotation/81", {"textValue": "b"}, annotations=("TagAnnotation/80",))
    itself = own("TagAnnotation/82", {"textValue": "c"}, annotations=("TagAnnotation/82",))
    shape = network.shape(sample.graph(one, other, itself))
    assert shape.cycles == [["TagAnnotation/80", "TagAnnotation/81"], ["TagAnnotation/82"]]


def test_the_neighbourhood_of_a_node() -> None:
    near = network.neighbourhood(sample.graph(), "Roi/4")
    assert set(near) == {"Roi/4", "Image/7", "Rectangle/11", "Point/12"}
    assert "Dataset/101" in network.neighbourhood(sample.graph(), "Roi/4", steps=2)
    with pytest.raises(UsageError, match="Image/404"):
        network.neighbourhood(sample.graph(), "Image/404")


@given(graphs())
@settings(max_examples=15)
def test_graphml_and_gexf_hold_every_node_and_edge(graph: TransferGraph) -> None:
    view = network.view(graph)
    with TemporaryDirectory() as folder:
        graphml, gexf = Path(folder, "a.graphml"), Path(folder, "a.gexf")
        with graphml.open("wb") as stream, gexf.open("wb") as other:
            network.write_graphml(view, graph, stream)
            network.write_gexf(view, graph, other)
        found = nx.read_graphml(graphml, force_multigraph=True), nx.read_gexf(gexf)
    for read in found:
        assert set(read) == set(view)
        assert sorted(read.edges()) == sorted(view.edges())
        assert {iri: read.nodes[iri]["type"] for iri in read} == {
            iri: graph[iri].type for iri in view
        }


HOSTILE: Node = own("Dataset/102", {"name": '<script>alert("x")</script>\x00\x1b[2J'})


def test_a_drawing_shows_every_node_and_escapes_its_name() -> None:
    graph = sample.graph(HOSTILE)
    drawing = ElementTree.fromstring(network.svg(network.view(graph), graph))  # noqa: S314
    svg = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f".//{svg}circle")) == len(network.view(graph))
    assert not drawing.findall(f".//{svg}script")
    texts = [text.text or "" for text in drawing.iter(f"{svg}text")]
    assert any(text.startswith("<script>") for text in texts)


def test_one_node_can_be_drawn_and_too_many_cannot() -> None:
    alone = sample.graph(own("TagAnnotation/77", {"textValue": "lonely"}))
    one = network.neighbourhood(alone, "TagAnnotation/77")
    assert "lonely" in network.svg(one, alone)
    many = sample.graph(*(own(f"TagAnnotation/{n}", {"textValue": "t"}) for n in range(100, 500)))
    with pytest.raises(UsageError, match="too many to draw"):
        network.svg(network.view(many), many)
