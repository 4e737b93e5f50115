# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer fetch`: copy the source's files to a bundle."""

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
    print_json,
)
from graphxfer.errors import FileProblem, Incomplete, counted, human


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
            help="Where the attachments are, if not in the folder Files beside the repository.",
            show_default=False,
        ),
    ] = "",
    client_paths: Annotated[
        bool,
        typer.Option("--client-paths", help="Fetch image files from their client paths."),
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="Number of files to fetch at once.")
    ] = 1,
    chown: Annotated[
        str,
        typer.Option(metavar="USER:GROUP", help="Owner of the fetched files.", show_default=False),
    ] = "",
    as_user: Annotated[
        str,
        typer.Option(metavar="USER", help="Run rsync as this local user.", show_default=False),
    ] = "",
    partial_ok: Annotated[
        bool,
        typer.Option(
            "--partial-ok", help="Exit with 0 even if files are gone or refused at the source."
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Fetch a bundle's files into its folder files/, and check each one."""
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
        print_report(report)
    check_problems(report, partial_ok=partial_ok)


def check_problems(report: fetching.Fetched, *, partial_ok: bool) -> None:
    """Refuse a fetch that could not have all files, unless that is accepted.

    Parameters
    ----------
    report : Fetched
        What the fetch did.
    partial_ok : bool
        Whether files that are gone, refused or damaged at the source are accepted.

    Raises
    ------
    FileProblem
        If another try may bring a file.
    Incomplete
        If files are lost, and that is not accepted.
    """
    what = f"{counted(len(report.problems), 'file')} missing or wrong"
    if not all(problem.lost for problem in report.problems):
        raise FileProblem(
            what, do="correct the source, and run the same command again: good files are kept"
        )
    if report.problems and not partial_ok:
        raise Incomplete(
            what,
            do="correct the source and fetch again, or continue: apply leaves these files out "
            "(use --partial-ok to exit with 0)",
        )


def print_report(report: fetching.Fetched) -> None:
    """Print what a fetch did."""
    for problem in report.problems:
        ERR.print(str(problem))
    if report.size_only:
        number = counted(len(report.size_only), "file")
        OUT.print(f"{number} checked by size only: OMERO recorded no checksum")
    OUT.print(
        f"{counted(report.fetched, 'file')} fetched ({human(report.bytes)}), "
        f"{report.up_to_date:,} up to date, "
        f"{len(report.problems):,} missing or wrong"
    )
