# SPDX-License-Identifier: GPL-2.0-or-later
"""The process of one sandbox: ``python -m omero_sandbox DIRECTORY``."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import Ice
import omero
import omero.all

from omero_sandbox.database import WrongDatabase
from omero_sandbox.dispatch import service_class
from omero_sandbox.faults import Fault, Faults, seconds
from omero_sandbox.server import Options, Server
from omero_sandbox.sessions import TIME_TO_IDLE

#: Root's password when a server is made: never an argument, which `ps` shows.
PASSWORD = "GRAPHXFER_SANDBOX_PASSWORD"  # noqa: S105


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m omero_sandbox", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=_port, default=0, help="encrypted port (0: any free one)")
    parser.add_argument("--tcp", type=_port, default=0, help="plain port (0: any free one)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--idle", type=int, default=TIME_TO_IDLE, help="ms until a session ends")
    parser.add_argument("--record", type=Path, help="append a JSON line for every call")
    parser.add_argument(
        "--latency", type=_told(seconds), default=0.0, help="wait before a call: 20ms"
    )
    parser.add_argument(
        "--fault",
        type=_told(_fault),
        action="append",
        default=[],
        help="drop|error|kill@N[:Service.operation], full@BYTES or slow@BYTES",
    )
    parser.add_argument(
        "--config", type=_told(_setting), action="append", default=[], metavar="KEY=VALUE"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started it is gone"
    )
    return parser.parse_args()


def _told(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Have argparse print what a parser says; it is silent about a ValueError's message."""

    def told(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return told


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"not a port: {text!r} (0 to 65535)")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"not a setting: {text!r} (KEY=VALUE)")
    return key, value


def _fault(text: str) -> Fault:
    """Parse a fault; one of an operation that OMERO does not have would never come."""
    fault = Fault.parse(text)
    service, _, operation = fault.operation.partition(".")
    try:
        if service and operation not in service_class(service).operations:
            raise ValueError(f"no such operation: {fault.operation!r}")
    except omero.ApiUsageException:
        raise ValueError(f"no such service: {service!r}") from None
    return fault


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    args = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    options = Options(
        ssl=args.port,
        tcp=args.tcp,
        host=args.host,
        idle=args.idle,
        faults=Faults(args.latency, args.fault),
        record=args.record,
        with_parent=args.with_parent,
        config=dict(args.config),
    )
    try:
        server = Server(args.directory, options, os.environ.pop(PASSWORD, "omero"))
    except (OSError, WrongDatabase) as error:
        sys.exit(str(error))
    except Ice.SocketException as error:
        ports = " or ".join(str(port) for port in (args.port, args.tcp) if port)
        sys.exit(f"port {ports}: {os.strerror(error.error)}")
    gc.freeze()  # what is there now stays: no later collection needs to look at it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()


if __name__ == "__main__":
    main()
