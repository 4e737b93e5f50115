# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer plan`: what an apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from graphxfer.bundle import open_source
from graphxfer.cli.common import (
    OUT,
    Config,
    Json,
    Server,
    TerminalProgress,
    human,
    print_json,
    printable,
)
from graphxfer.errors import Incomplete
from graphxfer.plan import ApplyOptions, Plan, Tags

SHOWN = 20
"""How many nodes that cannot be moved are named."""

Source = Annotated[
    Path,
    typer.Argument(
        metavar="BUNDLE",
        help="The bundle's folder; or a JSON-LD or OME-XML document with its files beside it.",
        show_default=False,
    ),
]
TagPolicy = Annotated[
    Tags, typer.Option("--tags", help="What becomes of tags that the destination has already.")
]
Merge = Annotated[
    bool, typer.Option("--merge", help="Take containers of the same name, where it is clear which.")
]
InPlace = Annotated[
    bool, typer.Option("--in-place", help="Link files into the repository, which must be visible.")
]
PartialOk = Annotated[
    bool, typer.Option("--partial-ok", help="Exit with 0 though some nodes cannot be moved.")
]


def plan(
    bundle: Source,
    server: Server,
    tags: TagPolicy = Tags.REUSE,
    merge: Merge = False,
    in_place: InPlace = False,
    partial_ok: PartialOk = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show what would be created, reused, imported, linked and skipped at a server, and why."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.plan.planner import make_plan

    options = ApplyOptions(tags, merge, in_place)
    with connect(profile(server, config)) as there:
        planned = make_plan(open_source(bundle), there, options, TerminalProgress())
    show(planned, as_json=as_json)
    check_skipped(planned, partial_ok=partial_ok)


def show(planned: Plan, *, as_json: bool, past: bool = False) -> None:
    """Print a plan.

    Parameters
    ----------
    planned : Plan
        What to print.
    as_json : bool
        For other programs.
    past : bool
        Whether it is done.
    """
    if as_json:
        print_json(planned.as_json())
        return
    table = Table("", "Class", "Number", "Bytes", "", box=None, pad_edge=False)
    table.columns[2].justify = table.columns[3].justify = "right"
    for line in planned.summary():
        if not line.done:
            size = human(line.bytes) if line.bytes else ""
            texts = (
                line.past if past else line.kind,
                line.type,
                f"{line.number:,}",
                size,
                line.reason,
            )
            table.add_row(*(Text(printable(text)) for text in texts))
    if table.row_count:
        OUT.print(table)
    if done := sum(line.number for line in planned.summary() if line.done):
        OUT.print(f"{done:,} nodes and links are there already, by an earlier run.")
    for note in planned.notes:
        OUT.print(printable(f"Note: {note}"))
    skipped = planned.skipped
    for action in skipped[:SHOWN]:
        link = f" {action.type} {action.child}" if action.child else ""
        OUT.print(printable(f"Cannot be moved: {action.node}{link} ({action.reason})"))
    if len(skipped) > SHOWN:
        OUT.print(f"… and {len(skipped) - SHOWN:,} more; --json lists all")
    if planned.nothing_to_do:
        OUT.print("There is nothing to do.")


def check_skipped(planned: Plan, *, partial_ok: bool) -> None:
    """Have it known by the exit code that something cannot be moved.

    Raises
    ------
    Incomplete
        If there are any, and that is not said to be fine.
    """
    if planned.skipped and not partial_ok:
        raise Incomplete(
            f"{len(planned.skipped):,} nodes or links cannot be moved",
            do="--partial-ok if that is as it should be",
        )
