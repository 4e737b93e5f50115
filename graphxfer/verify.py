# SPDX-License-Identifier: GPL-2.0-or-later
"""Verify: read the destination back, and compare it with the graph."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from graphxfer import catalogue, unmovable
from graphxfer.bundle import Bundle, checksums
from graphxfer.errors import UsageError, counted
from graphxfer.graph.correspondence import Correspondence, GraphThere, There
from graphxfer.graph.differences import Difference, compare
from graphxfer.graph.fileset_tree import FILESET
from graphxfer.journal import How, Journal
from graphxfer.omero import additions, file_proof, lookup, read, unfinished
from graphxfer.omero.connect import Server
from graphxfer.omero.file_proof import StoredFile
from graphxfer.omero.rights import check_readable, rights
from graphxfer.progress import SILENT, Progress
from graphxfer.unmovable import Why


@dataclass(slots=True)
class Verification:
    """What a comparison found; it can be iterated over like its differences.

    Parameters
    ----------
    differences : list of Difference
        All differences in the order of the graph, then the additions of other objects.
    import_made : list of There
        Objects and links that imports created, and that the graph does not have.
    as_in_file : list of Difference
        Fields that ``apply --file-metadata file`` left as they are in the file.
    checked_by_server, read_back : int
        How many files are proven by the server's checksum, and by reading them back.
    unproven : dict
        Why the bytes of a file could not be checked, by the IRI of its node.
    recomputed : dict
        Algorithm and checksum that the server computed again, by the IRI of the file's node.
    downloaded : dict
        Checksums of files that were read back, by algorithm, by the IRI of the file's node.
    """

    differences: list[Difference]
    import_made: list[There] = field(default_factory=list)
    as_in_file: list[Difference] = field(default_factory=list)
    checked_by_server: int = 0
    read_back: int = 0
    unproven: dict[str, str] = field(default_factory=dict)
    recomputed: dict[str, tuple[str, str]] = field(default_factory=dict)
    downloaded: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def counted(self, *, allow_additions: bool = False) -> list[str]:
        """Return how many differences and additions there are, for people; empty if none."""
        additions = sum(one.is_addition for one in self.differences)
        rest = len(self.differences) - additions
        return [counted(rest, "difference")] * bool(rest) + [counted(additions, "addition")] * (
            bool(additions) and not allow_additions
        )

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)


def left_out(bundle: Bundle, server: Server, progress: Progress = SILENT) -> dict[str, Why]:
    """Return the nodes that `apply` leaves out, and why: they are not compared.

    Parameters
    ----------
    bundle : Bundle
        The bundle that was applied.
    server : Server
        The destination.
    progress : Progress
        Shows progress.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid))
    with journal or contextlib.nullcontext():
        found = unmovable.find(bundle, journal, content=True, progress=progress)
        return {node: why for node, why in found.items() if journal is None or node not in journal}


def verify(
    bundle: Bundle,
    server: Server,
    progress: Progress = SILENT,
    without: Mapping[str, Why] | None = None,
    *,
    check_bytes: bool = False,
) -> Verification:
    """Compare the destination with the graph that was applied to it.

    Parameters
    ----------
    bundle : Bundle
        The bundle that was applied.
    server : Server
        The destination.
    progress : Progress
        Shows progress.
    without : mapping, optional
        The nodes that are not compared: the result of :func:`left_out`, which is the default.
    check_bytes : bool
        Also check the bytes of all files: imported ones by the server, attachments by reading.

    Raises
    ------
    UsageError
        If nothing of this bundle was applied there.
    GraphxferError
        If the user may not read all of it.
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
        group = int(journal.meta("group") or server.group_id)
        owner = journal.meta("user_name") or ""
        absent = {} if rights(server, group).sees_all else _absent_links(server, journal)
        import_made, of_files = journal.extras(), journal.file_fields()
        same = Correspondence(journal.same())
        # What a newer export does not have any more is an addition, if it is still there.
        found = [one for node, one in journal.nodes().items() if node in graph]
        again = list(_imported_again(server, journal))
    if without is None:
        without = left_out(bundle, server, progress)
    # What existed before may have more edges: other images in a merged Dataset.
    before = {one.there for one in found if not one.how.ours}
    ours = {one.there for one in found} - before
    imported = {one.there for one in found if one.how is not How.CREATED} - before
    aside = set(import_made)
    there = GraphThere(read.fetch_nodes(server, lookup.by_type(ours | before), progress))
    absent |= lookup.by_type(one for one in ours | before if there.fields(one) is None)
    check_readable(server, group, absent, owner)
    with progress.task("look for additions"):
        added = additions.referring(server, ours, ours | before)
        added = [one for one in added if not (one.subject in aside and one.object in imported)]
    by_import = set[There | tuple[There, There]](aside) | set(_ends(server, import_made))
    differences = list(compare(graph.without(without), there, same, before, by_import, imported))
    differences += again
    differences += _additions(added, same, differences)
    verification = Verification([], import_made)
    for one in differences:
        chosen = one.kind == "field" and one.name in of_files.get(one.node, ())
        (verification.as_in_file if chosen else verification.differences).append(one)
    stored = dict(_stored(bundle, same, there))
    if check_bytes:
        _check_bytes(verification, stored, server, progress)
    else:
        verification.unproven = _other_algorithms(stored)
    return verification


def _ends(server: Server, import_made: Iterable[There]) -> Iterator[tuple[There, There]]:
    """Iterate over the ends of links that imports created."""
    for name, ids in lookup.by_type(import_made).items():
        if name in catalogue.link_classes():
            graph = read.fetch_nodes(server, {name: ids})
            yield from GraphThere(graph).links(name)


def _imported_again(server: Server, journal: Journal) -> Iterator[Difference]:
    """Iterate over what requests created that arrived late or twice: apply and undo remove it."""
    for number, node in unfinished.stray(server, journal).items():
        yield Difference(node, "again", actual=(There(FILESET, number),))
    for node, images in unfinished.surplus(server, journal).items():
        found = tuple(There(catalogue.IMAGE, image) for image in images)
        yield Difference(node, "again", actual=found)


def _stored(
    bundle: Bundle, same: Correspondence, there: GraphThere
) -> Iterator[tuple[str, StoredFile]]:
    """Iterate over the files that the destination has, by the IRIs of their nodes."""
    for entry in catalogue.CLASSES.values():
        for node in bundle.graph().of_type(entry.name) if entry.bytes else ():
            found = same.there(node.iri)
            fields = there.fields(found) if found is not None else None
            source = bundle.manifest().of(node.iri)
            if found is None or fields is None or source is None:
                continue
            recorded = (str(fields.get("hasher") or ""), str(fields.get("hash") or ""))
            sums = dict([recorded, (source.hasher, source.checksum.lower())])
            expected = {name: s for name, s in sums.items() if s and name in checksums.HASHERS}
            size = there_size if isinstance(there_size := fields.get("size"), int) else None
            wanted = source.size if source.size is not None else size
            repository = str(fields.get("repo") or "")
            yield node.iri, StoredFile(found.id, repository, wanted, size, recorded, expected)


def _other_algorithms(stored: Mapping[str, StoredFile]) -> dict[str, str]:
    """Return the files of which the records do not show that they are the source's."""
    return {
        node: f"its checksum at the destination is of another algorithm ({file.recorded[0]})"
        for node, file in stored.items()
        if file.other_algorithm
    }


def _check_bytes(
    verification: Verification,
    stored: Mapping[str, StoredFile],
    server: Server,
    progress: Progress,
) -> None:
    """Check the bytes of files, and note what is proven of them."""
    size = sum(one.size or 0 for one in stored.values())
    with progress.task("check", size, "bytes") as advance:
        proof = file_proof.prove(server, list(stored.values()), advance)
    verification.checked_by_server, verification.read_back = proof.by_server, len(proof.read)
    for node, file in stored.items():
        if why := proof.wrong.get(file.id):
            there = There(catalogue.FILE, file.id)
            verification.differences.append(Difference(node, "bytes", why, found_at=there))
        elif why := proof.unknown.get(file.id):
            verification.unproven[node] = why
        elif file.id in proof.read:
            verification.downloaded[node] = file.expected
        elif file.repository:
            verification.recomputed[node] = file.recorded


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


def _absent_links(server: Server, journal: Journal) -> dict[str, list[int]]:
    """Return the links of the journal that the user does not find, by class."""
    by_class: defaultdict[str, set[int]] = defaultdict(set)
    for link, number in journal.links():
        by_class[link.type].add(number)
    return {
        name: sorted(ids.difference(lookup.present(server, name, ids)))
        for name, ids in by_class.items()
    }
