# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.ITypes: enumerations."""

from __future__ import annotations

from typing import Any

import omero
import omero.all
from omero.rtypes import rstring

from omero_sandbox.errors import forbidden, misused
from omero_sandbox.model import ENUMERATIONS as ORIGINAL
from omero_sandbox.service import Call, Service


class ITypes(Service):
    """Enumerations; the rules are ome.logic.TypesImpl's (omero-server)."""

    interface = omero.api.ITypes

    def getEnumeration(self, call: Call, type: str, value: str) -> Any:
        found = call.tx.find_all_by_string(type, "value", value)
        if not found:
            raise misused(f"An enum was not found with the value: {value}")
        return found[0]

    def allEnumerations(self, call: Call, type: str) -> list[Any]:
        return call.tx.find_all(type)

    def createEnumeration(self, call: Call, newEnum: Any) -> Any:
        self._admins_only(call)
        return call.tx.save([newEnum])[0]

    def updateEnumeration(self, call: Call, oldEnum: Any) -> Any:
        self._admins_only(call)
        return call.tx.save([oldEnum])[0]

    def updateEnumerations(self, call: Call, oldEnums: list[Any]) -> None:
        self._admins_only(call)
        call.tx.save(oldEnums)

    def deleteEnumeration(self, call: Call, oldEnum: Any) -> None:
        self._admins_only(call)
        call.tx.delete_row(oldEnum)

    def getEnumerationTypes(self, call: Call) -> list[str]:
        return sorted(ENUMERATIONS)

    def getEnumerationsWithEntries(self, call: Call) -> dict[str, list[Any]]:
        return {name: call.tx.find_all(name) for name in sorted(ENUMERATIONS)}

    def getOriginalEnumerations(self, call: Call) -> list[Any]:
        """Return the values that a new server has, as objects without ids."""
        self._admins_only(call)
        return [_value(name, text) for name in sorted(ORIGINAL) for text in ORIGINAL[name]]

    def resetEnumerations(self, call: Call, enumClass: str) -> None:
        """Leave of a class the values that a new server has; fails where another is in use."""
        self._admins_only(call)
        name = call.tx.type(enumClass).name
        present = {row.value.val: row for row in call.tx.find_all(name)}
        for text, row in present.items():
            if text not in ORIGINAL[name]:
                call.tx.delete_row(row)
        call.tx.save([_value(name, text) for text in ORIGINAL[name] if text not in present])

    def getAnnotationTypes(self, call: Call) -> list[str]:
        names = (
            name.removesuffix("I") for name in dir(omero.model) if name.endswith("AnnotationI")
        )
        return sorted(f"ome.model.annotations.{name}" for name in names)

    def _admins_only(self, call: Call) -> None:
        if not call.caller.admin:
            raise forbidden("Administrators only")


def _value(name: str, text: str) -> Any:
    made = getattr(omero.model, f"{name}I")()
    made.value = rstring(text)
    return made


#: Enumerations of the model: the classes with a value, and nothing else but details.
ENUMERATIONS = frozenset(
    name
    for name in dir(omero.model)
    if not name.endswith("I")
    and hasattr(getattr(omero.model, name + "I", None), "_field_info")
    and "value" in getattr(omero.model, name + "I")._field_info._fields
    and set(getattr(omero.model, name + "I")._field_info._fields) <= {"details", "value", "bitSize"}
)
