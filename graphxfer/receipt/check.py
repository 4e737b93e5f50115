# SPDX-License-Identifier: GPL-2.0-or-later
"""Check a receipt against a bundle, without any server."""

from __future__ import annotations

import json
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from graphxfer.bundle import Bundle, FileEntry, file_errors
from graphxfer.errors import BadDocument, FileProblem
from graphxfer.graph import Header
from graphxfer.graph.jsonld.nodes import header_record
from graphxfer.receipt import read, signature
from graphxfer.receipt.contents import By, Checksum, Evidence, File, Finding, Receipt
from graphxfer.receipt.signature import Signature
from graphxfer.receipt.tree import GraphTree, Proof

PROOF = "graphxfer proof 1"
MAX_PROOF = 2**28
MAX_SHOWN = 1000
"""How many mismatches, and how many recorded differences, are kept to be shown."""


@dataclass(slots=True)
class Checked:
    """What a check of a receipt found.

    Parameters
    ----------
    receipt : Receipt
        The receipt.
    signature : Signature or None
        The valid signature; None if the receipt is not signed.
    mismatches : list of str
        What is not as the receipt records it.
    recorded : list of Finding
        The first differences that the receipt records.
    checksums : Counter
        The number of files by who vouches for a checksum, and how.
    proven : list of Proof
        Nodes that are proven to belong to the receipt.
    """

    receipt: Receipt
    signature: Signature | None
    mismatches: list[str] = field(default_factory=list)
    recorded: list[Finding] = field(default_factory=list)
    checksums: Counter[tuple[By, Evidence]] = field(default_factory=Counter)
    proven: list[Proof] = field(default_factory=list)

    def add(self, mismatch: str) -> None:
        """Add a mismatch, unless there are too many to read."""
        if len(self.mismatches) < MAX_SHOWN:
            self.mismatches.append(mismatch)


def check(
    path: Path,
    *,
    source: Bundle | None = None,
    proofs: Sequence[Proof] = (),
    nodes: Sequence[str] = (),
    signers: Path | None = None,
) -> Checked:
    """Check a receipt: its form, its signature, and that it is the receipt of a bundle.

    Parameters
    ----------
    path : Path
        The receipt.
    source : Bundle, optional
        The bundle.
    proofs : sequence of Proof
        Proofs that nodes belong to the receipt, which need no bundle.
    nodes : sequence of str
        IRIs of nodes of the bundle to prove.
    signers : Path, optional
        The file of allowed signers.

    Raises
    ------
    BadDocument
        If it is not a receipt.
    BadSignature
        If the signature is not valid, or missing although `signers` are given.
    """
    with _opened(path) as stream:
        receipt, files, findings = read.read(stream)
        checked = Checked(receipt, None)
        manifest = {entry.node: entry for entry in source.manifest()} if source else None
        _check_files(checked, files, manifest)
        for finding in findings:
            if len(checked.recorded) < MAX_SHOWN:
                checked.recorded.append(finding)
        stream.seek(0)
        checked.signature = _signature(path, stream, signers, receipt.ended)
    if source is not None:
        _check_graph(checked, source, nodes)
    for proof in proofs:
        _add_proof(checked, proof, str(proof.record.get("@id")))
    return checked


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with file_errors(path):
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe could not be read twice
            raise FileProblem("is not a file", where=str(path))
        with path.open("rb") as stream:
            yield stream


def _signature(path: Path, stream: BinaryIO, signers: Path | None, when: str) -> Signature | None:
    signed = signature.beside(path)
    if signed.exists():
        return signature.check(stream, signed, signers, when)
    if signers is not None:
        raise signature.BadSignature(
            "the receipt is not signed: there is no signature beside it",
            where=str(signed),
            do="copy the signature there, or check the receipt without --allowed-signers",
        )
    return None


# -- the graph ----------------------------------------------------------------------------------


def _check_graph(checked: Checked, source: Bundle, nodes: Sequence[str]) -> None:
    wanted = dict.fromkeys(nodes)
    found = {}
    with source.nodes() as (header, stream):
        _check_header(checked, header)

        def each() -> Iterator[Any]:
            for node in stream:
                if node.iri in wanted:
                    found[node.iri] = node
                yield node

        tree = GraphTree(each())
    _check_tree(checked, tree)
    for iri in wanted:
        proof = tree.proof(found[iri]) if iri in found else None
        if proof is None:
            checked.add(f"{iri}: not in the bundle")
        else:
            _add_proof(checked, proof, iri)


def _check_header(checked: Checked, header: Header) -> None:
    here, there = header_record(header), header_record(checked.receipt.header)
    here["base"], there["base"] = header.base, checked.receipt.header.base
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            values = f"{_short(here.get(name))}, the receipt has {_short(there.get(name))}"
            checked.add(f"{name} of the graph is {values}")


def _check_tree(checked: Checked, tree: GraphTree) -> None:
    """Compare the numbers of nodes, and the roots."""
    receipt = checked.receipt
    here = {each.type: each for each in tree.subtrees()}
    there = {each.type: each for each in receipt.parts}
    for type_ in sorted(here.keys() | there.keys()):
        ours, theirs = here.get(type_), there.get(type_)
        number = ours.nodes if ours else 0, theirs.nodes if theirs else 0
        if number[0] != number[1]:
            checked.add(f"{type_}: {number[0]:,} in the bundle, {number[1]:,} in the receipt")
        elif ours and theirs and ours.root != theirs.root:
            checked.add(f"{type_}: the nodes are not as in the receipt (another root hash)")
    if tree.root() != receipt.root:
        checked.add(f"the root hash of the graph is {tree.root()}, in the receipt {receipt.root}")


def _add_proof(checked: Checked, proof: Proof, name: str) -> None:
    receipt = checked.receipt
    if proof.nodes == receipt.nodes and proof.leads_to(receipt.root):
        checked.proven.append(proof)
    else:
        checked.add(f"{name}: does not belong to the receipt")


def _short(value: object, limit: int = 100) -> str:
    text = "missing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}…"


# -- files --------------------------------------------------------------------------------------


def _check_files(
    checked: Checked, files: Iterable[File], manifest: Mapping[str, FileEntry] | None
) -> None:
    """Compare the files with the manifest, and count who vouches for their checksums."""
    missing = dict(manifest or {})
    seen: set[str] = set()
    for file in files:
        checked.checksums.update({(one.by, one.evidence) for one in file.checksums})
        if manifest is None:
            continue
        if file.node in seen:
            raise BadDocument(f"the file {file.node!r:.200} appears twice")
        entry = missing.pop(file.node, None)
        if entry is None:
            checked.add(f"{file.path}: not in the manifest")
            continue
        seen.add(file.node)
        for wrong in _unequal(file, entry):
            checked.add(f"{entry.path}: {wrong}")
    for entry in missing.values():
        checked.add(f"{entry.path}: not in the receipt")


def _unequal(file: File, entry: FileEntry) -> Iterator[str]:
    """Iterate over what differs between a file of the receipt and of the manifest."""
    if file.path != entry.path:
        yield f"the receipt has the path {file.path!r:.200}"
    if file.size != entry.size:
        yield f"the size is {entry.size}, in the receipt {file.size}"
    of_source = [one for one in file.checksums if one.by is By.SOURCE]
    recorded = Checksum(By.SOURCE, Evidence.RECORDED, entry.hasher, entry.checksum)
    if of_source != ([recorded] if entry.checksum else []):
        texts = " ".join(f"{one.algorithm} {one.value}" for one in of_source) or "none"
        ours = f"{entry.hasher} {entry.checksum}" if entry.checksum else "none"
        yield f"the source's checksum is {ours}, in the receipt {texts:.200}"


# -- proofs as documents ------------------------------------------------------------------------


def write_proofs(proofs: Sequence[Proof], stream: BinaryIO) -> None:
    """Write proofs, so that others can check them without the bundle."""
    listed = [
        {"node": one.record, "position": one.position, "nodes": one.nodes, "path": list(one.path)}
        for one in proofs
    ]
    text = json.dumps({"format": PROOF, "proofs": listed}, ensure_ascii=False, indent=1)
    stream.write(text.encode() + b"\n")


def read_proofs(path: Path) -> list[Proof]:
    """Read proofs.

    Raises
    ------
    BadDocument
        If the file does not contain proofs.
    """
    with _opened(path) as stream:
        data = stream.read(MAX_PROOF + 1)
    try:
        if len(data) > MAX_PROOF:
            raise ValueError(f"is larger than {MAX_PROOF // 2**20} MiB")
        document = read.parsed(data.decode())
        if type(document) is not dict or document.get("format") != PROOF:
            raise ValueError(f"the format is not {PROOF!r}")
        if not document["proofs"]:
            raise ValueError("there are none")
        return [_proof(each) for each in document["proofs"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadDocument(
            f"cannot be read as proofs: {error}",
            where=str(path),
            do="write them with `graphxfer verify-receipt --save-proof`",
        ) from None


def _proof(raw: Any) -> Proof:
    record, position, nodes, hashes = (raw[name] for name in ("node", "position", "nodes", "path"))
    if type(record) is not dict or type(record.get("@id")) is not str:
        raise ValueError("the node has no IRI")
    if type(position) is not int or type(nodes) is not int:
        raise ValueError("the position is not a number")
    if len(hashes) > 64 or not all(type(one) is str and len(one) == 64 for one in hashes):
        raise ValueError("the path is not a list of SHA-256 hashes")
    for one in hashes:
        bytes.fromhex(one)
    return Proof(record, position, nodes, tuple(hashes))
