# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer convert`: a graph in another format."""

from __future__ import annotations

import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from graphxfer import bundle as bundles
from graphxfer.errors import UsageError
from graphxfer.inspect import convert as converting

Format = StrEnum("Format", [*converting.WRITERS, "bundle"])  # type: ignore[misc]
"""The formats that can be written."""


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="BUNDLE",
            help="A bundle, or a document: JSON-LD, OME-XML, Turtle or N-Quads.",
            show_default=False,
        ),
    ],
    to: Annotated[Format, typer.Option("--to", help="Output format.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Output file or folder, instead of standard output.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a graph in another format, or a document as a bundle."""
    graph = converting.read(source)
    if to == "bundle":
        if output is None:
            raise UsageError("a bundle is a folder: -o is missing", do="add -o FOLDER")
        bundles.write(output, graph)
        return
    write = partial(converting.WRITERS[to], graph)
    if output:
        with bundles.file_errors(output):
            bundles.replace(output, write)
    else:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
