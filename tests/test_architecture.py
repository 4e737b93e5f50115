# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports run down the floors that docs/design.md lists, and never in a circle."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "design.md").read_text("utf-8")
FLOORS = [
    " ".join(re.findall(r"`(\w+)`", line))
    for line in re.findall(r"^\d\. (`.*)$", PAGE.partition("## Which package")[2], re.MULTILINE)
]
architecture = runpy.run_path(str(ROOT / "sandbox" / "tests" / "architecture.py"))
"""The check that the sandbox's tests use, too: see the file for what counts as an import."""
GRAPH: dict[str, set[str]] = architecture["imports"](ROOT / "graphxfer")
TOP = ["__main__", *FLOORS, "graphxfer"]
"""The package itself holds its version; whoever runs it as a program stands above all."""


def test_imports_run_down_only() -> None:
    assert architecture["upwards"](GRAPH, TOP) == []


def test_no_module_imports_itself_in_a_circle() -> None:
    assert architecture["circle"](GRAPH) == []


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    rooms = {name.split(".")[1] for name in GRAPH if "." in name}
    assert rooms == {room for floor in FLOORS for room in floor.split()} | {"__main__"}
    assert len(FLOORS) == 9


def test_only_what_speaks_to_a_server_imports_omero() -> None:
    found = {
        path.relative_to(ROOT / "graphxfer").parts[0]
        for path in (ROOT / "graphxfer").rglob("*.py")
        if architecture["packages"](path) & {"omero", "Ice", "Glacier2", "ezomero"}
    }
    assert found == {"omero"}
