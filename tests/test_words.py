# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages, messages and docstrings are in plain technical English.

Most people who run OMERO read English as a second language. All texts use the words of OMERO's,
git's and rsync's documentation, one term for one thing. The phrases below look simple, but have no
meaning in a dictionary that fits, or name one thing in many ways.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
WORDS = (
    # phrase, an example of it, what to write instead
    (r"\btold\b", "Images without a thumbnail are told", "reported, listed"),
    (r"\btells? of\b", "the journal tells of it", "shows, contains"),
    (r"\bcannot be told\b", "which one cannot be told", "is ambiguous"),
    (r"\bwhich is which\b", "which is which", "ambiguous"),
    (r"\b(?:go(?:es|ne|ing)?|went) on\b", "it goes on where it stopped", "is resumed"),
    (r"\b(?:came|went|gone) with\b", "what went with it", "was included, was removed with"),
    (r"\b(?:comes?|came|coming) along\b", "images that come along", "are included"),
    (r"\bbrings? along\b", "what an export brings along", "includes"),
    (r"\b(?:came|comes?) of (?:it|this|that)\b", "what came of it", "the result"),
    (r"\b(?:made|begun|created) (?:again|anew)\b", "a tag is made anew", "created"),
    (r"\bsaid of\b", "what is said of a node", "recorded for, reported for"),
    (r"\bunless said\b|\bif not said\b", "4064 unless said", "default 4064"),
    (r"\bat hand\b", "the files at hand", "available"),
    (r"\b(?:stands?|stood) for\b", "the object that stands for it", "represents"),
    (r"\bof its own accord\b", "it ends of its own accord", "automatically"),
    (r"\bothers? of (?:its|theirs)\b", "others of its", "name what belongs to what"),
    (r"\bwhat \S.{0,20} is of\b", "what the node is of", "name what belongs to what"),
    (r"\bnobody\b", "nobody knows", "say who does not, or use the passive"),
    (r"(?<!there )\b(?:is|are) no (?!longer\b)", "this is no name of a host", "is not a"),
    (r"\b(?:is|are) there already\b", "177 nodes are there already", "already exists"),
    (r"\btaken whole\b", "filesets are taken whole", "complete"),
    (r"\bwaited for\b", "its import was not waited for", "say who waits, and for what"),
)
"""From the project's table of words."""

PAGES = sorted(
    path
    for pattern in (
        *("README.md", "benchmarks/README.md", "docs/*.md", "sandbox/*.md"),
        *("shapes/*.ttl", "graphxfer/inspect/queries/*.rq", "graphxfer/inspect/page/*.html"),
    )
    for path in TOP.glob(pattern)
)
PACKAGES = ("graphxfer", "sandbox/omero_sandbox", "setup")
MODULES = sorted(path for package in PACKAGES for path in (TOP / package).rglob("*.py"))
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_PARAGRAPH = re.compile(r"(?:^.*\S.*\n?)+", re.MULTILINE)


def _name(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def found(text: str) -> list[str]:
    """Return a line for each phrase in a page, outside its blocks and pieces of code."""
    prose = _CODE.sub(lambda code: re.sub(r"\S", "~", code[0]), text)
    return [
        f"line {prose.count(chr(10), 0, paragraph.start()) + 1} ff.: {match[0]!r}: write {instead}"
        for paragraph in _PARAGRAPH.finditer(prose)
        for phrase, _, instead in WORDS
        for match in re.finditer(phrase, " ".join(paragraph[0].split()), re.IGNORECASE)
    ]


def in_code(path: Path) -> list[str]:
    """Return a line for each phrase in a module's messages and docstrings."""
    texts = (
        (node.lineno, " ".join(node.value.split()))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return [
        f"line {line}: {match[0]!r}: write {instead}"
        for line, text in texts
        for phrase, _, instead in WORDS
        for match in re.finditer(phrase, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_page_is_in_plain_english(path: Path) -> None:
    assert found(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_messages_and_docstrings_are_in_plain_english(path: Path) -> None:
    assert in_code(path) == []


def test_a_phrase_in_a_message_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('raise Failure(f"{name} is no\\n bundle")  # told\nx = "is not a bundle"\n')
    assert in_code(module) == ["line 1: 'is no ': write is not a"]


@pytest.mark.parametrize(("phrase", "example"), [word[:2] for word in WORDS])
def test_a_phrase_is_found(phrase: str, example: str) -> None:
    assert re.search(phrase, example)
    assert found(f"One line.\n{example}.")
    assert found("One line.\n" + example.replace(" ", "\n"))


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ graphxfer plan b s\n177 nodes are there already\n```\n",
        "The header has `told`.",
        "There is no password in it, and it is no longer needed.",
    ],
)
def test_code_and_plain_sentences_pass(text: str) -> None:
    assert found(text) == []
