# SPDX-License-Identifier: GPL-2.0-or-later
"""Image files as series of planes, with what the files say of themselves as an OME document."""

from collections.abc import Sequence
from pathlib import Path

from omero_sandbox.readers import fake, ometiff, omexml, picture, tiff
from omero_sandbox.readers.source import (
    BrokenFile,
    MissingFile,
    Series,
    Source,
    UnknownFormat,
)

__all__ = ["BrokenFile", "MissingFile", "Series", "Source", "UnknownFormat", "read"]

#: Asked in this order; Bio-Formats' readers.txt has the same.
READERS = (fake, picture, omexml, ometiff, tiff)


def read(files: Sequence[Path]) -> Source:
    """
    Read what a fileset holds, without its pixels.

    Parameters
    ----------
    files : Sequence[Path]
        The files of the fileset in the order of its entries. The first is the one to open; the
        others may be used by it.

    Returns
    -------
    Source
        The series, and the OME document that describes them.

    Raises
    ------
    UnknownFormat
        When no reader knows the first file.
    MissingFile
        When a file that the first one names is not there.
    BrokenFile
        When a reader knows the file but cannot make sense of it.
    """
    path = files[0]
    if not path.is_file():
        raise MissingFile(f"{path.name} is not there")
    for reader in READERS:
        if reader.knows(path):
            return reader.read(path)
    raise UnknownFormat(f"{path.name}: no reader knows this format")
