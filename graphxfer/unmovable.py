# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the nodes of a bundle that cannot be moved, and why.

Plan, apply and verify leave out the same nodes: these depend only on the graph, the files of the
bundle, and the journal. What is at the destination already is never left out.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import networkx as nx

from graphxfer import catalogue
from graphxfer.bundle import Bundle, FileEntry, proof
from graphxfer.catalogue import Class, Maker, Via
from graphxfer.errors import GraphxferError, listed
from graphxfer.graph import Node, TransferGraph, class_of, fileset_tree
from graphxfer.graph.fileset_tree import ENTRIES, FILESET, Tree
from graphxfer.journal import Journal
from graphxfer.progress import SILENT, Progress

MISSING = "its file is missing"
WRONG = "its file is not as the source recorded it"
UNREADABLE = "its file cannot be read"
UNLISTED = "its file is not in the manifest"
OF_FILES = (MISSING, WRONG, UNREADABLE, UNLISTED)
"""The reasons that a fetch may remove."""
FILES_LEFT_OUT = "a file that it needs is left out"
INCOMPLETE = "its files are not in the graph"
REFUSED = "the destination could not import it"
AMBIGUOUS = "ambiguous: several of its objects have the same place"
WITH_FILESET = "its fileset is left out"
NO_IMPORT = "it has no files, so no import creates it"
ADDED = "added to an imported object by a user: not covered yet"
NOT_IN_GRAPH = "an object that it needs is not in the graph"
NEEDED = "an object that it needs cannot be moved"
ONLY_THERE = "only objects that are left out have it"
UNKNOWN = "graphxfer does not know this class"
FOLLOWS = "one of its ends cannot be moved"
CONSEQUENCES = (FILES_LEFT_OUT, WITH_FILESET, NEEDED, ONLY_THERE, FOLLOWS)
"""The reasons that follow from another node's."""


def is_reported(type_: str, reason: str) -> bool:
    """Tell whether to name a node or link to a person: not what is a part of something named.

    Parameters
    ----------
    type_ : str
        Its class, or the link class.
    reason : str
        Why it cannot be moved.
    """
    entry = catalogue.CLASSES.get(type_)
    inner = entry is not None and (
        (entry.maker is Maker.IMPORT and not entry.root and reason == WITH_FILESET)
        or (bool(entry.part_of) and reason == NEEDED)
    )
    return reason != FOLLOWS and not inner


class Why(NamedTuple):
    """Why a node cannot be moved.

    Parameters
    ----------
    reason : str
        One of the reasons above, or a sentence like them.
    detail : str
        The file or node that it is about, and what is wrong with it.
    """

    reason: str
    detail: str = ""

    @property
    def is_consequence(self) -> bool:
        """Whether another node is the reason."""
        return self.reason in CONSEQUENCES

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def find(
    bundle: Bundle,
    journal: Journal | None,
    tree: Tree | None = None,
    *,
    content: bool = False,
    again: bool = False,
    progress: Progress = SILENT,
) -> dict[str, Why]:
    """Return the nodes that cannot be moved, with the reasons.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    journal : Journal or None
        The destination's journal, if there is one.
    tree : Tree, optional
        The fileset tree of the bundle's graph.
    content : bool
        Whether to check the checksums of the files that have to be uploaded, too.
    again : bool
        Whether to try again what the destination could not import before.
    progress : Progress
        Shows how many bytes are checked.

    Returns
    -------
    dict
        The reasons by the node's IRI, in the order of an apply.

    Raises
    ------
    UnsafePath
        If the path of a file leads out of the bundle.
    """
    graph = bundle.graph()
    if journal is not None and all(_is_settled(journal, one) for one in _moved(graph)):
        return {}
    finder = _Finder(graph, journal, tree or Tree(graph), again=again)
    finder.lacking = _lacking(bundle, finder.needed_files(), content=content, progress=progress)
    return finder.find()


def _moved(graph: TransferGraph) -> Iterator[str]:
    """Iterate over the nodes that should have a counterpart at the destination."""
    for node in graph:
        if node.type not in _SERVERS and catalogue.link_node(node.type) is None:
            yield node.iri


def _is_settled(journal: Journal, node: str) -> bool:
    recorded = journal.get(node)
    return recorded is not None and recorded.settled


class _Finder:
    """Applies the rules to the nodes of a graph."""

    def __init__(
        self, graph: TransferGraph, journal: Journal | None, tree: Tree, *, again: bool
    ) -> None:
        self._graph, self._journal, self._tree, self._again = graph, journal, tree, again
        self._members = tree.members()
        self._owners = _owners(graph)
        self._found: dict[str, Why] = {}
        self.lacking: dict[str, Why] = {}

    def _is_there(self, node: str) -> bool:
        return self._journal is not None and node in self._journal

    def needed_files(self) -> Iterator[str]:
        """Iterate over the IRIs of the files that have to be uploaded."""
        for fileset in self._graph.of_type(FILESET):
            if not self._is_there(fileset.iri):
                yield from (file.iri for _, file in fileset_tree.files(self._graph, fileset))
        for entry in catalogue.CLASSES.values():
            for node in self._graph.of_type(entry.name) if entry.bytes else ():
                sent = self._journal is not None and _is_settled(self._journal, node.iri)
                if node.iri not in self._members and not sent:
                    yield node.iri

    def find(self) -> dict[str, Why]:
        """Return the reasons by the nodes' IRIs."""
        self._filesets()
        for node in in_order(self._graph):
            why = self._why(node)
            if why is not None:
                self._found[node.iri] = why
        for node in self._graph:
            if node.type not in catalogue.CLASSES and catalogue.link_node(node.type) is None:
                self._found[node.iri] = Why(UNKNOWN)
        self._hanging()
        return self._found

    # -- filesets -----------------------------------------------------------------------------

    def _filesets(self) -> None:
        """Leave out filesets with all that only their imports create."""
        bad = dict[str, Why]()
        for fileset in self._graph.of_type(FILESET):
            if not self._is_there(fileset.iri) and (why := self._fileset(fileset)):
                bad[fileset.iri] = why
        if not bad:
            return
        good = [one.iri for one in self._graph.of_type(FILESET) if one.iri not in bad]
        kept = {iri for one in good for iri in self._tree.under(one)}
        for one, why in bad.items():
            self._found[one] = why
            for iri in self._tree.under(one):
                if iri not in kept and iri not in self._found and not self._is_there(iri):
                    self._found[iri] = self.lacking.get(iri) or Why(WITH_FILESET, one)

    def _fileset(self, fileset: Node) -> Why | None:
        for branch in self._tree.branches(fileset):
            if len(set(branch.places)) != len(branch.places):
                return Why(AMBIGUOUS, f"{' and '.join(branch.children)} by {branch.edge}")
        files = fileset_tree.files(self._graph, fileset)
        if not files or len(files) < len(fileset.edges.get(ENTRIES, ())):
            return Why(INCOMPLETE)
        lacking = [file.iri for _, file in files if file.iri in self.lacking]
        if not lacking:
            return self._refused(fileset.iri)
        return Why(FILES_LEFT_OUT, listed(lacking, 1))

    def _refused(self, fileset: str) -> Why | None:
        if self._journal is None or self._again:
            return None
        reason = self._journal.refusal(fileset)
        return Why(REFUSED, reason) if reason else None

    # -- other nodes --------------------------------------------------------------------------

    def _why(self, node: Node) -> Why | None:
        """Return why a node cannot be moved; the nodes that it refers to are known before."""
        entry = class_of(node)
        if entry.maker is Maker.SERVER or node.iri in self._found:
            return self._found.get(node.iri)
        if node.iri in self._members:
            return None
        if node.iri in self.lacking or self._is_there(node.iri):
            return self.lacking.get(node.iri)
        if entry.maker is Maker.IMPORT:
            return Why(NO_IMPORT)
        if entry.part_of and node.iri not in self._owners:
            return Why(f"its {entry.part_of} is not in the graph")
        for target in self._needed(entry, node):
            if target not in self._graph:
                return Why(NOT_IN_GRAPH, target)
            if target in self._found:
                return Why(NEEDED, target)
        if entry.part_of and self._owners[node.iri] in self._members:
            return Why(ADDED)
        return None

    def _needed(self, entry: Class, node: Node) -> Iterator[str]:
        """Iterate over the nodes without which a node cannot be created."""
        if entry.part_of:
            yield self._owners[node.iri]
        for edge in entry.edges:
            if edge.via is Via.REFERENCE and edge.target not in _SERVERS:
                yield from node.edges.get(edge.name, ())

    def _hanging(self) -> None:
        """Leave out annotations that only nodes which are left out have, and their files."""
        if not self._found:
            return
        holders: defaultdict[str, list[str]] = defaultdict(list)
        for node in self._graph:
            for target in _held(node):
                holders[target].append(node.iri)
        todo = list(self._found)
        for iri in todo:  # grows in the loop
            for target in _held(self._graph[iri]):
                if target not in self._graph or target in self._found or self._is_there(target):
                    continue
                if all(holder in self._found for holder in holders[target]):
                    self._found[target] = Why(ONLY_THERE, iri)
                    todo.append(target)


_SERVERS = {name for name, entry in catalogue.CLASSES.items() if entry.maker is Maker.SERVER}


def _held(node: Node) -> Iterator[str]:
    """Iterate over what exists only for the nodes that have it: annotations, and their files."""
    entry = catalogue.CLASSES.get(node.type)
    for edge in entry.edges if entry is not None else ():
        annotation = edge.via is Via.LINK and edge.target == catalogue.ANNOTATION
        file = edge.via is Via.REFERENCE and edge.target == catalogue.FILE
        if annotation or file:
            yield from node.edges.get(edge.name, ())


def _owners(graph: TransferGraph) -> dict[str, str]:
    """Return the owner of each part: the ROI of a shape."""
    return {
        target: node.iri
        for name, entry in catalogue.CLASSES.items()
        for edge in entry.edges
        if edge.via is Via.LIST
        for node in graph.of_type(name)
        for target in node.edges.get(edge.name, ())
    }


# -- files ----------------------------------------------------------------------------------------


def _lacking(
    bundle: Bundle, files: Iterator[str], *, content: bool, progress: Progress
) -> dict[str, Why]:
    """Return which files cannot be uploaded: missing, unreadable, or not as recorded."""
    lacking = dict[str, Why]()
    entries = []
    known = proof.problems(bundle.files)
    for iri in files:
        entry = bundle.manifest().of(iri)
        if entry is None:
            lacking[iri] = Why(UNLISTED)
        elif why := _absent(bundle, entry, known):
            lacking[iri] = why
        else:
            entries.append(entry)
    if content and entries:
        total = sum(entry.size or 0 for entry in entries)
        with (
            progress.task("check files", total, "bytes") as advance,
            proof.checked(bundle.files) as checked,
        ):
            for entry in entries:
                path = bundle.file(entry)
                if checked is not None and checked.good(entry, path):
                    advance(entry.size or 0)
                    continue
                try:
                    wrong = proof.wrong(entry, path, proof.sums([entry], path, advance))
                except OSError as error:
                    lacking[entry.node] = _unreadable(entry, error)
                    continue
                if wrong:
                    lacking[entry.node] = Why(WRONG, f"{entry.path}: {wrong}")
                elif checked is not None:
                    checked.add(entry, path)
    return lacking


def _absent(bundle: Bundle, entry: FileEntry, known: Mapping[str, str]) -> Why | None:
    """Return what a look at the folder shows to be wrong with a file."""
    path = bundle.file(entry)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        why = known.get(entry.path, "").removeprefix("missing: ")
        return Why(MISSING, f"{entry.path}: {why}" if why else entry.path)
    except OSError as error:
        return _unreadable(entry, error)
    if not stat.S_ISREG(status.st_mode):
        return Why(MISSING, f"{entry.path} is not a file")
    if entry.size is not None and status.st_size != entry.size:
        return Why(WRONG, f"{entry.path}: {proof.wrong_size(entry, status.st_size)}")
    return None if os.access(path, os.R_OK) else Why(UNREADABLE, entry.path)


def _unreadable(entry: FileEntry, error: OSError) -> Why:
    return Why(UNREADABLE, f"{entry.path}: {error.strerror}")


# -- order ----------------------------------------------------------------------------------------


def in_order(graph: TransferGraph) -> list[Node]:
    """Return the nodes of known classes in the order of an apply: targets of references first.

    Raises
    ------
    GraphxferError
        If nodes of a class refer to each other in a cycle.
    """
    found: list[Node] = []
    for layer in catalogue.apply_order():
        for name in layer:
            found += _refined(name, list(graph.of_type(name)) if name in catalogue.CLASSES else [])
    return found


def _refined(name: str, nodes: list[Node]) -> list[Node]:
    """Return nodes of one class in order: a node follows the nodes that it refers to."""
    entry = catalogue.CLASSES[name]
    own = [e.name for e in entry.edges if e.via is Via.REFERENCE and name in _names(e.target)]
    if not own:
        return nodes
    by_iri = {node.iri: node for node in nodes}
    order: nx.DiGraph[str] = nx.DiGraph()
    order.add_nodes_from(by_iri)
    order.add_edges_from(
        (target, node.iri)
        for node in nodes
        for edge in own
        for target in node.edges.get(edge, ())
        if target in by_iri
    )
    try:
        return [by_iri[iri] for layer in nx.topological_generations(order) for iri in layer]
    except nx.NetworkXUnfeasible:
        raise GraphxferError(f"some {name} nodes refer to each other in a cycle") from None


def _names(target: str) -> set[str]:
    return {entry.name for entry in catalogue.subclasses(target)}
