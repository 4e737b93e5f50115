# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify`: prove that the destination has the graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphxfer.bundle import open_source
from graphxfer.cli.common import (
    OUT,
    Config,
    Json,
    Server,
    TerminalProgress,
    named,
    print_json,
    printable,
)
from graphxfer.cli.plan import SHOWN, PartialOk, Source
from graphxfer.errors import Different, Incomplete, UsageError, counted, listed
from graphxfer.graph import TransferGraph
from graphxfer.receipt import signature
from graphxfer.unmovable import Why, is_reported

if TYPE_CHECKING:
    from graphxfer.graph.differences import Difference
    from graphxfer.verify import Verification

LISTED = 10
"""How many objects that imports created are listed; the rest is only counted."""


def verify(
    bundle: Source,
    server: Server,
    allow_additions: Annotated[
        bool,
        typer.Option(
            "--allow-additions", help="List additions to what apply created, but exit with 0."
        ),
    ] = False,
    check_bytes: Annotated[
        bool,
        typer.Option(
            "--bytes",
            help="Also check the bytes of files: the server computes the checksums of imported "
            "files; attachments are read back.",
        ),
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a receipt of the result, for `graphxfer verify-receipt` and the archive.",
            show_default=False,
        ),
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option(metavar="KEY", help="Sign the receipt with this SSH key.", show_default=False),
    ] = None,
    person: Annotated[
        str, typer.Option(metavar="NAME", help="Your name, for the receipt.", show_default=False)
    ] = "",
    partial_ok: PartialOk = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read a server back and compare it with the bundle; print each difference."""
    from graphxfer.omero.connect import connect, profile
    from graphxfer.receipt import issue
    from graphxfer.verify import left_out
    from graphxfer.verify import verify as compare

    _check_options(receipt, sign, person)
    source, started = open_source(bundle), issue.now()
    with connect(profile(server, config)) as destination:
        progress = TerminalProgress()
        without = left_out(source, destination, progress)
        found = compare(source, destination, progress, without, check_bytes=check_bytes)
        computed = issue.Computed(found.recomputed, found.downloaded)
        looked = issue.look(source, destination, computed, without) if receipt else None
    if receipt and looked:
        recorded = [*found.differences, *found.as_in_file]
        issue.issue(receipt, source, looked, recorded, started, person)
    if as_json:
        of_files = ({**_plain(one), "kind": "as in file"} for one in found.as_in_file)
        print_json([*map(_plain, found), *of_files, *_plain_left_out(without)])
    else:
        _print(found)
        _print_left_out(without, source.graph())
        if not found.counted(allow_additions=allow_additions):
            _print_equal(found, len(source.graph()) - len(without))
    if receipt and sign:
        signature.sign(receipt, sign)
    if counts := found.counted(allow_additions=allow_additions):
        raise Different(", ".join(counts), where=str(source.folder))
    _check_complete(found, without, source.folder, check_bytes=check_bytes, partial_ok=partial_ok)


def _check_options(receipt: Path | None, sign: Path | None, person: str) -> None:
    """Refuse options of the receipt that do not fit, before a long verification."""
    if (sign or person) and not receipt:
        raise UsageError("--sign and --person need --receipt FILE")
    if receipt and (receipt.is_dir() or not receipt.parent.is_dir()):
        raise UsageError("is not a file in an existing folder", where=str(receipt))
    if sign:
        signature.check_key(sign)


def _check_complete(
    found: Verification,
    without: Mapping[str, Why],
    folder: Path,
    *,
    check_bytes: bool,
    partial_ok: bool,
) -> None:
    if found.unproven:
        raise Incomplete(
            f"the bytes of {counted(len(found.unproven), 'file')} could not be checked",
            where=str(folder),
            do="log in as a user who may read them, or check them on the server's disk"
            if check_bytes
            else "use --bytes: it reads these files back",
        )
    if without and not partial_ok:
        raise Incomplete(
            f"{counted(len(without), 'node')} left out",
            where=str(folder),
            do="run `graphxfer plan` to see what can be done; use --partial-ok to exit with 0",
        )


def _plain(one: Difference) -> dict[str, object]:
    found_at = str(one.found_at or "")
    text = {"kind": one.kind, "name": one.name, "text": str(one)}
    return {"node": one.node, "found_at": found_at, **text}


def _plain_left_out(without: Mapping[str, Why]) -> list[dict[str, object]]:
    rest: dict[str, object] = {"found_at": "", "kind": "left out", "name": ""}
    return [
        {"node": node, **rest, "text": f"Left out: {node} ({why})"} for node, why in without.items()
    ]


def _print(found: Verification) -> None:
    for one in found:
        OUT.print(printable(f"+ {one}" if one.is_addition else str(one)))
    for node, why in found.unproven.items():
        OUT.print(printable(f"{node}: bytes not checked: {why}"))
    if found.checked_by_server or found.read_back:
        OUT.print(
            f"Bytes: {counted(found.checked_by_server, 'file')} checked by the server, "
            f"{counted(found.read_back, 'file')} read back"
        )
    if found.import_made:
        number = counted(len(found.import_made), "object")
        names = listed(found.import_made, LISTED)
        OUT.print(f"Created by imports, not in the graph: {number}: {names}")
    if found.as_in_file:
        number = counted(len(found.as_in_file), "field")
        names = listed([f"{one.node} {one.name}" for one in found.as_in_file], LISTED)
        OUT.print(printable(f"As in the files (--file-metadata file): {number}: {names}"))


def _print_equal(found: Verification, nodes: int) -> None:
    added = found.counted()
    more = f" but {added[0]} (--allow-additions)" if added else ""
    OUT.print(f"{counted(nodes, 'node')}: no differences{more}")


def _print_left_out(without: Mapping[str, Why], graph: TransferGraph) -> None:
    """Print the nodes that are not compared, and why; the first ones of many."""
    from graphxfer.inspect.summary import label

    nodes = [node for node, why in without.items() if is_reported(graph[node].type, why.reason)]
    nodes.sort(key=lambda node: without[node].is_consequence)
    for node in nodes[:SHOWN]:
        OUT.print(printable(f"Left out: {named(node, label(graph[node]))} ({without[node]})"))
    if more := len(without) - len(nodes[:SHOWN]):
        OUT.print(f"… and {more:,} more (--json lists all)")
