# SPDX-License-Identifier: GPL-2.0-or-later
"""The process of one sandbox: ``python -m graphxfer.sandbox DIRECTORY``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from pathlib import Path

from graphxfer.sandbox.faults import Fault, Faults, seconds
from graphxfer.sandbox.server import Options, Server
from graphxfer.sandbox.sessions import TIME_TO_IDLE

#: Root's password when a server is made: never an argument, which `ps` shows.
PASSWORD = "GRAPHXFER_SANDBOX_PASSWORD"  # noqa: S105


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m graphxfer.sandbox", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=0, help="encrypted port (0: any free one)")
    parser.add_argument("--tcp", type=int, default=0, help="plain port (0: any free one)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--idle", type=int, default=TIME_TO_IDLE, help="ms until a session ends")
    parser.add_argument("--record", type=Path, help="append a JSON line for every call")
    parser.add_argument("--latency", type=seconds, default=0.0, help="wait before a call: 20ms")
    parser.add_argument(
        "--fault",
        type=Fault.parse,
        action="append",
        default=[],
        help="drop|error|kill@N[:Service.operation], full@BYTES or slow@BYTES",
    )
    parser.add_argument("--config", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started it is gone"
    )
    return parser.parse_args()


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
        config=dict(item.split("=", 1) for item in args.config),
    )
    server = Server(args.directory, options, os.environ.pop(PASSWORD, "omero"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()


if __name__ == "__main__":
    main()
