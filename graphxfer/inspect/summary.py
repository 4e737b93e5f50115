# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in a graph, at a glance: how much, of what, whose, and what is shared."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from graphxfer import catalogue
from graphxfer.catalogue import Counted, Reusable, Via
from graphxfer.graph import LeftOut, Node, TransferGraph, class_of
from graphxfer.graph.containers import Containers
from graphxfer.graph.fileset_tree import FILESET, files


@dataclass(slots=True)
class Branch:
    """A container (a Project, a Plate, a Well) or an image, with what hangs below it.

    Parameters
    ----------
    iri, type, name : str
        Which node it is.
    images, rois, annotations, bytes : int
        How many below and at it; each image, file and annotation counted once.
    included : bool
        Whether it is here only because filesets are taken whole.
    children : list of Branch
        Its containers and images.
    """

    iri: str
    type: str
    name: str
    images: int = 0
    rois: int = 0
    annotations: int = 0
    bytes: int = 0
    included: bool = False
    children: list[Branch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shared:
    """One annotation that is linked to several objects."""

    iri: str
    type: str
    text: str
    objects: int


@dataclass(frozen=True, slots=True)
class Alike:
    """Nodes that reuse would take for one: same text, other id."""

    text: str
    iris: tuple[str, ...]


@dataclass(slots=True)
class Summary:
    """All that a summary tells.

    Parameters
    ----------
    base, server_version, made_at : str
        Where it comes from, and when it was exported.
    nodes, edges : dict
        How many, by type and by predicate.
    files : dict
        (count, bytes) by file name ending.
    owners, groups : dict
        How many nodes, by user and by group.
    tree : list of Branch
        What was asked for, and what is below; then what came along and is in none of these.
    shared : list of Shared
        Annotations on several objects, the most shared first.
    duplicates : list of Alike
        Nodes that reuse would take for one.
    included : int
        Images that are here only because filesets are taken whole.
    left_out : tuple of LeftOut
        What is linked but not in the graph, and why.
    """

    base: str
    server_version: str
    made_at: str
    nodes: dict[str, int]
    edges: dict[str, int]
    files: dict[str, tuple[int, int]]
    owners: dict[str, int]
    groups: dict[str, int]
    tree: list[Branch]
    shared: list[Shared]
    duplicates: list[Alike]
    included: int
    left_out: tuple[LeftOut, ...]


def summarise(graph: TransferGraph) -> Summary:
    """Summarise a graph; a few passes over its nodes.

    Parameters
    ----------
    graph : TransferGraph
        Of any size.
    """
    edges: Counter[str] = Counter()
    incoming: Counter[str] = Counter()
    for node in graph:
        for name, targets in node.edges.items():
            edges[name] += len(targets)
        incoming.update(node.edges.get("annotations", ()))
    header = graph.header
    return Summary(
        base=header.base,
        server_version=header.server_version,
        made_at=header.made_at,
        nodes=dict(sorted(graph.types().items())),
        edges=dict(sorted(edges.items())),
        files=_files(graph),
        owners=_belonging(graph, "owner"),
        groups=_belonging(graph, "group"),
        tree=_Tree(graph).branches(),
        shared=[
            Shared(iri, graph[iri].type, value_of(graph, graph[iri]), number)
            for iri, number in incoming.most_common()
            if number > 1 and iri in graph
        ],
        duplicates=_duplicates(graph),
        included=len(header.included),
        left_out=header.left_out,
    )


def label(node: Node, limit: int = 60) -> str:
    """Return what a person calls a node: its name or its value, shortened; else its IRI."""
    for field_ in class_of(node).fields:
        value = node.fields.get(field_.name)
        if value is not None and field_.label:
            text = ", ".join(map("=".join, value)) if isinstance(value, tuple) else str(value)  # type: ignore[arg-type]
            if text.strip():
                return text if len(text) <= limit else f"{text[:limit]}…"
    return node.iri


def value_of(graph: TransferGraph, annotation: Node, limit: int = 60) -> str:
    """Return what an annotation says: the name of the file that it refers to, or its label."""
    referred = [
        label(there, limit)
        for edge in class_of(annotation).edges
        if edge.via is Via.REFERENCE and not edge.varies
        if (target := annotation.target(edge.name)) and (there := graph.get(target))
    ]
    return ", ".join(referred) or label(annotation, limit)


def _files(graph: TransferGraph) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for kind in catalogue.CLASSES.values():
        for node in graph.of_type(kind.name) if kind.bytes else ():
            ending = _ending(str(node.fields.get("name", "")))
            count, size = found.get(ending, (0, 0))
            found[ending] = count + 1, size + _size(node)
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def _ending(name: str) -> str:
    """Return a file name's ending, where ``.ome.tiff`` is one."""
    parts = name.lower().rsplit(".", 2)
    return ".".join(parts[-2:] if parts[-2:-1] == ["ome"] else parts[1:][-1:]) or "(none)"


def _size(node: Node) -> int:
    size = node.fields.get("size")
    return size if isinstance(size, int) else 0


def _belonging(graph: TransferGraph, edge: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for node in graph:
        if target := node.target(edge):
            counts[target] += 1
    return {
        label(graph[iri]) if iri in graph else iri: number for iri, number in counts.most_common()
    }


def _duplicates(graph: TransferGraph) -> list[Alike]:
    alike: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    for entry in catalogue.CLASSES.values():
        if entry.reuse is Reusable.POLICY:
            for node in graph.of_type(entry.name):
                alike[entry.name, *map(node.fields.get, entry.identity)].append(node.iri)
    return [Alike(label(graph[iris[0]]), tuple(iris)) for iris in alike.values() if len(iris) > 1]


def position(well: Node, plate: Node | None) -> str:
    """Return what people call a well: ``A1``; rows or columns as its plate names them.

    Source: ``BlitzGateway``'s ``PlateWrapper.getRowLabels`` and ``getColumnLabels``.
    """
    conventions = plate.fields if plate else {}
    row, column = (int(str(well.fields.get(name) or 0)) for name in ("row", "column"))
    numbered = str(conventions.get("rowNamingConvention")).lower() == "number"
    lettered = str(conventions.get("columnNamingConvention")).lower() == "letter"
    first = str(row + 1) if numbered else _letters(row)
    return first + (_letters(column) if lettered else str(column + 1))


def _letters(number: int) -> str:
    """Return a place as letters: A, B … Z, AA."""
    before, place = divmod(max(0, number), 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + place)


class _Tree:
    """The tree of what was asked for; an image that several datasets hold stands in each."""

    def __init__(self, graph: TransferGraph) -> None:
        self.graph, self.containers = graph, Containers(graph)
        self.included = frozenset(graph.header.included)
        self.rois = Counter(
            image
            for entry in catalogue.counted_as(Counted.ROI)
            for roi in graph.of_type(entry.name)
            if (image := roi.target("image")) is not None
        )
        self.sizes = {
            fileset.iri: sum(_size(file) for _, file in files(graph, fileset))
            for fileset in graph.of_type(FILESET)
        }

    def branches(self) -> list[Branch]:
        found, reached = list[Branch](), set[str]()
        for iri in (*(self.graph.header.roots or self._tops()), *self.graph.header.included):
            node = self.graph.get(iri)
            if node and not (iri in reached and iri in self.included):
                branch, images, _ = self._branch(node)
                found.append(branch)
                reached |= images
        return found

    def _tops(self) -> list[str]:
        """Return what is in nothing else: the roots of a document that does not name its own."""
        known = [node for name in catalogue.roots() for node in self.graph.of_type(name)]
        inside = {child.iri for node in self.graph for child in self.containers.contents(node)}
        return [node.iri for node in known if node.iri not in inside]

    def _name(self, node: Node) -> str:
        if grid := class_of(node).grid:
            return position(node, self.graph.get(node.target(grid) or ""))
        return label(node)

    def _branch(self, node: Node) -> tuple[Branch, set[str], set[str]]:
        """Return a branch, and the images and annotations below, so that each is counted once."""
        along = node.iri in self.included
        branch = Branch(node.iri, node.type, self._name(node), included=along)
        images = {node.iri} if node.edges.get("fileset") else set()
        annotations = set(node.edges.get("annotations", ()))
        for child in self.containers.contents(node):
            twig, its_images, its_annotations = self._branch(child)
            branch.children.append(twig)
            images |= its_images
            annotations |= its_annotations
        filesets = {self.graph[iri].target("fileset") for iri in images}
        branch.images, branch.annotations = len(images), len(annotations)
        branch.rois = sum(self.rois[iri] for iri in images)
        branch.bytes = sum(self.sizes.get(iri or "", 0) for iri in filesets)
        return branch, images, annotations
