# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``omero-sandbox`` command: start, stop, list and fill servers of your own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from omero_sandbox import manage
from omero_sandbox.folder import DEFAULT_PASSWORD, PASSWORD

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="An OMERO server to test clients on.",
)

Name = Annotated[str, typer.Argument(help="A name for the server.")]


def root_password() -> str:
    """Return root's password: ``OMERO_SANDBOX_PASSWORD``, or the default."""
    return os.environ.get(PASSWORD, DEFAULT_PASSWORD)


@app.command()
def start(
    name: Name,
    port: Annotated[int, typer.Option(help="Encrypted port; 0: any that is free.")] = 0,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Folder of its database and files.")
    ] = None,
    latency: Annotated[str, typer.Option(help="Wait before every call, such as 20ms.")] = "",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="drop|error|kill@N[:Service.operation], full@BYTES or slow@BYTES."),
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Append a JSON line per call.")] = None,
) -> None:
    """Start a server in the background; its data stays when it is stopped.

    Root's password is "omero", or the value of OMERO_SANDBOX_PASSWORD at the first start.
    """
    arguments = [f"--port={port}"]
    arguments += [f"--latency={latency}"] if latency else []
    arguments += [f"--fault={each}" for each in fault or []]
    arguments += [f"--record={record.absolute()}"] if record else []
    address = manage.start(name, directory, arguments, root_password())
    typer.echo(f"{name}: {address.host}:{address.port} (plain: {address.tcp})")
    typer.echo(f"repository: {address.repository}")


@app.command()
def stop(name: Name) -> None:
    """Stop a server; its data stays."""
    manage.stop(manage.find(name).directory)


@app.command("list")
def listing(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the servers, running or not."""
    found = manage.listing()
    if as_json:
        typer.echo(json.dumps({name: at and at.as_json() for name, at in found.items()}, indent=2))
        return
    if not found:
        parent = context.parent.command_path if context.parent else "omero-sandbox"
        typer.echo(f"No servers. Start one with: {parent} start NAME", err=True)
    for name, at in found.items():
        typer.echo(f"{name}\t{at.host}:{at.port}\tpid {at.pid}" if at else f"{name}\tstopped")


@app.command()
def seed(
    name: Name,
    account: Annotated[
        bool, typer.Option("--account", help="Only the user and the group, without data.")
    ] = False,
) -> None:
    """Fill a running server with images, tags, key-value pairs, ROIs and attachments.

    Everything belongs to the user "researcher" in the group "Imaging". The user's password is
    "researcher", or the value of OMERO_PASSWORD.
    """
    # loads Ice and numpy, which no other command needs
    from omero_sandbox import seed as seeding

    at = manage.find(name)
    member = os.environ.get("OMERO_PASSWORD", "researcher")
    create = seeding.account if account else seeding.seed
    create(at.host, at.port, "root", root_password(), member_password=member)


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
def serve(context: typer.Context) -> None:
    """Run a server in the foreground; serve --help lists its options."""
    # loads Ice, which no other command needs
    from omero_sandbox.serve import main as run

    run(context.args)


def main() -> None:
    """Run the command line."""
    try:
        app(prog_name="omero-sandbox")
    except manage.SandboxError as error:
        print(f"omero-sandbox: {error}", file=sys.stderr)
        sys.exit(2 if error.is_usage else 1)
