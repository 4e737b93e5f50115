# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: a command per file; they parse, call one function, print."""

from graphxfer.cli.app import main

__all__ = ["main"]
