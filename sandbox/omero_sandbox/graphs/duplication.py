# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""What is duplicated with an object (omero.cmd.Duplicate); :mod:`copying` makes the copies.

Source of the rules: omero-blitz ``ome/services/graph-rules/blitz-duplicate-rules.xml``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from omero_sandbox.database.rows import Rows
from omero_sandbox.errors import GraphFailure
from omero_sandbox.graphs.containment import named
from omero_sandbox.graphs.deletion import Key, Row, unreadable
from omero_sandbox.model import TYPES, Field, Type

#: What is duplicated along with an object: the end of a path of its fields.
WITH = """
    Instrument.detector Instrument.dichroic Instrument.filter Instrument.filterSet
    Instrument.lightSource Instrument.microscope Instrument.objective Instrument.otf
    Detector.instrument LightSource.instrument Objective.instrument
    Filter.transmittanceRange FilterSet.dichroic Laser.pump OTF.filterSet OTF.objective
    LogicalChannel.detectorSettings LogicalChannel.lightSourceSettings Image.objectiveSettings
    DetectorSettings.detector LightSettings.lightSource ObjectiveSettings.objective
    FileAnnotation.file FilesetEntry.originalFile PixelsOriginalFileMap.parent Roi.source
    LogicalChannel.channels LogicalChannel.lightPath Channel.statsInfo
    Image.imagingEnvironment Image.instrument Image.pixels Image.stageLabel Image.rois
    Pixels.channels Pixels.planeInfo Pixels.settings Pixels.thumbnails
    RenderingDef.projections RenderingDef.quantization RenderingDef.waveRendering
    ChannelBinding.spatialDomainEnhancement Experiment.microbeamManipulation
    Fileset.images Fileset.usedFiles Fileset.jobLinks FilesetJobLink.child
    Folder.childFolders Roi.shapes Shape.transform Mask.pixels.image
    Screen.reagents Plate.wells Plate.plateAcquisitions PlateAcquisition.wellSample
    Well.wellSamples WellSample.image
"""
#: References from objects that are duplicated along with what they refer to.
BY = """DetectorSettings.detector LightSettings.lightSource ObjectiveSettings.objective
    PixelsOriginalFileMap.parent"""
#: Links that are duplicated with their parent, and their child with them; so are all annotations.
LINKS = """ProjectDatasetLink DatasetImageLink FolderImageLink FolderRoiLink ScreenPlateLink
    WellReagentLink JobOriginalFileLink"""
#: Links that are duplicated when both of their ends are.
BETWEEN = """FilterSetEmissionFilterLink FilterSetExcitationFilterLink
    LightPathEmissionFilterLink LightPathExcitationFilterLink"""
#: Collections of which only those are duplicated that the same user owns.
OWN = {"Pixels.settings", "Pixels.thumbnails"}
#: What is shared: it is duplicated when all that refer to it are.
SHARED = ("Channel.logicalChannel", "Image.experiment", "Image.fileset")


class Inclusion(Enum):
    """What becomes of the objects of a class (DuplicateI)."""

    DUPLICATE = "duplicate"
    REFERENCE = "reference"
    IGNORE = "ignore"


class Choice:
    """What a request does with each class: the most specific class that it names counts.

    Raises
    ------
    ValueError
        When there is no class of a name.
    """

    def __init__(self, duplicate: Any, reference: Any, ignore: Any) -> None:
        self._said: dict[str, Inclusion] = {}
        for inclusion, wanted in zip(Inclusion, (duplicate, reference, ignore), strict=True):
            for name in wanted or ():
                short = name.rpartition(".")[2]
                if short not in ("IAnnotationLink", *TYPES):
                    raise ValueError(f"unknown model object class named: {short}")
                self._said[short] = inclusion

    def of(self, type_: Type) -> Inclusion:
        """Return what becomes of the objects of a class."""
        said = (self._said[name] for name in type_.names if name in self._said)
        return next(said, Inclusion.DUPLICATE)


class Step(NamedTuple):
    """A way from an object to others that are duplicated with it.

    Attributes
    ----------
    start : Type
        The class of the object.
    holder : Type
        The class that has the reference.
    made : Field
        The reference.
    forward : bool
        Whether it is the object's own, or that of the others.
    """

    start: Type
    holder: Type
    made: Field
    forward: bool
    own: bool = False


@cache
def steps() -> tuple[tuple[Step, ...], ...]:
    """Return the rules above as ways of one step or more."""
    links = [t.name for t in TYPES.values() if t.is_annotation_link and t.cls]
    found = [_path(rule) for rule in WITH.split()]
    found += [(_back(*rule.split(".")),) for rule in BY.split()]
    for name in (*LINKS.split(), *links):
        found += [(_back(name, "parent"),), _path(f"{name}.child")]
    return tuple(found)


def _path(rule: str) -> tuple[Step, ...]:
    name, *fields = rule.split(".")
    way, here = [], TYPES[name]
    for field in fields:
        made = here.fields[field]
        target = TYPES[made.target or ""]
        if made.kind == "many":
            inverse = target.fields[made.inverse or ""]
            way.append(Step(here, target, inverse, forward=False, own=rule in OWN))
        else:
            way.append(Step(here, here, made, forward=True))
        here = target
    return tuple(way)


def _back(name: str, field: str) -> Step:
    made = TYPES[name].fields[field]
    return Step(TYPES[made.target or ""], TYPES[name], made, forward=False)


class Plan:
    """What a request duplicates, found step by step from its targets.

    Attributes
    ----------
    taken : dict[Key, Row]
        The originals, by table and id.
    """

    def __init__(self, tx: Rows, choice: Choice) -> None:
        self.tx, self.choice = tx, choice
        self.taken: dict[Key, Row] = {}

    def start(self, targets: Mapping[str, Sequence[int]]) -> None:
        """Take the targets, and all that is duplicated with them.

        Raises
        ------
        GraphFailure
            When a target is not there, or only some images of a fileset would be duplicated.
        """
        for name, ids in targets.items():
            type_ = named(name)
            found = self._rows(type_, "id", ids)
            for id_ in ids:
                if (type_.table, id_) not in found:
                    raise unreadable(type_, id_)
            self.taken |= found
        new = dict(self.taken)
        while new:
            fresh = self._beyond(new)
            self.taken |= fresh
            if not fresh:
                fresh = self._links_between() | self._shared()
                self.taken |= fresh
            new = fresh
        self._check_filesets()

    def _rows(self, type_: Type, column: str, ids: Iterable[int]) -> dict[Key, Row]:
        """Return rows of a class that the caller may read, where a column has one of the ids."""
        rows = self.tx.connection.execute(
            f'SELECT id, _type, _owner, _group FROM "{type_.table}" WHERE "{column}" IN '
            "(SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        found = ((id_, Row(TYPES[name], owner, group)) for id_, name, owner, group in rows)
        return {
            (type_.table, id_): row
            for id_, row in found
            if row.type.is_a(type_.name) and self.tx.rights.may_read(*row)
        }

    def _beyond(self, new: dict[Key, Row]) -> dict[Key, Row]:
        """Return what the rules duplicate with the new ones, and what else is known of them."""
        fresh: dict[Key, Row] = {}
        for way in steps():
            here = {k: r for k, r in new.items() if r.type.is_a(way[0].start.name)}
            for step in way:
                if not here:
                    break
                here = self._step(step, here)
            fresh |= here
        fresh |= self._external_infos(new)
        return self._fresh(fresh)

    def _fresh(self, rows: dict[Key, Row]) -> dict[Key, Row]:
        """Return those that are to be duplicated and are not taken yet."""
        return {
            key: row
            for key, row in rows.items()
            if key not in self.taken and self.choice.of(row.type) is Inclusion.DUPLICATE
        }

    def _step(self, step: Step, here: dict[Key, Row]) -> dict[Key, Row]:
        ids = [id_ for _, id_ in here]
        if step.forward:
            return self._rows(TYPES[step.made.target or ""], "id", self._referred(step, ids))
        if not step.own:
            return self._rows(step.holder, step.made.column, ids)
        found: dict[Key, Row] = {}
        for (_, id_), row in here.items():
            theirs = self._rows(step.holder, step.made.column, [id_])
            found |= {k: r for k, r in theirs.items() if r.owner == row.owner}
        return found

    def _referred(self, step: Step, ids: Sequence[int]) -> list[int]:
        rows = self.tx.connection.execute(
            f'SELECT DISTINCT "{step.made.column}" FROM "{step.holder.table}" WHERE id IN '
            f'(SELECT value FROM json_each(?)) AND "{step.made.column}" NOTNULL',
            (json.dumps(list(ids)),),
        )
        return [id_ for (id_,) in rows]

    def _external_infos(self, new: dict[Key, Row]) -> dict[Key, Row]:
        found: dict[Key, Row] = {}
        for table, ids in by_table(new).items():
            rows = self.tx.connection.execute(
                f'SELECT _external FROM "{table}" WHERE id IN (SELECT value FROM json_each(?)) '
                "AND _external NOTNULL",
                (json.dumps(ids),),
            )
            found |= self._rows(TYPES["ExternalInfo"], "id", [id_ for (id_,) in rows])
        return found

    def _links_between(self) -> dict[Key, Row]:
        """Return the links between filters and their sets, where both ends are taken."""
        found: dict[Key, Row] = {}
        for name in BETWEEN.split():
            link = TYPES[name]
            parents, children = (
                self._rows(link, end, self._ids(TYPES[link.fields[end].target or ""].table))
                for end in ("parent", "child")
            )
            found |= {k: r for k, r in parents.items() if k in children}
        return self._fresh(found)

    def _ids(self, table: str) -> list[int]:
        return [id_ for t, id_ in self.taken if t == table]

    def _shared(self) -> dict[Key, Row]:
        """Return what is shared by objects that are all taken."""
        found: dict[Key, Row] = {}
        for rule in SHARED:
            step = _path(rule)[0]
            target = TYPES[step.made.target or ""]
            wanted = self._referred(step, self._ids(step.holder.table))
            for key, row in self._rows(target, "id", wanted).items():
                users = self._rows(step.holder, step.made.column, [key[1]])
                if users.keys() <= self.taken.keys():
                    found[key] = row
        return self._fresh(found)

    def _check_filesets(self) -> None:
        """Refuse to duplicate some images of a fileset without the others."""
        step, image = _path("Image.fileset")[0], TYPES["Image"]
        if self.choice.of(TYPES["Fileset"]) is not Inclusion.DUPLICATE:
            return
        for fileset in self._referred(step, self._ids(image.table)):
            images = self._rows(image, "fileset", [fileset])
            left = [key for key in images if key not in self.taken]
            if left:
                mine = next(key for key in images if key in self.taken)
                raise GraphFailure(
                    f"within Fileset[{fileset}] may not duplicate "
                    f"Image[{mine[1]}] without Image[{left[0][1]}] also"
                )

    def result(self) -> dict[str, list[int]]:
        """Return fully-qualified class name -> ids of the originals."""
        found: dict[str, list[int]] = defaultdict(list)
        for (_, id_), row in self.taken.items():
            found[row.type.fqn].append(id_)
        return {name: sorted(ids) for name, ids in sorted(found.items())}


def by_table(keys: Iterable[Key]) -> dict[str, list[int]]:
    """Return table -> ids."""
    found: dict[str, list[int]] = defaultdict(list)
    for table, id_ in keys:
        found[table].append(id_)
    return found
