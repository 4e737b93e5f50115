# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that a plan uploads: whether they exist, and are as the source recorded them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from graphxfer import fetch
from graphxfer.bundle import Bundle, proof
from graphxfer.errors import FileProblem
from graphxfer.plan.actions import Plan
from graphxfer.progress import SILENT, Progress

SHOWN = 20
"""How many files are named in a message."""


def check_present(bundle: Bundle, plan: Plan) -> None:
    """Check that the files exist and have the sizes that the source recorded.

    Raises
    ------
    FileProblem
        If not; the message names them.
    """
    problems = []
    for iri in plan.uploads(bundle.graph()):
        entry = bundle.manifest().of(iri)
        path = bundle.file(entry) if entry is not None else None
        if entry is None or path is None:
            problems.append(f"{iri}: not in the manifest")
        elif not path.is_file():
            problems.append(f"{entry.path} ({iri}): missing")
        elif entry.size is not None and path.stat().st_size != entry.size:
            size = path.stat().st_size
            problems.append(f"{entry.path} ({iri}): {size:,} bytes, OMERO recorded {entry.size:,}")
    _report(problems, bundle)


def check_content(bundle: Bundle, plan: Plan, progress: Progress = SILENT) -> None:
    """Check that the files are as the source recorded them, by their checksums.

    Raises
    ------
    FileProblem
        If one is missing, truncated or changed; the message names them.
    """
    entries = [
        entry
        for node in plan.uploads(bundle.graph())
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
    _report(problems, bundle)


@contextlib.contextmanager
def _checked(bundle: Bundle) -> Iterator[proof.Checked | None]:
    """Open the list of files that a fetch has checked, if there is one."""
    path = bundle.files / fetch.WORK / fetch.CHECKED
    if not path.is_file() or path.is_symlink() or path.parent.is_symlink():
        yield None
        return
    with contextlib.closing(proof.Checked(path)) as checked:
        yield checked


def _report(problems: list[str], bundle: Bundle) -> None:
    if problems:
        listed = "\n  ".join(problems[:SHOWN]) + ("\n  …" if len(problems) > SHOWN else "")
        raise FileProblem(
            f"files are missing or wrong ({len(problems):,}):\n  {listed}",
            where=str(bundle.folder),
            do="run `graphxfer fetch` for this bundle",
        )
