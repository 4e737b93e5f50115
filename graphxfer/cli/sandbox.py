# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer sandbox`: start, stop, list and fill servers of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from graphxfer.cli import common
from graphxfer.errors import GraphxferError, UsageError
from omero_sandbox import manage

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name for the server.")]


@contextmanager
def _told() -> Iterator[None]:
    """Turn the sandbox's own errors into those that the command line reports."""
    try:
        yield
    except manage.SandboxError as error:
        kind = UsageError if error.is_usage else GraphxferError
        raise kind(str(error), where="sandbox") from error


@app.command()
def start(
    name: Name,
    port: Annotated[int, typer.Option(help="Encrypted port; 0: any that is free.")] = 0,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where its database and files are.")
    ] = None,
    latency: Annotated[str, typer.Option(help="Wait before every call, such as 20ms.")] = "",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="drop|error|kill@N[:Service.operation], full@BYTES or slow@BYTES."),
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Append a JSON line per call.")] = None,
) -> None:
    """Start a server in the background; its data stays when it is stopped.

    Root's password is "omero", unless GRAPHXFER_SANDBOX_PASSWORD says otherwise at the first start.
    """
    arguments = [f"--port={port}"]
    arguments += [f"--latency={latency}"] if latency else []
    arguments += [f"--fault={each}" for each in fault or []]
    arguments += [f"--record={record.absolute()}"] if record else []
    with _told():
        address = manage.start(
            name, directory, arguments, os.environ.get("GRAPHXFER_SANDBOX_PASSWORD", "omero")
        )
    typer.echo(f"{name}: {address.host}:{address.port} (plain: {address.tcp})")
    typer.echo(f"repository: {address.repository}")


@app.command()
def stop(name: Name) -> None:
    """Stop a server; its data stays."""
    with _told():
        manage.stop(manage.find(name).directory)


@app.command("list")
def listing(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the servers, running or not."""
    with _told():
        found = manage.listing()
    if json:
        common.print_json({name: at and at.as_json() for name, at in found.items()})
        return
    if not found:
        typer.echo("none; start one with: graphxfer sandbox start NAME", err=True)
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

    All belongs to the user "researcher" in the group "Imaging"; OMERO_PASSWORD is the password
    that he gets, "researcher" unless it is set.
    """
    from omero_sandbox import seed as seeding

    with _told():
        address = manage.find(name)
    password = os.environ.get("GRAPHXFER_SANDBOX_PASSWORD", "omero")
    member = os.environ.get("OMERO_PASSWORD", "researcher")
    make = seeding.account if account else seeding.seed
    with _told():
        make(address.host, address.port, "root", password, member_password=member)
