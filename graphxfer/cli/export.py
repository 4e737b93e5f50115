# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer export`: copy objects of a server to a bundle."""

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
    included,
    print_json,
)
from graphxfer.errors import Incomplete, counted, human
from graphxfer.inspect import embedded


def export(
    server: Server,
    objects: Annotated[
        list[str],
        typer.Argument(
            metavar="OBJECT...",
            help="What to export: Project:51, Dataset:1,2 or Image:7-9; repeatable.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="BUNDLE", help="The folder to write the bundle to.", show_default=False
        ),
    ],
    partial_ok: Annotated[
        bool,
        typer.Option("--partial-ok", help="Exit with 0 even if something was left out."),
    ] = False,
    with_thumbnails: Annotated[
        bool,
        typer.Option("--thumbnails", help="Download thumbnails of the images, too."),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Export objects, and everything linked to them, to a bundle.

    Linked objects that cannot be moved are listed, and the exit code is then 4.
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
        _print(bundle)
    number = sum(each.number for each in bundle.graph().header.left_out)
    if number and not partial_ok:
        raise Incomplete(
            f"{counted(number, 'linked object')} left out; the rest of the bundle is complete",
            where=str(to),
            do="use --partial-ok to exit with 0",
        )


def _facts(bundle: Bundle) -> dict[str, object]:
    graph, files = bundle.graph(), bundle.manifest()
    return {
        "bundle": str(bundle.folder),
        "nodes": graph.types(),
        "files": len(files),
        "bytes": sum(file.size or 0 for file in files),
        "thumbnails": len(embedded.thumbnail_images(bundle)),
        "included": list(graph.header.included),
        "leftOut": [asdict(each) for each in graph.header.left_out],
    }


def _print(bundle: Bundle) -> None:
    graph, files = bundle.graph(), bundle.manifest()
    size = human(sum(file.size or 0 for file in files))
    OUT.print(
        f"{bundle.folder}: {counted(len(graph), 'node')}, {counted(len(files), 'file')} ({size})"
    )
    for name, number in graph.types().items():
        OUT.print(f"{number:9,} {name}")
    if number := len(embedded.thumbnail_images(bundle)):
        OUT.print(f"{number:9,} thumbnails")
    header = graph.header
    if header.included:
        OUT.print(included(len(header.included)))
    for missing in header.left_out:
        OUT.print(str(missing))
