# SPDX-License-Identifier: GPL-2.0-or-later
"""What clients send becomes objects: Ice's object factory for the model and the RTypes.

omero-py's factories run constructors whose work Ice then does again, and its classes look at the
name of each attribute that Ice sets: together a quarter of the server's time for a save. While an
object arrives, it is therefore of a subclass that does not look.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import Ice
import omero
import omero.all
from omero.model import DetailsI, PermissionsI
from omero.rtypes import ObjectFactories

from omero_sandbox.model import TYPES

_CLASSES: dict[str, Any] = {
    cls.ice_staticId(): cls
    for cls in (
        *(t.cls for t in TYPES.values() if t.cls), *ObjectFactories, DetailsI, PermissionsI,
    )
}  # fmt: skip


@cache
def _arriving(slice_name: str) -> tuple[Any, dict[str, Any]]:
    """Return the class that an object has while Ice sets what travels, and the rest it has."""
    cls = _CLASSES[slice_name]

    def arrived(self: Any) -> None:
        self.__class__ = cls

    made = type(cls.__name__, (cls,), {
        "__setattr__": object.__setattr__, "ice_postUnmarshal": arrived,
    })  # fmt: skip
    private = vars(cls()) if cls in (DetailsI, PermissionsI) else {}
    return made, {name: value for name, value in private.items() if "__" in name}


class Arrivals(Ice.ObjectFactory):
    """Makes the objects that Ice then fills in."""

    def create(self, type: str) -> Any:
        """Return an empty instance of a class such as ``::omero::model::Image``."""
        cls, private = _arriving(type)
        made = cls.__new__(cls)
        if private:
            made.__dict__.update(private)
        return made

    def destroy(self) -> None:
        """Nothing to release."""

    def register(self, communicator: Any) -> None:
        """Register for all classes of the model and all RTypes."""
        for name in _CLASSES:
            communicator.addObjectFactory(self, name)
        # those of values with units, which are few
        omero.ObjectFactoryRegistrar.registerObjectFactory(communicator, None)
