# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries made of what a user typed: ome.util.search.LuceneQueryBuilder (omero-common)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from omero_sandbox.errors import misused

_KEPT = "*?~_-:"
_TERM = re.compile(r'"([^"]*)"|(\S+)')
_JOKERS = re.compile(r"[*?~]+")


def build(fields: Sequence[str], start: str, stop: str, date: str, text: str) -> str:
    """Return the Lucene query for what a user typed.

    Parameters
    ----------
    fields : Sequence[str]
        Where to look; everywhere if there are none.
    start, stop : str
        Days, as YYYYMMDD, or nothing.
    date : str
        The field that the days are of.
    text : str
        Words, phrases in quotes, ``AND``.

    Raises
    ------
    omero.ApiUsageException
        When ``AND`` has nothing to its right, or a day is none.
    """
    words = " ".join(_joined([_with_fields(fields, term) for term in _terms(text)]))
    first, last = _day(start), _day(stop)
    if first is None and last is None:
        return words
    first = first or datetime(1970, 1, 1)
    last = last or datetime.now()
    days = f"{date}:[{first:%Y%m%d} TO {last + timedelta(days=1):%Y%m%d}]"
    return f"({words}) AND {days}" if words else days


def _terms(text: str) -> list[str]:
    """Split into terms; what is neither letter nor digit divides them, but in quotes."""
    quoted, kept = False, []
    for c in text:
        quoted ^= c == '"'
        kept.append(c if quoted or c == '"' or c.isalnum() or c in _KEPT else " ")
    found = _TERM.finditer("".join(kept))
    terms = (
        f'"{match[1].strip()}"' if match[1] is not None else match[2]
        for match in found
        if match[1] is not None or not _JOKERS.fullmatch(match[2])
    )
    return list(terms)


def _with_fields(fields: Sequence[str], term: str) -> str:
    if term == "AND" or ":" in term or not fields:
        return term
    return " ".join(f"{field}:{term}" for field in fields)


def _joined(terms: list[str]) -> list[str]:
    """Put terms that AND stands between into parentheses."""
    made: list[list[str]] = []
    joining = False
    for term in terms:
        if term == "AND":
            joining = True
        elif joining and made:
            made[-1].append(term)
            joining = False
        else:
            made.append([term])
            joining = False
    if joining:
        raise misused("Invalid query: AND expression must be followed by a search term!")
    return [
        group[0] if len(group) == 1 else f"({' AND '.join(f'({term})' for term in group)})"
        for group in made
    ]


def _day(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip(), "%Y%m%d")
    except ValueError as error:
        raise misused("Invalid date format, dates must be in format YYYYMMDD.") from error
