# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer plan`: show what an apply would do."""

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
    named,
    print_json,
    printable,
)
from graphxfer.errors import Different, Incomplete, counted, human
from graphxfer.graph import TransferGraph
from graphxfer.plan import REMOVED, Action, ApplyOptions, FileMetadata, Plan, Tags

SHOWN = 20
"""How many skipped nodes and links are named."""

Source = Annotated[
    Path,
    typer.Argument(
        metavar="BUNDLE",
        help="The bundle's folder, or a JSON-LD or OME-XML document with its files beside it.",
        show_default=False,
    ),
]
TagPolicy = Annotated[Tags, typer.Option("--tags", help="What to do with tags that already exist.")]
MergeOption = Annotated[
    bool, typer.Option("--merge", help="Use existing containers of the same name, if unambiguous.")
]
InPlace = Annotated[
    bool,
    typer.Option("--in-place", help="Link files into the repository instead of uploading them."),
]
FileMetadataOption = Annotated[
    FileMetadata | None,
    typer.Option(
        "--file-metadata",
        help="What counts if a file has other metadata (ROIs, annotations, names) than the graph: "
        "graph (default: change and remove what users changed and deleted at the source), or file.",
        show_default=False,
    ),
]
PartialOk = Annotated[
    bool, typer.Option("--partial-ok", help="Exit with 0 even if nodes or links are skipped.")
]

Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Fail, before anything is written, if a node or link would be skipped."
    ),
]

Repair = Annotated[
    bool,
    typer.Option(
        "--repair",
        help="Restore what was changed at the destination since the last apply.",
    ),
]
Delete = Annotated[
    bool,
    typer.Option(
        "--delete",
        help="Remove what an earlier apply created, and the bundle does not have any more.",
    ),
]


def plan(
    bundle: Source,
    server: Server,
    tags: TagPolicy = Tags.REUSE,
    merge: MergeOption = False,
    in_place: InPlace = False,
    repair: Repair = False,
    delete: Delete = False,
    strict: Strict = False,
    file_metadata: FileMetadataOption = None,
    partial_ok: PartialOk = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show what an apply would create, import, link, change, keep and skip at a server, and why."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.plan.planner import make_plan

    options = ApplyOptions(
        tags,
        merge,
        in_place,
        strict=strict,
        file_metadata=file_metadata,
        repair=repair,
        delete=delete,
    )
    source = open_source(bundle)
    with connect(profile(server, config)) as destination:
        planned = make_plan(source, destination, options, TerminalProgress())
    show(planned, source.graph(), as_json=as_json)
    check_kept(planned)
    check_skipped(planned, partial_ok=partial_ok)


def show(planned: Plan, graph: TransferGraph, *, as_json: bool, past: bool = False) -> None:
    """Print a plan.

    Parameters
    ----------
    planned : Plan
        What to print.
    graph : TransferGraph
        The graph that it is about.
    as_json : bool
        Whether to print JSON.
    past : bool
        Whether the plan was carried out.
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
        number = counted(done, "node or link", "nodes and links")
        was = "was" if done == 1 else "were"
        head = "Already done" if planned.kept or not planned.nothing_to_do else "Up to date"
        OUT.print(f"{head}: {number} {was} created by an earlier run.")
    for note in planned.notes:
        OUT.print(printable(note))
    show_kept(planned, graph)
    show_skipped(planned, graph)
    if planned.nothing_to_do and not done:
        OUT.print("Nothing to do.")


def show_skipped(planned: Plan, graph: TransferGraph) -> None:
    """Print the nodes and links that a plan skips, and why; the first ones of many."""
    _list("Skipped", planned.skipped, graph)


def show_kept(planned: Plan, graph: TransferGraph) -> None:
    """Print what differs at the destination and stays so, with both values; the first of many."""
    _list("Kept", planned.kept, graph)


def _list(head: str, actions: list[Action], graph: TransferGraph) -> None:
    from graphxfer.inspect.summary import label

    for action in actions[:SHOWN]:
        node = graph.get(action.node)
        name = named(action.node, label(node) if node is not None else action.node)
        link = f" {action.type} {action.child}" if action.child else ""
        OUT.print(printable(f"{head}: {name}{link} ({action.why})"))
    if len(actions) > SHOWN:
        OUT.print(f"… and {len(actions) - SHOWN:,} more (--json lists all)")


def check_kept(planned: Plan) -> None:
    """Report that the destination differs from the graph, and stays so.

    Parameters
    ----------
    planned : Plan
        The plan.

    Raises
    ------
    Different
        If something differs.
    """
    if not planned.kept:
        return
    removed = sum(one.reason == REMOVED for one in planned.kept)
    options = ["--repair to restore what was changed there"] * (removed < len(planned.kept))
    options += ["--delete to remove what the bundle does not have any more"] * bool(removed)
    raise Different(
        f"{counted(len(planned.kept), 'difference')} at the destination kept",
        do=f"use {', '.join(options)}",
    )


def check_skipped(planned: Plan, *, partial_ok: bool) -> None:
    """Refuse a plan that skips nodes or links, unless that is accepted.

    Parameters
    ----------
    planned : Plan
        The plan.
    partial_ok : bool
        Whether it is accepted.

    Raises
    ------
    Incomplete
        If it skips any, and that is not accepted.
    """
    if planned.skipped and not partial_ok:
        raise Incomplete(
            f"{counted(len(planned.skipped), 'node or link', 'nodes or links')} skipped",
            do="use --partial-ok to exit with 0",
        )
