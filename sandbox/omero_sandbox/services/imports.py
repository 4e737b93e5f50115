# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.grid.ImportRequest: what happens to a fileset once its files have arrived.

Steps and their names are those of ManagedImportRequestI (omero-blitz). Each step commits by
itself, so that an import that fails leaves its fileset behind, as it does there.
"""

from __future__ import annotations

import datetime
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import omero
import omero.all
from omero.constants.namespaces import NSAUTOCLOSE, NSTARGETTEMPLATE
from omero.rtypes import rlist, rlong

from omero_sandbox.errors import forbidden
from omero_sandbox.model import TYPES
from omero_sandbox.service import Call
from omero_sandbox.services.commands import Failure, Job, error

if TYPE_CHECKING:  # loaded by the first import of files, not at the start: they load numpy
    from omero_sandbox.importing.objects import Settings
    from omero_sandbox.readers import Source

#: Files made read-only (not here), metadata, pixels, thumbnails, post-processing, response.
STEPS = 6


def jobs_after_upload(settings: Any) -> list[Any]:
    """Return the new jobs that importFileset puts after the UploadJob (ManagedRepositoryI).

    OMERO never marks them as finished: they keep the status Submitted.
    """
    jobs = [omero.model.MetadataImportJobI(), omero.model.PixelDataJobI()]
    if settings.doThumbnails is not None and settings.doThumbnails.val:
        jobs.append(omero.model.ThumbnailGenerationJobI())
    return [*jobs, omero.model.IndexingJobI()]


def import_job(
    call: Call, process: Any, fileset: int, settings: Any, context: dict[str, str]
) -> ImportJob:
    """Note that the upload is over, and return the job that imports the files."""
    row = call.tx.query(
        "select f from Fileset f join fetch f.jobLinks l join fetch l.child where f.id = :id",
        {"id": rlong(fileset)},
    )[0]
    upload, activity = row.copyJobLinks()[:2]
    call.tx.set_system(
        "UploadJob", upload.child.id.val,
        status="Finished", message="Finished", finished=int(time.time() * 1000),
    )  # fmt: skip
    call.tx.log("UPDATE", [(TYPES["UploadJob"], upload.child.id.val)])
    activity.parent = row
    request = omero.grid.ImportRequest(
        str(uuid.uuid4()), call.server.repository.uuid, process, activity, settings
    )
    return ImportJob(request, call, context, fileset, upload.child.id.val)


class ImportJob(Job):
    """The import of one fileset.

    Attributes
    ----------
    auto_close : bool
        Whether handle and process are closed at the end without a call of the client.
    """

    def __init__(
        self, request: Any, call: Call, context: dict[str, str], fileset: int, upload: int
    ) -> None:
        super().__init__(request, call.server, call.session, context)
        self._fileset, self._upload = fileset, upload
        self.auto_close = False

    def carry_out(self) -> Any:
        """Import, and keep a log of it beside the fileset."""
        with self.transaction() as call:
            files = self.server.repository.files_of(call.tx, self._fileset)
            log = self._log_file(call)
        self._log = log.id.val
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
                call.tx.set_system("OriginalFile", self._log, size=path.stat().st_size)
        return answer

    def _done(self) -> None:
        """Note that a step is done: the log's row is written (ManagedImportRequestI.step).

        That is all that clients know of how long a step took (`omero fs importtime`).
        """
        with self.transaction() as call:
            call.tx.log("UPDATE", [(TYPES["OriginalFile"], self._log)])

    def _log_file(self, call: Call) -> Any:
        """Return the log's row: it hangs from the UploadJob."""
        return call.tx.query(
            "select f from JobOriginalFileLink l join l.child f where l.parent.id = :id",
            {"id": rlong(self._upload)},
        )[0]

    def _import(self, files: list[Path]) -> Any:
        """Carry out the steps."""
        # numpy, tifffile and ome-types would triple the time that a server takes to start
        from omero_sandbox.importing import objects as importing

        settings = importing.Settings.of(self.request.settings)
        with self._opened(files, settings) as source, self._named_errors(files[0]):
            self.step(1, STEPS)
            with self.transaction() as call:
                made = importing.objects(source, self._fileset, files[0].name, settings)
                saved = call.tx.save(made.roots)[: len(made.images) + len(made.plates)]
                images, plates = saved[: len(made.images)], saved[len(made.images) :]
                pixels = [image.getPrimaryPixels() for image in images]
            self._done()
            self.step(2, STEPS)
            self._done()
            self.step(3, STEPS)
            with self.transaction() as call:
                if definitions := importing.rendering_defs(source, pixels, settings):
                    call.tx.save(definitions)
            self._done()
            self.step(4, STEPS)
            self._done()
            self.step(5, STEPS)
        return self._response([p.id.val for p in pixels], [x.id.val for x in plates])

    @contextmanager
    def _opened(self, files: list[Path], settings: Settings) -> Iterator[Source]:
        """Open the files, before any step: whatever is wrong then has one name (init)."""
        from omero_sandbox import readers

        try:
            source = readers.read(files)
        except (readers.UnknownFormat, readers.BrokenFile, OSError) as problem:
            raise Failure(error(self.request, "error-on-init", problem)) from problem
        with source:
            if strangers := set(source.used) - set(files):
                names = ", ".join(sorted(path.name for path in strangers))
                missing = forbidden(f"The fileset does not have all files that are used: {names}")
                raise Failure(error(self.request, "error-on-init", missing))
            namespaces = self._namespaces(settings)
            self.auto_close = NSAUTOCLOSE in namespaces
            if NSTARGETTEMPLATE in namespaces:
                message = "The sandbox does not know targets by template"
                raise Failure(error(self.request, "error-on-init", message))
            self.step(0, STEPS)
            yield source

    def _namespaces(self, settings: Settings) -> set[str]:
        """Return the namespaces of the annotations that come with the settings."""
        given = settings.userSpecifiedAnnotationList
        with self.transaction() as call:
            known = [a if a.loaded else call.tx.get("Annotation", a.id.val) for a in given]
        return {annotation.ns.val for annotation in known if annotation.ns is not None}

    @contextmanager
    def _named_errors(self, file: Path) -> Iterator[None]:
        """Name what goes wrong in a step as ManagedImportRequestI does."""
        from omero_sandbox import readers

        try:
            yield
        except (readers.BrokenFile, OSError) as problem:
            answer = error(self.request, "import-file-exception", problem)
            answer.parameters["filename"] = str(file)
            raise Failure(answer) from problem
        except omero.ServerError as problem:
            raise Failure(error(self.request, "import-request-failure", problem)) from problem

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
