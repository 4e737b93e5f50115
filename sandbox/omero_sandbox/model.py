# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's object model as a table: what omero-py's stubs say, plus the little they leave out.

The stubs give classes, fields, types and which fields are required; the data at the top of this
file gives the rest (ome/omero-model, ``src/main/resources/mappings``): enumeration values, lists
kept in order by their parent, the length of strings, numeric limits, unique keys, discriminators.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import omero
import omero.all
import omero.model
from omero.rtypes import rstring

# Lists whose order and membership the parent writes: the child's own reference is read-only.
ORDERED = {
    "Image.pixels", "Pixels.channels", "Roi.shapes", "RenderingDef.waveRendering",
    "RenderingDef.projections", "ChannelBinding.spatialDomainEnhancement", "Fileset.usedFiles",
    "Fileset.jobLinks", "Well.wellSamples", "LightPath.excitationFilterLink",
    "Experimenter.groupExperimenterMap",
}  # fmt: skip

# Strings of at most 255 characters (``string`` in the mappings); all others are unlimited text.
_PART = "manufacturer model lotNumber serialNumber"
VARCHAR = {
    f"{name}.{attribute}"
    for name, attributes in {
        "Pixels": "sha1 methodology", "OriginalFile": "repo mimetype", "LogicalChannel": "fluor",
        "OTF": "path", "LightSource": _PART, "Detector": _PART, "Microscope": _PART,
        "Objective": _PART, "Filter": f"{_PART} filterWheel", "FilterSet": _PART,
        "Dichroic": _PART, "Screen": "type protocolIdentifier reagentSetIdentifier",
        "Plate": "columnNamingConvention rowNamingConvention externalIdentifier",
        "Well": "status externalIdentifier type", "Reagent": "reagentIdentifier",
        "Shape": "fillRule strokeDashArray fontFamily fontStyle",
        "Polyline": "markerStart markerEnd", "Line": "markerStart markerEnd",
        "Thumbnail": "mimeType ref", "ChannelBinding": "lookupTable",
        "Job": "username groupname type message", "ScriptJob": "description",
        "ExperimenterGroup": "name", "Session": "uuid defaultEventType userAgent userIP",
        "Experimenter": "omeName firstName middleName lastName institution email",
        "Node": "uuid", "Event": "status", "EventLog": "entityType action",
        "ExternalInfo": "entityType lsid uuid",
        "DBPatch": "currentVersion previousVersion message",
    }.items()
    for attribute in attributes.split()
}  # fmt: skip

# Check constraints (mappings' validated types and omero-model ``psql-footer.vm``): SQL on VALUE.
CHECKS = {
    "VALUE >= 0": """Image.series PlaneInfo.theZ PlaneInfo.theC PlaneInfo.theT
        ProjectionDef.startPlane ProjectionDef.endPlane""",
    "VALUE >= 1": """Pixels.significantBits Pixels.sizeX Pixels.sizeY Pixels.sizeZ Pixels.sizeC
        Pixels.sizeT LogicalChannel.samplesPerPixel DetectorSettings.integration OTF.sizeX
        OTF.sizeY Laser.frequencyMultiplication ProjectionDef.stepping""",
    "VALUE >= 0 AND VALUE <= 1": """ImagingEnvironment.humidity ImagingEnvironment.co2percent
        LightSettings.attenuation TransmittanceRange.transmittance""",
    "VALUE > 0": """Pixels.physicalSizeX Pixels.physicalSizeY Pixels.physicalSizeZ
        LogicalChannel.excitationWave LogicalChannel.emissionWave Laser.wavelength
        LightSettings.wavelength TransmittanceRange.cutIn TransmittanceRange.cutOut""",
}
CHECK = {name: rule for rule, names in CHECKS.items() for name in names.split()}

# Unique keys besides links' (parent, child, owner) and enumerations' value.
UNIQUE = {
    "Experimenter": "omeName", "ExperimenterGroup": "name", "Session": "uuid", "Node": "uuid",
    "Namespace": "name", "Well": "plate column row", "GroupExperimenterMap": "parent child",
    "ShareMember": "parent child", "OriginalFile": "repo path name",
}  # fmt: skip

# What HQL's ``.class`` compares with, where it is not the class name.
DISCRIMINATOR = {
    "Label": "text", "Rectangle": "rect", "Mask": "mask", "Ellipse": "ellipse", "Point": "point",
    "Path": "path", "Polygon": "polygon", "Polyline": "polyline", "Line": "line",
    "Annotation": "/", "ListAnnotation": "/list/", "BasicAnnotation": "/basic/",
    "TypeAnnotation": "/type/", "TextAnnotation": "/basic/text/", "MapAnnotation": "/map/",
    "CommentAnnotation": "/basic/text/comment/", "TagAnnotation": "/basic/text/tag/",
    "XmlAnnotation": "/basic/text/xml/", "NumericAnnotation": "/basic/num/",
    "LongAnnotation": "/basic/num/long/", "DoubleAnnotation": "/basic/num/double/",
    "BooleanAnnotation": "/basic/bool/", "TimestampAnnotation": "/basic/time/",
    "TermAnnotation": "/basic/term/", "FileAnnotation": "/type/OriginalFile/",
}  # fmt: skip

# Values of the enumerations as a new server has them, in order of id.
_OTHER = "Other Unknown"
ENUMERATIONS = {
    name: values.split()
    for name, values in {
        "ExperimentType": f"""FP FRET TimeLapse FourDPlus Screen Immunocytochemistry
            Immunofluorescence FISH Electrophysiology IonImaging Colocalization PGIDocumentation
            FluorescenceLifetime SpectralImaging Photobleaching {_OTHER}""",
        "MicrobeamManipulationType": f"""FRAP Photoablation Photoactivation Uncaging
            OpticalTrapping FLIP InverseFRAP {_OTHER}""",
        "Medium": f"Air Oil Water Glycerol {_OTHER}",
        "MicroscopeType": f"Upright Inverted Dissection Electrophysiology {_OTHER}",
        "Immersion": f"Oil Water WaterDipping Air Multi Glycerol {_OTHER}",
        "Correction": f"""UV PlanApo PlanFluor SuperFluor VioletCorrected Achro Achromat Fluor Fl
            Fluar Neofluar Fluotar Apo {_OTHER}""",
        "Format": "OMETiff TIFF Fake PNG JPEG OMEXML",
        "ChecksumAlgorithm": """Adler-32 CRC-32 MD5-128 Murmur3-32 Murmur3-128 SHA1-160
            File-Size-64""",
        "DimensionOrder": "XYZCT XYZTC XYCTZ XYCZT XYTCZ XYTZC",
        "PixelsType": """bit int8 int16 int32 uint8 uint16 uint32 float double complex
            double-complex""",
        "PhotometricInterpretation": "RGB ARGB CMYK HSV Monochrome ColorMap",
        "AcquisitionMode": f"""WideField LaserScanningConfocalMicroscopy SpinningDiskConfocal
            SlitScanConfocal MultiPhotonMicroscopy StructuredIllumination SingleMoleculeImaging
            TotalInternalReflection FluorescenceLifetime SpectralImaging
            FluorescenceCorrelationSpectroscopy NearFieldScanningOpticalMicroscopy
            SecondHarmonicGenerationImaging PALM STORM STED TIRF FSM LCM {_OTHER} BrightField
            SweptFieldConfocal SPIM""",
        "Binning": "1x1 2x2 4x4 8x8",
        "DetectorType": f"""CCD IntensifiedCCD AnalogVideo PMT Photodiode Spectroscopy
            LifetimeImaging CorrelationSpectroscopy FTIR EM-CCD APD CMOS EBCCD {_OTHER}""",
        "Illumination": f"Transmitted Epifluorescence Oblique NonLinear {_OTHER}",
        "ContrastMethod": f"""Brightfield Phase DIC HoffmanModulation ObliqueIllumination
            PolarizedLight Darkfield Fluorescence {_OTHER}""",
        "ArcType": f"Hg Xe HgXe {_OTHER}",
        "FilamentType": f"Incandescent Halogen {_OTHER}",
        "LaserMedium": f"""Rhodamine6G CoumarinC30 ArFl ArCl KrFl KrCl XeFl XeCl XeBr GaAs GaAlAs
            EMinus Cu Ag N Ar Kr Xe HeNe HeCd CO CO2 H2O HFl NdGlass NdYAG ErGlass ErYAG HoYLF
            HoYAG Ruby TiSapphire Alexandrite {_OTHER}""",
        "LaserType": f"""Excimer Gas MetalVapor SolidState Dye Semiconductor FreeElectron
            {_OTHER}""",
        "Pulse": f"CW Single QSwitched Repetitive ModeLocked {_OTHER}",
        "FilterType": f"""LongPass ShortPass BandPass MultiPass Dichroic NeutralDensity Tuneable
            {_OTHER}""",
        "RenderingModel": "rgb greyscale",
        "Family": "linear polynomial exponential logarithmic",
        "ProjectionAxis": "T ModuloT Z ModuloZ",
        "ProjectionType": "maximum mean sum",
        "JobStatus": """Submitted Resubmitted Queued Requeued Running Error Waiting Finished
            Cancelled""",
        "EventType": "Import Internal Shoola User Task Test Processing FullText Sessions",
        "AdminPrivilege": """Chgrp Chown DeleteFile DeleteManagedRepo DeleteOwned DeleteScriptRepo
            ModifyGroup ModifyGroupMembership ModifyUser ReadSession Sudo WriteFile
            WriteManagedRepo WriteOwned WriteScriptRepo""",
    }.items()
}  # fmt: skip
BIT_SIZE = {
    "bit": 1, "int8": 8, "int16": 16, "int32": 32, "uint8": 8, "uint16": 16, "uint32": 32,
    "float": 32, "double": 64, "complex": 64, "double-complex": 128,
}  # fmt: skip

_SCALARS = {
    "_M_omero._t_RString": "text", "_M_omero._t_RInt": "int", "_M_omero._t_RLong": "long",
    "_M_omero._t_RDouble": "double", "_M_omero._t_RBool": "bool", "_M_omero._t_RTime": "time",
    "_M_Ice._t_ByteSeq": "bytes", "_M_omero.api._t_ByteSeq": "bytes",
    "_M_omero.api._t_StringArray": "strings", "_M_omero.api._t_NamedValueList": "map",
    "IcePy._t_int": "int",
}  # fmt: skip
_QUANTITIES = (
    "ElectricPotential",
    "Frequency",
    "Length",
    "Power",
    "Pressure",
    "Temperature",
    "Time",
)
UNITS = {name: getattr(omero.model.enums, f"Units{name}") for name in _QUANTITIES}


@dataclass(frozen=True)
class Field:
    """One attribute of an OMERO class.

    Attributes
    ----------
    kind : str
        ``text int long double bool time bytes strings``: a value in one column; ``unit``: value
        and unit; ``ref``: many-to-one; ``many``: collection; ``map``: ordered NamedValues.
    owner : str
        The class that declares it.
    target : str, optional
        Class referred to or collected; for ``unit`` the quantity (``Length``).
    inverse : str, optional
        For ``many``: the attribute of the target that refers back.
    ordered : bool
        For ``many``: the parent writes order and membership. For ``ref``: it is the read-only
        other side of such a list.
    """

    name: str
    kind: str
    owner: str
    target: str | None = None
    required: bool = False
    inverse: str | None = None
    ordered: bool = False
    column: str = ""

    @cached_property
    def attribute(self) -> str:
        """Name of the Python attribute that holds it."""
        return f"_{self.name}Seq" if self.kind == "many" else f"_{self.name}"

    @cached_property
    def limit(self) -> int | None:
        """Greatest length of the string."""
        return 255 if f"{self.owner}.{self.name}" in VARCHAR else None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it takes in the class's table."""
        if self.kind in ("many", "map"):
            return ()
        return (self.column, f"{self.column}_unit") if self.kind == "unit" else (self.column,)


@dataclass(frozen=True, eq=False)
class Type:
    """One OMERO class.

    Attributes
    ----------
    fqn : str
        Its name on the server, such as ``ome.model.core.Image``.
    fields : dict[str, Field]
        All fields, inherited ones included, by name.
    table : str
        The table of its rows: that of the topmost class, shared by a whole hierarchy.
    cls : type, optional
        The Python class that is instantiated; None for an abstract class.
    is_global : bool
        Rows without owner, group and events (enumerations, users, groups, sessions ...).
    """

    name: str
    fqn: str
    base: str | None
    table: str
    cls: type | None
    fields: dict[str, Field]
    is_global: bool
    is_mutable: bool
    subclasses: tuple[str, ...]

    @cached_property
    def is_enum(self) -> bool:
        """Whether it is an enumeration: matched by value, never changed by ordinary users."""
        return self.name in ENUMERATIONS

    @cached_property
    def is_link(self) -> bool:
        """Whether it joins a parent with a child, many to many."""
        return {"parent", "child"} <= self.fields.keys()

    @cached_property
    def is_annotation_link(self) -> bool:
        """Whether it joins something with an annotation."""
        return self.name.endswith("AnnotationLink")

    @cached_property
    def concrete(self) -> tuple[str, ...]:
        """Names of the instantiable classes that rows of this type may have."""
        own = () if self.cls is None else (self.name,)
        return own + tuple(c for s in self.subclasses for c in TYPES[s].concrete)

    @cached_property
    def is_root(self) -> bool:
        """Whether its table holds no rows but its own."""
        return self.base is None

    @cached_property
    def lineage(self) -> tuple[str, ...]:
        """Its name and the names of the classes above it."""
        return (self.name, *(TYPES[self.base].lineage if self.base else ()))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What graph requests may call it: its lineage, and the interface of annotation links."""
        return (*self.lineage, *(["IAnnotationLink"] if self.is_annotation_link else []))

    def is_a(self, name: str) -> bool:
        """Return whether this is the named class or below it."""
        return name in self.lineage


def _definitions() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Read class -> (base, members with Slice types) from the stubs that Slice generated.

    Ice keeps no such facts at run time; the generated text is regular.
    """
    folder = Path(inspect.getfile(sys.modules["omero_model_Image_ice"])).parent
    class_ = re.compile(
        r"defineClass\('::omero::model::(\w+)', \w+, -?\d+, \(\), \w+, \w+, (\S+), \(\), "
        r"\((.*?)\)\)?\n\s+\w+\._ice_type",
        re.DOTALL,
    )
    sequence = re.compile(r"defineSequence\('::omero::model::(\w+)', \(\), _M_omero.model._t_(\w+)")
    classes: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    sequences: dict[str, str] = {}
    for path in sorted(folder.glob("omero_model_*_ice.py")):
        text = path.read_text(encoding="utf-8")
        sequences.update(sequence.findall(text))
        for name, base, members in class_.findall(text):
            pairs = re.findall(r"\('_(\w+)', \(\), (\S+), False, 0\)", members)
            classes[name] = (base.rpartition("_t_")[2], pairs)
    return {
        name: (base, [(n, sequences.get(t.rpartition("_t_")[2], "") or t) for n, t in pairs])
        for name, (base, pairs) in classes.items()
    }


def _unmade(cls: Any) -> Any:
    """Return an instance without running ``__init__``, which warns for deprecated classes."""
    return cls.__new__(cls)


def _build() -> dict[str, Type]:
    definitions = _definitions()
    above = {name: base for name, (base, _) in definitions.items()}

    def is_model(name: str) -> bool:
        return name == "IObject" or (name in above and is_model(above[name]))

    names = [n for n in definitions if is_model(n) and n != "IObject"]

    def python_class(name: str) -> type | None:
        found: type | None = getattr(omero.model, f"{name}I", None)
        return found

    def concrete_below(name: str) -> list[str]:
        below = [c for n in names if above[n] == name for c in concrete_below(n)]
        return ([name] if python_class(name) else []) + below

    def own_fields(name: str) -> list[Field]:
        information = python_class(concrete_below(name)[0])._field_info  # type: ignore[union-attr]
        fields = []
        for member, slice_type in definitions[name][1]:
            if member.endswith(("Loaded", "CountPerOwner")) or member == "version":
                continue
            attribute = member.removesuffix("Seq")
            target = slice_type.rpartition("_t_")[2]
            required = not getattr(information, attribute).nullable
            if member.endswith("Seq") and slice_type in definitions:
                made = Field(attribute, "many", name, slice_type)
            elif slice_type in _SCALARS:
                made = Field(attribute, _SCALARS[slice_type], name, None, required)
            else:
                made = Field(
                    attribute, "unit" if target in UNITS else "ref", name, target, required
                )
            fields.append(made)
        return fields

    own = {name: own_fields(name) for name in names}

    @cache
    def ancestors(name: str) -> list[str]:
        return [name, *ancestors(above[name])] if name != "IObject" else []

    # the fields of all classes that share a table
    hierarchies: dict[str, list[Field]] = defaultdict(list)
    for name in names:
        hierarchies[ancestors(name)[-1]] += own[name]

    def complete(made: Field) -> Field:
        if made.kind == "many":
            refs = [f for a in ancestors(made.target or "") for f in own[a] if f.kind == "ref"]
            backs = [f.name for f in refs if f.target in ancestors(made.owner)]
            inverse = "parent" if "parent" in backs else backs[0]
            is_ordered = f"{made.owner}.{made.name}" in ORDERED
            return replace(made, inverse=inverse, ordered=is_ordered)
        siblings = [
            f
            for f in hierarchies[ancestors(made.owner)[-1]]
            if f.name == made.name and f.target != made.target
        ]
        column = f"{made.owner}_{made.name}" if siblings else made.name
        return replace(made, column=column)

    own = {name: [complete(f) for f in fields] for name, fields in own.items()}
    written = {  # the other sides of ordered lists; a membership is written from both
        (f.target, f.inverse)
        for fields in own.values()
        for f in fields
        if f.ordered and f.target != "GroupExperimenterMap"
    }
    own = {
        name: [replace(f, ordered=True) if (name, f.name) in written else f for f in fields]
        for name, fields in own.items()
    }
    types = {}
    for name in names:
        line = ancestors(name)
        some = python_class(concrete_below(name)[0])
        assert some is not None  # noqa: S101 - every class has an instantiable one below it
        package = some.DETAILS.rpartition(".")[0]  # type: ignore[attr-defined]
        types[name] = Type(
            name=name,
            fqn=f"{package}.{name}",
            base=line[1] if len(line) > 1 else None,
            table=line[-1].lower(),
            cls=python_class(name),
            fields={f.name: f for a in reversed(line) for f in own[a]},
            is_global=_unmade(some).isGlobal(),
            is_mutable=_unmade(some).isMutable(),
            subclasses=tuple(n for n in names if above[n] == name),
        )
    return types


TYPES: dict[str, Type] = _build()
_BY_FQN = {t.fqn: t for t in TYPES.values()}


def find(name: str) -> Type | None:
    """Return the type that a client calls ``Image``, ``ImageI`` or ``ome.model.core.Image``.

    ``omero.model.Image`` and ``::omero::model::Image`` are understood too.
    """
    if name in _BY_FQN:
        return _BY_FQN[name]
    short = name.replace("::", ".").strip(".").removeprefix("omero.model.")
    return TYPES.get(short) or TYPES.get(short.removesuffix("I"))


def type_of(obj: Any) -> Type:
    """Return the type of a model object."""
    return _named(type(obj).__name__)


@cache
def _named(class_name: str) -> Type:
    return TYPES[class_name.removesuffix("I")]


def tables() -> dict[str, list[Type]]:
    """Return table name -> the types whose rows are in it, topmost first."""
    result: dict[str, list[Type]] = {}
    for type_ in sorted(TYPES.values(), key=lambda t: len(t.lineage)):
        result.setdefault(type_.table, []).append(type_)
    return result


def enumeration(name: str, value: str) -> Any:
    """Return an enumeration's entry to save, `Unknown` for a value that OMERO does not have.

    Parameters
    ----------
    name : str
        The enumeration's class.
    value : str
        The value as OME-XML has it; of a list of values, the first counts.
    """
    known = ENUMERATIONS[name]
    wanted = value if value in known else value.split(" ", 1)[0]
    entry = TYPES[name].cls()  # type: ignore[misc]
    entry.value = rstring(wanted if wanted in known else "Unknown")
    return entry if wanted in known or "Unknown" in known else None
