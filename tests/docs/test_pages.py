# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in the pages of docs/ do what the pages say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import graphxfer

DOCS = Path(__file__).parents[2] / "docs"
PACKAGE = Path(graphxfer.__file__).parent
MODULES = [
    ".".join(("graphxfer", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
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


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed, "see the output above"


def test_there_are_modules_with_examples() -> None:
    assert {"graphxfer.graph.transfer_graph", "graphxfer.bundle.manifest"} <= set(MODULES)
