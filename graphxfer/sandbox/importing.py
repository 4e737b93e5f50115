# SPDX-License-Identifier: GPL-2.0-or-later
"""Series of a fileset as OMERO objects, as the server's own import makes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphxfer.sandbox.readers import Source


@dataclass(frozen=True)
class Settings:
    """
    The `omero.grid.ImportSettings` of an import, unwrapped.

    Attributes are named as there; a null `doThumbnails` means True, a null `noStatsInfo` False.
    """

    userSpecifiedTarget: Any = None
    userSpecifiedName: str | None = None
    userSpecifiedDescription: str | None = None
    userSpecifiedAnnotationList: Sequence[Any] = ()
    userSpecifiedPixels: Sequence[float] = ()
    doThumbnails: bool = True
    noStatsInfo: bool = False

    @classmethod
    def of(cls, settings: Any) -> "Settings":
        """Unwrap `omero.grid.ImportSettings`."""
        raise NotImplementedError


@dataclass
class Imported:
    """
    New objects, not yet saved; the same Python instance stands wherever an object is referred to.

    Attributes
    ----------
    images
        One Image per series, in series order.
    plates
        The Plates, in the order of the file.
    others
        What neither hangs from an image nor from a plate in a way that a save would follow:
        Rois, annotation links, screens and their links, the links to the target.
    """

    images: list[Any] = field(default_factory=list)
    plates: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)

    @property
    def roots(self) -> list[Any]:
        """Everything, in an order that one `tx.save` takes."""
        return [*self.images, *self.plates, *self.others]


def objects(source: Source, fileset_id: int, file_name: str, settings: Settings) -> Imported:
    """
    Make what the metadata and pixel-data steps of an import create.

    Parameters
    ----------
    source
        What `readers.read` returned.
    fileset_id
        The saved Fileset, to which the images will belong.
    file_name
        Name of the first file, from which the images get their names.
    settings
        What the user asked for.

    Returns
    -------
    Imported
        Objects to save in one transaction of the importing user.

    Raises
    ------
    omero.ApiUsageException
        When the target is of a class that an import cannot go into.
    """
    raise NotImplementedError


def rendering_defs(source: Source, pixels: Sequence[Any], settings: Settings) -> list[Any]:
    """
    Make the default rendering settings that the thumbnail step of an import creates.

    Parameters
    ----------
    source
        What `readers.read` returned.
    pixels
        The saved Pixels in series order, with ids.
    settings
        None are made unless `doThumbnails`.

    Returns
    -------
    list
        One RenderingDef per Pixels, with QuantumDef and ChannelBindings, to save.
    """
    raise NotImplementedError
