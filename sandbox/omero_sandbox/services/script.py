# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IScript: the server's scripts. This server has none, and runs none."""

from __future__ import annotations

from typing import Any

import omero
import omero.all

from omero_sandbox.service import Call, Service


class IScript(Service):
    """Answers of a server without scripts; what would run or keep one is not implemented."""

    interface = omero.api.IScript

    def getScripts(self, call: Call) -> list[Any]:
        return []

    def getScriptsByMimetype(self, call: Call, mimetype: str) -> list[Any]:
        return []

    def getUserScripts(self, call: Call, acceptsList: list[Any]) -> list[Any]:
        return []

    def getScriptID(self, call: Call, path: str) -> int:
        return -1

    def canRunScript(self, call: Call, scriptID: int) -> bool:
        return False
