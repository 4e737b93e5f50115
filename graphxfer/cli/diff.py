# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer diff`: which nodes were added, removed and changed between two bundles."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from graphxfer.cli.common import OUT, Json, named, opened, print_json, printable
from graphxfer.errors import Different, counted
from graphxfer.inspect import diff as diffing
from graphxfer.inspect.diff import Diff

SHOWN, SHOWN_CHANGES = 10, 100
"""How many nodes of a type, and how many changes, are printed; the rest is only counted."""


def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="A bundle.", show_default=False)],
    other: Annotated[
        Path, typer.Argument(metavar="B", help="The bundle to compare it with.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Show which nodes were added, removed and changed from bundle A to bundle B."""
    found = diffing.diff(opened(one).graph(), opened(other).graph())
    if as_json:
        print_json(
            {
                "added": [it._asdict() for it in found.added],
                "removed": [it._asdict() for it in found.removed],
                "changed": [_plain(asdict(it)) for it in found.changed],
            }
        )
    else:
        _print(found)
    if found:
        raise Different("the bundles differ", where=f"{one}, {other}")


def _plain(difference: dict[str, object]) -> dict[str, object]:
    """Return a difference as JSON can hold it: of bytes only their number."""
    return {
        name: counted(len(value), "byte") if isinstance(value, bytes) else value
        for name, value in difference.items()
    }


def _print(found: Diff) -> None:
    for sign, nodes in (("-", found.removed), ("+", found.added)):
        for type_, group in groupby(nodes, key=lambda node: node.type):
            alike = list(group)
            for node in alike[:SHOWN]:
                OUT.print(f"{sign} {named(node.iri, node.name)}")
            if (more := len(alike) - SHOWN) > 0:
                OUT.print(f"{sign} … and {more:,} more {type_}")
    for difference in found.changed[:SHOWN_CHANGES]:
        if difference.found_at == difference.node:  # both are of one server
            difference = replace(difference, found_at="")
        OUT.print(printable(f"~ {difference}"))
    if (more := len(found.changed) - SHOWN_CHANGES) > 0:
        OUT.print(f"~ … and {more:,} more changes")
    numbers = len(found.added), len(found.removed), len(found.changed)
    OUT.print("{:,} added, {:,} removed, {:,} changed".format(*numbers))
