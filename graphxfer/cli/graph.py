# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer graph`: a bundle as a network."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import networkx as nx
import typer

from graphxfer.bundle import replace
from graphxfer.cli.common import OUT, BundleFolder, Json, busy, named, opened, print_json
from graphxfer.errors import UsageError, counted
from graphxfer.graph import TransferGraph
from graphxfer.inspect import network
from graphxfer.inspect.network import Shape
from graphxfer.inspect.summary import label

SHOWN = 10
"""How many of a kind are printed; the rest is only counted."""


def graph(
    bundle: BundleFolder,
    node: Annotated[
        str,
        typer.Option(
            metavar="IRI", help="Show only this node and its neighbours.", show_default=False
        ),
    ] = "",
    steps: Annotated[
        int, typer.Option(min=1, help="With --node: the most edges between it and a neighbour.")
    ] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a file: .graphml, .gexf, or .svg (only a small part).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a bundle as a network: components, hubs, orphans, layers and cycles."""
    found = opened(bundle).graph()
    with busy("Analysing the network"):
        part = network.neighbourhood(found, node, steps) if node else network.view(found)
        shape = None if node or output else network.shape(found)
    if output:
        _write(part, found, output)
    elif as_json:
        print_json(asdict(shape) if shape else _as_json(part, found))
    elif shape:
        _print(shape)
    else:
        _print_near(part, node)


def _as_json(part: nx.MultiDiGraph[str], found: TransferGraph) -> dict[str, object]:
    edges = sorted(part.edges(keys=True))
    return {
        "nodes": [
            {"iri": iri, "type": found[iri].type, "name": label(found[iri])} for iri in sorted(part)
        ],
        "edges": [
            {"subject": subject, "predicate": predicate, "object": target}
            for subject, target, predicate in edges
        ],
    }


def _print_near(part: nx.MultiDiGraph[str], node: str) -> None:
    for subject, target, predicate in sorted(part.edges(keys=True)):
        OUT.print(f"{subject} {predicate} {target}")
    if not part.edges:
        OUT.print(f"{node} has no edges")


def _write(part: nx.MultiDiGraph[str], found: TransferGraph, output: Path) -> None:
    writers = {".graphml": network.write_graphml, ".gexf": network.write_gexf, ".svg": _write_svg}
    write = writers.get(output.suffix.lower())
    if write is None:
        raise UsageError(
            "the format is unknown", where=str(output), do="use .graphml, .gexf or .svg"
        )
    replace(output, partial(write, part, found))


def _write_svg(part: nx.MultiDiGraph[str], found: TransferGraph, stream: BinaryIO) -> None:
    stream.write(network.svg(part, found).encode())


def _print(shape: Shape) -> None:
    OUT.print(f"{counted(shape.nodes, 'node')}, {counted(shape.edges, 'edge')}")
    largest = ", ".join(f"{size:,}" for size in shape.components[:SHOWN])
    OUT.print(f"Connected components: {len(shape.components):,} (of {largest}{_more(shape)})")
    OUT.print("Nodes with the most edges:")
    width = max((len(f"{hub.edges:,}") for hub in shape.hubs), default=0)
    for hub in shape.hubs:
        OUT.print(f"  {hub.edges:{width},}  {named(hub.iri, hub.name)}")
    OUT.print(f"Nodes without edges: {len(shape.orphans):,}")
    for iri in shape.orphans[:SHOWN]:
        OUT.print(f"  {iri}")
    OUT.print("Layers, in apply order:")
    for number, layer in enumerate(shape.layers, 1):
        OUT.print(
            f"  {number}. " + ", ".join(f"{count:,} {type_}" for type_, count in layer.items())
        )
    OUT.print(f"Cycles: {len(shape.cycles):,}")
    for cycle in shape.cycles[:SHOWN]:
        OUT.print(f"  {', '.join(cycle)}")


def _more(shape: Shape) -> str:
    return " … nodes" if len(shape.components) > SHOWN else " nodes"
