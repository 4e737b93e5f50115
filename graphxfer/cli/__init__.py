# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, one command a file: parse, call one function, print."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from graphxfer.cli.app import main as run  # takes a second: Ctrl-C may come
    except KeyboardInterrupt:
        sys.exit(130)
    run()
