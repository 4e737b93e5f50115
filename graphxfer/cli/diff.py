# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer diff`: what came, went and changed between two bundles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Json, print_json, printable
from graphxfer.errors import Different
from graphxfer.inspect import diff as diffing
from graphxfer.inspect.diff import Diff


def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="A bundle.", show_default=False)],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what came, went and changed from one bundle to another."""
    found = diffing.diff(open_source(one).graph(), open_source(other).graph())
    if as_json:
        told = {
            "came": [it._asdict() for it in found.came],
            "went": [it._asdict() for it in found.went],
            "changed": [_plain(asdict(it)) for it in found.changed],
        }
        print_json(told)
    else:
        _print(found)
    if found:
        raise Different("the two are not the same", where=f"{one}, {other}")


def _plain(told: dict[str, object]) -> dict[str, object]:
    """Return a difference as JSON can hold it; bytes by their number."""
    return {
        name: f"{len(value)} bytes" if isinstance(value, bytes) else value
        for name, value in told.items()
    }


def _print(found: Diff) -> None:
    for sign, nodes in (("-", found.went), ("+", found.came)):
        for node in nodes:
            OUT.print(printable(f"{sign} {node.iri}  {node.name}"))
    for difference in found.changed:
        OUT.print(printable(f"~ {difference}"))
    OUT.print(f"{len(found.came):,} came, {len(found.went):,} went, {len(found.changed):,} changed")
