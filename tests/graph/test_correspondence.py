# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of the source and of the destination cannot be mixed up, not even by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

from graphxfer.graph import Header, Node, TransferGraph
from graphxfer.graph.correspondence import Correspondence, GraphThere, There

ROOT = Path(__file__).parents[2]
MIXED = {
    "there == node": "comparison-overlap",
    "node in {there}": "comparison-overlap",
    "there in (node,)": "comparison-overlap",
    "both.there(there)": "arg-type",
    "both.here(node)": "arg-type",
    "graph.get(there)": "arg-type",
    "actual.fields(node)": "arg-type",
    "node in actual.targets(there, node)": "comparison-overlap",
    "journal.same()[node] == node": "comparison-overlap",
    "journal.get(there)": "arg-type",
}


def test_what_is_there_is_never_what_is_here() -> None:
    node = Node("Image/5", "Image", {"name": "a"}, {"annotations": ("TagAnnotation/5",)})
    actual = GraphThere(TransferGraph(Header("https://omero.example.org/"), [node]))
    there = There("Image", 5)
    assert there != node.iri  # type: ignore[comparison-overlap]
    assert node.iri not in {there}  # type: ignore[comparison-overlap]
    assert actual.fields(there) == {"name": "a"}
    assert actual.fields(There("Image", 6)) is actual.fields(There("Dataset", 5)) is None
    assert actual.targets(there, "annotations") == (There("TagAnnotation", 5),)
    both = Correspondence({"Image/1": there})
    assert (both.there("Image/5"), both.here(There("Image", 1))) == (None, ())


@pytest.mark.slow
def test_mypy_refuses_every_mix(tmp_path: Path) -> None:
    lines = [
        "from graphxfer.graph import TransferGraph",
        "from graphxfer.graph.correspondence import Correspondence, GraphThere, There",
        "from graphxfer.journal import Journal",
        "def mixed(node: str, there: There, both: Correspondence, graph: TransferGraph,",
        "          actual: GraphThere, journal: Journal) -> None:",
        *(f"    print({line})" for line in MIXED),
    ]
    path = tmp_path / "mixed.py"
    path.write_text("\n".join(lines))
    told, _, _ = api.run([str(path), f"--config-file={ROOT / 'pyproject.toml'}"])
    for number, (line, code) in enumerate(MIXED.items(), 6):
        found = [one for one in told.splitlines() if one.startswith(f"{path}:{number}: ")]
        assert any(f"[{code}]" in one for one in found), (line, told)
