# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that a plan sends: which they are, and whether they are what the source recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from graphxfer import catalogue, fetch
from graphxfer.bundle import Bundle, proof
from graphxfer.errors import FileProblem
from graphxfer.graph import TransferGraph, fileset_tree
from graphxfer.plan.actions import EDITED, Kind, Plan
from graphxfer.progress import SILENT, Progress

SHOWN = 20
"""How many files are named in a message."""


def nodes(graph: TransferGraph, plan: Plan) -> Iterator[str]:
    """Iterate over the IRIs of the files that a plan sends."""
    for action in plan.of(Kind.IMPORT, Kind.CREATE, Kind.UPDATE):
        if action.kind is Kind.IMPORT:
            found = fileset_tree.files(graph, graph[action.node])
            yield from (file.iri for _, file in found)
        elif catalogue.CLASSES[action.type].bytes and action.reason != EDITED:
            yield action.node


def check_present(bundle: Bundle, plan: Plan) -> None:
    """Check that the files are there, and have the sizes that the source recorded.

    Raises
    ------
    FileProblem
        If not; it names each.
    """
    problems = []
    for iri in nodes(bundle.graph(), plan):
        entry = bundle.manifest().of(iri)
        path = bundle.file(entry) if entry is not None else None
        if entry is None or path is None:
            problems.append(f"{iri}: it is not in the manifest")
        elif not path.is_file():
            problems.append(f"{entry.path} ({iri}): it is not there")
        elif entry.size is not None and path.stat().st_size != entry.size:
            size = path.stat().st_size
            problems.append(f"{entry.path} ({iri}): {size:,} bytes, not {entry.size:,}")
    _tell(problems, bundle)


def check_content(bundle: Bundle, plan: Plan, progress: Progress = SILENT) -> None:
    """Check that the files are what the source recorded, to the last byte.

    Raises
    ------
    FileProblem
        If one is missing, truncated or changed; it names each.
    """
    entries = [
        entry
        for node in nodes(bundle.graph(), plan)
        if (entry := bundle.manifest().of(node)) is not None
    ]
    problems = []
    total = sum(entry.size or 0 for entry in entries)
    with progress.task("check files", total, "bytes") as advance, _checked(bundle) as checked:
        for entry in entries:
            path = bundle.file(entry)
            if checked is not None and checked.good(entry, path):
                advance(entry.size or 0)
            elif wrong := proof.wrong(entry, path, proof.sums([entry], path, advance)):
                problems.append(f"{entry.path} ({entry.node}): {wrong}")
            elif checked is not None:
                checked.add(entry, path)
    _tell(problems, bundle)


@contextlib.contextmanager
def _checked(bundle: Bundle) -> Iterator[proof.Checked | None]:
    """Open what a fetch remembers of files that it found good, where there was one."""
    path = bundle.files / fetch.WORK / fetch.CHECKED
    if not path.is_file() or path.is_symlink() or path.parent.is_symlink():
        yield None
        return
    with contextlib.closing(proof.Checked(path)) as checked:
        yield checked


def _tell(problems: list[str], bundle: Bundle) -> None:
    if problems:
        listed = "\n  ".join(problems[:SHOWN]) + ("\n  …" if len(problems) > SHOWN else "")
        raise FileProblem(
            f"{len(problems)} files are missing or wrong:\n  {listed}",
            where=str(bundle.folder),
            do="run `graphxfer fetch` for this bundle",
        )
