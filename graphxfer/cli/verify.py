# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Config, Json, Server, TerminalProgress, print_json, printable
from graphxfer.cli.plan import Source
from graphxfer.errors import Different, Incomplete, counted

if TYPE_CHECKING:
    from graphxfer.graph.differences import Difference
    from graphxfer.verify import Verification

SHOWN = 10
"""How many objects that imports created are listed; the rest is only counted."""


def verify(
    bundle: Source,
    server: Server,
    allow_additions: Annotated[
        bool,
        typer.Option(
            "--allow-additions", help="List additions to what apply created, but exit with 0."
        ),
    ] = False,
    check_bytes: Annotated[
        bool,
        typer.Option(
            "--bytes",
            help="Also check the bytes of files: the server computes the checksums of imported "
            "files; attachments are read back.",
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read a server back and compare it with the bundle; print each difference."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.verify import verify as compare

    source = open_source(bundle)
    with connect(profile(server, config)) as destination:
        found = compare(source, destination, TerminalProgress(), check_bytes=check_bytes)
    if as_json:
        print_json([_plain(one) for one in found])
    else:
        _print(found)
    counts = found.counted(allow_additions=allow_additions)
    if counts:
        raise Different(", ".join(counts), where=str(source.folder))
    if found.unproven:
        raise Incomplete(
            f"the bytes of {counted(len(found.unproven), 'file')} could not be checked",
            where=str(source.folder),
            do="log in as a user who may read them, or check them on the server's disk",
        )
    if not as_json:
        added = found.counted()
        more = f" but {added[0]} (--allow-additions)" if added else ""
        OUT.print(f"{counted(len(source.graph()), 'node')}: no differences{more}")


def _plain(one: Difference) -> dict[str, object]:
    found_at = str(one.found_at or "")
    text = {"kind": one.kind, "name": one.name, "text": str(one)}
    return {"node": one.node, "found_at": found_at, **text}


def _print(found: Verification) -> None:
    for one in found:
        OUT.print(printable(f"+ {one}" if one.is_addition else str(one)))
    for node, why in found.unproven.items():
        OUT.print(printable(f"{node}: bytes not checked: {why}"))
    if found.checked_by_server or found.read_back:
        OUT.print(
            f"Bytes: {counted(found.checked_by_server, 'file')} checked by the server, "
            f"{counted(found.read_back, 'attachment')} read back"
        )
    if found.import_made:
        listed = ", ".join(map(str, found.import_made[:SHOWN]))
        more = len(found.import_made) - SHOWN
        listed += f" and {more:,} more" if more > 0 else ""
        number = counted(len(found.import_made), "object")
        OUT.print(f"Created by imports, not in the graph: {number}: {listed}")
