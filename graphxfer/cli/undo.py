# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer undo`: revert an apply."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Config, Json, Server, TerminalProgress, print_json, printable
from graphxfer.cli.plan import Source


def undo(
    bundle: Source,
    server: Server,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep what others use or have added to; remove the rest.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Remove what an apply created at a server, and nothing else."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.undo import undo as undo_apply

    with connect(profile(server, config), own_session=True) as destination:
        done = undo_apply(
            open_source(bundle),
            destination,
            dry_run=dry_run,
            keep=keep,
            progress=TerminalProgress(),
        )
    if as_json:
        print_json(asdict(done))
        return
    for name, number in done.removed.items():
        OUT.print(f"{'would remove' if dry_run else 'removed'} {number:,} {name}")
    for kept in done.kept:
        OUT.print(printable(f"kept {kept}"))
    if not done.removed and not done.kept:
        OUT.print("Nothing to remove.")
