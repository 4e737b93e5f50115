# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetch: the files of a manifest into the bundle, by rsync or over OMERO's own connection."""

from graphxfer.fetch.fetch import (
    CHECKED,
    WORK,
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
    "CHECKED",
    "WORK",
    "FetchOptions",
    "Fetched",
    "Folder",
    "Owner",
    "Problem",
    "fetch",
    "reached",
    "source",
]
