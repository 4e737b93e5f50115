# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.cmd.Duplicate: copies of objects, and of the files that are theirs (DuplicateI)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import omero
import omero.all
from omero.rtypes import rstring

from omero_sandbox.errors import GraphFailure
from omero_sandbox.graphs.copying import Copies
from omero_sandbox.graphs.duplication import Choice, Plan
from omero_sandbox.service import Call
from omero_sandbox.services.commands import Failure, Job, command, error
from omero_sandbox.services.requests.graphquery import on_graph


@command(omero.cmd.Duplicate)
def duplicate(job: Job) -> Any:
    """Copy the targets and what belongs to them, in the caller's name and context group."""
    request = job.request
    try:
        choice = Choice(request.typesToDuplicate, request.typesToReference, request.typesToIgnore)
    except ValueError as problem:
        raise Failure(error(request, "bad-class", problem)) from problem
    with on_graph(job, everywhere=False) as call:
        plan = Plan(call.tx, choice)
        plan.start(request.targetObjects)
        if request.dryRun:
            return omero.cmd.DuplicateResponse(plan.result())
        copies = Copies(plan)
        files = _Files(call, copies)
        call.tx.save([*copies.made.values()])
        files.write()
    return omero.cmd.DuplicateResponse(copies.result())


class _Files:
    """The files of copies: those of filesets in a new directory, all others by id.

    Making it gives the copies their paths, and makes directories: before anything is saved,
    because directories have rows of their own that are kept whatever becomes of the request.
    """

    def __init__(self, call: Call, copies: Copies) -> None:
        self._call, self._copies = call, copies
        self._repository = call.server.repository
        self._managed = [
            (original, copy)
            for original, copy in copies.pairs("OriginalFile")
            if original.repo is not None
        ]
        self._prefixes: dict[str, str] = {}
        filesets = copies.pairs("Fileset") if self._managed else []
        if filesets and call.tx.is_writing:
            raise GraphFailure("The sandbox duplicates no fileset after a change in the same call")
        for original, copy in filesets:
            prefix = self._repository.new_directory(call)
            self._prefixes[original.templatePrefix.val.rstrip("/")] = prefix
            copy.templatePrefix = rstring(f"{prefix}/")
        for original, copy in self._managed:
            self._place(original, copy)

    def _place(self, original: Any, copy: Any) -> None:
        """Give a copy the path of the original, in the directory of its own fileset."""
        path = f"{original.path.val}{original.name.val}"
        for old, new in self._prefixes.items():
            if path == f"{old}.log":  # the import's log is beside the directory
                break
            if path.startswith(f"{old}/"):
                folders = path.removeprefix(f"{old}/").split("/")
                self._repository.make_directories(self._call, new, [folders])
                break
        else:
            raise GraphFailure(f"failed to generate different path for file duplicating {path}")
        folder, _, name = (new + path.removeprefix(old)).rpartition("/")
        copy.path, copy.name = rstring(f"{folder}/"), rstring(name)

    def write(self) -> None:
        """Write the files of the copies, which are saved by now; none of them when one fails."""
        managed = [copy.id.val for _, copy in self._managed]
        for id_ in managed:
            self._call.tx.set_system("OriginalFile", id_, repo=self._repository.uuid)
        with _removed_on_failure() as written:
            for original, copy in self._managed:
                path = self._repository.inside(f"{copy.path.val}{copy.name.val}")
                if _link(self._repository.path_of(original), path):
                    written.append(path)
            for kind, folder in _NUMBERED.items():
                for original, copy in self._copies.pairs(kind):
                    if copy.id.val in managed and kind == "OriginalFile":
                        continue
                    source = self._repository.numbered(folder, original.id.val)
                    if source.exists():
                        self._repository.room(source.stat().st_size)
                        path = self._repository.numbered(folder, copy.id.val)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        written.append(path)
                        shutil.copyfile(source, path)


_NUMBERED = {"OriginalFile": "Files", "Pixels": "Pixels", "Thumbnail": "Thumbnails"}


def _link(source: Path, target: Path) -> bool:
    """Link a file of the repository, which is never written again; False if there is none."""
    if not source.exists():
        return False
    os.link(source, target)
    return True


@contextmanager
def _removed_on_failure() -> Iterator[list[Path]]:
    written: list[Path] = []
    try:
        yield written
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
