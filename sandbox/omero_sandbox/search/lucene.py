# SPDX-License-Identifier: GPL-2.0-or-later
"""Lucene queries: text -> tree -> ids of objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import omero
from lark import Lark, Tree
from lark.exceptions import UnexpectedInput

from omero_sandbox.errors import fail, misused
from omero_sandbox.search.words import Words

_ESCAPE = re.compile(r"\\(.)")


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("lucene.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


def parse(query: str) -> Tree[Any]:
    """Return the tree of a query.

    Raises
    ------
    omero.ApiUsageException
        When it is not understood: ome.services.search.FullText's answer to a ParseException.
    """
    try:
        return _parser().parse(query)
    except UnexpectedInput as error:
        place = error.get_context(query).rstrip()
        raise misused(f"{query} caused a parse exception: at\n{place}") from error


def find(tree: Tree[Any], words: Words, *, phrases: bool = False) -> set[int]:
    """Return the ids of the objects that a query finds.

    Parameters
    ----------
    phrases : bool
        Whether a term of several words, such as ``a.tif``, is a phrase (until Lucene 3.0) or
        means any of its words (since 3.1).
    """
    return _Finder(words, phrases).clauses(tree.children)


class _Finder:
    def __init__(self, words: Words, phrases: bool) -> None:
        self._words, self._phrases = words, phrases

    def clauses(self, nodes: Iterable[Tree[Any]], field: str | None = None) -> set[int]:
        """Combine clauses as Lucene's QueryParser.addClause and BooleanQuery do.

        ``AND`` makes the clauses at both its sides required; where any are, those that are not
        do not matter.
        """
        must: list[set[int]] = []
        should: list[set[int]] = []
        must_not: list[set[int]] = []
        last = should
        for node in nodes:
            *before, occurrence, named, part, _ = node.children
            found = self._part(part, str(named)[:-1] if named else field)
            joined = any(one is not None and one.data == "and_" for one in before)
            if joined and last is should and should:
                must.append(should.pop())
            if found is None:
                continue
            if occurrence is not None and occurrence.data == "must_not":
                last = must_not
            else:
                last = must if joined or occurrence is not None else should
            last.append(found)
        found = set.intersection(*must) if must else set().union(*should)
        return found.difference(*must_not)

    def _part(self, part: Tree[Any], field: str | None) -> set[int] | None:
        """Return what a part of a clause finds; None when it has no words at all."""
        match part.data:
            case "group":
                return self.clauses(part.children, field)
            case "range":
                low, high = part.children
                return self._words.between(field, str(low), str(high))
            case "phrase":
                return self._words.phrase(field, str(part.children[0])[1:-1])
            case "term":
                return self._term(field, str(part.children[0]))
            case _:
                raise fail(
                    omero.InternalException,
                    "The sandbox does not implement Search: similar words (~)",
                )

    def _term(self, field: str | None, term: str) -> set[int] | None:
        text = _ESCAPE.sub(r"\1", term)
        if "*" in text or "?" in text:
            return self._words.pattern(field, text.lower())
        if self._phrases:
            return self._words.phrase(field, text)
        return self._words.any_of(field, text)
