# SPDX-License-Identifier: GPL-2.0-or-later
"""A store without a server, with users and groups, for the tests of the data side."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import omero.all
from omero.model import (
    ChannelI,
    DatasetImageLinkI,
    DimensionOrderI,
    ExperimenterGroupI,
    ExperimenterI,
    GroupExperimenterMapI,
    ImageI,
    LengthI,
    LogicalChannelI,
    PermissionsI,
    PixelsI,
    PixelsTypeI,
    TagAnnotationI,
)
from omero.rtypes import rbool, rdouble, rint, rlist, rlong, rstring

from omero_sandbox.security.rights import Caller
from omero_sandbox.store import Store


class Lab:
    """A store, and callers by name."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.groups: dict[str, int] = {}
        self.users: dict[str, int] = {}

    def group(self, permissions: str, **members: bool) -> int:
        """Make a group; the members are users by name, True for its owners."""
        group = ExperimenterGroupI()
        group.name = rstring(f"group{len(self.groups)}")
        group.ldap = rbool(False)
        group.details.permissions = PermissionsI(permissions)
        with self.store.transaction(self.store.system()) as tx:
            tx.save([group])
        for name, owner in members.items():
            self.join(name, group.id.val, owner)
        self.groups[group.name.val] = group.id.val
        return group.id.val

    def user(self, name: str) -> int:
        """Return a user, made when there is none of that name."""
        if name not in self.users:
            user = ExperimenterI()
            user.omeName, user.ldap = rstring(name), rbool(False)
            user.firstName, user.lastName = rstring(name), rstring("Test")
            with self.store.transaction(self.store.system()) as tx:
                tx.save([user])
            self.users[name] = user.id.val
            self.join(name, 1, False)
        return self.users[name]

    def join(self, name: str, group: int, owner: bool) -> None:
        """Make a user a member of a group."""
        link = GroupExperimenterMapI()
        link.parent = ExperimenterGroupI(group, False)
        link.child = ExperimenterI(self.user(name), False)
        link.owner = rbool(owner)
        with self.store.transaction(self.store.system()) as tx:
            tx.save([link])

    def caller(self, name: str, group: int) -> Caller:
        """Return the caller for a user in a group; ``root`` is the administrator."""
        user = 0 if name == "root" else self.user(name)
        return self.store.caller(user, group, 0)

    @contextmanager
    def transaction(self, name: str, group: int):
        """Open a transaction for a user in a group."""
        with self.store.transaction(self.caller(name, group)) as tx:
            yield tx

    def save(self, name: str, group: int, *objects):
        """Save objects for a user and return them."""
        with self.transaction(name, group) as tx:
            return tx.save(list(objects))

    def rows(self, hql: str, name: str = "root", group: int = -1, **params):
        """Return the plain values of a projection."""
        given = {n: as_parameter(v) for n, v in params.items()}
        with self.transaction(name, group) as tx:
            return [omero.rtypes.unwrap(row) for row in tx.projection(hql, given)]

    def objects(self, hql: str, name: str = "root", group: int = -1, **params):
        """Return the objects that a query finds."""
        given = {n: as_parameter(v) for n, v in params.items()}
        with self.transaction(name, group) as tx:
            return tx.query(hql, given)

    def count(self, class_name: str) -> int:
        """Return the number of rows of a class."""
        return self.rows(f"select count(*) from {class_name}")[0][0]


def as_parameter(value):
    """Return the RType of a plain value."""
    if isinstance(value, list):
        return rlist([as_parameter(v) for v in value])
    if isinstance(value, bool):
        return rbool(value)
    if isinstance(value, int):
        return rlong(value)
    if isinstance(value, float):
        return rdouble(value)
    return rstring(value) if isinstance(value, str) else value


def named(cls, name: str):
    """Return a new object with a name."""
    obj = cls()
    obj.name = rstring(name)
    return obj


def tag(text: str) -> TagAnnotationI:
    """Return a new tag."""
    made = TagAnnotationI()
    made.textValue = rstring(text)
    return made


def image(name: str, channels: int = 1) -> ImageI:
    """Return a new image with pixels and channels."""
    made = named(ImageI, name)
    pixels = PixelsI()
    pixels.sizeX = pixels.sizeY = rint(16)
    pixels.sizeZ = pixels.sizeT = rint(1)
    pixels.sizeC = rint(channels)
    pixels.sha1 = rstring("Pending...")
    pixels.pixelsType, pixels.dimensionOrder = PixelsTypeI(), DimensionOrderI()
    pixels.pixelsType.value, pixels.dimensionOrder.value = rstring("uint8"), rstring("XYZCT")
    pixels.physicalSizeX = LengthI(0.5, "MICROMETER")
    for at in range(channels):
        channel = ChannelI()
        channel.logicalChannel = LogicalChannelI()
        channel.logicalChannel.name = rstring(f"channel {at}")
        pixels.addChannel(channel)
    made.addPixels(pixels)
    return made


def link(cls, parent, child):
    """Return a new link between two objects; saved ones are referred to by id."""
    made = cls()
    made.parent, made.child = reference(parent), reference(child)
    return made


def reference(obj):
    """Return an unloaded instance of a saved object, or the new object itself."""
    return obj if obj.id is None else type(obj)(obj.id.val, False)


__all__ = ["DatasetImageLinkI", "Lab", "image", "link", "named", "reference", "tag"]
