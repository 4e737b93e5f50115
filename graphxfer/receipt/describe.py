# SPDX-License-Identifier: GPL-2.0-or-later
"""A receipt in words, for the command line and the report page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from graphxfer.errors import counted
from graphxfer.receipt.check import Checked
from graphxfer.receipt.contents import Place, Receipt


class Fact(NamedTuple):
    """A line about a receipt: its label, and the text."""

    label: str
    text: str


def facts(receipt: Receipt) -> Iterator[Fact]:
    """Iterate over what a receipt records: who and when, servers, outcome."""
    header = receipt.header
    by = f"{receipt.person} (account {receipt.user})" if receipt.person else receipt.user
    source = Place(header.base, header.database_uuid, header.server_version)
    exported = f", exported {header.made_at} by {header.made_by}" if header.made_at else ""
    yield Fact("Verified", f"{receipt.ended} by {by} with graphxfer {receipt.software}")
    yield Fact("Source", f"{_place(source)}{exported}")
    yield Fact("Destination", _place(receipt.destination))
    yield Fact("Outcome", _outcome(receipt))


def left_out(receipt: Receipt) -> Iterator[str]:
    """Iterate over what the receipt does not prove: not exported, or not moved."""
    yield from map(str, receipt.header.left_out)
    for one in receipt.not_moved:
        yield f"Not moved: {one.number:,} {one.type} ({one.why})"


def signed(checked: Checked) -> Fact:
    """Return who signed a receipt."""
    if checked.signature is None:
        return Fact("Signature", "none")
    key_type, fingerprint, signer = checked.signature
    who = f"of {signer}" if signer else "valid; the signer is not checked (--allowed-signers)"
    return Fact("Signature", f"{who}, {key_type} key {fingerprint}")


def matching(checked: Checked) -> Iterator[Fact]:
    """Iterate over what of a bundle is as in its receipt; call it if there is no mismatch."""
    yield Fact("Graph", f"{counted(checked.receipt.nodes, 'node')} as in the receipt")
    yield Fact("Files", f"{counted(checked.receipt.files, 'file')} as in the receipt")


def _place(place: Place) -> str:
    version = f"OMERO {place.version}" if place.version else ""
    database = f"database {place.database_uuid}" if place.database_uuid else ""
    known = ", ".join(fact for fact in (version, database) if fact)
    address = f"{place.address}/{place.group}" if place.group else place.address
    return f"{address} ({known})" if known else address


def _outcome(receipt: Receipt) -> str:
    return counted(receipt.differences, "difference") if receipt.differences else receipt.outcome
