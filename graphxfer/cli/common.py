# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the commands: options, progress on a terminal, JSON, exit codes of errors."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from graphxfer.bundle import Bundle, open_source
from graphxfer.errors import Exit, GraphxferError, counted


class _Console(Console):
    """A console that no text of a bundle or a server can steer."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does, strings made safe; callers make rich's own `Text` and tables safe."""
        super().print(*(_safe(o) if isinstance(o, str) else o for o in objects), **options)


def _safe(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


# A pipe has no width: do not cut tables to 80 columns there.
OUT = _Console(
    soft_wrap=True,
    highlight=False,
    markup=False,
    emoji=False,
    width=None if sys.stdout.isatty() else 240,
)
ERR = _Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)

Server = Annotated[
    str,
    typer.Argument(
        metavar="SERVER",
        help="Profile name, omero://user@host:4064/group, or - (session of `omero login`).",
        show_default=False,
    ),
]
BundleFolder = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="The bundle's folder.", show_default=False)
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read server profiles from this file, not from servers.toml.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


class TerminalProgress:
    """Progress bars on standard error; silent if that is not a terminal."""

    @contextmanager
    def task(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Callable[[int], None]]:
        """Show a bar until the task ends."""
        counts = (
            (DownloadColumn(), TransferSpeedColumn())
            if unit == "bytes"
            else (MofNCompleteColumn(),)
        )
        columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeElapsedColumn())
        quiet = not ERR.is_terminal
        with Progress(*columns, console=ERR, transient=True, disable=quiet) as bars:
            task = bars.add_task(title, total=total)
            yield lambda more: bars.advance(task, more)

    def say(self, text: str) -> None:
        """Print a line on standard error."""
        ERR.print(text)


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """Show on standard error what is in progress, until the block ends; only on a terminal."""
    if ERR.is_terminal:
        with ERR.status(doing):
            yield
    else:
        yield


def opened(path: Path) -> Bundle:
    """Open a bundle or document, and read its graph.

    Parameters
    ----------
    path : Path
        A bundle's folder, or a document: see :func:`graphxfer.bundle.open_source`.
    """
    with busy(f"Reading {path}"):
        source = open_source(path)
        source.graph()
    return source


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, for a pipe."""
    is_utf8 = sys.stdout.encoding.lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_utf8, indent=2)
    # JSON escapes only a part of what steers a terminal; its own line breaks stay.
    safe = re.sub(
        r"[^\n -~]", lambda c: c[0] if c[0].isprintable() else json.dumps(c[0])[1:-1], text
    )
    sys.stdout.write(safe + "\n")


def printable(text: str) -> str:
    """Return a text made safe for a terminal: on one line, control characters escaped."""
    return "".join(
        each if each.isprintable() else repr(each)[1:-1] if each != "\n" else "↵" for each in text
    )


def named(iri: str, name: str) -> str:
    """Return a node's IRI and its name, if it has one, made safe for a terminal."""
    return iri if name == iri else printable(f"{iri}  {name}")


def included(images: int) -> str:
    """Return the line that reports images which an export adds to complete filesets.

    Examples
    --------
    >>> included(1), included(2)  # doctest: +NORMALIZE_WHITESPACE
    ('1 image included: it shares a fileset with a selected image',
     '2 images included: they share a fileset with a selected image')
    """
    share = "it shares" if images == 1 else "they share"
    return f"{counted(images, 'image')} included: {share} a fileset with a selected image"


def run(command: Callable[[], object], *, debug: bool) -> int:
    """Run the command line; report failures without a traceback, and return the exit code.

    Parameters
    ----------
    command : callable
        What to run; it may raise `SystemExit`.
    debug : bool
        Whether a failure shows its traceback.
    """
    code = _run(command, debug=debug)
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # else Python flushes again at exit
        if isinstance(error, BrokenPipeError):
            return Exit.FAILED
        return _failed(f"graphxfer: standard output: {error.strerror}", Exit.FAILED, debug)
    return code


def _run(command: Callable[[], object], *, debug: bool) -> int:
    try:
        command()
    except GraphxferError as error:
        return _failed(f"graphxfer: {error.message()}", error.exit_code, debug)
    except KeyboardInterrupt:
        return _failed("graphxfer: interrupted", Exit.INTERRUPTED, debug)
    except BrokenPipeError:  # the reader of the pipe has ended
        return Exit.FAILED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _failed(f"graphxfer: {where}{error.strerror or error}", Exit.FAILED, debug)
    except Exception as error:  # a bug: the traceback only with --debug
        what = f"graphxfer: unexpected {type(error).__name__}: {error}"
        return _failed(f"{what}\n  → run it with --debug to see where", Exit.FAILED, debug)
    return Exit.DONE


def _failed(text: str, code: Exit, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    ERR.print(text)
    return code
