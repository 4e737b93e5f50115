# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer apply`: recreate a graph at a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphxfer.bundle import open_source
from graphxfer.cli.common import Config, Json, Server, TerminalProgress
from graphxfer.cli.plan import (
    Delete,
    FileMetadataOption,
    InPlace,
    MergeOption,
    PartialOk,
    Repair,
    Source,
    Strict,
    TagPolicy,
    check_kept,
    check_skipped,
    show,
)
from graphxfer.plan import ApplyOptions, Tags


def apply(
    bundle: Source,
    server: Server,
    tags: TagPolicy = Tags.REUSE,
    merge: MergeOption = False,
    in_place: InPlace = False,
    streams: Annotated[
        int, typer.Option("--streams", "-j", min=1, help="Number of files to upload at once.")
    ] = 3,
    id_map: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE", help="Write source and destination ids to a CSV file."
        ),
    ] = None,
    repair: Repair = False,
    delete: Delete = False,
    strict: Strict = False,
    file_metadata: FileMetadataOption = None,
    partial_ok: PartialOk = False,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Continue what was begun with another copy of the bundle, or a journal that is "
            "lost; whoever began it cannot continue.",
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Recreate a bundle's graph at a server; run it again to resume, or after a newer export."""
    from graphxfer.apply import apply as apply_bundle
    from graphxfer.apply import idmap
    from graphxfer.omero.connect import connect, profile

    source = open_source(bundle)
    options = ApplyOptions(
        tags, merge, in_place, streams, strict, take_over, file_metadata, repair, delete
    )
    if id_map is not None:
        idmap.check(id_map)
    with connect(profile(server, config), own_session=True) as destination:
        done = apply_bundle(source, destination, options, TerminalProgress())
        if id_map is not None:
            idmap.write(source, destination.database_uuid, id_map)
    show(done, source.graph(), as_json=as_json, past=True)
    check_kept(done)
    check_skipped(done, partial_ok=partial_ok)
