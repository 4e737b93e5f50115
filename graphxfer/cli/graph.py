# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer graph`: a bundle as a network."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import networkx as nx
import typer

from graphxfer.bundle import open_source, replace
from graphxfer.cli.common import OUT, BundleFolder, Json, print_json, printable
from graphxfer.errors import UsageError
from graphxfer.graph import TransferGraph
from graphxfer.inspect import network
from graphxfer.inspect.network import Shape

SHOWN = 10
"""How many of a kind are shown before the rest is only counted."""


def graph(
    bundle: BundleFolder,
    node: Annotated[
        str,
        typer.Option(metavar="IRI", help="Only this node and what is near.", show_default=False),
    ] = "",
    steps: Annotated[int, typer.Option(min=1, help="With --node: how near.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it: .graphml, .gexf, or .svg for a small part.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a bundle as a network: what hangs together, hubs, orphans, layers and cycles."""
    found = open_source(bundle).graph()
    part = network.neighbourhood(found, node, steps) if node else network.view(found)
    if output:
        _write(part, found, output)
    elif node:
        for subject, target, predicate in sorted(part.edges(keys=True)):
            OUT.print(f"{subject} {predicate} {target}")
    elif as_json:
        print_json(asdict(network.shape(found)))
    else:
        _print(network.shape(found))


def _write(part: nx.MultiDiGraph[str], found: TransferGraph, output: Path) -> None:
    writers = {".graphml": network.write_graphml, ".gexf": network.write_gexf, ".svg": _write_svg}
    write = writers.get(output.suffix.lower())
    if write is None:
        raise UsageError(
            "is no kind of file that is written", where=str(output), do=".graphml, .gexf or .svg"
        )
    replace(output, partial(write, part, found))


def _write_svg(part: nx.MultiDiGraph[str], found: TransferGraph, stream: BinaryIO) -> None:
    stream.write(network.svg(part, found).encode())


def _print(shape: Shape) -> None:
    OUT.print(f"{shape.nodes:,} nodes, {shape.edges:,} edges")
    largest = ", ".join(f"{size:,}" for size in shape.components[:SHOWN])
    OUT.print(f"Parts that hang together: {len(shape.components):,} (of {largest}{_more(shape)})")
    OUT.print("Most edges:")
    for hub in shape.hubs:
        OUT.print(f"  {hub.edges:,}  {hub.iri}  {printable(hub.name)}")
    OUT.print(f"Without any edge: {len(shape.orphans):,}")
    for iri in shape.orphans[:SHOWN]:
        OUT.print(f"  {iri}")
    OUT.print("Layers, in the order of applying:")
    for number, layer in enumerate(shape.layers, 1):
        OUT.print(
            f"  {number}. " + ", ".join(f"{count:,} {type_}" for type_, count in layer.items())
        )
    OUT.print(f"Cycles: {len(shape.cycles):,}")
    for circle in shape.cycles[:SHOWN]:
        OUT.print(f"  {', '.join(circle)}")


def _more(shape: Shape) -> str:
    return " … nodes" if len(shape.components) > SHOWN else " nodes"
