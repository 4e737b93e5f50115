# SPDX-License-Identifier: GPL-2.0-or-later
"""The `graphxfer` command; each sub-command is in the file of its name."""

from __future__ import annotations

import functools
import importlib
import io
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from graphxfer import __version__
from graphxfer.cli import common
from graphxfer.errors import Interrupted

COMMANDS = (
    "export",
    "fetch",
    "plan",
    "apply",
    "undo",
    "verify",
    "verify-receipt",
    "run",
    "summary",
    "query",
    "validate",
    "graph",
    "diff",
    "convert",
    "report",
    "serve",
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Move parts of one OMERO server to another as a graph, and prove that nothing was lost.",
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"graphxfer {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failure.")
    ] = False,
) -> None:
    """Define the options before the sub-command."""


def register() -> None:
    """Add the sub-commands."""
    for name in COMMANDS:
        module = importlib.import_module(f"graphxfer.cli.{python_name(name)}")
        app.command(name)(_interruptible(getattr(module, python_name(name))))
    sandbox = importlib.import_module("graphxfer.cli.sandbox")
    app.add_typer(
        sandbox.app,
        name="sandbox",
        cls=sandbox.SandboxGroup,
        help="Run local OMERO servers, to try things on.",
    )


def python_name(command: str) -> str:
    """Return the name of a sub-command's module and function."""
    return command.replace("-", "_")


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with a Ctrl-C that reports how to resume; typer would only exit."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            raise Interrupted from None

    return wrapped


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line and exit with its code."""
    register()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may not fit the terminal's encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminated)  # like Ctrl-C: the journal stays intact
    debug = "--debug" in sys.argv
    # --debug may be anywhere on the line: people append it to a command that failed.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    code = common.run(lambda: app(arguments, "graphxfer"), debug=debug)
    sys.exit(code)
