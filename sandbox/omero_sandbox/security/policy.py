# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - values are bound
"""Whose original files may be downloaded: ``omero.policy.binary_access``.

The rules are those of ome.security.policy.BinaryAccessPolicy (omero-server): settings such as
``+read,+write,+image`` hold for the server, and others on top of them for a group that has some in
its ``config``. By default the files of plates cannot be downloaded, not even by administrators.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from omero_sandbox.model import Type

SETTING = "omero.policy.binary_access"
#: What etc/omero.properties (omero-common) has.
DEFAULT = "+read,+write,+image"
#: What a restricted object's permissions say: omero.constants.permissions.BINARYACCESS.
RESTRICTED = "RESTRICT-BINARY-ACCESS"

_PARTS_OF_PLATES = {"Plate", "PlateAcquisition", "Well", "WellSample"}
_TYPES = {"FileAnnotation", "Image", "OriginalFile"} | _PARTS_OF_PLATES

# (has images, has images of wells) of an image, or of the filesets that a file belongs to
_IMAGE = "SELECT i.id, 1, EXISTS (SELECT 1 FROM wellsample w WHERE w.image = i.id) FROM image i"
_FILE = (
    "SELECT e.originalFile, max(EXISTS (SELECT 1 FROM image i WHERE i.fileset = e.fileset)),"
    " max(EXISTS (SELECT 1 FROM image i JOIN wellsample w ON w.image = i.id"
    " WHERE i.fileset = e.fileset)) FROM filesetentry e"
    " JOIN originalfile f ON f.id = e.originalFile AND f.name NOT LIKE '%.txt'"
)


@dataclass(frozen=True)
class BinaryAccess:
    """The policy of a server.

    Attributes
    ----------
    everywhere : frozenset[str]
        The server's settings.
    groups : dict[int, frozenset[str]]
        Group id to the settings that it has of its own.
    """

    everywhere: frozenset[str]
    groups: dict[int, frozenset[str]]

    @classmethod
    def of(cls, setting: str, connection: sqlite3.Connection) -> BinaryAccess:
        """Return the policy for a server's setting, with what its groups' ``config`` say."""
        groups: dict[int, frozenset[str]] = defaultdict(frozenset)
        for group, value in connection.execute(
            "SELECT parent, value FROM experimentergroup_config WHERE name = ?", (SETTING,)
        ):
            groups[group] |= _parse(value)
        return cls(_parse(setting), dict(groups))

    def allows(self, what: str, group: int | None) -> bool:
        """Return whether ``read``, ``write``, ``image`` or ``plate`` is allowed in a group."""
        settings = self.everywhere | self.groups.get(group or 0, frozenset())
        return f"-{what}" not in settings and f"+{what}" in settings

    def restricts(
        self, type_: Type, group: int | None, may_edit: bool, of_image: bool, of_plate: bool
    ) -> bool:
        """Return whether an object's binary data is refused to a user.

        Parameters
        ----------
        type_ : Type
            Its class.
        group : int, optional
            Its group.
        may_edit : bool
            Whether the user may change it.
        of_image, of_plate : bool
            Whether it belongs to an image, and to one in a plate.
        """
        if type_.name not in _TYPES:
            return False
        if not self.allows("write", group) or not (self.allows("read", group) or may_edit):
            return True
        of_plate = of_plate or type_.name in _PARTS_OF_PLATES
        image_refused = (of_image or of_plate) and not self.allows("image", group)
        return image_refused or (of_plate and not self.allows("plate", group))


def _parse(setting: str) -> frozenset[str]:
    return frozenset(part.strip() for part in setting.split(",") if part.strip())


def belongings(
    connection: sqlite3.Connection, table: str, ids: Iterable[int]
) -> dict[int, tuple[bool, bool]]:
    """Return id -> (of an image, of an image in a plate) of images and of files."""
    wanted = json.dumps(list(ids))
    if table == "image":
        sql = f"{_IMAGE} WHERE i.id IN (SELECT value FROM json_each(?))"
    elif table == "originalfile":
        sql = f"{_FILE} WHERE e.originalFile IN (SELECT value FROM json_each(?)) GROUP BY 1"
    else:
        return {}
    return {id_: (bool(a), bool(b)) for id_, a, b in connection.execute(sql, (wanted,))}
