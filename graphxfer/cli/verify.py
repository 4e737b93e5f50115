# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Config, Json, Server, TerminalProgress, print_json, printable
from graphxfer.cli.plan import SHOWN, PartialOk, Source
from graphxfer.errors import Different, Incomplete, counted


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
                | {"text": f"{node}: left out: {why}"}
                for node, why in without.items()
            ]
        )
    else:
        for one in found:
            OUT.print(printable(str(one)))
        for node, why in sorted(without.items(), key=lambda one: one[1].is_consequence)[:SHOWN]:
            OUT.print(printable(f"{node}: left out: {why}"))
        if len(without) > SHOWN:
            OUT.print(f"… and {len(without) - SHOWN:,} more (--json lists all)")
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
