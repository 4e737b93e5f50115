# SPDX-License-Identifier: GPL-2.0-or-later
"""The process of one sandbox: ``omero-sandbox serve DIRECTORY``."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import Ice
import omero
import omero.all

from omero_sandbox.database.schema import WrongDatabase
from omero_sandbox.faults import Fault, Faults, seconds
from omero_sandbox.folder import DEFAULT_PASSWORD, PASSWORD
from omero_sandbox.server.process import Server, ServerOptions
from omero_sandbox.service import service_class
from omero_sandbox.sessions import TIME_TO_IDLE


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="omero-sandbox serve", description="Run a server in the foreground."
    )
    parser.add_argument("directory", type=Path, help="folder of its database and files")
    parser.add_argument("--port", type=_port, default=0, help="encrypted port (0: any free one)")
    parser.add_argument("--tcp", type=_port, default=0, help="plain port (0: any free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--idle", type=int, default=TIME_TO_IDLE, help="ms until a session ends")
    parser.add_argument("--record", type=Path, help="append a JSON line for every call")
    parser.add_argument(
        "--latency", type=_reported(seconds), default=0.0, help="wait before a call: 20ms"
    )
    parser.add_argument(
        "--fault",
        type=_reported(_fault),
        action="append",
        default=[],
        help="drop|error|kill@N[:Service.operation], full@BYTES or slow@BYTES",
    )
    parser.add_argument(
        "--hold", type=Path, help="folder: a file named as an operation holds a call of it"
    )
    parser.add_argument(
        "--config",
        type=_reported(_setting),
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of OMERO's",
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started it has ended"
    )
    return parser.parse_args(words)


def _reported(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser whose messages argparse prints: it omits those of a ValueError."""

    def reported(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return reported


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
    """Parse a fault; refuse one of an operation that OMERO does not have."""
    fault = Fault.parse(text)
    service, _, operation = fault.operation.partition(".")
    try:
        if service and operation not in service_class(service).operations:
            raise ValueError(f"no such operation: {fault.operation!r}")
    except omero.ApiUsageException:
        raise ValueError(f"no such service: {service!r}") from None
    return fault


def main(words: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    words : sequence of str, optional
        Command-line arguments, instead of this process's own.
    """
    args = _arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    options = ServerOptions(
        ssl=args.port,
        tcp=args.tcp,
        host=args.host,
        idle=args.idle,
        faults=Faults(args.latency, args.fault, args.hold),
        record=args.record,
        with_parent=args.with_parent,
        config=dict(args.config),
    )
    password = os.environ.pop(PASSWORD, DEFAULT_PASSWORD)
    try:
        server = Server(args.directory, options, password)
    except WrongDatabase as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}; name another folder")
    except sqlite3.DatabaseError as error:
        sys.exit(f"{args.directory}: its database cannot be read ({error}); name another folder")
    except Ice.SocketException as error:
        ports = " or ".join(str(port) for port in (args.port, args.tcp) if port)
        sys.exit(f"port {ports}: {os.strerror(error.error)}")
    gc.freeze()  # nothing that exists now is freed later: the collector can skip it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()


if __name__ == "__main__":
    main()
