# SPDX-License-Identifier: GPL-2.0-or-later
"""OMERO's services, a module each: importing this package makes them known to the dispatch."""

from graphxfer.sandbox.services import (  # noqa: F401
    admin,
    commands,
    config,
    container,
    factory,
    imports,
    metadata,
    pixels,
    projection,
    query,
    rawfile,
    rawpixels,
    rendering,
    renderingsettings,
    repositories,
    repositoryinfo,
    requests,
    roi,
    search,
    session,
    table,
    thumbnails,
    types,
    update,
)
