# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer verify-receipt`: check a receipt against a bundle, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphxfer import bundle as bundles
from graphxfer.bundle import open_source
from graphxfer.cli.common import OUT, Json, busy, print_json, printable
from graphxfer.errors import Different, UsageError, counted
from graphxfer.receipt import check as checks
from graphxfer.receipt import describe
from graphxfer.receipt.check import Checked
from graphxfer.receipt.contents import By
from graphxfer.receipt.describe import Fact

SHOWN = 20
"""How many mismatches, or recorded differences, are printed."""


def verify_receipt(
    receipt: Annotated[
        Path, typer.Argument(metavar="RECEIPT", help="The receipt.", show_default=False)
    ],
    bundle: Annotated[
        Path | None,
        typer.Argument(metavar="BUNDLE", help="The bundle of the receipt.", show_default=False),
    ] = None,
    allowed_signers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Who may sign it, as in ssh-keygen(1).", show_default=False
        ),
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(metavar="IRI", help="Prove that a node belongs to the receipt; repeatable."),
    ] = None,
    save_proof: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the proofs of --node.", show_default=False),
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check proofs instead of a bundle.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a receipt against its bundle: signature, counts, hashes and checksums; no server."""
    nodes = _checked_options(bundle, proof, node or [], save_proof)
    with busy(f"Checking {receipt}"):
        found = checks.check(
            receipt,
            source=open_source(bundle) if bundle else None,
            proofs=checks.read_proofs(proof) if proof else (),
            nodes=nodes,
            signers=allowed_signers,
        )
    if as_json:
        print_json(_as_json(found, matched=bundle is not None))
    else:
        _print(found, matched=bundle is not None)
    if found.mismatches:
        raise Different(
            f"does not match: {counted(len(found.mismatches), 'mismatch', 'mismatches')}",
            where=str(receipt),
        )
    if save_proof:
        bundles.replace(save_proof, lambda stream: checks.write_proofs(found.proven, stream))


def _checked_options(
    bundle: Path | None, proof: Path | None, nodes: list[str], save_proof: Path | None
) -> list[str]:
    """Refuse options that do not fit; return the nodes to prove."""
    if (bundle is None) == (proof is None):
        raise UsageError("name a bundle, or --proof FILE")
    if nodes and bundle is None:
        raise UsageError("--node needs the bundle")
    if save_proof and not nodes:
        raise UsageError("--save-proof needs --node")
    return nodes


def _print(found: Checked, *, matched: bool) -> None:
    for fact in describe.facts(found.receipt):
        OUT.print(_line(fact))
    for line in describe.left_out(found.receipt):
        OUT.print(printable(line))
    for each in found.recorded[:SHOWN]:
        OUT.print(printable(f"  {each.text}"))
    if (more := found.receipt.differences - SHOWN) > 0:
        OUT.print(f"  … and {more:,} more")
    OUT.print(_line(describe.signed(found)))
    if found.mismatches:
        for mismatch in found.mismatches[:SHOWN]:
            OUT.print(printable(f"Mismatch: {mismatch}"))
        if (more := len(found.mismatches) - SHOWN) > 0:
            OUT.print(f"… and {more:,} more (--json lists them)")
    elif matched:
        for fact in describe.matching(found):
            OUT.print(_line(fact))
    for (by, evidence), number in sorted(found.checksums.items()):
        files = counted(number, "file")
        OUT.print(f"             {files} with a checksum of {_NAMES[by]}, {evidence}")
    for one in found.proven:
        place = f"node {one.position + 1:,} of {one.nodes:,}"
        OUT.print(printable(f"Proven:      {one.record['@id']} belongs to the receipt ({place})"))


_NAMES = {By.SOURCE: "the source", By.SOFTWARE: "graphxfer", By.DESTINATION: "the destination"}


def _line(fact: Fact) -> str:
    return printable(f"{fact.label + ':':<12} {fact.text}")


def _as_json(found: Checked, *, matched: bool) -> dict[str, Any]:
    receipt = found.receipt
    return {
        "matches": not found.mismatches,
        "mismatches": found.mismatches,
        "compared_with": "bundle" if matched else "proofs",
        "outcome": receipt.outcome,
        "differences": receipt.differences,
        "recorded": [each._asdict() for each in found.recorded],
        "signature": found.signature._asdict() if found.signature else None,
        "started": receipt.started,
        "ended": receipt.ended,
        "source": {
            "base": receipt.header.base,
            "database_uuid": receipt.header.database_uuid,
            "version": receipt.header.server_version,
        },
        "destination": {
            "address": receipt.destination.address,
            "database_uuid": receipt.destination.database_uuid,
            "version": receipt.destination.version,
            "group": receipt.destination.group,
        },
        "user": receipt.user,
        "person": receipt.person,
        "software": receipt.software,
        "nodes": receipt.nodes,
        "root": receipt.root,
        "classes": {part.type: part.nodes for part in receipt.parts},
        "not_covered": [_left_out(one) for one in receipt.header.left_out],
        "not_moved": [_left_out(one) for one in receipt.not_moved],
        "files": receipt.files,
        "checksums": [
            {"by": by.removeprefix("this:"), "evidence": evidence, "files": number}
            for (by, evidence), number in sorted(found.checksums.items())
        ],
        "proven": [one.record["@id"] for one in found.proven],
    }


def _left_out(one: Any) -> dict[str, Any]:
    return {"type": one.type, "number": one.number, "reason": one.why}
