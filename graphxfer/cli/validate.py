# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer validate`: check a bundle's graph."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from graphxfer.cli.common import (
    OUT,
    BundleFolder,
    Json,
    TerminalProgress,
    named,
    opened,
    print_json,
    printable,
)
from graphxfer.errors import Different, counted
from graphxfer.inspect import validate as validating
from graphxfer.inspect.validate import Finding, Validation

SHOWN = 10
"""How many nodes are printed for each kind of finding; the rest is only counted."""


def validate(
    bundle: BundleFolder,
    shapes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="SHACL shapes to check as well; repeatable.", show_default=False
        ),
    ] = None,
    ttl: Annotated[bool, typer.Option("--ttl", help="Print the SHACL report as Turtle.")] = False,
    as_json: Json = False,
) -> None:
    """Check a bundle's graph against SHACL shapes: its structure, and its sense."""
    report = validating.validate(opened(bundle), shapes or (), TerminalProgress())
    if ttl:
        sys.stdout.write(report.rdf.serialize(format="turtle"))
    elif as_json:
        print_json([finding._asdict() for finding in report.findings])
    else:
        _print(report)
    if report.violations:
        raise Different(counted(report.violations, "violation"), where=str(bundle))


def _print(report: Validation) -> None:
    for (severity, message), group in groupby(report.findings, key=lambda it: it[:2]):
        findings = list(group)
        style = "red" if severity == "Violation" else "yellow"
        title = Text(severity, style=style).append(f": {message} ({len(findings):,})", "default")
        OUT.print(title)
        for finding in findings[:SHOWN]:
            OUT.print(f"  {_text(finding)}")
        if (more := len(findings) - SHOWN) > 0:
            OUT.print(f"  … and {more:,} more")
    numbers = Counter(finding.severity.lower() for finding in report.findings)
    OUT.print(", ".join(counted(n, what) for what, n in numbers.items()) or "No findings.")


def _text(finding: Finding) -> str:
    value = f": {finding.value}" if finding.value else ""
    return named(finding.node, finding.name) + printable(value)
