# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetch: copy the files of a manifest to the bundle, with rsync or over the OMERO connection."""

from graphxfer.fetch.fetch import (
    Fetched,
    FetchOptions,
    Owner,
    Problem,
    fetch,
    reached,
    source,
)
from graphxfer.fetch.rsync import Folder

__all__ = [
    "FetchOptions",
    "Fetched",
    "Folder",
    "Owner",
    "Problem",
    "fetch",
    "reached",
    "source",
]
