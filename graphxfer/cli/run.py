# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer run`: a whole transfer, described by a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from graphxfer import config
from graphxfer.bundle import Bundle
from graphxfer.cli.common import OUT, Json, TerminalProgress, print_json, printable
from graphxfer.cli.plan import check_kept, show_kept, show_skipped
from graphxfer.errors import Different, Incomplete, counted


def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG",
            exists=True,
            dir_okay=False,
            help="File that describes the transfer: INI, or TOML if named .toml.",
            show_default=False,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Export, fetch, plan, apply and verify, as a file describes; run it again to resume."""
    from graphxfer import run as running  # needs Ice, which `graphxfer --help` must not

    transfer = config.read(file)
    outcome = running.run(transfer, TerminalProgress())
    if as_json:
        print_json(_plain(outcome))
    else:
        for difference in outcome.differences:
            OUT.print(printable(f"+ {difference}" if difference.is_addition else str(difference)))
        for node, why in outcome.unproven.items():
            OUT.print(printable(f"{node}: bytes not checked: {why}"))
        for note in outcome.plan.notes:
            OUT.print(printable(note))
        show_kept(outcome.plan, Bundle(outcome.bundle).graph())
        show_skipped(outcome.plan, Bundle(outcome.bundle).graph())
        OUT.print(f"Bundle: {outcome.bundle}")
    if outcome.differences:
        raise Different(counted(len(outcome.differences), "difference"), where=str(outcome.bundle))
    check_kept(outcome.plan)
    if outcome.unproven:
        raise Incomplete(
            f"the bytes of {counted(len(outcome.unproven), 'file')} could not be checked",
            where=str(outcome.bundle),
            do="run `graphxfer verify --bytes`, which reads these files back",
        )
    missing = len(outcome.plan.skipped) + sum(left.number for left in outcome.left_out)
    if missing and not transfer.partial_ok:
        raise Incomplete(
            f"{counted(missing, 'object')} skipped or left out",
            where=str(outcome.bundle),
            do="write partial_ok = true in a .toml file to exit with 0",
        )


def _plain(outcome: Any) -> dict[str, Any]:
    return {
        "bundle": str(outcome.bundle),
        "nodes": outcome.nodes,
        "left_out": [asdict(left) for left in outcome.left_out],
        "fetched": asdict(outcome.fetched),
        "plan": outcome.plan.as_json(),
        "differences": [
            {"node": one.node, "kind": one.kind, "name": one.name, "text": str(one)}
            for one in outcome.differences
        ],
        "unproven": outcome.unproven,
    }
