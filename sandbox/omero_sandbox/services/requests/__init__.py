# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be submitted (omero.cmd.Request), by what it is about.

Importing this package makes the requests known to :mod:`omero_sandbox.services.commands`.
A request that is in none of these modules is answered with an ERR that names it.
"""

from omero_sandbox.services.requests import (  # noqa: F401
    containment,
    duplicating,
    graphs,
    images,
    mail,
    repository,
    sessions,
    usage,
)
