# SPDX-License-Identifier: GPL-2.0-or-later
"""Create the page of a bundle: one HTML file that loads nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from graphxfer import plan as plans
from graphxfer.bundle import Bundle, file_errors, replace
from graphxfer.catalogue import IMAGE, Counted, counted_as
from graphxfer.errors import BadDocument
from graphxfer.graph import TransferGraph, iri
from graphxfer.inspect import embedded
from graphxfer.inspect.summary import summarise
from graphxfer.plan import Plan
from graphxfer.receipt import describe
from graphxfer.receipt.check import Checked

if TYPE_CHECKING:  # importing SHACL takes a second
    from graphxfer.inspect.validate import Finding

PLAN = "plan.json"
"""The file for a plan in a bundle: the output of ``graphxfer plan --json``."""
MAX_PLAN = 2**29
SHOWN = 100
"""Maximum number of findings of one kind in the page."""

_OWN = ("dom", "details", "tree", "search", "treemap", "shared", "theme", "query", "main")
"""The files of the page's own script, in order."""


class FindingGroup(NamedTuple):
    """Findings of one kind.

    Parameters
    ----------
    severity, message : str
        Severity and message of all of them.
    number : int
        Number of findings.
    shown : list of Finding
        The first of them.
    """

    severity: str
    message: str
    number: int
    shown: list[Finding]


FIRST_QUERY = f"""SELECT ?image ?name WHERE {{
  ?image a model:{IMAGE} ; ome:Name ?name .
}} LIMIT 20"""
"""The first query in the editor of a served page."""


@dataclass(frozen=True, slots=True)
class Live:
    """Additional data of a page that is served, and can send requests.

    Parameters
    ----------
    queries : list of dict
        The library: name, sentence and text of each.
    words : list of str
        Terms for the editor's completion.
    thumbnails : list of str
        IRIs of the images with a thumbnail.
    """

    queries: list[dict[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    thumbnails: list[str] = field(default_factory=list)


def write(page: str, path: Path) -> None:
    """Write a page to a temporary file, and rename it.

    Parameters
    ----------
    page : str
        The result of :func:`render`.
    path : Path
        The file.
    """
    replace(path, partial(_write, encoded(page)))


def _write(page: bytes, stream: BinaryIO) -> None:
    stream.write(page)


def encoded(page: str) -> bytes:
    """Return a page in UTF-8; surrogates, which UTF-8 does not have, as character references."""
    return page.encode("utf-8", "xmlcharrefreplace")


def render(
    bundle: Bundle,
    *,
    plan: Plan | None = None,
    findings: Sequence[Finding] | None = None,
    receipt: Checked | None = None,
    live: Live | None = None,
) -> str:
    """Return the page of a bundle as HTML.

    Parameters
    ----------
    bundle : Bundle
        The bundle, with its thumbnails if it has any.
    plan : Plan, optional
        The plan of an apply.
    findings : sequence of Finding, optional
        The findings of the validation; None if it was not run.
    receipt : Checked, optional
        A receipt, checked against the bundle.
    live : Live, optional
        Additional data if the page is served.
    """
    graph = bundle.graph()
    summary = summarise(graph)
    pictures, left = ({}, 0) if live else embedded.thumbnails(bundle)
    nonce = secrets.token_urlsafe(16) if live else ""
    scripts = _scripts(is_live=bool(live))
    style = _asset("page.css")
    data = embedded.contents(graph, summary) | _settings(graph, live, nonce)
    return _environment().get_template("page.html").render(
        title=bundle.folder.resolve().name,
        header=graph.header,
        summary=summary,
        images=sum(summary.nodes.get(entry.name, 0) for entry in counted_as(Counted.IMAGE)),
        example=iri(IMAGE, 51),
        total=sum(size for _, size in summary.files.values()),
        plan=plan,
        findings=None if findings is None else grouped(findings),
        receipt=receipt,
        describe=describe,
        shown=SHOWN,
        live=live,
        data=data,
        thumbnails=pictures,
        thumbnails_left=left,
        policy=_policy(style, scripts, nonce),
        style=Markup(style),  # noqa: S704  # our own file, as are the scripts
        scripts=[Markup(script) for script in scripts],  # noqa: S704
    )  # fmt: skip


def _settings(graph: TransferGraph, live: Live | None, nonce: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"base": graph.header.base}
    if live:
        settings["live"] = asdict(live) | {"nonce": nonce, "first": FIRST_QUERY}
    return settings


def grouped(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Group findings by severity and message, in the order of the first finding of each."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.severity, finding.message), []).append(finding)
    return [FindingGroup(*kind, len(found), found[:SHOWN]) for kind, found in alike.items()]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("graphxfer.inspect", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # ASCII only, which every parser reads; the order is the graph's.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _asset(name: str) -> str:
    return (resources.files("graphxfer.inspect") / "page" / name).read_text("utf-8")


def _scripts(*, is_live: bool) -> list[str]:
    """Return the libraries' scripts and, last, the page's own."""
    libraries = ["vendor/charts.js", *(["vendor/editor.js"] if is_live else [])]
    own = "\n".join(_asset(f"script/{name}.js") for name in _OWN)
    return [*map(_asset, libraries), own]


def _policy(style: str, scripts: list[str], nonce: str) -> str:
    """Return the page's Content-Security-Policy: only scripts and styles of the page itself run.

    The nonce is for the styles that the query editor adds.
    """
    styles = [_digest(style), *([f"'nonce-{nonce}'"] if nonce else [])]
    rules = {
        "default-src": ["'none'"],
        "script-src": [_digest(script) for script in scripts],
        "style-src": styles,
        "img-src": ["data:", *(["'self'"] if nonce else [])],
        "connect-src": ["'self'" if nonce else "'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "require-trusted-types-for": ["'script'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# -- the plan -----------------------------------------------------------------------------------


def plan_of(bundle: Bundle) -> Plan | None:
    """Return the plan in a bundle's folder, or None."""
    path = bundle.folder / PLAN
    return read_plan(path) if path.is_file() and not path.is_symlink() else None


def read_plan(path: Path) -> Plan:
    """Read the output of ``graphxfer plan --json``.

    Raises
    ------
    BadDocument
        If it is not a plan.
    """
    with file_errors(path):
        if path.stat().st_size > MAX_PLAN:
            raise BadDocument(f"is larger than {MAX_PLAN // 2**20:,} MiB", where=str(path))
        content = path.read_bytes()
    try:
        document = json.loads(content)
        actions = [plans.read(action) for action in document["actions"]]
        notes = [str(note) for note in document["notes"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadDocument(
            f"is not a plan: {why}",
            where=str(path),
            do="create one with `graphxfer plan BUNDLE SERVER --json`",
        ) from None
    return Plan(actions, notes=notes)
