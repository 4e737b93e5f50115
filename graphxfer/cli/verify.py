# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Config, Json, Server, TerminalProgress, print_json, printable
from graphxfer.cli.plan import Source
from graphxfer.errors import Different, UsageError, counted
from graphxfer.receipt import signature


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
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read a server back and compare it with the bundle; print each difference."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.receipt import issue
    from graphxfer.verify import verify as compare

    _check_options(receipt, sign, person)
    source, started = open_source(bundle), issue.now()
    with connect(profile(server, config)) as destination:
        found = list(compare(source, destination, TerminalProgress()))
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
        )
    else:
        for one in found:
            OUT.print(printable(str(one)))
    if not found and not as_json:
        OUT.print(f"{counted(len(source.graph()), 'node')}: no differences")
    if receipt and sign:
        signature.sign(receipt, sign)
    if found:
        raise Different(counted(len(found), "difference"), where=str(source.folder))


def _check_options(receipt: Path | None, sign: Path | None, person: str) -> None:
    """Refuse options of the receipt that do not fit, before a long verification."""
    if (sign or person) and not receipt:
        raise UsageError("--sign and --person need --receipt FILE")
    if receipt and (receipt.is_dir() or not receipt.parent.is_dir()):
        raise UsageError("is not a file in an existing folder", where=str(receipt))
    if sign:
        signature.check_key(sign)
