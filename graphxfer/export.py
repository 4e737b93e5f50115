# SPDX-License-Identifier: GPL-2.0-or-later
"""Export: read objects from a server, and write them to a bundle."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from graphxfer import bundle, catalogue
from graphxfer.bundle import Bundle
from graphxfer.errors import UsageError, listed
from graphxfer.graph import TransferGraph
from graphxfer.omero import read, thumbnails
from graphxfer.omero.connect import Server
from graphxfer.progress import SILENT, Progress

MOST = 1_000_000
"""The most ids of one range."""
NAMED = 20
"""The most images without a thumbnail that a message names."""

_IDS = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?", re.ASCII)


def parse(objects: Sequence[str]) -> dict[str, list[int]]:
    """Return ids by class.

    Parameters
    ----------
    objects : sequence of str
        What to export, each as ``Class:ids``.

    Raises
    ------
    UsageError
        If one is not valid, or its class cannot be exported.

    Examples
    --------
    >>> parse(["Project:51", "Image:7-9,12"])
    {'Project': [51], 'Image': [7, 8, 9, 12]}
    """
    found: dict[str, dict[int, None]] = {}
    for text in objects:
        name, _, ids = text.partition(":")
        if name not in catalogue.roots():
            near = difflib.get_close_matches(name.capitalize(), catalogue.roots(), 1, cutoff=0)[0]
            raise UsageError(
                f"{name!r} cannot be exported: not one of {', '.join(catalogue.roots())}",
                where=text,
                do=f"did you mean {near}:{ids or 1}?",
            )
        for part in ids.split(","):
            found.setdefault(name, {}).update(dict.fromkeys(_range(part, text)))
    return {name: list(ids) for name, ids in found.items()}


def _range(part: str, text: str) -> range:
    """Return the ids of ``7`` or ``7-9``."""
    name, match = text.partition(":")[0], _IDS.fullmatch(part)
    if match is None:
        do = f"write {name}:7, {name}:7-9 or {name}:7,12"
        raise UsageError(f"{part!r} is not an id", where=text, do=do)
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if not first <= last < first + MOST:
        raise UsageError(
            f"{part} is not a range of at most {MOST:,} ids", where=text, do=f"write {name}:7-9"
        )
    return range(first, last + 1)


def export(
    server: Server,
    roots: Mapping[str, Sequence[int]],
    folder: Path,
    progress: Progress = SILENT,
    *,
    with_thumbnails: bool = False,
) -> Bundle:
    """Read objects and everything linked to them, and write a bundle.

    Linked objects that cannot be moved are listed in the graph's header (``left_out``).

    Parameters
    ----------
    server : Server
        The source.
    roots : mapping
        Ids by class.
    folder : Path
        The bundle's folder; nothing is written before all objects are read.
    progress : Progress
        Shows progress, and which images have no thumbnail.
    with_thumbnails : bool
        Download thumbnails of the images, too.

    Returns
    -------
    Bundle
        The bundle that was written.

    Raises
    ------
    NotThere
        If a root does not exist or may not be read.
    UsageError
        If the folder has other contents.
    """
    graph = read.select(server, roots, progress)
    add = partial(_add_thumbnails, server, graph, progress) if with_thumbnails else None
    return bundle.write(folder, graph, add)


def _add_thumbnails(server: Server, graph: TransferGraph, progress: Progress, to: Path) -> None:
    """Write thumbnails to a folder, and report which images have none."""
    missing: defaultdict[str, list[str]] = defaultdict(list)
    for image, why in thumbnails.write(server, graph, to, progress).items():
        missing[why].append(image)
    for why, images in missing.items():
        progress.say(f"No thumbnail: {listed(images, NAMED)} ({why})")
