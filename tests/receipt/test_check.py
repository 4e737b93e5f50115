# SPDX-License-Identifier: GPL-2.0-or-later
"""A receipt is checked against a bundle: each kind of mismatch is named."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from graphxfer import bundle as bundles
from graphxfer.bundle import Bundle, FileEntry
from graphxfer.bundle import manifest as manifests
from graphxfer.bundle.manifest import Manifest
from graphxfer.errors import BadDocument, FileProblem
from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.receipt.check import check, read_proofs, write_proofs
from tests.inspect import sample
from tests.inspect.sample import own
from tests.receipt.samples import FINDING, document_of


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return sample.write(tmp_path / "b")


@pytest.fixture
def receipt(bundle: Bundle) -> Path:
    path = bundle.folder.with_name("r.jsonld")
    path.write_bytes(document_of(bundle))
    return path


def test_the_bundle_of_the_receipt(bundle: Bundle, receipt: Path) -> None:
    for source in (bundle, Bundle(bundle.folder), bundles.open_source(bundle.xml_path)):
        found = check(receipt, source=source)
        assert (found.mismatches, found.signature, found.recorded) == ([], None, [])
    assert sorted(found.checksums.values()) == [1, 1, 2]


def test_recorded_differences(bundle: Bundle, receipt: Path) -> None:
    receipt.write_bytes(document_of(bundle, [FINDING]))
    found = check(receipt, source=bundle)
    assert (found.mismatches, found.recorded) == ([], [FINDING])


@pytest.mark.parametrize(
    ("changed", "without", "named"),
    [
        (own("Dataset/102", {"name": "to do", "description": ""}), (), ["Dataset: the nodes"]),
        (own("Dataset/104", {"name": "x"}), (), ["Dataset: 4 in the bundle, 3 in the receipt"]),
        (None, ("Roi/4",), ["Roi: 0 in the bundle, 1 in the receipt"]),
        (
            own(
                "OriginalFile/12", {"name": "t.csv", "path": "/home/ada/", "size": 49, "hash": "00"}
            ),
            (),
            ["OriginalFile: the nodes", "Files/12/t.csv: the size is 49, in the receipt 48"],
        ),
    ],
)
def test_another_graph(
    receipt: Path, changed: Node | None, without: tuple[str, ...], named: list[str]
) -> None:
    more = [changed] if changed else []
    other = sample.write(receipt.with_name("other"), *more, without=without)
    found = check(receipt, source=other).mismatches
    assert [any(line.startswith(name) for line in found) for name in named] == [True] * len(named)
    assert len([line for line in found if "root hash of the graph" in line]) == 1
    assert len(found) == len(named) + 1


@pytest.mark.parametrize(
    "fields",
    [
        {"base": "https://other.example.org/"},
        {"database_uuid": "00000000-0000-4000-8000-000000000002"},
        {"made_at": "2027-01-01T00:00:00Z"},
        {"roots": ("Project/51",)},
        {"included": ()},
        {"left_out": ()},
    ],
)
def test_another_header(receipt: Path, fields: dict[str, object]) -> None:
    graph = sample.graph()
    header: Header = replace(graph.header, **fields)  # type: ignore[arg-type]
    other = bundles.write(receipt.with_name("other"), TransferGraph(header, graph))
    (mismatch,) = check(receipt, source=other).mismatches
    assert "of the graph is" in mismatch


def rewritten(bundle: Bundle, change: dict[str, object]) -> Bundle:
    """Change the first entry of the manifest that has a checksum; without values, remove it."""
    first, *others = sorted(bundle.manifest(), key=lambda entry: not entry.hasher)
    entries: list[FileEntry] = [first._replace(**change), *others] if change else others  # type: ignore[arg-type]
    with bundle.manifest_path.open("w", newline="") as stream:
        manifests.write(Manifest(entries), stream)
    return Bundle(bundle.folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"size": 1}, "the size is 1, in the receipt"),
        ({"size": None}, "the size is None, in the receipt"),
        ({"checksum": "ff"}, "the source's checksum is SHA1-160 ff, in the receipt SHA1-160 0"),
        ({"checksum": "", "hasher": ""}, "the source's checksum is none, in the receipt"),
        ({"hasher": "MD5-128"}, "the source's checksum is MD5-128"),
        ({"path": "elsewhere/a.tif"}, "the receipt has the path"),
        ({"node": "OriginalFile/77"}, "not in the manifest"),
        ({}, "not in the manifest"),
    ],
)
def test_another_manifest(
    bundle: Bundle, receipt: Path, change: dict[str, object], named: str
) -> None:
    found = check(receipt, source=rewritten(bundle, change)).mismatches
    assert named in found[0]
    assert len(found) == 1 + ("node" in change)


# -- proofs -------------------------------------------------------------------------------------


def test_proofs_need_no_bundle(bundle: Bundle, receipt: Path, tmp_path: Path) -> None:
    wanted = ["Image/7", "Rectangle/11"]
    proven = check(receipt, source=bundle, nodes=wanted).proven
    with (tmp_path / "p.json").open("wb") as stream:
        write_proofs(proven, stream)
    proofs = read_proofs(tmp_path / "p.json")
    assert proofs == proven
    found = check(receipt, proofs=proofs)
    assert (found.mismatches, [one.record["@id"] for one in found.proven]) == ([], wanted)
    forged = [proofs[0]._replace(record=proofs[0].record | {"name": "another"})]
    found = check(receipt, proofs=forged)
    assert (found.mismatches, found.proven) == (["Image/7: does not belong to the receipt"], [])


def test_what_is_not_in_the_bundle_is_not_proven(bundle: Bundle, receipt: Path) -> None:
    found = check(receipt, source=bundle, nodes=["Image/7", "Image/70"])
    assert found.mismatches == ["Image/70: not in the bundle"]


def _proofs(**changed: object) -> str:
    """Return a document of one proof with members changed."""
    proof = {"node": {"@id": "Image/7"}, "position": 0, "nodes": 1, "path": []} | changed
    return json.dumps({"format": "graphxfer proof 1", "proofs": [proof]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "graphxfer proof 1"}',
        '{"format": "graphxfer proof 1", "proofs": [1]}',
        '{"format": "graphxfer proof 1", "proofs": []}',
        _proofs(node={}),
        _proofs(node={"@id": 1}),
        _proofs(position="0"),
        _proofs(nodes=None),
        _proofs(path=["x" * 64]),
        _proofs(path=["ab" * 32] * 65),
        "[" * 100_000,
    ],
)
def test_what_are_not_proofs(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(BadDocument, match="cannot be read as proofs"):
        read_proofs(tmp_path / "p.json")


def test_a_pipe_is_not_a_receipt(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r")
    with pytest.raises(FileProblem, match="is not a file"):
        check(tmp_path / "r")
    with pytest.raises(FileProblem, match="No such file"):
        check(tmp_path / "nowhere")
