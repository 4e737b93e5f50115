# SPDX-License-Identifier: GPL-2.0-or-later
"""Run: export, fetch, plan, apply and verify in one command; run it again to resume."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from graphxfer import graph as graphs
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.config import Transfer
from graphxfer.errors import UsageError, counted, counted_each
from graphxfer.export import export, parse
from graphxfer.fetch import Fetched, FetchOptions, Owner, fetch, reached, source
from graphxfer.fetch.rsync import Folder
from graphxfer.graph import LeftOut
from graphxfer.graph.differences import Difference
from graphxfer.omero.connect import Server, connect, profile
from graphxfer.plan import ApplyOptions, FileMetadata, Plan, Tags
from graphxfer.plan.planner import make_plan
from graphxfer.progress import SILENT, Progress
from graphxfer.verify import verify

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(slots=True)
class Outcome:
    """What a run did.

    Parameters
    ----------
    bundle : Path
        The bundle's folder.
    nodes : dict
        Count of the graph's nodes by type.
    left_out : tuple of LeftOut
        What the export left out.
    fetched : Fetched
        What the fetch did.
    plan : Plan
        What the apply did.
    differences : list of Difference
        What verify found.
    unproven : dict
        Why the bytes of a file could not be checked, by the IRI of its node.
    """

    bundle: Path
    nodes: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()
    fetched: Fetched = field(default_factory=Fetched)
    plan: Plan = field(default_factory=Plan)
    differences: list[Difference] = field(default_factory=list)
    unproven: dict[str, str] = field(default_factory=dict)


def run(transfer: Transfer, progress: Progress = SILENT) -> Outcome:
    """Run a whole transfer.

    Errors in the file, the passwords and the local user are found before anything is moved. If
    the bundle exists, with the same objects, the transfer resumes with it.

    Parameters
    ----------
    transfer : Transfer
        What `config.read` returns.
    progress : Progress
        Shows each step.

    Returns
    -------
    Outcome
        What was done; the caller checks its differences, and what was left out. Files that could
        not be fetched are left out, with what depends on them.

    Raises
    ------
    GraphxferError
        What the steps raise.
    """
    for warning in transfer.warnings:
        progress.say(f"warning: {warning}")
    roots = parse(transfer.objects)
    owner = Owner.parse(transfer.chown)
    options = ApplyOptions(
        _choice("tags", Tags, transfer.tags),
        transfer.merge,
        transfer.in_place,
        strict=transfer.strict,
        file_metadata=_choice("file_metadata", FileMetadata, transfer.file_metadata)
        if transfer.file_metadata
        else None,
        repair=transfer.repair,
        delete=transfer.delete,
    )
    source_server = profile(transfer.source.server, transfer.profiles)
    destination = profile(transfer.destination.server, transfer.profiles)
    with (
        connect(source_server, password=transfer.source.password) as origin,
        connect(destination, own_session=True, password=transfer.destination.password) as target,
    ):
        bundle = _bundle(origin, roots, transfer, progress)
        header = bundle.graph().header
        outcome = Outcome(bundle.folder, bundle.graph().types(), header.left_out)
        progress.say(f"graph: {_counts(outcome.nodes)}; {counted(len(bundle.manifest()), 'file')}")
        outcome.fetched = _fetch(bundle, origin, owner, transfer, progress)
        planned = make_plan(bundle, target, options, progress)
        progress.say(f"plan: {_counts(Counter(action.kind for action in planned.actions))}")
        outcome.plan = apply(bundle, target, options, progress)
        verified = verify(bundle, target, progress)
        outcome.differences, outcome.unproven = verified.differences, verified.unproven
        progress.say(f"verify: {counted(len(outcome.differences), 'difference')}")
    return outcome


def _choice(option: str, choices: type[Choice], text: str) -> Choice:
    try:
        return choices(text)
    except ValueError:
        known = ", ".join(choices)
        raise UsageError(f"{option} = {text} is unknown", do=f"use {known}") from None


def _counts(counts: Mapping[str, int]) -> str:
    return counted_each(counts) or "nothing"


def _bundle(
    server: Server, roots: Mapping[str, Sequence[int]], transfer: Transfer, progress: Progress
) -> Bundle:
    """Export, unless an earlier run did: the journal is about that export's graph."""
    if transfer.bundle.exists() and any(transfer.bundle.iterdir()):
        bundle = Bundle(transfer.bundle)
        header = bundle.graph().header
        wanted = {graphs.iri(name, id_) for name, ids in roots.items() for id_ in ids}
        if (header.database_uuid, set(header.roots)) != (server.database_uuid, wanted):
            raise UsageError(
                f"the folder has the bundle of another transfer: {', '.join(header.roots)}",
                where=str(transfer.bundle),
                do="name another folder",
            )
        progress.say(f"export: resumed with the bundle exported {header.made_at}")
    else:
        bundle = export(server, roots, transfer.bundle, progress)
    if transfer.xml:
        _copy(bundle.xml_path, transfer.xml)
    return bundle


def _copy(document: Path, target: Path) -> None:
    """Copy a document, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    shutil.copyfile(document, beside)
    beside.replace(target)


def _fetch(
    bundle: Bundle, server: Server, owner: Owner, transfer: Transfer, progress: Progress
) -> Fetched:
    """Fetch the files; those that are missing or wrong are left out afterwards."""
    with contextlib.ExitStack() as stack:

        def place(text: str) -> Folder | Server:
            known = source(text, transfer.profiles) if text else server
            return (
                known
                if isinstance(known, Folder | Server)
                else stack.enter_context(reached(known, transfer.source.password))
            )

        origin = place(transfer.files_from)
        # The repository may be all of the source's disk that is mounted here.
        attachments = place(transfer.attachments)
        options = FetchOptions(
            attachments, transfer.client_paths, transfer.jobs, owner, transfer.as_user
        )
        report = fetch(bundle, origin, options, progress)
    for problem in report.problems:
        progress.say(str(problem))
    progress.say(
        f"fetch: {counted(report.fetched, 'file')} fetched, {report.up_to_date:,} up to date, "
        f"{len(report.problems):,} missing or wrong, {len(report.size_only):,} checked by size only"
    )
    return report
