# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608  (HQL, not SQL: whoever calls may send any HQL as it is)
"""omero.api.IMetadata: annotations, tags, instruments and channels, loaded for display."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import omero
import omero.all
from omero.rtypes import rlist, rlong, rstring

from omero_sandbox.errors import misused
from omero_sandbox.model import TYPES
from omero_sandbox.service import Call, Service
from omero_sandbox.services.container import class_name, ids
from omero_sandbox.services.query import paging

_TAG_SET = omero.constants.metadata.NSINSIGHTTAGSET
#: To-one parts that an annotation is loaded with.
_FETCH = {"FileAnnotation": " left outer join fetch a.file f left outer join fetch f.hasher"}
_INSTRUMENT = (
    "detector d/d.type", "objective o/o.immersion o.correction", "lightSource s/",
    "filter f/f.type f.transmittanceRange", "dichroic di/", "filterSet fs/fs.dichroic",
)  # fmt: skip
_CHANNEL = (
    "illumination", "contrastMethod", "photometricInterpretation", "mode", "otf", "filterSet",
    "detectorSettings ds/ds.detector ds.binning", "lightSourceSettings ls/ls.lightSource",
    "lightPath lp/lp.dichroic",
)  # fmt: skip


class IMetadata(Service):
    """Metadata; the rules are ome.logic.MetadataImpl's (omero-server)."""

    interface = omero.api.IMetadata

    # -- annotations ----------------------------------------------------------------------------

    def loadAnnotation(self, call: Call, annotationIds: Sequence[int]) -> list[Any]:
        return call.tx.query(
            "select a from Annotation a left outer join fetch a.details.owner where a.id in (:ids)",
            {"ids": ids(annotationIds)},
        )

    def loadSpecifiedAnnotations(
        self, call: Call, annotationType: str, include: list[str], exclude: list[str], options: Any
    ) -> list[Any]:
        kind = class_name(annotationType)
        where, params = _namespaces(include, exclude)
        where, params = _owned(options, where, params)
        hql = f"select a from {kind} a{_FETCH.get(kind, '')}{_where(where)} order by a.id"
        return call.tx.query(hql, params, *paging(options))

    def countSpecifiedAnnotations(
        self, call: Call, annotationType: str, include: list[str], exclude: list[str], options: Any
    ) -> Any:
        where, params = _owned(options, *_namespaces(include, exclude))
        hql = f"select count(a.id) from {class_name(annotationType)} a{_where(where)}"
        return call.tx.projection(hql, params)[0][0]

    def loadAnnotations(
        self, call: Call, rootType: str, rootIds: Sequence[int], annotationTypes: list[str] | None,
        annotatorIds: Sequence[int] | None, options: Any,
    ) -> dict[int, list[Any]]:  # fmt: skip
        kinds = {class_name(name) for name in annotationTypes or []}
        where, params = ["l.parent.id in (:ids)"], {"ids": ids(rootIds)}
        if annotatorIds:
            where.append("l.details.owner.id in (:annotators)")
            params["annotators"] = ids(annotatorIds)
        linked = self._linked(call, rootType, where, params)
        found: dict[int, list[Any]] = {id_: [] for id_ in rootIds}
        for parent, annotation in linked:
            if not kinds or type(annotation).__name__.removesuffix("I") in kinds:
                found[parent].append(annotation)
        return found

    def loadSpecifiedAnnotationsLinkedTo(
        self, call: Call, annotationType: str, include: list[str], exclude: list[str],
        rootNodeType: str, rootNodeIds: Sequence[int], options: Any,
    ) -> dict[int, list[Any]]:  # fmt: skip
        wanted = getattr(omero.model, class_name(annotationType))
        where, params = _namespaces(include, exclude)
        where.append("l.parent.id in (:ids)")
        params["ids"] = ids(rootNodeIds)
        found = defaultdict(list)
        for parent, annotation in self._linked(call, rootNodeType, where, params):
            if isinstance(annotation, wanted):
                found[parent].append(annotation)
        return dict(found)

    def _linked(
        self, call: Call, root: str, where: list[str], params: dict[str, Any]
    ) -> list[tuple[int, Any]]:
        links = call.tx.query(
            f"select l from {class_name(root)}AnnotationLink l join fetch l.child a"
            f" left outer join fetch a.details.owner{_where(where)} order by l.id",
            params,
        )
        files = [x.child for x in links if isinstance(x.child, omero.model.FileAnnotation)]
        loaded = self._with_files(call, files)
        children = [(x.parent.id.val, x.child) for x in links]
        return [(parent, loaded.get(child.id.val, child)) for parent, child in children]

    def _with_files(self, call: Call, annotations: list[Any]) -> dict[int, Any]:
        hql = f"select a from FileAnnotation a{_FETCH['FileAnnotation']} where a.id in (:ids)"
        wanted = ids([a.id.val for a in annotations])
        return {a.id.val: a for a in call.tx.query(hql, {"ids": wanted})}

    def loadAnnotationsUsedNotOwned(
        self, call: Call, annotationType: str, userID: int
    ) -> list[Any]:
        """Return annotations of others that a user has linked to something."""
        kind = call.tx.type(class_name(annotationType)).name
        links = (name for name in TYPES if name.endswith("AnnotationLink"))
        found = {}
        for link in links:
            rows = call.tx.projection(
                f"select distinct a.id from {link} l join l.child a"
                " where l.details.owner.id = :user and a.details.owner.id != :user",
                {"user": rlong(userID)},
            )
            found.update(dict.fromkeys(row[0].val for row in rows))
        hql = f"select a from {kind} a{_FETCH.get(kind, '')} where a.id in (:ids) order by a.id"
        return call.tx.query(hql, {"ids": ids(list(found))})

    def countAnnotationsUsedNotOwned(self, call: Call, annotationType: str, userID: int) -> Any:
        return rlong(len(self.loadAnnotationsUsedNotOwned(call, annotationType, userID)))

    def loadLogFiles(self, call: Call, rootType: str, ids_: Sequence[int]) -> dict[int, list[Any]]:
        """Return the logs of imports, by image or fileset."""
        root = class_name(rootType)
        if root not in ("Image", "Fileset"):
            raise misused(f"Only images and filesets have logs, not {rootType}")
        path = "x.fileset" if root == "Image" else "x"
        found: dict[int, list[Any]] = {id_: [] for id_ in ids_}
        rows = call.tx.projection(
            f"select x.id, f from {root} x join {path}.jobLinks jl join jl.child j"
            " join j.originalFileLinks fl join fl.child f"
            " where x.id in (:ids) and f.mimetype = 'application/omero-log-file'",
            {"ids": ids(ids_)},
        )
        for id_, file in rows:
            found[id_.val].append(file.val)
        return found

    # -- tags -------------------------------------------------------------------------------------

    def loadTagSets(self, call: Call, options: Any) -> list[Any]:
        where, params = _owned(options, ["a.ns = :ns"], {"ns": rstring(_TAG_SET)})
        return call.tx.query(
            "select distinct a from TagAnnotation a left outer join fetch a.annotationLinks l"
            f" left outer join fetch l.child{_where(where)} order by a.id",
            params,
        )

    def loadTagContent(self, call: Call, ids_: Sequence[int], options: Any) -> dict[int, list[Any]]:
        content: dict[int, list[Any]] = {id_: [] for id_ in ids_}
        for kind in ("Project", "Dataset", "Image", "Screen", "Plate", "PlateAcquisition", "Well"):
            links = call.tx.query(
                f"select l from {kind}AnnotationLink l join fetch l.parent"
                " where l.child.id in (:ids) order by l.id",
                {"ids": ids(ids_)},
            )
            for link in links:
                content[link.child.id.val].append(link.parent)
        return content

    def getTaggedObjectsCount(
        self, call: Call, ids_: Sequence[int], options: Any
    ) -> dict[int, int]:
        return {id_: len(found) for id_, found in self.loadTagContent(call, ids_, options).items()}

    # -- instruments and channels ----------------------------------------------------------------

    def loadInstrument(self, call: Call, id: int) -> Any:
        instrument = None
        for part in _INSTRUMENT:
            instrument = self._join(call, instrument, part, id)
        return instrument

    def _join(self, call: Call, instrument: Any, part: str, id: int) -> Any:
        """Load an instrument with one of its collections; hand that to the instrument so far."""
        collection, _, inner = part.partition("/")
        name, alias = collection.split()
        fetches = "".join(f" left outer join fetch {path}" for path in inner.split())
        found = call.tx.query(
            "select distinct i from Instrument i left outer join fetch i.microscope ms"
            f" left outer join fetch ms.type left outer join fetch i.{name} {alias}{fetches}"
            " where i.id = :id",
            {"id": rlong(id)},
        )
        if not found:
            return call.tx.get("Instrument", id)
        if instrument is None:
            return found[0]
        for suffix in ("Seq", "Loaded"):
            setattr(instrument, f"_{name}{suffix}", getattr(found[0], f"_{name}{suffix}"))
        return instrument

    def loadChannelAcquisitionData(self, call: Call, ids_: Sequence[int]) -> list[Any]:
        fetches = "".join(_fetches(part) for part in _CHANNEL)
        return call.tx.query(
            f"select distinct lc from LogicalChannel lc{fetches} where lc.id in (:ids)",
            {"ids": ids(ids_)},
        )


def _fetches(part: str) -> str:
    """Return the joins for ``detectorSettings ds/ds.detector ds.binning``."""
    first, _, inner = part.partition("/")
    paths = [f"lc.{first}", *inner.split()]
    return "".join(f" left outer join fetch {path}" for path in paths)


def _namespaces(include: list[str], exclude: list[str]) -> tuple[list[str], dict[str, Any]]:
    where, params = [], {}
    if include:
        where.append("a.ns in (:include)")
        params["include"] = rlist([rstring(ns) for ns in include])
    if exclude:
        where.append("(a.ns is null or a.ns not in (:exclude))")
        params["exclude"] = rlist([rstring(ns) for ns in exclude])
    return where, params


def _owned(
    options: Any, where: list[str], params: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    filter_ = options.theFilter if options is not None else None
    if filter_ is not None and filter_.ownerId is not None:
        return [*where, "a.details.owner.id = :owner"], {**params, "owner": filter_.ownerId}
    return where, params


def _where(conditions: list[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""
