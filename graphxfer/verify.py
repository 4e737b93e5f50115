# SPDX-License-Identifier: GPL-2.0-or-later
"""Verify: read the destination back, and compare it with the graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphxfer.bundle import Bundle
from graphxfer.errors import UsageError, counted
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import Difference, compare
from graphxfer.journal import Journal
from graphxfer.omero import additions, lookup, read
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress


@dataclass(slots=True)
class Verification:
    """What a comparison found; it can be iterated over like its differences.

    Parameters
    ----------
    differences : list of Difference
        All differences in the order of the graph, then the additions of other objects.
    import_made : list of There
        Objects that imports created, and that the graph does not have.
    """

    differences: list[Difference]
    import_made: list[There] = field(default_factory=list)

    def counted(self, *, allow_additions: bool = False) -> list[str]:
        """Return how many differences and additions there are, for people; empty if none."""
        additions = sum(one.is_addition for one in self.differences)
        rest = len(self.differences) - additions
        return [counted(rest, "difference")] * bool(rest) + [counted(additions, "addition")] * (
            bool(additions) and not allow_additions
        )

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)


def verify(bundle: Bundle, server: Server, progress: Progress = SILENT) -> Verification:
    """Compare the destination with the graph that was applied to it.

    Parameters
    ----------
    bundle : Bundle
        The bundle that was applied.
    server : Server
        The destination.
    progress : Progress
        Shows progress.

    Raises
    ------
    UsageError
        If nothing of this bundle was applied there.
    """
    graph = bundle.graph()
    journal = Journal.existing(bundle.journal(server.database_uuid))
    if journal is None:
        raise UsageError(
            f"nothing of this bundle was applied to {server.profile.address}",
            where=str(bundle.folder),
            do="check the server, and run `graphxfer apply` first",
        )
    with journal:
        journal.check_about(graph.header.database_uuid)
        found, import_made = journal.nodes().values(), journal.extras()
        same = Correspondence(journal.same())
    # What existed before may have more edges: other images in a merged Dataset.
    before = {one.there for one in found if not one.how.ours}
    ours = {one.there for one in found} - before
    there = read.fetch_nodes(server, lookup.by_type(ours | before), progress)
    with progress.task("look for additions"):
        known = ours | before | set(import_made)
        added = additions.referring(server, ours, known)
    differences = list(compare(graph, GraphThere(there), same, before, set(import_made)))
    return Verification([*differences, *_additions(added, same, differences)], import_made)


def _additions(
    found: list[additions.Referring], same: Correspondence, listed: list[Difference]
) -> Iterator[Difference]:
    """Iterate over the additions that are not listed yet, one for each object and edge."""
    known = {one for each in listed for one in each.objects}
    subjects: defaultdict[tuple[There, str], list[There]] = defaultdict(list)
    for one in found:
        if one.is_link or one.subject not in known:
            subjects[one.object, one.edge].append(one.subject)
    for (there, edge), some in subjects.items():
        named = tuple(dict.fromkeys(some))
        yield Difference(same.here(there)[0], "added", edge, actual=named, found_at=there)
