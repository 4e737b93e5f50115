# SPDX-License-Identifier: GPL-2.0-or-later
"""Remove from a destination what the journal says was made there, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from graphxfer import catalogue
from graphxfer.apply.recover import Recovery
from graphxfer.bundle import Bundle
from graphxfer.catalogue import Maker, Via
from graphxfer.errors import GraphxferError, UsageError
from graphxfer.graph import Node, class_of
from graphxfer.graph.fileset_tree import FILESET, Tree, goes_by_itself
from graphxfer.journal import How, Journal
from graphxfer.omero import lookup, unfinished, write
from graphxfer.progress import SILENT, Progress

if TYPE_CHECKING:
    from graphxfer.omero.connect import Server

Targets = tuple[str, list[int]]
"""Some objects of one class."""


@dataclass(slots=True)
class Undone:
    """What an undo removed, or would remove.

    Parameters
    ----------
    removed : dict
        How many, by class.
    kept : list of str
        What was left there because others' objects hang on it: ``Dataset:5 (…)``.
    """

    removed: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


def undo(
    bundle: Bundle,
    server: Server,
    *,
    dry_run: bool = False,
    keep: bool = False,
    progress: Progress = SILENT,
) -> Undone:
    """Take an apply back.

    Parameters
    ----------
    bundle : Bundle
        What was applied.
    server : Server
        The destination, connected with ``own_session=True``.
    dry_run : bool
        Only tell what would be removed.
    keep : bool
        Leave in place what others' objects hang on, instead of refusing.
    progress : Progress
        Told how far it is.

    Raises
    ------
    GraphxferError
        If there is no journal, or if something would go that is not in it.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid), writing=True)
    if journal is None:
        raise UsageError(
            "nothing of this bundle was applied to this server",
            where=str(bundle.folder),
            do="is it the right server?",
        )
    with journal:
        journal.check_about(bundle.graph().header.database_uuid, server.group_id)
        if not dry_run:
            Recovery(bundle.graph(), server, journal, progress).settle()
        return _Undo(bundle, server, journal, progress).run(dry_run=dry_run, keep=keep)


class _Undo:
    """Removes in the reverse of the order in which things were made."""

    def __init__(
        self, bundle: Bundle, server: Server, journal: Journal, progress: Progress
    ) -> None:
        self._graph, self._server, self._journal = bundle.graph(), server, journal
        self._progress, self._sessions = progress, journal.sessions()
        self._undone = Undone()

    def run(self, *, dry_run: bool, keep: bool) -> Undone:
        """Ask first what would go with all of it; then remove it."""
        batches: list[Targets] = []
        for targets in self._targets():
            batches += self._harmless(targets, keep=keep)
        removed = Counter[str]()
        with self._progress.task("remove", sum(len(ids) for _, ids in batches), "objects") as step:
            for name, ids in batches:
                if not dry_run:
                    self._remove(name, ids)
                removed[name] += len(ids)
                step(len(ids))
        self._undone.removed = dict(removed)
        if not dry_run and not self._undone.kept:
            self._journal.clear()
        return self._undone

    def _targets(self) -> Iterator[Targets]:
        """Iterate over what is to be removed and still there, the latest first."""
        links: defaultdict[str, list[int]] = defaultdict(list)
        for link, number in self._journal.links():
            links[link.type].append(number)
        nodes: defaultdict[str, list[int]] = defaultdict(list)
        for node, made in self._journal.nodes().items():
            if self._removable(node, made.how):
                nodes[made.type].append(made.id)
        layers = [name for layer in catalogue.apply_order() for name in layer if name != FILESET]
        for name in [*links, *reversed(layers), FILESET]:
            size = 1 if name == FILESET else lookup.CHUNK
            for ids in lookup.chunks(links.get(name) or nodes.get(name) or (), size):
                if there := lookup.present(self._server, name, ids):
                    yield name, there

    def _removable(self, node: str, how: How) -> bool:
        """Whether an object is to be removed by itself; others go with what they are part of."""
        entry = class_of(self._graph[node])
        if entry.name == FILESET:
            return how.ours
        made = how is How.CREATED or (how is How.MATCHED and entry.maker is Maker.USER)
        return made and not entry.part_of

    @cached_property
    def _shown_in(self) -> Mapping[int, Mapping[str, Collection[int]]]:
        """What a fileset's images are shown in, ours or the import's: it goes before or with it.

        By the fileset's id, ids by class: OMERO deletes an image in a Plate only with its Well.
        """
        found: defaultdict[int, defaultdict[str, set[int]]]
        found = defaultdict(lambda: defaultdict(set))
        members = Tree(self._graph).members()
        for node in self._graph:
            made = self._journal.get(node.iri)
            if made is None or not goes_by_itself(class_of(node)):
                continue
            shown = (t for part in write.parts(self._graph, node) for t in _referred(part))
            for fileset in {members[one] for one in (node.iri, *shown) if one in members}:
                if imported := self._journal.get(fileset):
                    found[imported.id][made.type].add(made.id)
        if any(goes_by_itself(catalogue.CLASSES[name]) for name, _ in self._journal.extras()):
            for number in self._journal.known(FILESET):
                for name, ids in unfinished.shown_in(self._server, number).items():
                    found[number][name].update(ids)
        return found

    # -- what goes along ------------------------------------------------------------------------

    def _harmless(self, targets: Targets, *, keep: bool) -> list[Targets]:
        """Return what can be removed without anything else; halve what cannot, to find out."""
        name, ids = targets
        others = self._others(self._delete(name, ids, dry_run=True))
        if not others:
            return [targets]
        told = ", ".join(f"{other}:{number}" for other, some in others.items() for number in some)
        if not keep:
            raise GraphxferError(
                f"with what is to be removed would go what the journal does not list: {told}",
                where=f"{name}:{','.join(map(str, ids[:10]))}{',…' if len(ids) > 10 else ''}",
                do="remove that first, or use --keep to leave in place what it hangs on",
            )
        if len(ids) == 1:
            self._undone.kept.append(f"{name}:{ids[0]} ({told})")
            return []
        half = len(ids) // 2
        return [
            *self._harmless((name, ids[:half]), keep=keep),
            *self._harmless((name, ids[half:]), keep=keep),
        ]

    def _others(self, deleted: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        """Return what is not ours: neither in the journal nor made in one of its sessions."""
        found = {}
        for name, ids in deleted.items():
            entry = catalogue.CLASSES.get(name) or catalogue.link_node(name)
            if entry is not None:
                unknown = sorted(set(ids) - self._journal.known(name))
                if others := lookup.others(self._server, entry, unknown, self._sessions):
                    found[name] = others
        return found

    def _delete(self, name: str, ids: list[int], *, dry_run: bool = False) -> dict[str, list[int]]:
        """Delete objects; with a fileset goes all that its import made, with others nothing."""
        if name != FILESET:
            return write.delete(self._server, {name: ids}, alone=True, dry_run=dry_run)
        targets = {FILESET: ids}
        for fileset in ids:
            for kind, some in self._shown_in.get(fileset, {}).items():
                targets[kind] = lookup.present(self._server, kind, some)
        return write.delete(self._server, targets, dry_run=dry_run)

    def _remove(self, name: str, ids: list[int]) -> None:
        """Remove objects, but for those that went with others before (a file's annotation)."""
        known = self._journal.known(name)
        left = [number for number in ids if number in known]
        gone = self._delete(name, left) if left else {}
        for other, some in {**gone, name: ids}.items():
            self._journal.removed(other, some)


def _referred(node: Node) -> Iterator[str]:
    """Iterate over what a node refers to."""
    for edge in class_of(node).edges:
        if edge.via is Via.REFERENCE:
            yield from node.edges.get(edge.name, ())
