# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Config, Json, Server, TerminalProgress, print_json, printable
from graphxfer.cli.plan import Source
from graphxfer.errors import Different, counted


def verify(bundle: Source, server: Server, config: Config = None, as_json: Json = False) -> None:
    """Read a server back and compare it with the bundle; print each difference."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.verify import verify as compare

    source = open_source(bundle)
    with connect(profile(server, config)) as destination:
        found = list(compare(source, destination, TerminalProgress()))
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
    if found:
        raise Different(counted(len(found), "difference"), where=str(source.folder))
    if not as_json:
        OUT.print(f"{counted(len(source.graph()), 'node')}: no differences")
