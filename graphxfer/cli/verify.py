# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from collections.abc import Mapping

from graphxfer.bundle import open_source
from graphxfer.cli.common import (
    OUT,
    Config,
    Json,
    Server,
    TerminalProgress,
    named,
    print_json,
    printable,
)
from graphxfer.cli.plan import SHOWN, PartialOk, Source
from graphxfer.errors import Different, Incomplete, counted
from graphxfer.graph import TransferGraph
from graphxfer.unmovable import Why, is_reported


def verify(
    bundle: Source,
    server: Server,
    partial_ok: PartialOk = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read a server back and compare it with the bundle; print each difference."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.verify import left_out
    from graphxfer.verify import verify as compare

    source = open_source(bundle)
    with connect(profile(server, config)) as destination:
        without = left_out(source, destination, TerminalProgress())
        found = list(compare(source, destination, TerminalProgress(), without))
    if as_json:
        print_json(
            [
                {"node": one.node, "found_at": one.found_at, "kind": one.kind}
                | {"name": one.name, "text": str(one)}
                for one in found
            ]
            + [
                {"node": node, "found_at": "", "kind": "left out", "name": ""}
                | {"text": f"Left out: {node} ({why})"}
                for node, why in without.items()
            ]
        )
    else:
        for one in found:
            OUT.print(printable(str(one)))
        show_left_out(without, source.graph())
    if found:
        raise Different(counted(len(found), "difference"), where=str(source.folder))
    if not as_json:
        OUT.print(f"{counted(len(source.graph()) - len(without), 'node')}: no differences")
    if without and not partial_ok:
        raise Incomplete(
            f"{counted(len(without), 'node')} left out",
            where=str(source.folder),
            do="run `graphxfer plan` to see what can be done; use --partial-ok to exit with 0",
        )


def show_left_out(without: Mapping[str, Why], graph: TransferGraph) -> None:
    """Print the nodes that are not compared, and why; the first ones of many."""
    from graphxfer.inspect.summary import label

    nodes = [node for node, why in without.items() if is_reported(graph[node].type, why.reason)]
    nodes.sort(key=lambda node: without[node].is_consequence)
    for node in nodes[:SHOWN]:
        OUT.print(printable(f"Left out: {named(node, label(graph[node]))} ({without[node]})"))
    if more := len(without) - len(nodes[:SHOWN]):
        OUT.print(f"… and {more:,} more (--json lists all)")
