# SPDX-License-Identifier: GPL-2.0-or-later
"""Download thumbnails of a graph's images from the server's ThumbnailStore."""

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
"""Pixels of the longer side: the size of OMERO's clients, which servers have ready."""
BATCH = 50
"""Thumbnails in an answer, as many as OMERO.web requests (omero.web.thumbnails_batch)."""
NOT_CREATED = "the server cannot create one"

_JPEG = b"\xff\xd8\xff"


def write(
    server: Server, graph: TransferGraph, folder: Path, progress: Progress = SILENT
) -> dict[str, str]:
    """Write a thumbnail of each image of a graph into a folder: ``<image id>.jpg``.

    A server that does not have a thumbnail creates it, and keeps it.

    Parameters
    ----------
    server : Server
        The source of the graph.
    graph : TransferGraph
        The graph.
    folder : Path
        An empty folder.
    progress : Progress
        Shows the number of images.

    Returns
    -------
    dict
        Why an image has no thumbnail, by its IRI.
    """
    images = list(graph.of_type(IMAGE))
    missing = {each.iri: "the image has no pixels" for each in images if not each.target("pixels")}
    store = server.service("ThumbnailStore")
    try:
        with progress.task("download thumbnails", len(images) - len(missing)) as advance:
            for group, batch in _batches(images):
                missing |= _write(server, store, group, batch, folder)
                advance(len(batch))
    finally:
        store.close()
    return missing


def _batches(images: list[Node]) -> Iterator[tuple[int, dict[int, Node]]]:
    """Iterate over batches of images: a group, and its images by the id of their pixels."""
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

    For pixels that cannot be rendered, the answer has no bytes, or no entry
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
            missing[image.iri] = NOT_CREATED
    return missing


def _is_about_these(cause: BaseException | None) -> bool:
    """Tell whether a failure concerns only these images, not the session or the connection."""
    return isinstance(cause, omero.ServerError) and not isinstance(cause, omero.SessionException)
