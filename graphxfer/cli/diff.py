# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer diff`: what came, went and changed between two bundles."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from graphxfer.cli.common import OUT, Json, named, opened, print_json, printable
from graphxfer.errors import Different
from graphxfer.inspect import diff as diffing
from graphxfer.inspect.diff import Diff

SHOWN, SHOWN_CHANGES = 10, 100
"""How many nodes of a type, and changes, are shown before the rest is only counted."""


def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="A bundle.", show_default=False)],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what came, went and changed from one bundle to another."""
    found = diffing.diff(opened(one).graph(), opened(other).graph())
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
        for type_, group in groupby(nodes, key=lambda node: node.type):
            alike = list(group)
            for node in alike[:SHOWN]:
                OUT.print(f"{sign} {named(node.iri, node.name)}")
            if (more := len(alike) - SHOWN) > 0:
                OUT.print(f"{sign} … and {more:,} more {type_}")
    for difference in found.changed[:SHOWN_CHANGES]:
        if difference.found_at == difference.node:  # of one server, it goes without saying
            difference = replace(difference, found_at="")
        OUT.print(printable(f"~ {difference}"))
    if (more := len(found.changed) - SHOWN_CHANGES) > 0:
        OUT.print(f"~ … and {more:,} more changes")
    OUT.print(f"{len(found.came):,} came, {len(found.went):,} went, {len(found.changed):,} changed")
