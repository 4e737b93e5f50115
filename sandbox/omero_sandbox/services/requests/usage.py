# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.cmd.DiskUsage2: how much disk objects take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import omero
import omero.all

from omero_sandbox.graphs.containment import Found, named, search
from omero_sandbox.services.commands import Job, command
from omero_sandbox.services.requests.graphquery import on_graph

#: Who refers to files, by which field, and in whose name: DiskUsage2I (omero-blitz).
_REFERRERS = {
    "FileAnnotation": ("file", "FileAnnotation"),
    "FilesetEntry": ("originalFile", "FilesetEntry"),
    "JobOriginalFileLink": ("child", "Job"),
    "PixelsOriginalFileMap": ("parent", "Pixels"),
    "Roi": ("source", "Roi"),
}


@command(omero.cmd.DiskUsage2)
def disk_usage(job: Job) -> Any:
    """Add up the files of all that the targets hold (DiskUsage2I)."""
    request = job.request
    with on_graph(job) as call:
        targets = {name: list(ids) for name, ids in (request.targetObjects or {}).items()}
        for name in request.targetClasses or ():
            rows = call.tx.projection(f"select x.id from {named(name).name} x")  # noqa: S608
            targets.setdefault(name, []).extend(row[0].val for row in rows)
        return _Usage(job, call.tx, _targets(call.tx, targets)).response()


def _targets(tx: Any, targets: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return targets where people and groups are replaced by what is theirs and has files."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for name, ids in targets.items():
        type_ = named(name)
        column = {"Experimenter": "owner", "ExperimenterGroup": "group"}.get(type_.name)
        if column is None:
            wanted[name] += ids
            continue
        for kind in ("OriginalFile", "Pixels", "Thumbnail", *_REFERRERS):
            rows = tx.projection(
                f"select x.id from {kind} x where x.details.{column}.id in (:ids)",  # noqa: S608
                {"ids": omero.rtypes.rlist([omero.rtypes.rlong(i) for i in ids])},
            )
            wanted[kind] += [row[0].val for row in rows]
    return wanted


class _Usage:
    """Counts and bytes by (owner, group), and by what refers to the files."""

    def __init__(self, job: Job, tx: Any, targets: dict[str, list[int]]) -> None:
        self._job, self._tx = job, tx
        self._counts: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._sizes: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._count: dict[Any, int] = defaultdict(int)
        self._size: dict[Any, int] = defaultdict(int)
        found = search(tx, targets, None, upwards=False)
        # an image's size includes the files uploaded to its fileset: help of `omero fs usage`
        filesets = {row[1] for row in self._rows("Image", found.get("image", ()), "fileset.id")}
        found = search(tx, {**targets, "Fileset": [*filesets - {None}]}, None, upwards=False)
        for kind, folder in (("Pixels", "Pixels"), ("Thumbnail", "Thumbnails")):
            self._add_numbered(kind, folder, found.get(kind.lower(), {}))
        self._add_files(found)

    def _rows(self, kind: str, ids: Iterable[int], *fields: str) -> list[list[Any]]:
        wanted = list(ids)
        if not wanted:
            return []
        columns = ", ".join(f"x.{field}" for field in ("id", *fields))
        rows = self._tx.projection(
            f"select {columns} from {kind} x where x.id in (:ids)",  # noqa: S608
            {"ids": omero.rtypes.rlist([omero.rtypes.rlong(i) for i in wanted])},
        )
        return [[value.val if value is not None else None for value in row] for row in rows]

    def _add(self, owner: int, group: int, referrers: Iterable[str], size: int) -> None:
        if size <= 0:
            return
        who = omero.api.LongPair(owner, group)
        for name in referrers:
            self._counts[who][name] += 1
            self._sizes[who][name] += size
        self._count[who] += 1
        self._size[who] += size

    def _add_numbered(self, kind: str, folder: str, ids: Iterable[int]) -> None:
        """Add files that are found by id: pixels without a fileset, thumbnails."""
        repository = self._job.server.repository
        for id_, owner, group in self._rows(kind, ids, "details.owner.id", "details.group.id"):
            path = repository.numbered(folder, id_)
            self._add(owner, group, [kind], path.stat().st_size if path.exists() else 0)

    def _add_files(self, found: Found) -> None:
        referrers: dict[int, set[str]] = defaultdict(set)
        for kind, (field, name) in _REFERRERS.items():
            type_ = named(kind)
            ids = [i for i, cls in found.get(type_.table, {}).items() if cls.is_a(kind)]
            for _, file in self._rows(kind, ids, f"{field}.id"):
                referrers[file].add(name)
        details = ("details.owner.id", "details.group.id", "size")
        files = found.get("originalfile", {})
        for id_, owner, group, size in self._rows("OriginalFile", files, *details):
            self._add(owner, group, referrers.get(id_) or {"OriginalFile"}, size or 0)

    def response(self) -> Any:
        """Return the answer."""
        return omero.cmd.DiskUsage2Response(
            {who: dict(by_type) for who, by_type in self._counts.items()},
            {who: dict(by_type) for who, by_type in self._sizes.items()},
            dict(self._count), dict(self._size),
        )  # fmt: skip
