# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer report`: a bundle as one page to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphxfer.bundle import Bundle
from graphxfer.cli.common import OUT, BundleFolder, TerminalProgress, busy, human, opened
from graphxfer.plan import Plan

if TYPE_CHECKING:
    from graphxfer.inspect.validate import Finding

PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", help="What `graphxfer plan --json` printed, to be shown as well."
    ),
]
Validate = Annotated[
    bool,
    typer.Option("--validate/--no-validate", help="Whether to show what `validate` finds."),
]


def report(
    bundle: BundleFolder,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    plan: PlanFile = None,
    validate: Validate = True,
) -> None:
    """Write one self-contained page about a bundle."""
    from graphxfer.inspect import report as pages

    source = opened(bundle)
    planned, findings = shown(source, plan, validate=validate)
    with busy("Making the page"):
        pages.write(pages.render(source, plan=planned, findings=findings), output)
    OUT.print(f"{output} ({human(output.stat().st_size)})")


def shown(
    source: Bundle, plan: Path | None, *, validate: bool
) -> tuple[Plan | None, Sequence[Finding] | None]:
    """Return the plan and the findings that a page shows, None for what it does not."""
    from graphxfer.inspect import report as pages

    planned = pages.read_plan(plan) if plan else pages.plan_of(source)
    if not validate:
        return planned, None
    from graphxfer.inspect import validate as validation

    return planned, validation.validate(source, progress=TerminalProgress()).findings
