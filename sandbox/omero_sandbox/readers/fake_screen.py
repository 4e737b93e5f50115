# SPDX-License-Identifier: GPL-2.0-or-later
"""The plates of a `.fake` file: the made-up metadata of ome-model's XMLMockObjects.

Source of every value: ome/ome-model, `ome.specification.XMLMockObjects`, createPopulatedPlate and
createPopulatedScreen. Left out is what an OMERO server never saves: experimenters, and the ROI of
a microbeam manipulation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from omero_sandbox.readers.document import E, Element

TIME = "2006-05-04T18:13:51.0Z"
_PART = {
    "Manufacturer": "Manufacturer", "Model": "Model", "SerialNumber": "0123456789",
    "LotNumber": "9876543210",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How many of each thing; screens may be 0, everything else is at least 1."""

    screens: int
    plates: int
    rows: int
    columns: int
    fields: int
    acquisitions: int
    microbeam: bool


def document(layout: Layout) -> Element:
    """
    Make the OME document of screens with plates.

    Parameters
    ----------
    layout : Layout
        The counts of the `.fake` name.

    Returns
    -------
    Element
        An `OME` element whose images are described but for their sizes.
    """
    ome = E.OME(_instrument())
    for screen_index in range(max(layout.screens, 1)):
        refs = []
        for plate_index in range(layout.plates):
            number = layout.plates * screen_index + plate_index
            ome.append(_experiment(number, layout.microbeam))
            plate, images = _plate(layout, screen_index, plate_index)
            ome.append(plate)
            ome.extend(images)
            refs.append(E.PlateRef(ID=f"Plate:{number}"))
        if layout.screens:
            name, description = f"Screen Name {screen_index}", f"Screen Description {screen_index}"
            screen = E.Screen(E.Description(description), *refs, Name=name)
            screen.set("ID", f"Screen:{screen_index}")
            ome.append(screen)
    return ome


def _plate(layout: Layout, screen: int, index: int) -> tuple[Element, list[Element]]:
    number = layout.plates * screen + index
    first = number * layout.acquisitions
    runs = [
        E.PlateAcquisition(
            E.Description(f"PlateAcquisition {i} of {layout.acquisitions}"),
            ID=f"PlateAcquisition:{first + i}",
            Name=f"PlateAcquisition Name {first + i}",
            StartTime=TIME,
            EndTime=TIME,
        )
        for i in range(layout.acquisitions)
    ]
    plate = E.Plate(
        E.Description(f"Plate {index} of {layout.plates}"),
        ID=f"Plate:{number}", Name=f"Plate Name {number}", Status="Plate status",
        ExternalIdentifier="External Identifier", Rows=str(layout.rows),
        Columns=str(layout.columns), RowNamingConvention="letter",
        ColumnNamingConvention="number", WellOriginX="0.0", WellOriginXUnit="µm",
        WellOriginY="1.0", WellOriginYUnit="µm",
    )  # fmt: skip
    images = []
    image = number * layout.rows * layout.columns * layout.fields * layout.acquisitions
    for row, column in _raster(layout):
        well = E.Well(
            ID=f"Well:{screen}_{index}_{row}_{column}", Row=str(row), Column=str(column),
            Type="Transfection: done", ExternalDescription="External Description",
            ExternalIdentifier="External Identifier", Color="255",
        )  # fmt: skip
        for run in runs:
            for _ in range(layout.fields):
                sample = f"WellSample:{image}"
                well.append(_well_sample(sample, image))
                run.append(E.WellSampleRef(ID=sample))
                images.append(_image(image, number))
                image += 1
        plate.append(well)
    plate.extend(runs)
    return plate, images


def _raster(layout: Layout) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(layout.rows) for column in range(layout.columns))


def _well_sample(sample: str, image: int) -> Element:
    return E.WellSample(
        E.ImageRef(ID=f"Image:{image}"),
        ID=sample, Index=str(image), PositionX="0.0", PositionY="1.0", Timepoint=TIME,
    )  # fmt: skip


def _image(number: int, experiment: int) -> Element:
    return E.Image(
        E.Description(f"Image Description {number}"),
        E.ExperimentRef(ID=f"Experiment:{experiment}"),
        E.ImagingEnvironment(
            Temperature="1.0", AirPressure="1.0", Humidity="1.0", CO2Percent="1.0"
        ),
        E.StageLabel(Name="StageLabel", X="1.0", Y="1.0", Z="1.0"),
        E.Pixels(
            _channel(number),
            E.Plane(
                TheZ="0", TheC="0", TheT="0", DeltaT="0.1", ExposureTime="10.0", PositionX="1.0",
                PositionY="1.0", PositionZ="1.0",
            ),
            ID=f"Pixels:{number}", PhysicalSizeX="1.0", PhysicalSizeY="1.0", PhysicalSizeZ="1.0",
        ),
        ID=f"Image:{number}",
    )  # fmt: skip


def _channel(number: int) -> Element:
    return E.Channel(
        E.LightSourceSettings(ID="LightSource:0", Attenuation="1.0", Wavelength="200.2"),
        E.DetectorSettings(
            ID="Detector:0", Binning="2x2", Gain="1.0", Offset="1.0", ReadOutRate="1.0",
            ReadOutRateUnit="Hz", Voltage="1.0", Integration="20", Zoom="3.0",
        ),
        E.LightPath(
            E.ExcitationFilterRef(ID="Filter:1"),
            E.DichroicRef(ID="Dichroic:0"),
            E.EmissionFilterRef(ID="Filter:0"),
        ),
        ID=f"Channel:{number}:0", Name="Name", Color=str(0x6496C8FF),
        AcquisitionMode="FluorescenceLifetime", IlluminationType="Oblique", PinholeSize="0.5",
        ContrastMethod="Brightfield", EmissionWavelength="300.3", ExcitationWavelength="400.3",
        Fluor="Fluor", NDFilter="1.0", PockelCellSetting="0",
    )  # fmt: skip


def _experiment(number: int, microbeam: bool) -> Element:
    experiment = E.Experiment(E.Description("Experiment"), ID=f"Experiment:{number}")
    experiment.set("Type", "Photobleaching")
    if microbeam:
        experiment.append(
            E.MicrobeamManipulation(
                E.Description(f"Manipulation #{number}"),
                E.LightSourceSettings(ID="LightSource:4", Attenuation="1.0", Wavelength="200.2"),
                ID=f"MicrobeamManipulation:{number}",
                Type="FLIP",
            )
        )
    return experiment


def _instrument() -> Element:
    power = {"Power": "200.0", **_PART}
    return E.Instrument(
        E.Microscope(Type="Upright", **_PART),
        _laser(0),
        E.Arc(ID="LightSource:1", Type="HgXe", **power),
        E.Filament(ID="LightSource:2", Type="Halogen", **power),
        E.LightEmittingDiode(ID="LightSource:3", **power),
        _laser(4),
        E.Detector(
            ID="Detector:0", Type="CCD", AmplificationGain="0.0", Gain="1.0", Offset="2.0",
            Voltage="100.0", Zoom="3.0", **_PART,
        ),
        E.Objective(
            ID="Objective:0", Correction="UV", Immersion="Oil", Iris="true", LensNA="0.5",
            CalibratedMagnification="1.0", NominalMagnification="1.5", WorkingDistance="1.0",
            **_PART,
        ),
        E.FilterSet(ID="FilterSet:0", **_PART),
        *(_filter(i) for i in range(2)),
        E.Dichroic(ID="Dichroic:0", **_PART),
        ID="Instrument:0",
    )  # fmt: skip


def _laser(number: int) -> Element:
    return E.Laser(
        ID=f"LightSource:{number}", Type="Dye", Power="200.0", FrequencyMultiplication="30",
        PockelCell="false", RepetitionRate="30.0", RepetitionRateUnit="aHz", Tuneable="false",
        Wavelength="200.0", **_PART,
    )  # fmt: skip


def _filter(number: int) -> Element:
    return E.Filter(
        E.TransmittanceRange(
            CutIn="200.0", CutOut="300.0", CutInTolerance="1.0", CutOutTolerance="1.0",
            Transmittance="0.5",
        ),
        ID=f"Filter:{number}", Type="LongPass", **_PART,
    )  # fmt: skip
