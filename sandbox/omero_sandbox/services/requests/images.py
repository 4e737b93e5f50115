# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests about the files of an image: their sizes and their metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import omero
import omero.all
from omero.constants.annotation.file import ORIGINALMETADATA
from omero.constants.namespaces import NSCOMPANIONFILE
from omero.rtypes import rlong, rstring, unwrap

from omero_sandbox.service import Call
from omero_sandbox.services.commands import Failure, Job, command, error


@command(omero.cmd.ManageImageBinaries)
def manage_image_binaries(job: Job) -> Any:
    """Measure, hide or remove what OMERO 4 kept beside a fileset (ManageImageBinariesI)."""
    request = job.request
    answer = omero.cmd.ManageImageBinariesResponse(
        None, [], archivedSize=0, pixelSize=0, pyramidSize=0, thumbnailSize=0
    )
    with job.transaction(everywhere=True) as call:
        image = call.tx.find("Image", request.imageId)
        if image is None:
            problem = f"No row with the given identifier exists: [{_IMAGE}#{request.imageId}]"
            raise Failure(error(request, "bad-step", problem))
        answer.filesetId = image.fileset.id if image.fileset is not None else None
        ids = {"id": rlong(request.imageId)}
        found = _ids(call, "select p.id from Pixels p where p.image.id = :id", ids)
        if not found:
            raise Failure(error(request, "failure", f"no pixels for image {request.imageId}"))
        pixels = found[0]
        answer.archivedFiles = _ids(call, _ARCHIVED, ids)
        answer.archivedSize = _size(call, "Files", answer.archivedFiles)
        thumbnails = "select t.id from Thumbnail t where t.pixels.id = :id"
        answer.thumbnailSize = _size(
            call, "Thumbnails", _ids(call, thumbnails, {"id": rlong(pixels)})
        )
        _toggle(request, answer, image, call.server.repository.numbered("Pixels", pixels))
    return answer


_IMAGE = "ome.model.core.Image"
_ARCHIVED = (
    "select o.id from Image i join i.pixels p join p.pixelsFileMaps m join m.parent o"
    " where i.id = :id"
)
_COMPANIONS = (
    "from ImageAnnotationLink l, FileAnnotation a join a.file f"
    " where l.parent.id = :id and l.child = a and a.ns = :ns"
)


def _toggle(request: Any, answer: Any, image: Any, path: Path) -> None:
    """Put pixels away and remove the pyramid, as asked; say how large they are."""
    backup, pyramid = (path.with_name(path.name + end) for end in ("_bak", "_pyramid"))
    for asked, which, file in (
        (request.togglePixels, "pixels", path),
        (request.deletePyramid, "pyramid", pyramid),
    ):
        if not asked:
            continue
        if answer.filesetId is None:
            raise Failure(omero.cmd.ERR(name=f"{which}-requires-fileset", parameters={}))
        if file.exists():
            if not image.details.permissions.canDelete():
                name = "pixels-move" if which == "pixels" else which
                raise Failure(omero.cmd.ERR(name=f"{name}-delete-disallowed", parameters={}))
            file.rename(backup) if which == "pixels" else file.unlink()
    answer.pixelsPresent, answer.pyramidPresent = path.exists(), pyramid.exists()
    kept = path if answer.pixelsPresent else backup
    answer.pixelSize = kept.stat().st_size if kept.exists() else 0
    answer.pyramidSize = pyramid.stat().st_size if answer.pyramidPresent else 0


def _ids(call: Call, hql: str, params: dict[str, Any]) -> list[int]:
    return [row[0].val for row in call.tx.projection(hql, params)]


def _size(call: Call, kind: str, ids: list[int]) -> int:
    paths = (call.server.repository.numbered(kind, id_) for id_ in ids)
    return sum(path.stat().st_size for path in paths if path.exists())


@command(omero.cmd.FindPyramids)
def find_pyramids(job: Job) -> Any:
    """Find no pyramids: they are made by OMERO's PixelData service, which is not here."""
    return omero.cmd.FindPyramidsResponse([])


@command(omero.cmd.UsedFilesRequest)
def used_files(job: Job) -> Any:
    """Say which files an image is read from (UsedFilesRequestI)."""
    request = job.request
    with job.transaction(everywhere=True) as call:
        image = call.tx.find("Image", request.imageId)
        if image is None:
            raise Failure(error(request, "bad-image", f"cannot read image {request.imageId}"))
        if image.fileset is None:
            return _used_before_filesets(call, request.imageId)
        files = _ids(
            call,
            "select e.originalFile.id from FilesetEntry e where e.fileset.id = :id",
            {"id": image.fileset.id},
        )
    if len(files) > 1:
        # which of them are companions, and whose, is for Bio-Formats' readers to say
        message = "The sandbox does not implement UsedFilesRequest for filesets of several files"
        raise Failure(error(request, "not-implemented", message))
    return omero.cmd.UsedFilesResponse(files, [], [], [])


def _used_before_filesets(call: Call, image: int) -> Any:
    companions = unwrap(
        call.tx.projection(
            f"select distinct f.id, f.name {_COMPANIONS}",
            {"id": rlong(image), "ns": rstring(NSCOMPANIONFILE)},
        )
    )
    return omero.cmd.UsedFilesResponsePreFs(
        _ids(call, _ARCHIVED, {"id": rlong(image)}),
        [id_ for id_, name in companions if name != ORIGINALMETADATA],
        [id_ for id_, name in companions if name == ORIGINALMETADATA],
    )


@command(omero.cmd.OriginalMetadataRequest)
def original_metadata(job: Job) -> Any:
    """Return what was kept of an image's metadata in OMERO 4 (OriginalMetadataRequestI).

    What Bio-Formats' readers find in the files of a fileset is not known here.
    """
    request = job.request
    answer = omero.cmd.OriginalMetadataResponse(None, None, {}, {})
    with job.transaction(everywhere=True) as call:
        image = call.tx.find("Image", request.imageId)
        if image is not None and image.fileset is not None:
            message = "The sandbox does not implement OriginalMetadataRequest for filesets"
            raise Failure(error(request, "not-implemented", message))
        found = unwrap(
            call.tx.projection(
                "select a.id, f.id from ImageAnnotationLink l, FileAnnotation a join a.file f"
                " where l.parent.id = :id and l.child = a and a.ns = :ns and f.name = :name",
                {
                    "id": rlong(request.imageId),
                    "ns": rstring(NSCOMPANIONFILE),
                    "name": rstring(ORIGINALMETADATA),
                },
            )
        )
        if found:
            annotation, file = found[0]
            path = call.server.repository.numbered("Files", file)
            answer.fileAnnotationId = rlong(annotation)
            _parse(path.read_text(encoding="utf-8"), answer)
    return answer


def _parse(text: str, answer: Any) -> None:
    """Read the sections of an ``original_metadata.txt``."""
    sections = {
        "[GlobalMetadata]": answer.globalMetadata,
        "[SeriesMetadata]": answer.seriesMetadata,
    }
    current: dict[str, Any] | None = None
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("[") and bare.endswith("]"):
            current = sections.get(bare)
        elif current is not None and (at := _equals_sign(line)) is not None:
            current[line[:at].strip()] = rstring(line[at + 1 :].strip())


def _equals_sign(line: str) -> int | None:
    """Return where a line divides: at the last ``=`` of those in the fewest brackets."""
    depth, best = 0, None
    for at, character in enumerate(line):
        depth += (character in "([{") - (character in ")]}")
        if character == "=" and (best is None or depth <= best[0]):
            best = (depth, at)
    return None if best is None else best[1]
