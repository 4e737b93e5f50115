# SPDX-License-Identifier: GPL-2.0-or-later
"""Receipts of the sample bundle, and SSH keys."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

from graphxfer.bundle import Bundle
from graphxfer.graph import LeftOut
from graphxfer.receipt import write
from graphxfer.receipt.contents import (
    By,
    Checksum,
    Evidence,
    File,
    Finding,
    Part,
    Place,
    Receipt,
)
from graphxfer.receipt.tree import GraphTree

IRI = "urn:uuid:5d3c1e0a-7b8f-4c2d-9e6a-1f2b3c4d5e6f#"
FINDING = Finding(
    "Image/7", "field", "name", "Image/90", "Image/7 (counterpart Image/90): name is 'b'"
)


def receipt_of(bundle: Bundle, differences: int = 0, person: str = "Ada Lovelace") -> Receipt:
    """Return a receipt, as a verification of the bundle would give it."""
    tree = GraphTree(bundle.graph())
    return Receipt(
        iri=IRI,
        started="2026-11-24T09:29:00+00:00",
        ended="2026-11-24T09:30:00+00:00",
        header=bundle.graph().header,
        nodes=len(tree),
        root=tree.root(),
        parts=tuple(Part(*each, True, ("owner",)) for each in tree.subtrees()),
        destination=Place(
            "omero://omero.public.example:4064",
            "0d9cbb52-4e0b-4f0e-8a6f-6f1f0c7a2e55",
            "5.6.17",
            "Imaging",
        ),
        user="ada",
        person=person,
        software="0.1.0",
        not_moved=(LeftOut("Roi", 1, "µ"),) if differences else (),
        files=len(bundle.manifest()),
        differences=differences,
    )


def files_of(bundle: Bundle) -> list[File]:
    """Return the files of the receipt; graphxfer has computed those of a known algorithm."""
    found = []
    for entry in bundle.manifest():
        source = Checksum(By.SOURCE, Evidence.RECORDED, entry.hasher, entry.checksum)
        sums = [source] if entry.checksum else []
        if entry.hasher:
            sums.append(Checksum(By.SOFTWARE, Evidence.UPLOADED, entry.hasher, entry.checksum))
            sums.append(Checksum(By.DESTINATION, Evidence.RECORDED, "MD5-128", "ab" * 16))
        found.append(File(entry.node, entry.path, entry.size, tuple(sums)))
    return found


def document_of(bundle: Bundle, findings: Sequence[Finding] = ()) -> bytes:
    """Return the document of a receipt."""
    stream = io.BytesIO()
    write.write(receipt_of(bundle, len(findings)), files_of(bundle), findings, stream)
    return stream.getvalue()


def keygen(path: Path, passphrase: str = "", options: str = "") -> Path:
    """Make an SSH key, and a file ``….allowed`` that allows its owner to sign."""
    arguments = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(arguments, check=True)
    public = path.with_name(f"{path.name}.pub").read_text()
    line = f"{path.name}@example.org {options} {public}"
    path.with_name(f"{path.name}.allowed").write_text(line)
    return path
