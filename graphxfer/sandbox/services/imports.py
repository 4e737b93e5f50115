# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.grid.ImportRequest: what happens to a fileset once its files have arrived.

Steps and their names are those of ManagedImportRequestI (omero-blitz). Each step commits by
itself, so that an import that fails leaves its fileset behind, as it does there.
"""

from __future__ import annotations

import datetime
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import omero
import omero.all
from omero.rtypes import rlist, rlong

from graphxfer.sandbox.dispatch import Call
from graphxfer.sandbox.errors import forbidden
from graphxfer.sandbox.repository import fill_job
from graphxfer.sandbox.services.commands import Failure, Job, error

if TYPE_CHECKING:
    from graphxfer.sandbox.services.repositories import ImportProcess

#: Metadata, pixel data, thumbnails, post-processing, response.
STEPS = 5


def import_job(
    call: Call, process: ImportProcess, fileset: int, settings: Any, context: dict[str, str]
) -> ImportJob:
    """Save the jobs of an import and return what will carry it out."""
    row = call.tx.query(
        "select f from Fileset f left outer join fetch f.jobLinks l left outer join fetch l.child"
        " where f.id = :id",
        {"id": rlong(fileset)},
    )[0]
    jobs = [omero.model.MetadataImportJobI(), omero.model.PixelDataJobI()]
    if settings.doThumbnails is None or settings.doThumbnails.val:
        jobs.append(omero.model.ThumbnailGenerationJobI())
    jobs.append(omero.model.IndexingJobI())
    for job in jobs:
        fill_job(call, job, "Waiting")
        row.linkJob(job)
    links = call.tx.save([row])[0].copyJobLinks()
    upload = next(link.child for link in links if isinstance(link.child, omero.model.UploadJob))
    finish(call, upload.id.val, "UploadJob", "Finished")
    activity = next(link for link in links if isinstance(link.child, omero.model.MetadataImportJob))
    activity.parent = row
    request = omero.grid.ImportRequest(
        context["omero.client.uuid"], call.server.repository.uuid, process.prx, activity, settings
    )
    ids = {type(link.child).__name__.removesuffix("I"): link.child.id.val for link in links}
    return ImportJob(request, call, context, fileset, ids)


def finish(call: Call, job: int, kind: str, status: str) -> None:
    """Note that a job has ended, or failed."""
    call.tx.set_system(kind, job, status=status, finished=int(time.time() * 1000))


class ImportJob(Job):
    """The import of one fileset."""

    def __init__(
        self, request: Any, call: Call, context: dict[str, str], fileset: int, jobs: dict[str, int]
    ) -> None:
        super().__init__(request, call.server, call.session, context)
        self._fileset, self._jobs = fileset, jobs

    def carry_out(self) -> Any:
        """Import, and keep a log of it beside the fileset."""
        with self.transaction() as call:
            files = self.server.repository.files_of(call.tx, self._fileset)
            log = self._log_file(call)
        path = self.server.repository.path_of(log)
        try:
            answer = self._import(files)
            path.write_text(f"{_time()} imported {len(answer.pixels)} images\n", encoding="utf-8")
        except Exception as problem:
            trace = "".join(traceback.format_exception(problem))
            path.write_text(f"{_time()} failed\n{trace}", encoding="utf-8")
            raise
        finally:
            with self.transaction() as call:
                self.server.repository.rehash(call.tx, log.id.val)
        return answer

    def _log_file(self, call: Call) -> Any:
        """Return the log's row: it hangs from the UploadJob."""
        return call.tx.query(
            "select f from JobOriginalFileLink l join l.child f where l.parent.id = :id",
            {"id": rlong(self._jobs["UploadJob"])},
        )[0]

    def _import(self, files: list[Path]) -> Any:
        """Carry out the steps."""
        # numpy, tifffile and ome-types would triple the time that a server takes to start
        from graphxfer.sandbox import importing, readers

        settings = importing.Settings.of(self.request.settings)
        with self._named_errors(files[0], readers), readers.read(files) as source:
            if strangers := set(source.used) - set(files):
                names = ", ".join(sorted(path.name for path in strangers))
                raise forbidden(f"The fileset does not have all files that are used: {names}")
            self._step(0, "MetadataImportJob")
            with self.transaction() as call:
                made = importing.objects(source, self._fileset, files[0].name, settings)
                saved = call.tx.save(made.roots)[: len(made.images) + len(made.plates)]
                images, plates = saved[: len(made.images)], saved[len(made.images) :]
                pixels = [image.getPrimaryPixels() for image in images]
            self._step(1, "PixelDataJob")
            self._step(2, "ThumbnailGenerationJob")
            with self.transaction() as call:
                if definitions := importing.rendering_defs(source, pixels, settings):
                    call.tx.save(definitions)
        self._step(3, "IndexingJob")
        self._step(4)
        return self._response([p.id.val for p in pixels], [x.id.val for x in plates])

    @contextmanager
    def _named_errors(self, file: Path, readers: Any) -> Iterator[None]:
        """Name what goes wrong as ManagedImportRequestI does."""
        try:
            yield
        except readers.UnknownFormat as problem:
            raise self._failure("import-unknown-format", problem, file) from problem
        except (readers.BrokenFile, OSError) as problem:
            raise self._failure("import-file-exception", problem, file) from problem
        except omero.ServerError as problem:
            raise self._failure("import-request-failure", problem, file) from problem

    def _failure(self, name: str, problem: Exception, file: Path) -> Failure:
        answer = error(self.request, name, problem)
        answer.parameters["filename"] = str(file)
        return Failure(answer)

    def _step(self, number: int, job: str = "") -> None:
        """Tell how far the import is, and note that one of its jobs is done."""
        self.step(number, STEPS)
        if job in self._jobs:
            with self.transaction() as call:
                finish(call, self._jobs[job], job, "Finished")

    def _response(self, pixels: list[int], plates: list[int]) -> Any:
        """Return what was made: Pixels in series order; plates, then images that are in none."""
        with self.transaction() as call:
            loaded = _ordered(call, _PIXELS, pixels)
            in_plates = {
                row[0].val
                for row in call.tx.projection(
                    "select ws.image.id from WellSample ws where ws.image.fileset.id = :id",
                    {"id": rlong(self._fileset)},
                )
            }
            objects = _ordered(call, "select x from Plate x where x.id in (:ids)", plates)
        objects += [p.image for p in loaded if p.image.id.val not in in_plates]
        return omero.grid.ImportResponse(loaded, objects)


def _time() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}"


_PIXELS = (
    "select distinct x from Pixels x join fetch x.image join fetch x.pixelsType"
    " left outer join fetch x.channels c left outer join fetch c.logicalChannel"
    " left outer join fetch c.statsInfo where x.id in (:ids)"
)


def _ordered(call: Call, hql: str, ids: list[int]) -> list[Any]:
    """Return the objects with the given ids, in that order."""
    if not ids:
        return []
    found = call.tx.query(hql, {"ids": rlist([rlong(i) for i in ids])})
    by_id = {obj.id.val: obj for obj in found}
    return [by_id[i] for i in ids]
