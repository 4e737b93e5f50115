# SPDX-License-Identifier: GPL-2.0-or-later
"""The bundle: a folder on disk with the graph, the manifest and the files it lists.

Besides the folder itself: checksums as OMERO computes them, proof that a file is what OMERO
recorded, and the metadata that RO-Crate readers look for.
"""

from graphxfer.bundle.bundle import Bundle, Document, open_source, replace, told, write
from graphxfer.bundle.manifest import FileEntry, Manifest

__all__ = [
    "Bundle",
    "Document",
    "FileEntry",
    "Manifest",
    "open_source",
    "replace",
    "told",
    "write",
]
