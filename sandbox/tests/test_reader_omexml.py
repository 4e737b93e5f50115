# SPDX-License-Identifier: GPL-2.0-or-later
"""OME-XML documents as images.

Source: ome/bioformats `loci.formats.in.OMEXMLReader` (names, which BinData is which plane, byte
order, black planes). What the OME consortium's samples hold is counted by ome-types.
"""

from __future__ import annotations

import base64
import bz2
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import omero
import omero.all
import pytest
from omero.rtypes import unwrap

from omero_sandbox import readers
from tests.importing_client import import_files

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "ome-xml"
XMLNS = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
PLANES = np.arange(3 * 2 * 4, dtype=">u2").reshape(3, 2, 4)


def document(data: str, *, size_c: int = 3, more: str = "") -> bytes:
    pixels = (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="4" SizeY="2" SizeZ="1"'
        f' SizeC="{size_c}" SizeT="1" {more}>{data}</Pixels>'
    )
    images = "".join(f'<Image ID="Image:{i}">{pixels}</Image>' for i in range(2))
    return f'<?xml version="1.0"?><OME xmlns="{XMLNS}">{images}</OME>'.encode()


def bin_data(plane: Any, compression: str, attributes: str = 'BigEndian="true"') -> str:
    squeeze: dict[str, Callable[[bytes], bytes]] = {
        "none": bytes, "zlib": zlib.compress, "bzip2": bz2.compress,
    }  # fmt: skip
    text = base64.b64encode(squeeze[compression](plane.tobytes())).decode()
    return f'<BinData {attributes} Length="1" Compression="{compression}">\n{text}\n</BinData>'


def read(tmp_path: Path, content: bytes, name: str = "a.ome.xml") -> readers.Source:
    path = tmp_path / name
    path.write_bytes(content)
    return readers.read([path])


@pytest.mark.parametrize("compression", ["none", "zlib", "bzip2"])
def test_planes_are_decoded(tmp_path: Path, compression: str) -> None:
    source = read(tmp_path, document("".join(bin_data(p, compression) for p in PLANES)))
    assert (source.reader, source.format) == ("loci.formats.in.OMEXMLReader", "OMEXML")
    for series in source:
        assert [series.plane(0, c, 0).tolist() for c in range(3)] == PLANES.tolist()
        assert not series.little


def test_the_pixels_byte_order_counts_before_that_of_their_data(tmp_path: Path) -> None:
    swapped = PLANES[0].astype("<u2")
    content = document(bin_data(swapped, "zlib"), size_c=1, more='BigEndian="false"')
    assert read(tmp_path, content)[0].plane(0, 0, 0).tolist() == PLANES[0].tolist()


def test_without_data_planes_are_black(tmp_path: Path) -> None:
    (first, _) = read(tmp_path, document("<MetadataOnly/>"))
    assert not first.plane(0, 2, 0).any()


def test_the_last_data_stand_for_those_that_lack(tmp_path: Path) -> None:
    content = document("".join(bin_data(p, "none") for p in PLANES[:1]), size_c=2)
    first, second = read(tmp_path, content)
    assert [s.plane(0, 1, 0).tolist() for s in (first, second)] == [PLANES[0].tolist()] * 2


@pytest.mark.parametrize("data", ["<BinData>!!!</BinData>", bin_data(PLANES[0, :1], "none")])
def test_data_that_are_damaged_are_an_error(tmp_path: Path, data: str) -> None:
    (first, _) = read(tmp_path, document(data))
    with pytest.raises(readers.BrokenFile):
        first.plane(0, 0, 0)


def test_which_files_are_taken_for_ome_xml(tmp_path: Path) -> None:
    content = document("<MetadataOnly/>")
    for name in ("a.ome", "b.OME.XML", "c.xml"):  # the last by its first 64 bytes
        assert read(tmp_path, content, name).format == "OMEXML"
    late = content.replace(b"?>", b"?>" + b"<!-- " + b"x" * 64 + b" -->", 1)
    assert read(tmp_path, late, "d.ome").format == "OMEXML"
    with pytest.raises(readers.UnknownFormat):
        read(tmp_path, late, "e.xml")
    with pytest.raises(readers.BrokenFile, match="TIFF"):  # OMETiffReader's
        read(tmp_path, content, "f.companion.ome")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the OME consortium's samples are not here")
def test_the_consortium_s_samples_are_imported(lab: Callable[..., Any]) -> None:
    client = lab("rwra--").member()
    query = client.sf.getQueryService()
    for path in sorted(SAMPLES.glob("*.ome.xml")):
        response = import_files(client, {f"samples/{path.name}": path.read_bytes()})
        assert isinstance(response, omero.grid.ImportResponse), response.parameters["message"]
        ids = [pixels.image.id.val for pixels in response.pixels]
        params = omero.sys.ParametersI().addIds(ids)

        def count(hql: str, params: Any = params) -> int:
            return int(unwrap(query.projection(hql, params))[0][0])

        ome = ome_types.from_xml(path, validate=False)
        assert len(ids) == len(ome.images), path.name
        rois = {roi.id: roi for roi in ome.rois}
        used = [rois[ref.id] for image in ome.images for ref in image.roi_refs]
        assert {
            "rois": count("select count(r) from Roi r where r.image.id in (:ids)"),
            "shapes": count("select count(s) from Shape s where s.roi.image.id in (:ids)"),
            "annotations": count(
                "select count(l) from ImageAnnotationLink l where l.parent.id in (:ids)"
            ),
            "samples": count("select count(s) from WellSample s where s.image.id in (:ids)"),
            "plates": count(
                "select count(distinct w.plate.id) from WellSample s join s.well w"
                " where s.image.id in (:ids)"
            ),
        } == {
            "rois": len({roi.id for roi in used}),
            "shapes": sum(len(roi.union) for roi in {roi.id: roi for roi in used}.values()),
            "annotations": sum(
                len({ref.id for ref in image.annotation_refs}) for image in ome.images
            ),
            "samples": sum(
                sample.image_ref is not None
                for plate in ome.plates
                for well in plate.wells
                for sample in well.well_samples
            ),
            "plates": sum(any(well.well_samples for well in plate.wells) for plate in ome.plates),
        }, path.name
