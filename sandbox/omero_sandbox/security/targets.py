# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes that requests about a graph may be aimed at.

Source: omero-blitz ``ome/services/graph-rules``, the lists ``chgrpTargets``, ``chownTargets`` ...
"""

from __future__ import annotations

EVERY = """Instrument Annotation Dataset Project Folder Image OriginalFile RenderingDef Thumbnail
    Experiment Fileset Link Job Roi Plate Screen"""
LINKS = """IAnnotationLink DatasetImageLink ProjectDatasetLink FolderImageLink FolderRoiLink
    JobOriginalFileLink ScreenPlateLink WellReagentLink"""
PARTS = """Channel LogicalChannel FilesetJobLink MicrobeamManipulation ExternalInfo AffineTransform
    Shape PlateAcquisition Reagent Well WellSample StatsInfo"""
SHOWN = "Pixels PlaneInfo ChannelBinding CodomainMapContext QuantumDef"
CONTAINED = f"""{EVERY} {LINKS} {PARTS} {SHOWN} PixelsOriginalFileMap ProjectionDef
    FilesetEntry"""
CHOWN = f"{EVERY} {LINKS} Reagent"
