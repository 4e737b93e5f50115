# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in the pages of docs/ do what the pages say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from graphxfer.bundle import manifest
from graphxfer.graph import transfer_graph

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [page for page in sorted(DOCS.glob("*.md")) if ">>> " in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_true(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(
        str(page), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS
    )
    assert tried
    assert not failed, "see the output above"


def test_there_are_pages_with_examples() -> None:
    assert {"graph", "bundle"} <= {page.stem for page in PAGES}


def test_the_examples_in_docstrings_are_true() -> None:
    for module in (transfer_graph, manifest):
        failed, tried = doctest.testmod(module)
        assert tried
        assert not failed
