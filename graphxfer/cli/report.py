# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer report`: a bundle as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphxfer.bundle import Bundle
from graphxfer.cli.common import OUT, BundleFolder, TerminalProgress, busy, opened
from graphxfer.errors import human
from graphxfer.plan import Plan

if TYPE_CHECKING:
    from graphxfer.inspect.validate import Finding

PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", help="Output of `graphxfer plan --json`, to show it, too."
    ),
]
ReceiptFile = Annotated[
    Path | None,
    typer.Option(
        "--receipt",
        metavar="FILE",
        help="Receipt of `graphxfer verify --receipt`, to check it against the bundle and show it.",
        show_default=False,
    ),
]
Validate = Annotated[
    bool,
    typer.Option("--validate/--no-validate", help="Show the findings of `graphxfer validate`."),
]


def report(
    bundle: BundleFolder,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")
    ] = Path("report.html"),
    plan: PlanFile = None,
    receipt: ReceiptFile = None,
    validate: Validate = True,
) -> None:
    """Write one self-contained HTML page about a bundle."""
    from graphxfer.inspect import report as pages
    from graphxfer.receipt.check import check

    source = opened(bundle)
    planned, findings = shown(source, plan, validate=validate)
    with busy("Writing the page"):
        checked = check(receipt, source=source) if receipt else None
        page = pages.render(source, plan=planned, findings=findings, receipt=checked)
        pages.write(page, output)
    OUT.print(f"{output} ({human(output.stat().st_size)})")


def shown(
    source: Bundle, plan: Path | None, *, validate: bool
) -> tuple[Plan | None, Sequence[Finding] | None]:
    """Return the plan and the findings to show on the page; None for what it does not show."""
    from graphxfer.inspect import report as pages

    planned = pages.read_plan(plan) if plan else pages.plan_of(source)
    if not validate:
        return planned, None
    from graphxfer.inspect import validate as validation

    return planned, validation.validate(source, progress=TerminalProgress()).findings
