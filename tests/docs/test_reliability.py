# SPDX-License-Identifier: GPL-2.0-or-later
"""The table in docs/reliability.md names tests that exist, or says that there is none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TOP / "docs" / "reliability.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|")
][2:]
_TEST = re.compile(r"`(tests/\S+\.py)::(test_\w+)`")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_row_names_its_test(row: list[str]) -> None:
    _, _, result, test = row
    if not test:
        assert "not tested" in result
        return
    named = _TEST.fullmatch(test)
    assert named, test
    module = ast.parse((TOP / named[1]).read_text(encoding="utf-8"))
    assert named[2] in {one.name for one in module.body if isinstance(one, ast.FunctionDef)}


def test_there_are_rows() -> None:
    assert len(ROWS) > 40
