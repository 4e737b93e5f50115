# SPDX-License-Identifier: GPL-2.0-or-later
"""Issue the receipt of a verification: collect what a bundle, journal and destination record."""

from __future__ import annotations

import datetime
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphxfer import __version__, bundle, catalogue
from graphxfer.bundle import Bundle, FileEntry
from graphxfer.bundle.checksums import HASHERS
from graphxfer.catalogue import Maker
from graphxfer.graph import LeftOut, TransferGraph
from graphxfer.graph.correspondence import GraphThere
from graphxfer.graph.differences import Difference
from graphxfer.journal import Journal
from graphxfer.journal.entries import Counterpart
from graphxfer.omero import lookup, read
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress
from graphxfer.receipt import signature
from graphxfer.receipt.contents import (
    By,
    Checksum,
    Evidence,
    File,
    Finding,
    Part,
    Place,
    Receipt,
)
from graphxfer.receipt.tree import GraphTree
from graphxfer.receipt.write import write
from graphxfer.unmovable import REFUSED, Why

Sums = Mapping[str, Sequence[Checksum]]
"""Checksums of files, by the IRI of the file's node."""
NOT_MOVED = "no counterpart in the journal"


def now() -> str:
    """Return the time as a receipt has it: ISO 8601, UTC, seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Destination:
    """What a receipt needs of the destination, so that it can be written after the connection."""

    place: Place
    user: str
    checksums: Sums
    not_moved: tuple[LeftOut, ...]


def look(
    source: Bundle,
    server: Server,
    recomputed: Mapping[str, tuple[str, str]] | None = None,
    without: Mapping[str, Why] | None = None,
    progress: Progress = SILENT,
) -> Destination:
    """Read what a receipt needs of the destination.

    Parameters
    ----------
    source : Bundle
        The bundle that was verified.
    server : Server
        The destination.
    recomputed : mapping, optional
        Algorithm and checksum that the destination's server has computed from the bytes for this
        verification, by the IRI of the file's node. All others are only its record.
    without : mapping, optional
        Why nodes were left out, by their IRIs.
    progress : Progress
        Shows progress.
    """
    graph = source.graph()
    journal = Journal.existing(source.journal(server.database_uuid))
    known: dict[str, Counterpart] = {}
    if journal is not None:
        with journal:
            known = journal.nodes()
    profile = server.profile
    address = f"omero://{profile.host}:{profile.port}"
    place = Place(address, server.database_uuid, server.version, server.group_name)
    sums = dict(_checksums(source, server, known, recomputed or {}, progress))
    return Destination(place, server.user_name, sums, _not_moved(graph, known, without or {}))


def _checksums(
    source: Bundle,
    server: Server,
    known: Mapping[str, Counterpart],
    recomputed: Mapping[str, tuple[str, str]],
    progress: Progress,
) -> Iterator[tuple[str, Sequence[Checksum]]]:
    """Iterate over the checksums of files that have a counterpart."""
    files = {one.node: known[one.node] for one in source.manifest() if one.node in known}
    found = lookup.by_type(each.there for each in files.values())
    there = GraphThere(read.fetch_nodes(server, found, progress))
    for entry in source.manifest():
        sums = []
        counterpart = files.get(entry.node)
        if counterpart is not None and _is_checked(entry, counterpart):
            computed = Checksum(By.SOFTWARE, Evidence.UPLOADED, entry.hasher, entry.checksum)
            sums.append(computed)
        if entry.node in recomputed:
            sums.append(Checksum(By.DESTINATION, Evidence.RECOMPUTED, *recomputed[entry.node]))
        elif counterpart is not None and (fields := there.fields(counterpart.there)):
            recorded = str(fields.get("hasher") or ""), str(fields.get("hash") or "")
            if all(recorded):
                sums.append(Checksum(By.DESTINATION, Evidence.RECORDED, *recorded))
        if sums:
            yield entry.node, sums


def _is_checked(entry: FileEntry, counterpart: Counterpart) -> bool:
    """Tell whether apply has computed a file's checksum: it refuses files that are not as recorded.

    Reused files, and files that wait for their upload, were not computed.
    """
    is_uploaded = counterpart.how.ours and counterpart.settled
    return is_uploaded and bool(entry.checksum) and entry.hasher in HASHERS


def _not_moved(
    graph: TransferGraph, known: Mapping[str, Counterpart], without: Mapping[str, Why]
) -> tuple[LeftOut, ...]:
    """Return the number of nodes without a counterpart, by class and reason."""
    missing = Counter(
        (node.type, _why(without.get(node.iri)))
        for node in graph
        if node.iri not in known and _is_compared(node.type)
    )
    return tuple(LeftOut(type_, number, why) for (type_, why), number in sorted(missing.items()))


def _why(why: Why | None) -> str:
    """Return why a node is not at the destination; what the server said about a fileset."""
    if why is None:
        return NOT_MOVED
    return str(why) if why.reason == REFUSED else why.reason


def _is_compared(type_: str) -> bool:
    """Tell whether a verification compares the nodes of a class."""
    entry = catalogue.CLASSES.get(type_)
    return entry is not None and entry.maker is not Maker.SERVER


def issue(
    path: Path,
    source: Bundle,
    destination: Destination,
    differences: Sequence[Difference],
    started: str,
    person: str = "",
) -> None:
    """Write the receipt of a verification; a signature of an earlier one is removed.

    Parameters
    ----------
    path : Path
        The receipt's file.
    source : Bundle
        The bundle that was verified.
    destination : Destination
        From :func:`look`.
    differences : sequence of Difference
        What the verification found.
    started : str
        When it began, from :func:`now`.
    person : str
        The name of the person who ran it.

    Raises
    ------
    FileProblem
        If it cannot be written.
    """
    graph, manifest = source.graph(), source.manifest()
    tree = GraphTree(graph)
    receipt = Receipt(
        iri=f"urn:uuid:{uuid.uuid4()}#",
        started=started,
        ended=now(),
        header=graph.header,
        nodes=len(tree),
        root=tree.root(),
        parts=tuple(Part(*each, *_comparison(each.type)) for each in tree.subtrees()),
        destination=destination.place,
        user=destination.user,
        person=person,
        software=__version__,
        not_moved=destination.not_moved,
        files=len(manifest),
        differences=len(differences),
    )
    files = (_file(entry, destination.checksums.get(entry.node, ())) for entry in manifest)
    with bundle.file_errors(path):
        signature.beside(path).unlink(missing_ok=True)
    bundle.replace(path, lambda stream: write(receipt, files, _findings(differences), stream))


def _comparison(type_: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether a class is compared, and which of its fields and edges are not."""
    if not _is_compared(type_):
        return False, ()
    entry = catalogue.CLASSES[type_]
    fields = [field.name for field in entry.fields if field.varies]
    return True, (*fields, *(edge.name for edge in entry.edges if edge.varies))


def _file(entry: FileEntry, there: Sequence[Checksum]) -> File:
    here = [Checksum(By.SOURCE, Evidence.RECORDED, entry.hasher, entry.checksum)]
    return File(entry.node, entry.path, entry.size, (*(here if entry.checksum else ()), *there))


def _findings(differences: Iterable[Difference]) -> Iterator[Finding]:
    for one in differences:
        yield Finding(one.node, one.kind, one.name, str(one.found_at or ""), str(one))
