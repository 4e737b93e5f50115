# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer diff`: which nodes were added, removed and changed between two bundles."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from graphxfer.cli.common import OUT, Json, named, opened, print_json, printable
from graphxfer.errors import Different, counted
from graphxfer.graph.correspondence import There
from graphxfer.graph.differences import Difference
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
                "changed": [_plain(it) for it in found.changed],
            }
        )
    else:
        _print(found)
    if found:
        raise Different("the bundles differ", where=f"{one}, {other}")


def _plain(difference: Difference) -> dict[str, object]:
    """Return a difference as JSON can hold it: of bytes only their number."""
    return {one.name: _shown(getattr(difference, one.name)) for one in fields(difference)}


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return counted(len(value), "byte")
    if isinstance(value, There):
        return str(value)
    return [_shown(each) for each in value] if isinstance(value, tuple) else value


def _print(found: Diff) -> None:
    for sign, nodes in (("-", found.removed), ("+", found.added)):
        for type_, group in groupby(nodes, key=lambda node: node.type):
            alike = list(group)
            for node in alike[:SHOWN]:
                OUT.print(f"{sign} {named(node.iri, node.name)}")
            if (more := len(alike) - SHOWN) > 0:
                OUT.print(f"{sign} … and {more:,} more {type_}")
    for difference in found.changed[:SHOWN_CHANGES]:
        if difference.found_at == There.of(difference.node):  # both are of one server
            difference = replace(difference, found_at=None)
        OUT.print(printable(f"~ {difference.text('in the second bundle')}"))
    if (more := len(found.changed) - SHOWN_CHANGES) > 0:
        OUT.print(f"~ … and {more:,} more changes")
    numbers = len(found.added), len(found.removed), len(found.changed)
    OUT.print("{:,} added, {:,} removed, {:,} changed".format(*numbers))
