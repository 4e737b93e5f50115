# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole transfer in one go: export, fetch, plan, apply, verify; run again, it goes on."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphxfer import graph as graphs
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.config import Transfer
from graphxfer.errors import FileProblem, UsageError
from graphxfer.export import export, parse
from graphxfer.fetch import Fetched, FetchOptions, Owner, fetch, reached, source
from graphxfer.fetch.rsync import Folder
from graphxfer.graph import LeftOut
from graphxfer.graph.differences import Difference
from graphxfer.omero.connect import Server, connect, profile
from graphxfer.plan import ApplyOptions, Plan, Tags
from graphxfer.plan.planner import make_plan
from graphxfer.progress import SILENT, Progress
from graphxfer.verify import verify


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
        What hangs on the graph's objects but was not exported.
    fetched : Fetched
        What the fetch did.
    plan : Plan
        What the apply did.
    differences : list of Difference
        What verify found.
    """

    bundle: Path
    nodes: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()
    fetched: Fetched = field(default_factory=Fetched)
    plan: Plan = field(default_factory=Plan)
    differences: list[Difference] = field(default_factory=list)


def run(transfer: Transfer, progress: Progress = SILENT) -> Outcome:
    """Do a whole transfer.

    What can be wrong with the file, the passwords and the local user is found before anything is
    moved. A bundle of the same objects that is there already is gone on with.

    Parameters
    ----------
    transfer : Transfer
        What `config.read` returns.
    progress : Progress
        Told of each step.

    Returns
    -------
    Outcome
        What was done; the caller looks at its differences and at what was left out.

    Raises
    ------
    GraphxferError
        What the steps raise.
    FileProblem
        If files are missing or not what OMERO recorded: then nothing is applied.
    """
    for warning in transfer.warnings:
        progress.say(f"warning: {warning}")
    roots = parse(transfer.objects)
    owner = Owner.parse(transfer.chown)
    options = ApplyOptions(_tags(transfer.tags), transfer.merge, transfer.in_place)
    source_server = profile(transfer.source.server, transfer.profiles)
    destination = profile(transfer.destination.server, transfer.profiles)
    with (
        connect(source_server, password=transfer.source.password) as origin,
        connect(destination, own_session=True, password=transfer.destination.password) as target,
    ):
        bundle = _bundle(origin, roots, transfer, progress)
        header = bundle.graph().header
        outcome = Outcome(bundle.folder, bundle.graph().types(), header.left_out)
        progress.say(f"graph: {_counts(outcome.nodes)}; {len(bundle.manifest()):,} files")
        outcome.fetched = _fetch(bundle, origin, owner, transfer, progress)
        planned = make_plan(bundle, target, options, progress)
        progress.say(f"plan: {_counts(Counter(action.kind for action in planned.actions))}")
        outcome.plan = apply(bundle, target, options, progress)
        outcome.differences = list(verify(bundle, target, progress))
        progress.say(f"verify: {len(outcome.differences):,} differences")
    return outcome


def _tags(text: str) -> Tags:
    try:
        return Tags(text)
    except ValueError:
        raise UsageError(f"tags = {text} is unknown", do=", ".join(Tags)) from None


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "nothing"


def _bundle(
    server: Server, roots: Mapping[str, Sequence[int]], transfer: Transfer, progress: Progress
) -> Bundle:
    """Export, unless an earlier run did: a graph is made once, and its journal goes by it."""
    if transfer.bundle.exists() and any(transfer.bundle.iterdir()):
        bundle = Bundle(transfer.bundle)
        header = bundle.graph().header
        wanted = {graphs.iri(name, id_) for name, ids in roots.items() for id_ in ids}
        if (header.database_uuid, set(header.roots)) != (server.database_uuid, wanted):
            raise UsageError(
                f"the bundle there is another transfer: {', '.join(header.roots)}",
                where=str(transfer.bundle),
                do="name another folder",
            )
        progress.say(f"export: the bundle of {header.made_at} is gone on with")
    else:
        bundle = export(server, roots, transfer.bundle, progress)
    if transfer.xml:
        _copy(bundle.xml_path, transfer.xml)
    return bundle


def _copy(document: Path, target: Path) -> None:
    """Copy a document to where it is wanted, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    shutil.copyfile(document, beside)
    beside.replace(target)


def _fetch(
    bundle: Bundle, server: Server, owner: Owner, transfer: Transfer, progress: Progress
) -> Fetched:
    """Fetch the files; raise where one is not good, since an import of it would not be either."""
    with contextlib.ExitStack() as stack:

        def place(text: str) -> Folder | Server:
            known = source(text, transfer.profiles) if text else server
            return (
                known
                if isinstance(known, Folder | Server)
                else stack.enter_context(reached(known, transfer.source.password))
            )

        origin = place(transfer.files_from)
        # The repository may be all that can be seen of the source's disk, attachments not.
        attachments = place(transfer.attachments)
        options = FetchOptions(
            attachments, transfer.client_paths, transfer.jobs, owner, transfer.as_user
        )
        report = fetch(bundle, origin, options, progress)
    for problem in report.problems:
        progress.say(str(problem))
    progress.say(
        f"fetch: {report.fetched:,} files fetched, {report.kept:,} kept, "
        f"{len(report.problems):,} missing or wrong, {len(report.size_only):,} proven by size alone"
    )
    if report.problems:
        raise FileProblem(
            f"{len(report.problems):,} files are missing or wrong: nothing was applied",
            where=str(bundle.files),
            do="mend the source and run the same command again: what is good is kept",
        )
    return report
