# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer fetch`: the files of a bundle."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated

import typer

from graphxfer import fetch as fetching
from graphxfer.bundle import Bundle
from graphxfer.cli.common import (
    ERR,
    OUT,
    BundleFolder,
    Config,
    Json,
    TerminalProgress,
    human,
    print_json,
)
from graphxfer.errors import FileProblem


def fetch(
    bundle: BundleFolder,
    origin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="PATH|user@host:PATH|SERVER",
            help="The source's ManagedRepository folder, or the source server.",
            show_default=False,
        ),
    ],
    attachments: Annotated[
        str,
        typer.Option(
            metavar="PATH|user@host:PATH|SERVER",
            help="Where attachments are, if not in the folder Files beside the repository.",
            show_default=False,
        ),
    ] = "",
    client_paths: Annotated[
        bool,
        typer.Option("--client-paths", help="Take files from the paths they were imported from."),
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="How many at once.")] = 1,
    chown: Annotated[
        str,
        typer.Option(metavar="USER:GROUP", help="Who is to own the files.", show_default=False),
    ] = "",
    as_user: Annotated[
        str,
        typer.Option(metavar="USER", help="Run rsync as this local user.", show_default=False),
    ] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Bring the files of a bundle into its folder files/, and check every one."""
    owner = fetching.Owner.parse(chown)
    place = fetching.source(origin, config)
    beside = fetching.source(attachments, config) if attachments else None
    with (
        fetching.reached(place) as reached,
        fetching.reached(beside) if beside else nullcontext() as attached,
    ):
        options = fetching.FetchOptions(attached, client_paths, jobs, owner, as_user)
        report = fetching.fetch(Bundle(bundle), reached, options, TerminalProgress())
    if as_json:
        print_json(asdict(report))
    else:
        say(report)
    if report.problems:
        raise FileProblem(
            f"{len(report.problems):,} files are not there, or not what OMERO recorded",
            do="run the same command again when the source is right: what is good is kept",
        )


def say(report: fetching.Fetched) -> None:
    """Print what a fetch did."""
    for problem in report.problems:
        ERR.print(str(problem))
    if report.size_only:
        told = f"{len(report.size_only):,} files proven by size alone: OMERO recorded no checksum"
        OUT.print(told)
    OUT.print(
        f"{report.fetched:,} files fetched ({human(report.bytes)}), {report.kept:,} kept, "
        f"{len(report.problems):,} missing or wrong"
    )
