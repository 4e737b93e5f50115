# SPDX-License-Identifier: GPL-2.0-or-later
"""ro-crate-metadata.json: a description of the bundle, for tools that read RO-Crates."""

from __future__ import annotations

import json
from typing import BinaryIO

from graphxfer.bundle.manifest import Manifest
from graphxfer.errors import counted
from graphxfer.graph import TransferGraph

LICENSE = "Not stated: OMERO records no licence. Ask the owners of the data before reusing it."
_DOCUMENTS = {
    "graph.jsonld": ("The graph", "application/ld+json"),
    "graph.ome.xml": ("The graph as OME-XML", "application/xml"),
    "manifest.csv": ("The files, with sizes and checksums", "text/csv"),
}


def write(graph: TransferGraph, manifest: Manifest, has_thumbnails: bool, stream: BinaryIO) -> None:
    """Write the crate's metadata.

    ``files/`` and ``thumbnails/`` are one entry each, to keep the document small.

    Parameters
    ----------
    graph : TransferGraph
        The bundle's graph.
    manifest : Manifest
        The bundle's files.
    has_thumbnails : bool
        Whether the bundle has a folder ``thumbnails/``.
    stream : binary file
        Written to.
    """
    from rocrate.rocrate import ROCrate  # slow to import, and only an export needs it

    crate = ROCrate()
    crate.root_dataset["name"] = f"OMERO transfer: {', '.join(graph.header.roots) or 'a graph'}"
    crate.root_dataset["description"] = _description(graph, manifest)
    crate.root_dataset["license"] = LICENSE
    if graph.header.made_at:
        crate.root_dataset["datePublished"] = graph.header.made_at
    for path, (name, format_) in _DOCUMENTS.items():
        properties = {"name": name, "encodingFormat": format_}
        crate.add_file(dest_path=path, properties=properties)
    about = "Image files and attachments, after `graphxfer fetch`; manifest.csv lists them"
    crate.add_dataset(dest_path="files/", properties={"name": "Files", "description": about})
    if has_thumbnails:
        about = "Thumbnails of the images (JPEG), named by the image's id: thumbnails/7.jpg"
        properties = {"name": "Thumbnails", "description": about}
        crate.add_dataset(dest_path="thumbnails/", properties=properties)
    text = json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False)
    stream.write(text.encode() + b"\n")


def _description(graph: TransferGraph, manifest: Manifest) -> str:
    header = graph.header
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(graph.types().items()))
    size = sum(entry.size or 0 for entry in manifest)
    return (
        f"Exported from the OMERO server {header.base} (database {header.database_uuid}) "
        f"by {header.made_by}: {counts}. Its files ({counted(len(manifest), 'file')}, "
        f"{counted(size, 'byte')}) are in files/ after `graphxfer fetch`."
    )
