# SPDX-License-Identifier: GPL-2.0-or-later
"""`graphxfer query`: query a bundle's graph with SPARQL."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pyoxigraph import Literal, NamedNode, QueryResultsFormat, QuerySolutions, RdfFormat
from rich.table import Table
from rich.text import Text

from graphxfer.bundle import open_source
from graphxfer.cli.common import ERR, OUT, printable
from graphxfer.errors import FileProblem, UsageError, counted
from graphxfer.inspect import omero_rdf
from graphxfer.inspect.query import Answer, Limits, ask, library, load, named


class AnswerFormat(StrEnum):
    """The formats of an answer."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    XML = "xml"
    TURTLE = "turtle"
    NTRIPLES = "ntriples"
    JSONLD = "jsonld"


_STANDARD: dict[AnswerFormat, QueryResultsFormat | RdfFormat] = {
    AnswerFormat.CSV: QueryResultsFormat.CSV,
    AnswerFormat.TSV: QueryResultsFormat.TSV,
    AnswerFormat.JSON: QueryResultsFormat.JSON,
    AnswerFormat.XML: QueryResultsFormat.XML,
    AnswerFormat.TURTLE: RdfFormat.TURTLE,
    AnswerFormat.NTRIPLES: RdfFormat.N_TRIPLES,
    AnswerFormat.JSONLD: RdfFormat.JSON_LD,
}


_NAME = re.compile(r"[\w-]+")
_NUMBERS = {
    NamedNode(f"http://www.w3.org/2001/XMLSchema#{name}")
    for name in ("integer", "decimal", "double", "long", "int")
}


def query(
    bundle: Annotated[
        Path | None,
        typer.Argument(metavar="BUNDLE", help="The bundle's folder.", show_default=False),
    ] = None,
    text: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="SPARQL 1.1, @FILE, or the name of a query (see --list).",
            show_default=False,
        ),
    ] = "",
    format_: Annotated[
        AnswerFormat | None,
        typer.Option(
            "--format", "-f", help="Output format (default: a table, or Turtle for triples)."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Maximum number of rows or triples.")
    ] = Limits.rows,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Maximum time in seconds.")
    ] = Limits.seconds,
    list_: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
) -> None:
    """Query a bundle's graph with SPARQL."""
    if list_:
        _print_list()
        return
    if bundle is None or not text:
        raise UsageError(
            "the bundle or the query is missing",
            do="graphxfer query BUNDLE QUERY (--list shows the named queries)",
        )
    sparql = _text(text)
    with load(open_source(bundle), with_omero_rdf=omero_rdf.is_asked_for(sparql)) as store:
        answer = ask(store, sparql, Limits(seconds=timeout, rows=limit))
        _print(answer, format_, store.base)
    if answer.is_cut:
        shown = counted(limit, "triple" if answer.kind == "triples" else "row")
        ERR.print(f"Showing {shown} (--limit N for more)")


def _text(text: str) -> str:
    """Return the query: a file's, a named one, or the text itself."""
    if not text.startswith("@"):
        return named(text) if _NAME.fullmatch(text) else text
    path = Path(text[1:])
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileProblem(error.strerror or str(error), where=str(path)) from None
    except UnicodeDecodeError:
        raise FileProblem("is not UTF-8 text", where=str(path)) from None


def _print_list() -> None:
    for each in library().values():
        OUT.print(Text(each.name, style="bold"))
        OUT.print(f"  {each.sentence}\n  example: {each.example}")


def _print(answer: Answer, format_: AnswerFormat | None, base: str) -> None:
    if format_ is None and answer.kind == "triples":
        format_ = AnswerFormat.TURTLE
    if format_ not in (None, AnswerFormat.TABLE):
        sys.stdout.buffer.write(answer.serialize(_STANDARD[format_]))
        sys.stdout.buffer.flush()
    elif answer.kind == "boolean":
        OUT.print("yes" if answer else "no")
    else:
        table = _table(answer.solutions(), base)
        OUT.print(table)
        if not table.row_count:
            ERR.print("No rows.")


def _table(solutions: QuerySolutions, base: str) -> Table:
    names = [variable.value for variable in solutions.variables]
    table = Table(*names, box=None, pad_edge=False, header_style="bold")
    for solution in solutions:
        table.add_row(*(_cell(solution[name], base) for name in names))
    return table


def _cell(term: object, base: str) -> Text:
    """Return a term for a table: a node without the base, a value without its type."""
    if term is None:
        return Text()
    value = str(getattr(term, "value", term))
    if isinstance(term, NamedNode):
        value = value.removeprefix(base)
    is_number = isinstance(term, Literal) and term.datatype in _NUMBERS
    return Text(printable(value), justify="right" if is_number else "left")
