# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer convert`: a graph in another format, and back."""

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
"""What can be written."""


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="BUNDLE",
            help="A bundle, or a document: JSON-LD, OME-XML, Turtle, N-Quads.",
            show_default=False,
        ),
    ],
    to: Annotated[Format, typer.Option("--to", help="The format.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to; standard output if not said.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a graph in another format, or a document as a bundle."""
    graph = converting.read(source)
    if to == "bundle":
        if output is None:
            raise UsageError("a bundle is a folder", do="name it with -o FOLDER")
        bundles.write(output, graph)
        return
    write = partial(converting.WRITERS[to], graph)
    if output:
        with bundles.told(output):
            bundles.replace(output, write)
    else:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
