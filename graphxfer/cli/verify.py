# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

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
from graphxfer.errors import Different, Incomplete, UsageError, counted
from graphxfer.graph import TransferGraph
from graphxfer.receipt import signature
from graphxfer.unmovable import Why, is_reported


def verify(
    bundle: Source,
    server: Server,
    receipt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a receipt of the result.", show_default=False),
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option(metavar="KEY", help="Sign the receipt with this SSH key.", show_default=False),
    ] = None,
    person: Annotated[
        str, typer.Option(metavar="NAME", help="Your name, for the receipt.", show_default=False)
    ] = "",
    partial_ok: PartialOk = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read a server back and compare it with the bundle; print each difference."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.receipt import issue
    from graphxfer.verify import left_out
    from graphxfer.verify import verify as compare

    _check_options(receipt, sign, person)
    source, started = open_source(bundle), issue.now()
    with connect(profile(server, config)) as destination:
        without = left_out(source, destination, TerminalProgress())
        found = list(compare(source, destination, TerminalProgress(), without))
        looked = issue.look(source, destination) if receipt else None
    if receipt and looked:
        issue.issue(receipt, source, looked, found, started, person)
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
    if not found and not as_json:
        OUT.print(f"{counted(len(source.graph()) - len(without), 'node')}: no differences")
    if receipt and sign:
        signature.sign(receipt, sign)
    if found:
        raise Different(counted(len(found), "difference"), where=str(source.folder))
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


def _check_options(receipt: Path | None, sign: Path | None, person: str) -> None:
    """Refuse options of the receipt that do not fit, before a long verification."""
    if (sign or person) and not receipt:
        raise UsageError("--sign and --person need --receipt FILE")
    if receipt and (receipt.is_dir() or not receipt.parent.is_dir()):
        raise UsageError("is not a file in an existing folder", where=str(receipt))
    if sign:
        signature.check_key(sign)
