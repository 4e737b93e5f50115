# SPDX-License-Identifier: GPL-2.0-or-later
"""Images with their pixels and channels, filesets and files: the classes of an import."""

from __future__ import annotations

from graphxfer.catalogue.common import ANNOTATIONS, COLOR, DESCRIPTION, NAME, edited, short
from graphxfer.catalogue.declare import edge, entry, field, ome, omero
from graphxfer.catalogue.entries import (
    OME,
    OMERO,
    Counted,
    Follow,
    Maker,
    Spelling,
    XmlEdge,
)

IMAGES = (
    entry(
        "Image",
        edited(NAME),
        edited(DESCRIPTION),
        omero("series"),
        edited(ome("acquisitionDate")),
        edge("fileset", follow=Follow.BOTH),
        edge("pixels", xml=XmlEdge(Spelling.PART, "Pixels")),
        ANNOTATIONS,
        xml="Image",
        maker=Maker.IMPORT,
        root=True,
        place=("series",),
        counts_as=Counted.IMAGE,
    ),
    entry(
        "Pixels",
        *(ome(f"size{axis}") for axis in "XYZCT"),
        field("pixelsType", OMERO + "pixelsType", xml="Type"),
        # OMERO's import stores XYZCT, whatever the order in the file is.
        field("dimensionOrder", OMERO + "dimensionOrder", xml="DimensionOrder", varies=True),
        ome("significantBits"),
        *(edited(ome(f"physicalSize{axis}")) for axis in "XYZ"),
        edited(ome("timeIncrement")),
        edited(omero("methodology", length=255)),
        # Servers compute the hash of pixels later ("Pending..."), so it proves nothing. It is not
        # required here, although OMERO requires it: an import sets it.
        omero("sha1", varies=True, required=False),
        edge("channels", xml=XmlEdge(Spelling.PART, "Channel")),
        xml="Pixels",
        maker=Maker.IMPORT,
    ),
    entry(
        "Channel",
        *COLOR,
        edited(omero("lookupTable")),
        edge("logicalChannel", editable=True, xml=XmlEdge(Spelling.MERGED)),
        ANNOTATIONS,
        xml="Channel",
        maker=Maker.IMPORT,
    ),
    entry(
        "LogicalChannel",
        edited(NAME),
        edited(ome("emissionWave", "EmissionWavelength")),
        edited(ome("excitationWave", "ExcitationWavelength")),
        edited(short("fluor")),
        edited(ome("ndFilter", "NDFilter")),
        edited(ome("pinHoleSize", "PinholeSize")),
        edited(ome("pockelCellSetting")),
        # OMERO's import creates a channel for each sample of the file, and stores 1.
        ome("samplesPerPixel", varies=True, copies=True),
        edited(omero("illumination", xml="IlluminationType")),
        edited(omero("contrastMethod", xml="ContrastMethod")),
        edited(omero("mode", xml="AcquisitionMode")),
        edited(omero("photometricInterpretation")),
        maker=Maker.IMPORT,
    ),
    entry(
        "Fileset",
        # Not required here, although OMERO requires it: each server's import sets its own.
        omero("templatePrefix", varies=True, required=False),
        edge("usedFiles"),
        ANNOTATIONS,
        maker=Maker.IMPORT,
    ),
    entry(
        "FilesetEntry",
        edited(omero("clientPath")),
        edge("originalFile"),
        maker=Maker.IMPORT,
    ),
    entry(
        "OriginalFile",
        field("name", OME + "name", label=True),
        field("path", OME + "path", varies=True),
        omero("repo", varies=True),
        field("size", OME + "size", computed=True),
        field("hash", OME + "hash", when_same="hasher", computed=True),
        omero("hasher", varies=True, computed=True),
        edited(field("mimetype", OME + "mimetype", length=255)),
        ANNOTATIONS,
        maker=Maker.EITHER,
        bytes=True,
    ),
)
