# SPDX-License-Identifier: GPL-2.0-or-later
"""OME-XML elements as OMERO objects.

The two models are nearly one: an attribute `NominalMagnification` is the field
`nominalMagnification`. The tables below name what differs. What an OMERO server does not take
from a file (projects, datasets, users, groups) is left out, as it leaves it out.
Source: ome/omero-blitz `ome.formats.OMEROMetadataStoreClient`, ome/omero-server
`ome.formats.OMEROMetadataStore`.
"""

from __future__ import annotations

import base64
import bz2
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import omero.model
from omero.model import AffineTransformI, DetectorSettingsI, LightPathI, LightSettingsI, NamedValue
from omero.rtypes import rbool, rdouble, rint, rlong, rstring, rtime

from omero_sandbox.model import ENUMERATIONS, TYPES, UNITS, Field, enumeration, type_of
from omero_sandbox.readers.document import Element, child, children, inner_xml, kind, text
from omero_sandbox.readers.source import BrokenFile

# Fields whose attribute in OME-XML has another name.
RENAMED = {
    "LogicalChannel.pinHoleSize": "PinholeSize", "LogicalChannel.illumination": "IlluminationType",
    "LogicalChannel.excitationWave": "ExcitationWavelength",
    "LogicalChannel.emissionWave": "EmissionWavelength", "LogicalChannel.ndFilter": "NDFilter",
    "LogicalChannel.mode": "AcquisitionMode", "DetectorSettings.offsetValue": "Offset",
    "Detector.offsetValue": "Offset", "ImagingEnvironment.co2percent": "CO2Percent",
    "StageLabel.positionX": "X", "StageLabel.positionY": "Y", "StageLabel.positionZ": "Z",
    "Plate.defaultSample": "FieldIndex", "WellSample.posX": "PositionX",
    "WellSample.posY": "PositionY", "Annotation.ns": "Namespace", "Pixels.pixelsType": "Type",
}  # fmt: skip
RENAMED |= {f"{shape.name}.textValue": "Text" for shape in TYPES.values() if shape.is_a("Shape")}

# Fields that are the text of a child element instead of an attribute.
CHILD_TEXT = {"description": "Description", "acquisitionDate": "AcquisitionDate"}

# Units that the schema takes for granted (OME 2016-06, ome.xsd), by the end of the attribute.
DEFAULT_UNITS = {
    "PhysicalSizeX": "µm", "PhysicalSizeY": "µm", "PhysicalSizeZ": "µm", "PinholeSize": "µm",
    "WorkingDistance": "µm", "Wavelength": "nm", "ExcitationWavelength": "nm",
    "EmissionWavelength": "nm", "CutIn": "nm", "CutOut": "nm", "CutInTolerance": "nm",
    "CutOutTolerance": "nm", "TimeIncrement": "s", "DeltaT": "s", "ExposureTime": "s",
    "FontSize": "pt", "StrokeWidth": "pixel", "Power": "mW", "ReadOutRate": "MHz",
    "RepetitionRate": "Hz", "Voltage": "V", "Temperature": "°C", "AirPressure": "mbar",
}  # fmt: skip

ANNOTATIONS = {
    "BooleanAnnotation": "boolValue", "CommentAnnotation": "textValue",
    "DoubleAnnotation": "doubleValue", "FileAnnotation": None, "ListAnnotation": None,
    "LongAnnotation": "longValue", "MapAnnotation": "mapValue", "TagAnnotation": "textValue",
    "TermAnnotation": "termValue", "TimestampAnnotation": "timeValue",
    "XMLAnnotation": "textValue",
}  # fmt: skip
SHAPES = (
    "Ellipse", "Label", "Line", "Mask", "Point", "Polygon", "Polyline", "Rectangle",
)  # fmt: skip
# Parts of an instrument, and the method that puts them there.
PARTS = {
    "Arc": "addLightSource", "Filament": "addLightSource", "Laser": "addLightSource",
    "LightEmittingDiode": "addLightSource", "GenericExcitationSource": "addLightSource",
    "Detector": "addDetector", "Objective": "addObjective", "Filter": "addFilter",
    "FilterSet": "addFilterSet", "Dichroic": "addDichroic",
}  # fmt: skip


def _time(value: str) -> Any:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return rtime(int(moment.timestamp() * 1000))


PARSE: dict[str, Callable[[str], Any]] = {
    "text": rstring,
    "int": lambda value: rint(int(value)),
    "long": lambda value: rlong(int(value)),
    "double": lambda value: rdouble(float(value)),
    "bool": lambda value: rbool(value.strip() in ("true", "1")),
    "time": _time,
}


@cache
def _symbols(quantity: str) -> dict[str, str]:
    """Return the unit symbols of a quantity, with OMERO's names for them."""
    symbols = getattr(omero.model, f"{quantity}I").SYMBOLS
    return {symbol: name for name, symbol in symbols.items()}


@cache
def _plan(name: str) -> tuple[tuple[Field, str], ...]:
    """Return the fields of a class that an element may have, with the attribute of each."""
    plan = []
    for made in TYPES[name].fields.values():
        is_enum = made.kind == "ref" and made.target in ENUMERATIONS
        if made.kind in PARSE or made.kind == "unit" or is_enum:
            capital = made.name[0].upper() + made.name[1:]
            keys = (f"{name}.{made.name}", f"{made.owner}.{made.name}")
            plan.append((made, next((RENAMED[k] for k in keys if k in RENAMED), capital)))
    return tuple(plan)


def _convert(made: Field, attribute: str, value: str, element: Element) -> Any:
    try:
        if made.kind == "unit":
            unit = element.get(f"{attribute}Unit", DEFAULT_UNITS.get(attribute, "reference frame"))
            quantity = made.target or ""
            name = _symbols(quantity)[unit]
            unit_value = getattr(UNITS[quantity], name)
            return getattr(omero.model, f"{quantity}I")(float(value), unit_value)
        if made.kind == "ref":
            return enumeration(made.target or "", value)
        return PARSE[made.kind](value)
    except (ValueError, KeyError, OverflowError) as error:
        where = f"{kind(element)} {element.get('ID', '')}".strip()
        raise BrokenFile(f"{where}: {attribute} cannot be {value!r}") from error


def fill(obj: Any, element: Element) -> Any:
    """
    Set the fields of an object for which an element has attributes.

    Parameters
    ----------
    obj : Any
        A new OMERO object. Enumerations that it must have and the element has not are `Unknown`
        (omero-blitz, `ome.formats.model.handler`).
    element : Element
        The element that describes it.

    Returns
    -------
    IObject
        The same object.

    Raises
    ------
    BrokenFile
        When an attribute has a value that its type does not allow.
    """
    attributes = element.attrib
    for made, attribute in _plan(type_of(obj).name):
        value: Any = attributes.get(attribute)
        if value is None and made.name in CHILD_TEXT:
            value = text(element, CHILD_TEXT[made.name])
        if value is not None:
            setattr(obj, made.name, _convert(made, attribute, value, element))
        elif made.required and made.kind == "ref":
            setattr(obj, made.name, enumeration(made.target or "", "Unknown"))
    return obj


def _set_colour(obj: Any, element: Element) -> None:
    """Spread `Color`, a signed 32-bit RGBA number, over the four fields."""
    if (value := element.get("Color")) is not None:
        obj.red, obj.green, obj.blue, obj.alpha = (
            rint(byte) for byte in (int(value) & 0xFFFFFFFF).to_bytes(4)
        )


def _pairs(element: Element | None) -> list[Any]:
    if element is None:
        return []
    return [NamedValue(m.get("K", ""), m.text or "") for m in children(element, "M")]


@dataclass
class Document:
    """
    The OMERO objects of an OME-XML document, not saved, linked with one another.

    Attributes
    ----------
    images : list[Any]
        In document order.
    plates, screens, folders : list[Any]
        Likewise.
    by_id : dict[str, Any]
        All objects by their ID in the document.
    """

    images: list[Any] = field(default_factory=list)
    plates: list[Any] = field(default_factory=list)
    screens: list[Any] = field(default_factory=list)
    folders: list[Any] = field(default_factory=list)
    by_id: dict[str, Any] = field(default_factory=dict)
    _made: list[tuple[Any, Element]] = field(default_factory=list)

    def make(self, name: str, element: Element) -> Any:
        """Make an object of a class from an element, and remember it."""
        obj = fill(TYPES[name].cls(), element)  # type: ignore[misc]
        self.remember(obj, element)
        return obj

    def remember(self, obj: Any, element: Element) -> None:
        """Note which object an element became, for references to it and from it."""
        if identifier := element.get("ID"):
            self.by_id[identifier] = obj
        self._made.append((obj, element))

    def refs(self, element: Element, name: str) -> Iterator[Any]:
        """Yield the objects that reference elements of this name point to; dangling ones not."""
        identifiers = dict.fromkeys(ref.get("ID", "") for ref in children(element, name))
        return (self.by_id[i] for i in identifiers if i in self.by_id)

    def ref(self, element: Element, name: str) -> Any:
        """Return the first of `refs`, or None."""
        return next(self.refs(element, name), None)

    def link_annotations(self) -> None:
        """Link everything with its annotations."""
        for obj, element in self._made:
            for annotation in self.refs(element, "AnnotationRef"):
                obj.linkAnnotation(annotation)


def convert(ome: Element) -> Document:
    """
    Make the OMERO objects of a document.

    Parameters
    ----------
    ome : Element
        The `OME` element.

    Returns
    -------
    Document
        Its objects. Images have Pixels and Channels as far as the document has them.

    Raises
    ------
    BrokenFile
        When an attribute has a value that its type does not allow.
    """
    document = Document()
    for group in children(ome, "StructuredAnnotations"):
        for element in children(group, *ANNOTATIONS):
            _annotation(document, element)
    for element in children(ome, "Instrument"):
        _instrument(document, element)
    for element in children(ome, "Experiment"):
        _experiment(document, element)
    for element in children(ome, "ROI"):
        _roi(document, element)
    document.images = [_image(document, element) for element in children(ome, "Image")]
    for element in children(ome, "Screen"):
        screen = document.make("Screen", element)
        screen.name = screen.name or rstring("")
        document.screens.append(screen)
        for reagent in children(element, "Reagent"):
            screen.addReagent(document.make("Reagent", reagent))
    document.plates = [_plate(document, element) for element in children(ome, "Plate")]
    for screen, element in zip(document.screens, children(ome, "Screen"), strict=True):
        for plate in document.refs(element, "PlateRef"):
            screen.linkPlate(plate)
    _folders(document, ome)
    document.link_annotations()
    if document.plates:
        _collapse(document.images)
    return document


def _annotation(document: Document, element: Element) -> None:
    name = kind(element)
    annotation = document.make(name.replace("XML", "Xml"), element)
    value = child(element, "Value")
    if value is None:
        return
    match ANNOTATIONS[name]:
        case "mapValue":
            annotation.setMapValue(_pairs(value))
        case None:
            pass
        case field_name:
            content = inner_xml(value) if name == "XMLAnnotation" else value.text or ""
            made = type_of(annotation).fields[field_name]
            setattr(annotation, field_name, _convert(made, "Value", content, element))


# ---- instruments ---------------------------------------------------------------------------


def _instrument(document: Document, element: Element) -> None:
    instrument = document.make("Instrument", element)
    if (microscope := child(element, "Microscope")) is not None:
        instrument.microscope = document.make("Microscope", microscope)
    for part in children(element, *PARTS):
        obj = document.make(kind(part), part)
        getattr(instrument, PARTS[kind(part)])(obj)
        if (range_ := child(part, "TransmittanceRange")) is not None:
            obj.transmittanceRange = document.make("TransmittanceRange", range_)
        if (pairs := child(part, "Map")) is not None and kind(part) == "GenericExcitationSource":
            obj.setMap(_pairs(pairs))
    for part in children(element, "Laser"):
        if (pump := document.ref(part, "Pump")) is not None:
            document.by_id[part.get("ID", "")].pump = pump
    for part in children(element, "FilterSet"):
        _link_filters(document, document.by_id[part.get("ID", "")], part)


def _link_filters(document: Document, obj: Any, element: Element) -> None:
    """Link a FilterSet or LightPath with its filters and dichroic."""
    for item in document.refs(element, "ExcitationFilterRef"):
        obj.linkExcitationFilter(item)
    for item in document.refs(element, "EmissionFilterRef"):
        obj.linkEmissionFilter(item)
    obj.dichroic = document.ref(element, "DichroicRef")


def _light_settings(document: Document, element: Element) -> Any:
    settings = fill(LightSettingsI(), element)
    settings.lightSource = document.by_id.get(element.get("ID", ""))
    return None if settings.lightSource is None else settings


def _experiment(document: Document, element: Element) -> None:
    experiment = document.make("Experiment", element)
    for part in children(element, "MicrobeamManipulation"):
        manipulation = document.make("MicrobeamManipulation", part)
        experiment.addMicrobeamManipulation(manipulation)
        for settings in children(part, "LightSourceSettings"):
            if (made := _light_settings(document, settings)) is not None:
                manipulation.addLightSettings(made)


# ---- images --------------------------------------------------------------------------------


def _image(document: Document, element: Element) -> Any:
    image = document.make("Image", element)
    image.name = image.name or rstring("")
    image.instrument = document.ref(element, "InstrumentRef")
    image.experiment = document.ref(element, "ExperimentRef")
    if (label := child(element, "StageLabel")) is not None:
        image.stageLabel = document.make("StageLabel", label)
    if (environment := child(element, "ImagingEnvironment")) is not None:
        image.imagingEnvironment = document.make("ImagingEnvironment", environment)
        if (pairs := child(environment, "Map")) is not None:
            image.imagingEnvironment.setMap(_pairs(pairs))
    if (settings := child(element, "ObjectiveSettings")) is not None:
        objective = document.by_id.get(settings.get("ID", ""))
        if objective is not None:
            image.objectiveSettings = fill(omero.model.ObjectiveSettingsI(), settings)
            image.objectiveSettings.objective = objective
    for roi in document.refs(element, "ROIRef"):
        image.addRoi(roi)
    if (pixels := child(element, "Pixels")) is not None:
        image.addPixels(_pixels(document, pixels))
    return image


def _pixels(document: Document, element: Element) -> Any:
    pixels = document.make("Pixels", element)
    for channel in children(element, "Channel"):
        # one for each sample: OMERO's import separates them (ChannelSeparator)
        for _ in range(min(int(channel.get("SamplesPerPixel", 1)), int(element.get("SizeC", 1)))):
            pixels.addChannel(_channel(document, channel))
    for plane in children(element, "Plane"):
        made = fill(omero.model.PlaneInfoI(), plane)
        facts = (made.deltaT, made.exposureTime, made.positionX, made.positionY, made.positionZ)
        if any(fact is not None for fact in facts):  # PlaneInfoProcessor drops the others
            document.remember(made, plane)
            pixels.addPlaneInfo(made)
    return pixels


def _channel(document: Document, element: Element) -> Any:
    channel = document.make("Channel", element)
    _set_colour(channel, element)
    logical = channel.logicalChannel = fill(omero.model.LogicalChannelI(), element)
    if (settings := child(element, "LightSourceSettings")) is not None:
        logical.lightSourceSettings = _light_settings(document, settings)
    if (settings := child(element, "DetectorSettings")) is not None:
        detector = document.by_id.get(settings.get("ID", ""))
        if detector is not None:
            logical.detectorSettings = fill(DetectorSettingsI(), settings)
            logical.detectorSettings.detector = detector
    logical.filterSet = document.ref(element, "FilterSetRef")
    path = child(element, "LightPath")
    if path is not None and len(path):
        logical.lightPath = LightPathI()
        _link_filters(document, logical.lightPath, path)
        document.remember(logical.lightPath, path)
    return channel


def _roi(document: Document, element: Element) -> None:
    roi = document.make("Roi", element)
    for union in children(element, "Union"):
        for part in children(union, *SHAPES):
            shape = document.make(kind(part), part)
            if (transform := child(part, "Transform")) is not None:
                shape.transform = fill(AffineTransformI(), transform)
            if (data := child(part, "BinData")) is not None:
                shape.setBytes(_bytes(data))
            roi.addShape(shape)


def _bytes(data: Element) -> bytes:
    try:
        content = base64.b64decode(data.text or "")
        match data.get("Compression", "none"):
            case "zlib":
                return zlib.decompress(content)
            case "bzip2":
                return bz2.decompress(content)
        return content
    except (ValueError, zlib.error, OSError) as error:
        raise BrokenFile(f"The bytes of a mask cannot be decoded: {error}") from error


# ---- plates, folders -----------------------------------------------------------------------


def _plate(document: Document, element: Element) -> Any:
    plate = document.make("Plate", element)
    rows, columns = [_number(plate.rows, 1)], [_number(plate.columns, 1)]
    for part in children(element, "Well"):
        well = document.make("Well", part)
        _set_colour(well, part)
        plate.addWell(well)
        rows.append(_number(well.row) + 1)
        columns.append(_number(well.column) + 1)
        if (reagent := document.ref(part, "ReagentRef")) is not None:
            well.linkReagent(reagent)
        for sample in children(part, "WellSample"):
            if (image := document.ref(sample, "ImageRef")) is not None:
                made = document.make("WellSample", sample)
                well.addWellSample(made)
                image.addWellSample(made)
    # WellProcessor: at least as many as the wells need
    plate.rows, plate.columns = rint(max(rows)), rint(max(columns))
    for part in children(element, "PlateAcquisition"):
        run = document.make("PlateAcquisition", part)
        plate.addPlateAcquisition(run)
        for made in document.refs(part, "WellSampleRef"):
            run.addWellSample(made)
    return plate


def _number(value: Any, default: int = 0) -> int:
    return default if value is None else int(value.val)


def _folders(document: Document, ome: Element) -> None:
    elements = list(children(ome, "Folder"))
    document.folders = [document.make("Folder", element) for element in elements]
    for folder, element in zip(document.folders, elements, strict=True):
        folder.name = folder.name or rstring("")
        for inner in document.refs(element, "FolderRef"):
            folder.addChildFolders(inner)
        for image in document.refs(element, "ImageRef"):
            folder.linkImage(image)
        for roi in document.refs(element, "ROIRef"):
            folder.linkRoi(roi)


def _collapse(images: list[Any]) -> None:
    """Let the images of plates share equal settings (checkAndCollapseGraph of the server)."""
    unique: dict[Any, Any] = {}

    def shared(obj: Any) -> Any:
        return None if obj is None else unique.setdefault(_value(obj), obj)

    for image in images:
        image.objectiveSettings = shared(image.objectiveSettings)
        for channel in image.getPrimaryPixels().copyChannels() if image.sizeOfPixels() else ():
            logical = channel.logicalChannel
            logical.lightSourceSettings = shared(logical.lightSourceSettings)
            logical.detectorSettings = shared(logical.detectorSettings)
            logical.lightPath = shared(logical.lightPath)
            channel.logicalChannel = shared(logical)


def _value(obj: Any) -> tuple[Any, ...]:
    """Return what makes settings equal: their values, and which objects they refer to."""
    type_ = type_of(obj)
    values: list[Any] = [type_.name]
    for made in type_.fields.values():
        value = getattr(obj, made.attribute)
        if made.kind in PARSE:
            values.append(None if value is None else value.val)
        elif made.kind == "unit":
            values.append(None if value is None else (value.getValue(), str(value.getUnit())))
        elif made.kind == "ref" and made.target in ENUMERATIONS:
            values.append(None if value is None else value.value.val)
        elif made.kind == "ref":
            values.append(id(value))
        elif made.name in ("excitationFilterLink", "emissionFilterLink"):
            values.append(tuple(sorted(id(link.child) for link in value)))
    return tuple(values)
