# SPDX-License-Identifier: GPL-2.0-or-later
"""Analyse a graph as a network: connected parts, hubs, orphans and the order of applying."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import networkx as nx

from graphxfer import catalogue
from graphxfer.catalogue import Field, Maker, Value, Via
from graphxfer.errors import UsageError
from graphxfer.graph import TransferGraph, class_of
from graphxfer.graph.jsonld.values import ENCODINGS
from graphxfer.inspect.summary import label

MAX_DRAWN = 300
"""Maximum number of nodes in a drawing; with more it is not readable."""


_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


class Hub(NamedTuple):
    """A node with many edges."""

    iri: str
    type: str
    name: str
    edges: int


@dataclass(frozen=True, slots=True)
class Shape:
    """The structure of a graph's network.

    Parameters
    ----------
    nodes, edges : int
        Their numbers. Users, groups and edges to them are not counted, nor edges to objects outside
        of the graph.
    components : list of int
        Sizes of the connected parts, the largest first.
    hubs : list of Hub
        The nodes with most edges.
    orphans : list of str
        Nodes without any edge.
    layers : list of dict
        Numbers of nodes by type, in the order of applying: a layer needs only earlier layers.
    cycles : list of list of str
        Nodes that need each other in a cycle, so that no order of applying exists.
    """

    nodes: int
    edges: int
    components: list[int]
    hubs: list[Hub]
    orphans: list[str]
    layers: list[dict[str, int]]
    cycles: list[list[str]]


def view(graph: TransferGraph) -> nx.MultiDiGraph[str]:
    """Return a graph for networkx, without users and groups, which are linked to all objects.

    Parameters
    ----------
    graph : TransferGraph
        The graph. Node attributes are its fields and ``type``; edge keys are its predicates.
    """
    server = {node.iri for node in graph if class_of(node).maker is Maker.SERVER}
    return graph.to_networkx(without=server)


def shape(graph: TransferGraph, hubs: int = 10) -> Shape:
    """Return the structure of a graph's network.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    hubs : int
        Number of hubs to return.
    """
    network = view(graph)
    most = sorted(network.degree, key=lambda it: (-it[1], it[0]))[:hubs]
    needs = _needs(graph)
    circles = [sorted(part) for part in nx.strongly_connected_components(needs) if len(part) > 1]
    circles += [[node] for node in nx.nodes_with_selfloops(needs)]
    needs.remove_nodes_from([node for circle in circles for node in circle])
    return Shape(
        nodes=len(network),
        edges=network.number_of_edges(),
        components=sorted(map(len, nx.weakly_connected_components(network)), reverse=True),
        hubs=[Hub(iri, graph[iri].type, label(graph[iri]), number) for iri, number in most],
        orphans=sorted(nx.isolates(network)),
        layers=[
            dict(Counter(graph[iri].type for iri in layer).most_common())
            for layer in nx.topological_generations(needs)
        ],
        cycles=sorted(circles),
    )


def _needs(graph: TransferGraph) -> nx.DiGraph[str]:
    """Return which nodes must exist before a node: the catalogue's order, node by node.

    A reference needs its target, and a part the object that it is saved with (see
    `catalogue.apply_order`). A link between two objects of a class (tag sets, folders) needs the
    member first.
    """
    needs: nx.DiGraph[str] = nx.DiGraph()
    for node in graph:
        entry = class_of(node)
        if entry.maker is Maker.SERVER:
            continue
        needs.add_node(node.iri)
        for edge in entry.edges:
            targets = [it for it in node.edges.get(edge.name, ()) if it in graph]
            if edge in catalogue.DETAILS:
                continue
            if edge.via is Via.LIST:
                needs.add_edges_from((node.iri, target) for target in targets)
            elif edge.via is Via.REFERENCE or edge.target in (entry.name, entry.parent):
                needs.add_edges_from((target, node.iri) for target in targets)
    return needs


def neighbourhood(graph: TransferGraph, iri: str, steps: int = 1) -> nx.MultiDiGraph[str]:
    """Return a node with all nodes within some steps, in both directions.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    iri : str
        The node.
    steps : int
        Maximum number of edges to another node.

    Raises
    ------
    UsageError
        If the node is not in the graph.
    """
    network = view(graph)
    if iri not in network:
        do = f"write Type/id: {catalogue.IMAGE}/51"
        raise UsageError("is not in the graph", where=iri, do=do)
    near = nx.ego_graph(network.to_undirected(as_view=True), iri, radius=steps)
    found: nx.MultiDiGraph[str] = network.subgraph(near).copy()
    return found


# -- writing ------------------------------------------------------------------------------------


def write_graphml(network: nx.MultiDiGraph[str], graph: TransferGraph, stream: BinaryIO) -> None:
    """Write GraphML, for Cytoscape, yEd, igraph and others."""
    nx.write_graphml(_plain(network, graph), stream)


def write_gexf(network: nx.MultiDiGraph[str], graph: TransferGraph, stream: BinaryIO) -> None:
    """Write GEXF, for Gephi."""
    nx.write_gexf(_plain(network, graph), stream)


def _plain(network: nx.MultiDiGraph[str], graph: TransferGraph) -> nx.MultiDiGraph[str]:
    """Return a copy with a label, and with values that these formats allow."""
    plain: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for iri in network:
        node, entry = graph[iri], class_of(graph[iri])
        values = {
            name: _plain_value(entry.field(name), value) for name, value in node.fields.items()
        }
        plain.add_node(iri, **values, type=node.type, label=_xml(label(node)))
    for subject, target, predicate in network.edges(keys=True):
        order = network.edges[subject, target, predicate]["order"]
        plain.add_edge(subject, target, key=predicate, predicate=predicate, order=order)
    return plain


def _plain_value(field: Field | None, value: Value) -> str | int | float | bool:
    """Return a number unchanged, a text as XML allows it, and anything else as JSON."""
    if isinstance(value, (bool, int, float)):
        return value
    encode = ENCODINGS[field.type].encode if field else None
    return _xml(json.dumps(encode(value), ensure_ascii=False) if encode else str(value))


def _xml(text: str) -> str:
    """Return a text without the characters that XML does not allow."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


_PALETTE = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")


def svg(network: nx.MultiDiGraph[str], graph: TransferGraph, width: int = 900) -> str:
    """Return a drawing of a small network, as SVG.

    Parameters
    ----------
    network : networkx.MultiDiGraph
        Of at most `MAX_DRAWN` nodes, such as a neighbourhood.
    graph : TransferGraph
        The graph of its nodes.
    width : int
        Width in pixels.

    Raises
    ------
    UsageError
        If it is empty or too large.
    """
    if not network:
        raise UsageError("the graph has no nodes to draw")
    if len(network) > MAX_DRAWN:
        raise UsageError(
            f"{len(network):,} nodes are too many to draw; the maximum is {MAX_DRAWN}",
            do="draw the neighbourhood of one node (--node), or write GraphML for Cytoscape",
        )
    size = (width, width * 3 // 4)
    return _drawing(network, graph, _rings(network, size), size)


def _rings(network: nx.MultiDiGraph[str], size: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """Return positions of nodes: in rings around the node with most edges, by distance."""
    centre = max(network, key=lambda iri: (network.degree(iri), iri))
    steps = nx.single_source_shortest_path_length(network.to_undirected(as_view=True), centre)
    outer = max(steps.values()) + 1
    rings: defaultdict[int, list[str]] = defaultdict(list)
    for iri in sorted(network, key=lambda it: (steps.get(it, outer), it)):
        rings[steps.get(iri, outer)].append(iri)
    place = {}
    for ring, iris in rings.items():
        reach = 0.42 * ring / max(rings) if ring else 0
        for number, iri in enumerate(iris):
            angle = 2 * math.pi * number / len(iris)
            x, y = 0.46 + reach * math.cos(angle), 0.5 + reach * math.sin(angle)
            place[iri] = size[0] * x, size[1] * y
    return place


def _drawing(
    network: nx.MultiDiGraph[str],
    graph: TransferGraph,
    place: dict[str, tuple[float, float]],
    size: tuple[int, int],
) -> str:
    types = sorted({graph[iri].type for iri in network})
    colours = {type_: _PALETTE[number % len(_PALETTE)] for number, type_ in enumerate(types)}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        'font-family="sans-serif" font-size="11">'
    ]
    for subject, target, predicate in network.edges(keys=True):
        (x1, y1), (x2, y2) = place[subject], place[target]
        lines.append(
            f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#999">'
            f"<title>{escape(f'{subject} {predicate} {target}')}</title></line>"
        )
    for iri, (x, y) in place.items():
        name = _xml(label(graph[iri], 24))
        lines.append(
            f'<g transform="translate({x:.0f} {y:.0f})">'
            f"<title>{escape(f'{iri} {name}')}</title>"
            f'<circle r="6" fill={quoteattr(colours[graph[iri].type])}/>'
            f'<text x="9" y="4">{escape(name)}</text></g>'
        )
    return "\n".join([*lines, "</svg>\n"])
