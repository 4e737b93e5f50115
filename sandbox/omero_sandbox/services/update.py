# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IUpdate: saving and deleting rows, one transaction per call."""

from __future__ import annotations

from typing import Any

import omero
import omero.all

from omero_sandbox.errors import forbidden
from omero_sandbox.service import Call, Service


class IUpdate(Service):
    """Writing; the rules are ome.logic.UpdateImpl's (omero-server)."""

    interface = omero.api.IUpdate

    def saveObject(self, call: Call, obj: Any) -> None:
        call.tx.save([obj])

    def saveCollection(self, call: Call, objs: list[Any]) -> None:
        call.tx.save(objs)

    def saveArray(self, call: Call, objs: list[Any]) -> None:
        call.tx.save(objs)

    def saveAndReturnObject(self, call: Call, obj: Any) -> Any:
        return call.tx.save([obj])[0]

    def saveAndReturnArray(self, call: Call, objs: list[Any]) -> list[Any]:
        return call.tx.save(objs)

    def saveAndReturnIds(self, call: Call, objs: list[Any]) -> list[int]:
        return call.tx.insert(objs)

    def deleteObject(self, call: Call, obj: Any) -> None:
        call.tx.delete_row(obj)

    def indexObject(self, call: Call, obj: Any) -> None:
        """Accept the request: the sandbox has no full-text index to bring up to date."""
        if not call.caller.admin:
            raise forbidden("Only administrators may index objects")
