# SPDX-License-Identifier: GPL-2.0-or-later
"""Users and groups. They belong to the server and are never created."""

from __future__ import annotations

from graphxfer.catalogue.declare import ome, omero, plain_entry
from graphxfer.catalogue.entries import Maker

PEOPLE = (
    plain_entry(
        "Experimenter",
        omero("omeName", varies=True, label=True),
        ome("firstName", varies=True, label=True),
        ome("lastName", varies=True, label=True),
        xml="Experimenter",
        maker=Maker.SERVER,
    ),
    plain_entry(
        "ExperimenterGroup",
        ome("name", varies=True, label=True),
        xml="ExperimenterGroup",
        maker=Maker.SERVER,
    ),
)
