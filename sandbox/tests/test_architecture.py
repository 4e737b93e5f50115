# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports run down the floors that README.md lists, and never in a circle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import omero_sandbox
from tests import architecture

PACKAGE = Path(omero_sandbox.__file__).parent
README = (PACKAGE.parent / "README.md").read_text("utf-8")
(TREE,) = re.findall(r"^## Floors\n.*?```\n(.*?)```", README, re.DOTALL | re.MULTILINE)
FLOORS = [re.split(r" {2,}", line)[0] for line in TREE.splitlines()]
GRAPH = architecture.imports(PACKAGE)


def test_imports_run_down_only() -> None:
    assert architecture.upwards(GRAPH, FLOORS) == []


def test_no_module_imports_itself_in_a_circle() -> None:
    assert architecture.circle(GRAPH) == []


def test_it_needs_nothing_of_graphxfer() -> None:
    folders = (PACKAGE, Path(__file__).parent)
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    assert [path for path in modules if "graphxfer" in architecture.packages(path)] == []


def test_every_floor_is_there() -> None:
    listed = {f"omero_sandbox.{room}" for floor in FLOORS for room in floor.split()}
    assert listed - {"omero_sandbox.omero_sandbox"} <= set(GRAPH)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a module above and a room of two below."""
    made = tmp_path / "made_up"
    (made / "low").mkdir(parents=True)
    for name in ("__init__", "top", "low/__init__", "low/a"):
        (made / f"{name}.py").touch()
    (made / "low" / "b.py").write_text("import made_up.low.a")
    return made


@pytest.mark.parametrize(
    "text",
    [
        "import made_up.top",
        "from made_up import top",
        "from made_up.top import x",
        "def f():\n    from made_up.top import x",
        "def f():\n    importlib.import_module('made_up.top')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import made_up.top",
    ],
)
def test_every_kind_of_import_counts(package: Path, text: str) -> None:
    (package / "low" / "a.py").write_text(text)
    graph = architecture.imports(package)
    assert architecture.upwards(graph, ["top", "low", "made_up"]) == [
        "made_up.low.a imports made_up.top"
    ]
    assert architecture.upwards(graph, ["low", "top", "made_up"]) == []
    assert architecture.circle(graph) == []
    (package / "top.py").write_text("from made_up.low.a import x")
    circle = architecture.circle(architecture.imports(package))
    assert set(circle) == {"made_up.top", "made_up.low.a"}


def test_rooms_of_one_floor_do_not_import_each_other(package: Path) -> None:
    (package / "low" / "a.py").write_text("import made_up.top")
    graph = architecture.imports(package)
    assert len(architecture.upwards(graph, ["top low", "made_up"])) == 1
