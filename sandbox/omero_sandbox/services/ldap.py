# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.ILdap: users from a directory. This server is not connected to one."""

from __future__ import annotations

import omero
import omero.all

from omero_sandbox.errors import forbidden
from omero_sandbox.service import Call, Service


class ILdap(Service):
    """LDAP is not configured: omero.ldap.config is false, the default."""

    interface = omero.api.ILdap

    def getSetting(self, call: Call) -> bool:
        """Return whether a directory is used; for administrators."""
        if not call.caller.admin:
            raise forbidden("No matching roles found (allowed: [system])")
        return False
