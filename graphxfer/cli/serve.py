# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer serve`: a bundle's page in a browser, and a SPARQL endpoint."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from graphxfer.cli.common import ERR, OUT, BundleFolder, opened
from graphxfer.cli.report import PlanFile, Validate, shown
from graphxfer.errors import UsageError


def serve(
    bundle: BundleFolder,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all addresses.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")
    ] = 8080,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Host name that browsers may use for this server; repeatable."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Maximum number of rows of an answer.")
    ] = 100_000,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Maximum time of a query in seconds.")
    ] = 60,
    plan: PlanFile = None,
    validate: Validate = True,
) -> None:
    """Serve a bundle's page and a SPARQL endpoint, by default only to this machine."""
    from graphxfer.inspect import serve as serving
    from graphxfer.inspect.query import Limits

    is_open = not _address(host).is_loopback
    names = (*(name or ()), *(serving.own_names() if is_open else ()))
    options = serving.Options(host, port, names, Limits(seconds=timeout, rows=limit))
    source = opened(bundle)
    planned, findings = shown(source, plan, validate=validate)
    with serving.server(source, options, plan=planned, findings=findings) as server:
        shown_host = f"[{host}]" if ":" in host else host
        OUT.print(f"The page:  http://{shown_host}:{server.port}/")
        OUT.print(f"SPARQL:    http://{shown_host}:{server.port}/sparql")
        if is_open:
            ERR.print("Anyone who can reach this address can read the whole graph.")
        ERR.print("Press Ctrl-C to stop.")
        server.serve_forever()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise UsageError(
            "is not an IP address", where=host, do="use 127.0.0.1 or 0.0.0.0"
        ) from None
