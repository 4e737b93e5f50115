# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer export`: objects of a server into a bundle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from graphxfer.bundle import Bundle
from graphxfer.cli.common import (
    OUT,
    Config,
    Json,
    Server,
    TerminalProgress,
    human,
    print_json,
)
from graphxfer.errors import Incomplete
from graphxfer.inspect import embedded


def export(
    server: Server,
    objects: Annotated[
        list[str],
        typer.Argument(
            metavar="OBJECT...",
            help="Project:51, Dataset:1,2 or Image:7-9, as many as you like.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path,
        typer.Option("--to", metavar="BUNDLE", help="A new folder.", show_default=False),
    ],
    partial_ok: Annotated[
        bool,
        typer.Option("--partial-ok", help="Exit with 0 also where something was left out."),
    ] = False,
    with_thumbnails: Annotated[
        bool,
        typer.Option("--thumbnails", help="Bring thumbnails of the images, to look at."),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Export objects, and all that hangs on them, into a bundle.

    What is linked to them but cannot be moved is listed, and the exit code is 4 then.
    """
    # Imported here: commands that need no server do not load Ice.
    from graphxfer import export as exporting
    from graphxfer.omero.connect import connect, profile

    roots = exporting.parse(objects)
    with connect(profile(server, config)) as source:
        bundle = exporting.export(
            source, roots, to, TerminalProgress(), with_thumbnails=with_thumbnails
        )
    if as_json:
        print_json(_facts(bundle))
    else:
        _say(bundle)
    left = sum(each.number for each in bundle.graph().header.left_out)
    if left and not partial_ok:
        raise Incomplete(
            f"{left:,} linked objects were left out; the bundle is there without them",
            where=str(to),
            do="--partial-ok accepts that",
        )


def _facts(bundle: Bundle) -> dict[str, object]:
    graph, files = bundle.graph(), bundle.manifest()
    return {
        "bundle": str(bundle.folder),
        "nodes": graph.types(),
        "files": len(files),
        "bytes": sum(file.size or 0 for file in files),
        "thumbnails": len(embedded.thumbnail_images(bundle)),
        "cameAlong": list(graph.header.came_along),
        "leftOut": [asdict(each) for each in graph.header.left_out],
    }


def _say(bundle: Bundle) -> None:
    graph, files = bundle.graph(), bundle.manifest()
    size = human(sum(file.size or 0 for file in files))
    OUT.print(f"{bundle.folder}: {len(graph):,} nodes, {len(files):,} files ({size})")
    for name, number in graph.types().items():
        OUT.print(f"{number:9,} {name}")
    if number := len(embedded.thumbnail_images(bundle)):
        OUT.print(f"{number:9,} thumbnails")
    header = graph.header
    if header.came_along:
        number = len(header.came_along)
        OUT.print(f"{number:9,} of the images come along because filesets are taken whole")
    for left in header.left_out:
        OUT.print(f"Left out: {left.number:,} {left.type} ({left.why})")
