# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON data in the page: the tree, details, shared annotations and thumbnails."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.catalogue import AffineTransform, Pairs, Quantity, Type, Value
from graphxfer.graph import Node, TransferGraph, class_of, iri
from graphxfer.inspect.summary import Branch, Summary, label, value_of

TEXT = 2_000
"""Maximum length of a text in the page; longer texts are shortened, and marked."""
SHARED, PLACES = 16, 20
"""Maximum number of annotations and of containers in the picture of shared annotations."""
MAX_THUMBNAIL, MAX_THUMBNAILS = 2**17, 2**25
"""Maximum size of one thumbnail, and of all thumbnails in the page, in bytes."""

_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_ENDINGS = (".jpg", ".jpeg", ".png")


def contents(graph: TransferGraph, summary: Summary) -> dict[str, Any]:
    """Return the data of the page as plain values.

    Parameters
    ----------
    graph : TransferGraph
        The graph.
    summary : Summary
        The summary of the graph.
    """
    branches = list(_walk(summary.tree))
    details = {branch.iri: _details(graph, graph[branch.iri]) for branch in branches}
    for image in details.keys() & set(graph.header.included):
        details[image]["included"] = True
    used = {iri for detail in details.values() for iri in detail.get("annotations", ())}
    return {
        "tree": _rows(graph, summary.tree),
        "details": details,
        "annotations": {iri: _annotation(graph, node) for iri in used if (node := graph.get(iri))},
        "shared": _shared(graph, summary, branches),
    }


def _walk(branches: Iterable[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        yield from _walk(branch.children)


def _leaves(branch: Branch) -> Iterator[Branch]:
    """Iterate over the images and empty containers in a branch, or in the wells of a plate."""
    for child in branch.children:
        if not child.children:
            yield child
        elif child.type not in catalogue.roots():
            yield from _leaves(child)


# -- the tree -----------------------------------------------------------------------------------


def _rows(graph: TransferGraph, branches: Iterable[Branch]) -> list[dict[str, Any]]:
    """Return branches as rows of the page's tree, without values that are zero or empty.

    ``area`` is an image's size in the treemap: the images of a fileset share its bytes.
    """
    siblings = Counter(image.target("fileset") for image in graph.of_type(catalogue.IMAGE))

    def row(branch: Branch) -> dict[str, Any]:
        node = graph[branch.iri]
        counts = (branch.images, branch.rois, branch.annotations, branch.bytes)
        values: dict[str, Any] = dict(
            zip(("images", "rois", "annotations", "bytes"), counts, strict=True)
        )
        values["children"] = [row(child) for child in branch.children]
        if not branch.children:
            values["area"] = branch.bytes / max(1, siblings[node.target("fileset")])
        name = label(node, TEXT)
        name = branch.name if name == branch.iri else name  # the place of a Well
        named = {"iri": branch.iri, "type": branch.type, "name": name}
        return named | {name: value for name, value in values.items() if value}

    return [row(branch) for branch in branches]


def _details(graph: TransferGraph, node: Node) -> dict[str, Any]:
    """Return what the page shows about a container or image when it is selected."""
    facts = list(_facts(node, skip="name"))
    for name in node.edges.get("pixels", ()):
        if pixels := graph.get(name):
            facts += _facts(pixels, skip="created")
    for name in ("owner", "group"):
        if (target := node.target(name)) and (user := graph.get(target)):
            facts.append((name, label(user, TEXT)))
    details = {"facts": facts, "annotations": list(node.edges.get("annotations", ()))}
    return {name: value for name, value in details.items() if value}


def _facts(node: Node, skip: str = "") -> Iterator[tuple[str, str]]:
    """Iterate over a node's fields as texts, in the catalogue's order."""
    for field in class_of(node).fields:
        value = node.fields.get(field.name)
        if value is not None and field.name != skip and field.type is not Type.PAIRS:
            yield field.name, text(value, field.type)


def text(value: Value, type_: Type, limit: int = TEXT) -> str:
    """Return a value as text for people, shortened."""
    if isinstance(value, Quantity):
        return f"{value.value:g} {value.unit.lower()}"
    if isinstance(value, AffineTransform):
        return ", ".join(f"{number:g}" for number in value)
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if type_ is Type.TIME and isinstance(value, int):
        return _time(value)
    full = str(value)
    return full if len(full) <= limit else f"{full[:limit]}… ({len(full):,} characters)"


def _time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):  # outside the range of dates
        return str(milliseconds)


def _annotation(graph: TransferGraph, node: Node) -> dict[str, Any]:
    """Return an annotation: its value or the name of its file, namespace and description."""
    pairs = [
        (key[:TEXT], value[:TEXT])
        for field in class_of(node).fields
        if field.type is Type.PAIRS
        for key, value in cast("Pairs", node.fields.get(field.name, ()))
    ]
    values = {
        "type": node.type,
        "text": "" if pairs else value_of(graph, node, TEXT),
        "pairs": pairs,
        "about": [fact for fact in _facts(node) if fact[0] in ("namespace", "description")],
    }
    return {name: value for name, value in values.items() if value}


# -- what is shared -----------------------------------------------------------------------------


def _shared(graph: TransferGraph, summary: Summary, branches: list[Branch]) -> dict[str, Any]:
    """Return shared annotations, containers, and the number of annotated objects for each link.

    The picture shows the containers of the annotated objects, as single objects would be too many.
    """
    shown = {one.iri for one in summary.shared[:SHARED]}
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for branch in branches:
        for leaf in _leaves(branch) if branch.type in catalogue.roots() else ():
            if branch.iri not in parents[leaf.iri]:
                parents[leaf.iri].append(branch.iri)
    known = {branch.iri for branch in branches}
    counts: Counter[tuple[str, str]] = Counter()
    for node in graph:
        here = shown.intersection(node.edges.get("annotations", ()))
        for annotation in here:
            at = node.iri if node.iri in known else node.target("image") or ""
            for place in parents.get(at) or ([at] if at in known else []):
                counts[annotation, place] += 1
    weights: Counter[str] = Counter()
    for (_, place), number in counts.items():
        weights[place] += number
    places = [place for place, _ in weights.most_common(PLACES)]
    return {
        "annotations": [
            {"iri": one.iri, "type": one.type, "text": one.text, "objects": one.objects}
            for one in summary.shared[:SHARED]
        ],
        "places": [{"iri": at, "name": label(graph[at]), "type": graph[at].type} for at in places],
        "links": [
            [annotation, place, number]
            for (annotation, place), number in counts.items()
            if place in places
        ],
    }


# -- thumbnails ---------------------------------------------------------------------------------


def thumbnails(bundle: Bundle) -> tuple[dict[str, str], int]:
    """Return thumbnails as data URIs by the IRI of their image, and the number left out.

    Parameters
    ----------
    bundle : Bundle
        The bundle. Its folder ``thumbnails`` may have files ``<image id>.jpg`` or ``.png``.
    """
    found: dict[str, str] = {}
    room, left = MAX_THUMBNAILS, 0
    for path in _thumbnail_files(bundle):
        content = thumbnail(path)
        if content is None:
            continue
        mimetype, data = content
        room -= len(data)
        if room < 0:
            left += 1
            continue
        encoded = base64.b64encode(data).decode("ascii")
        found[iri(catalogue.IMAGE, int(path.stem))] = f"data:{mimetype};base64,{encoded}"
    return found, left


def thumbnail_images(bundle: Bundle) -> list[str]:
    """Return the IRIs of the images that have a thumbnail."""
    return [
        iri(catalogue.IMAGE, int(path.stem)) for path in _thumbnail_files(bundle) if thumbnail(path)
    ]


def thumbnail_path(bundle: Bundle, image: int) -> Path | None:
    """Return the file of an image's thumbnail, or None."""
    folder = bundle.thumbnails
    paths = (folder / f"{image}{ending}" for ending in _ENDINGS)
    return next((path for path in paths if _is_own(path)), None)


def thumbnail(path: Path) -> tuple[str, bytes] | None:
    """Return a thumbnail's media type and bytes; None if it is not a small JPEG or PNG."""
    with path.open("rb") as stream:
        data = stream.read(MAX_THUMBNAIL + 1)
    kinds = (kind for start, kind in _KINDS.items() if data.startswith(start))
    kind = next(kinds, None)
    return (kind, data) if kind and len(data) <= MAX_THUMBNAIL else None


def _thumbnail_files(bundle: Bundle) -> list[Path]:
    """Return the files whose name is the id of an image of the graph, ordered by id."""
    folder, graph = bundle.thumbnails, bundle.graph()
    if not folder.is_dir():
        return []
    named = (path for path in folder.iterdir() if path.suffix in _ENDINGS and path.stem.isdecimal())
    found = (
        path for path in named if iri(catalogue.IMAGE, int(path.stem)) in graph and _is_own(path)
    )
    return sorted(found, key=lambda path: int(path.stem))


def _is_own(path: Path) -> bool:
    """Tell whether a path is a file in the bundle, not reached through a symbolic link."""
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
