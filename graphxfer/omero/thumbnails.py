# SPDX-License-Identifier: GPL-2.0-or-later
"""Thumbnails of a graph's images, from the server's ThumbnailStore into a folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import omero
import omero.all
from omero.rtypes import rint

from graphxfer.catalogue import IMAGE
from graphxfer.errors import ServerFailure
from graphxfer.graph import Node, TransferGraph, id_of
from graphxfer.omero.server import ALL_GROUPS, Server
from graphxfer.progress import SILENT, Progress

SIZE = 96
"""Pixels of the longer side: what OMERO's clients show, so that servers have it ready."""
BATCH = 50
"""Thumbnails in an answer, as OMERO.web asks for (omero.web.thumbnails_batch)."""
NOT_MADE = "the server cannot make one"

_JPEG = b"\xff\xd8\xff"


def write(
    server: Server, graph: TransferGraph, folder: Path, progress: Progress = SILENT
) -> dict[str, str]:
    """Write a thumbnail of each image of a graph into a folder: ``<image id>.jpg``.

    A server that does not have a thumbnail makes it, and keeps it.

    Parameters
    ----------
    server : Server
        Which the graph was read from.
    graph : TransferGraph
        Whose images.
    folder : Path
        It is there, and empty.
    progress : Progress
        Told how many images were asked for.

    Returns
    -------
    dict
        Why there is none, by the IRI of an image.
    """
    images = list(graph.of_type(IMAGE))
    missing = {each.iri: "it has no pixels" for each in images if not each.target("pixels")}
    store = server.service("ThumbnailStore")
    try:
        with progress.task("Thumbnails", len(images) - len(missing)) as advance:
            for group, batch in _batches(images):
                missing |= _write(server, store, group, batch, folder)
                advance(len(batch))
    finally:
        store.close()
    return missing


def _batches(images: list[Node]) -> Iterator[tuple[int, dict[int, Node]]]:
    """Iterate over groups, and some of their images by the id of their pixels."""
    by_group: defaultdict[str | None, dict[int, Node]] = defaultdict(dict)
    for image in images:
        if pixels := image.target("pixels"):
            by_group[image.target("group")][id_of(pixels)] = image
    for group, found in by_group.items():
        ids = sorted(found)
        for first in range(0, len(ids), BATCH):
            batch = {pixels: found[pixels] for pixels in ids[first : first + BATCH]}
            yield id_of(group) if group else ALL_GROUPS, batch


def _write(
    server: Server, store: Any, group: int, batch: dict[int, Node], folder: Path
) -> dict[str, str]:
    """Write the thumbnails of a batch, and return why some are missing.

    Of pixels that cannot be rendered the answer has no bytes, or nothing at all
    (`retrieveThumbnailSet` of omero-server's ThumbnailBean).
    """
    try:
        answer = store.getThumbnailByLongestSideSet(rint(SIZE), list(batch), server.context(group))
    except ServerFailure as error:
        if not _is_about_these(error.__cause__):
            raise
        return {image.iri: error.what for image in batch.values()}
    missing: dict[str, str] = {}
    for pixels, image in batch.items():
        data = answer.get(pixels) or b""
        if data.startswith(_JPEG):
            (folder / f"{image.id}.jpg").write_bytes(data)
        else:
            missing[image.iri] = NOT_MADE
    return missing


def _is_about_these(cause: BaseException | None) -> bool:
    """Tell whether the server itself refused; without a session or connection nothing goes on."""
    return isinstance(cause, omero.ServerError) and not isinstance(cause, omero.SessionException)
