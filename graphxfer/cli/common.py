# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands share: options, progress on a terminal, JSON, and errors that become exit codes."""

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
from graphxfer.errors import Exit, GraphxferError


class _Console(Console):
    """Prints texts so that what a bundle or a server says cannot steer the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does; texts of its own styles (`Text`, tables) are their maker's care."""
        super().print(*(_safe(o) if isinstance(o, str) else o for o in objects), **options)


def _safe(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


# Where nobody sees a width, a table that is cut to 80 columns helps nobody.
OUT = _Console(
    soft_wrap=True,
    highlight=False,
    markup=False,
    width=None if sys.stdout.isatty() else 240,
)
ERR = _Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

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
    typer.Option("--config", metavar="FILE", help="Server profiles, instead of servers.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


class TerminalProgress:
    """Progress bars on standard error; silent where that is not a terminal."""

    @contextmanager
    def task(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Callable[[int], None]]:
        """Show a bar as long as the task takes."""
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
    """Tell on standard error what takes its time, as long as it takes; only to a terminal."""
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
        As of :func:`graphxfer.bundle.open_source`.
    """
    with busy(f"Reading {path}"):
        source = open_source(path)
        source.graph()
    return source


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, for a pipe."""
    is_utf8 = sys.stdout.encoding.lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_utf8, indent=2)
    # Of what steers a terminal, JSON itself escapes only a part; the lines are its own.
    safe = re.sub(
        r"[^\n -~]", lambda c: c[0] if c[0].isprintable() else json.dumps(c[0])[1:-1], text
    )
    sys.stdout.write(safe + "\n")


def printable(text: str) -> str:
    """Return a text of a bundle as it may go to a terminal: on one line, nothing that steers it."""
    return "".join(
        each if each.isprintable() else repr(each)[1:-1] if each != "\n" else "↵" for each in text
    )


def named(iri: str, name: str) -> str:
    """Return a node with its name, where it has one, as it may go to a terminal."""
    return iri if name == iri else printable(f"{iri}  {name}")


def counted(number: int, what: str) -> str:
    """Return a number of things: ``1 image``, ``2,000 images``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def human(size: float) -> str:
    """Return a count of bytes as a person reads it: ``1.5 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def run(command: Callable[[], object], *, debug: bool) -> int:
    """Run the command line; say failures without a traceback and return the exit code.

    Parameters
    ----------
    command : callable
        What to run; it raises `SystemExit` where it ends by itself.
    debug : bool
        Whether a failure shows its traceback.
    """
    code = _run(command, debug=debug)
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else it is tried at exit
        if isinstance(error, BrokenPipeError):
            return Exit.FAILED
        return _told(f"graphxfer: standard output: {error.strerror}", Exit.FAILED, debug)
    return code


def _run(command: Callable[[], object], *, debug: bool) -> int:
    try:
        command()
    except GraphxferError as error:
        return _told(f"graphxfer: {error.message()}", error.exit_code, debug)
    except KeyboardInterrupt:
        return _told("graphxfer: interrupted", Exit.INTERRUPTED, debug)
    except BrokenPipeError:  # nobody reads any more
        return Exit.FAILED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _told(f"graphxfer: {where}{error.strerror or error}", Exit.FAILED, debug)
    except Exception as error:  # a defect of ours: say it shortly, and where the rest is
        told = f"graphxfer: unexpected {type(error).__name__}: {error}\n  → --debug shows where"
        return _told(told, Exit.FAILED, debug)
    return Exit.DONE


def _told(text: str, code: Exit, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    ERR.print(text)
    return code
