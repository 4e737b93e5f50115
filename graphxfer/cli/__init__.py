# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: a command per file; they parse, call one function, print."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from graphxfer.cli.app import main as run  # a second: Ctrl-C may fall into it
    except KeyboardInterrupt:
        sys.exit(130)
    run()
