# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer undo`: take an apply back."""

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
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave what others' objects hang on, and go on.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Remove what an apply made at a server, and nothing else."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.undo import undo as undone

    with connect(profile(server, config), own_session=True) as there:
        done = undone(
            open_source(bundle), there, dry_run=dry_run, keep=keep, progress=TerminalProgress()
        )
    if as_json:
        print_json(asdict(done))
        return
    for name, number in done.removed.items():
        OUT.print(f"{'would remove' if dry_run else 'removed'} {number:,} {name}")
    for kept in done.kept:
        OUT.print(printable(f"kept {kept}"))
    if not done.removed:
        OUT.print("There is nothing to remove.")
