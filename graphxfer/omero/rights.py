# SPDX-License-Identifier: GPL-2.0-or-later
"""What the user may see and do in a group, asked before anything is written.

Each rule names its source. *Tables* are what was tried on a real OMERO 5.7 as root, as an owner and
as a member of groups of all four kinds; *BasicACLVoter* and *OmeroInterceptor* are classes of
ome/omero-server, in ``ome/security/basic``.

The rights are those of a named group. `IAdmin.getEventContext` has the permissions of the session's
default group, whatever ``omero.group`` says (tables: "Rights of a group").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graphxfer import catalogue
from graphxfer.errors import GraphxferError, ServerFailure, counted, listed
from graphxfer.omero import lookup
from graphxfer.omero.connect import Server

SHOWN = 10
"""The most objects that a message names."""
WRITE, FILES, REPOSITORY = "WriteOwned", "WriteFile", "WriteManagedRepo"
"""The privileges of an administrator for others' objects, for files, for imported files."""
DELETE = "DeleteOwned"
"""The privilege of an administrator to delete others' objects."""


@dataclass(frozen=True)
class Rights:
    """What a user may see and do in one group.

    Parameters
    ----------
    user : str
        The user's name.
    group : str
        The group's name.
    permissions : str
        The group's: ``rw----``, ``rwr---``, ``rwra--``, ``rwrw--``.
    member, owner : bool
        Whether the user is a member of the group; whether the user owns it.
    admin : bool
        Whether the user is an administrator, perhaps a restricted one.
    privileges : frozenset of str
        What an administrator may do.

    Examples
    --------
    >>> member = Rights("ana", "lab", "rwra--", member=True)
    >>> member.sees_all, member.use, member.write
    (True, True, False)
    >>> Rights("ana", "priv", "rw----", member=True, owner=True).use
    False
    """

    user: str
    group: str
    permissions: str
    member: bool = False
    owner: bool = False
    admin: bool = False
    privileges: frozenset[str] = frozenset()

    @property
    def private(self) -> bool:
        """Whether members do not see each other's objects."""
        return not self._grants("r")

    @property
    def sees_all(self) -> bool:
        """Whether the user sees all objects of the group, whoever owns them.

        Tables, "read": owners of a group and administrators (also restricted ones) do, in private
        groups too; members where the group may read.
        """
        return self.admin or self.owner or self._grants("r", members=self.member)

    @property
    def use(self) -> bool:
        """Whether the user may link own objects to those of others: put their tags on images.

        Tables, "own tag on theirs, their tag on own": owners of a group everywhere but in private
        groups, where neither they nor root may (ReadOnlyGroupSecurityViolation); members where the
        group may annotate. A restricted administrator is like an owner only with WriteOwned
        (BasicACLVoter.allowUpdate).
        """
        return not self.private and (self._above or self._grants("aw", members=self.member))

    @property
    def write(self) -> bool:
        """Whether the user may put objects into containers of others.

        Tables, "containers: into theirs, theirs into own": as `use`, but members only where the
        group may write.
        """
        return not self.private and (self._above or self._grants("w", members=self.member))

    @property
    def delete(self) -> bool:
        """Whether the user may delete objects of others.

        BasicACLVoter.allowDelete: as `write`, but a restricted administrator needs DeleteOwned.
        """
        above = self.owner or (self.admin and DELETE in self.privileges)
        return above or self._grants("w", members=self.member)

    @property
    def _above(self) -> bool:
        return self.owner or (self.admin and WRITE in self.privileges)

    def _grants(self, letters: str, *, members: bool = True) -> bool:
        """Check whether the group's permissions give something to members, or to the world."""
        return any(
            letter in letters
            for letter in (self.permissions[2:4] if members else "") + self.permissions[4:6]
        )

    def missing(self, *, files: bool, imports: bool) -> list[str]:
        """Return the privileges that a restricted administrator lacks to write here.

        Tables, "restricted admin": to write into a group of others takes WriteOwned; for files
        WriteFile, too; for imports all three. A member of the group needs none of them.

        Parameters
        ----------
        files : bool
            Whether there are files to upload.
        imports : bool
            Whether there are filesets to import.
        """
        if self.member or not self.admin:
            return []
        needed = [WRITE, *([FILES] if files or imports else []), *([REPOSITORY] if imports else [])]
        return [one for one in needed if one not in self.privileges]

    @property
    def why_hidden(self) -> str:
        """Why the user does not see objects of the group."""
        if self.sees_all:
            return f"they are no longer in the group {self.group}"
        if not self.member:
            return f"{self.user} is not a member of the group {self.group}"
        return f"the group {self.group} is private"


def rights(server: Server, group: int | None = None) -> Rights:
    """Return the user's rights in a group.

    Parameters
    ----------
    server : Server
        The server.
    group : int, optional
        Id of the group; by default the group to write to.
    """
    admin = server.service("IAdmin")
    number = server.group_id if group is None else group
    here, found = admin.getEventContext(), admin.getGroup(number)
    held = admin.getCurrentAdminPrivileges() if here.isAdmin else ()
    return Rights(
        server.user_name,
        found.name.val,
        str(found.details.permissions),
        member=number in here.memberOfGroups,
        owner=number in here.leaderOfGroups,
        admin=here.isAdmin,
        privileges=frozenset(one.value.val for one in held),
    )


# -- writing ------------------------------------------------------------------------------------


def check_destination(server: Server, *, files: bool, imports: bool) -> None:
    """Check that the user may create objects in the group to write to.

    Parameters
    ----------
    server : Server
        The destination.
    files : bool
        Whether there are files to upload.
    imports : bool
        Whether there are filesets to import.

    Raises
    ------
    ServerFailure
        If the user may not, or if the group is the server's own.
    """
    roles = server.service("IAdmin").getSecurityRoles()
    here = rights(server)
    where = f"{server.profile.address}, group {here.group}"
    _check_group(server, roles, where)
    if server.user_id == roles.guestId:
        # BasicACLVoter.allowCreation: the guest may create nothing.
        raise ServerFailure("the guest may only read", where=where, do="log in as somebody else")
    if not here.member and not here.admin:
        raise ServerFailure(
            f"{here.user} is not a member of the group", where=where, do="name one of your groups"
        )
    if missing := here.missing(files=files, imports=imports):
        raise ServerFailure(
            f"{here.user} is a restricted administrator without "
            f"{counted(len(missing), 'privilege')} that writing here needs: {', '.join(missing)}",
            where=where,
            do="ask for the privileges, or to become a member of the group; or name another group",
        )
    if "w" not in here.permissions[:2] and not (here.owner or WRITE in here.privileges):
        # BasicACLVoter.allowUpdate: what members may do with their own objects.
        raise ServerFailure(
            f"its permissions are {here.permissions}: members may only read",
            where=where,
            do="ask an owner of the group, or name another group",
        )


def check_take_over(server: Server, owner: str) -> None:
    """Check that the user may continue what another user began: link to it, change it, delete it.

    Parameters
    ----------
    server : Server
        The destination.
    owner : str
        The name of the user who began it.

    Raises
    ------
    GraphxferError
        If the user may not.
    """
    here = rights(server)
    if here.write and here.delete:
        return
    if here.write:
        why = f"{here.user} is a restricted administrator without the privilege {DELETE}"
    elif here.private:
        why = f"in the private group {here.group} one may only link to own objects"
    else:
        why = f"{here.user} may not change objects of others in the group {here.group}"
    raise GraphxferError(
        f"begun by {owner}: {why}", where=server.profile.address, do=f"run it as {owner}"
    )


def _check_group(server: Server, roles: object, where: str) -> None:
    """Refuse groups that are the server's own.

    Administrators have `system` as their default group. Everybody is in `user`, and reads all that
    is in it (OneGroupSecurityFilter).
    """
    number, named = server.group_id, bool(server.profile.group)
    own = {getattr(roles, f"{name}GroupId") for name in ("user", "guest")}
    if number in own or (number == getattr(roles, "systemGroupId") and not named):  # noqa: B009
        raise ServerFailure(
            "the group is the server's own"
            + ("" if named else f": it is the default group of {server.user_name}"),
            where=where,
            do="name the group to write to: omero://user@host/group",
        )


# -- reading ------------------------------------------------------------------------------------


class Hidden(NamedTuple):
    """An object that exists, or may exist, but is hidden from the user: class, id, why."""

    type: str
    id: int
    why: str


def check_readable(
    server: Server, group: int, absent: Mapping[str, Sequence[int]], owner: str = ""
) -> None:
    """Check that objects that a read did not find are gone, and not only hidden from the user.

    Parameters
    ----------
    server : Server
        The destination.
    group : int
        Id of the group in which they were created.
    absent : mapping
        Ids by class of objects that a read did not find.
    owner : str
        Name of the user who created them, if it is known.

    Raises
    ------
    GraphxferError
        If some of them still exist, or may exist.
    """
    if unseen := hidden(server, group, absent):
        names = [f"{one.type}:{one.id}" for one in unseen]
        raise GraphxferError(
            f"not readable for {server.user_name} ({unseen[0].why}): {listed(names, SHOWN)}",
            where=server.profile.address,
            do=f"run it as {owner or 'their owner'}, an owner of the group, or an administrator",
        )


def hidden(server: Server, group: int, absent: Mapping[str, Sequence[int]]) -> list[Hidden]:
    """Return the objects that exist, or may exist, but are hidden from the user.

    Every user reads the whole log of events, also of private groups, and it has a row for each
    object that was inserted or deleted (tables: "Finding what changed since a time"). Only where it
    has none, because somebody emptied it, the rights decide. Administrators see all groups.

    Parameters
    ----------
    server : Server
        The destination.
    group : int
        Id of the group in which the objects were created.
    absent : mapping
        Ids by class of objects that a read did not find.
    """
    here = rights(server, group) if any(absent.values()) else None
    if here is None or here.admin:
        return []
    logs = {name: _log(server, name, ids) for name, ids in absent.items() if ids}
    return [
        Hidden(name, number, here.why_hidden)
        for name, log in logs.items()
        for number in sorted(absent[name])
        if "DELETE" not in log[number] and ("INSERT" in log[number] or not here.sees_all)
    ]


def _log(server: Server, class_name: str, ids: Sequence[int]) -> defaultdict[int, set[str]]:
    """Return what happened to objects of a class, by id: INSERT, DELETE."""
    entry = catalogue.CLASSES.get(class_name)
    parent = entry.parent if entry is not None and entry.parent else class_name
    hql = (
        "select l.entityId, l.action from EventLog l where l.entityId in (:ids)"
        " and l.action in (:actions) and (l.entityType like :own or l.entityType like :parent)"
    )
    found: defaultdict[int, set[str]] = defaultdict(set)
    for some in lookup.chunks(ids):
        for number, action in server.rows(
            hql,
            ids=some,
            actions=["INSERT", "DELETE"],
            own=f"%.{class_name}",
            parent=f"%.{parent}",
        ):
            found[number].add(action)
    return found
