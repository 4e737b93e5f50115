# SPDX-License-Identifier: GPL-2.0-or-later
"""The bundle: a folder on disk with the graph, the manifest and the files that it lists.

Also here: OMERO's checksums, checks of files against OMERO's record, and RO-Crate metadata.
"""

from graphxfer.bundle.bundle import Bundle, Document, file_errors, open_source, replace, write
from graphxfer.bundle.manifest import FileEntry, Manifest

__all__ = [
    "Bundle",
    "Document",
    "FileEntry",
    "Manifest",
    "file_errors",
    "open_source",
    "replace",
    "write",
]
