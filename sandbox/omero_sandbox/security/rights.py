# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: S608 - names in SQL come from the model, values are bound
"""Callers, and what a group's permissions allow them to read, annotate and write.

The rules are those of omero-server's ``ome/security/basic``: OneGroupSecurityFilter and
AllGroupsSecurityFilter for reading, BasicACLVoter for everything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import omero
from omero.model import PermissionsI

from omero_sandbox.errors import fail, forbidden
from omero_sandbox.model import ENUMERATIONS, Type
from omero_sandbox.security.policy import RESTRICTED, BinaryAccess
from omero_sandbox.security.roles import GUEST, ROOT, SYSTEM_GROUP, USER_GROUP
from omero_sandbox.security.targets import CHOWN, EVERY

ALL_GROUPS = -1
ALL_PRIVILEGES = frozenset(ENUMERATIONS["AdminPrivilege"])

# Privilege that lets an administrator do to a class what its owner may (BasicACLVoter).
PRIVILEGE = {
    "Experimenter": "ModifyUser",
    "ExperimenterGroup": "ModifyGroup",
    "GroupExperimenterMap": "ModifyGroupMembership",
}
# What PermissionsI's restrictions mean, in their order (omero.constants.permissions).
LINK, EDIT, DELETE, ANNOTATE = "link", "edit", "delete", "annotate"


@dataclass(frozen=True)
class Caller:
    """The user, group and session in whose name a call runs.

    Attributes
    ----------
    user, session : int
        Row ids of the Experimenter and of the Session that the Event will name.
    group : int
        The context group; ``ALL_GROUPS`` (-1) for all groups that the user may see.
    admin : bool
        Whether the user is a member of the ``system`` group.
    privileges : frozenset[str]
        The AdminPrivilege values that the user holds (empty for non-administrators).
    member_of, leader_of : frozenset[int]
        Ids of the groups the user belongs to, and of those the user owns.
    event_type : str
        Value of the EventType of the Event that a write makes.
    sudoer : int, optional
        Row id of the Experimenter who made the session for the user.
    """

    user: int
    group: int
    session: int
    admin: bool = False
    privileges: frozenset[str] = frozenset()
    member_of: frozenset[int] = frozenset()
    leader_of: frozenset[int] = frozenset()
    event_type: str = "User"
    sudoer: int | None = None

    @property
    def real_user(self) -> int:
        """The user who logged in: of a sudo session the administrator who made it."""
        return self.user if self.sudoer is None else self.sudoer

    def within(self, group: int) -> Caller:
        """Return the same caller with another context group."""
        return replace(self, group=group)


def grants(permissions: str, role: str, right: str) -> bool:
    """Return whether ``rwra--`` grants a role (user, group, world) to read, annotate or write."""
    position = ("user", "group", "world").index(role) * 2
    read, other = permissions[position], permissions[position + 1]
    return {"read": read == "r", "annotate": other in "aw", "write": other == "w"}[right]


class ReadFilter(NamedTuple):
    """Which rows the caller's rights hide: two facts, so that compiled queries can be shared.

    Attributes
    ----------
    everything : bool
        Nothing is hidden in any group.
    all_sessions : bool
        The caller may read the sessions of others.
    """

    everything: bool = False
    all_sessions: bool = False

    def condition(self, type_: Type, alias: str) -> str:
        """Return the SQL condition ("" for none); its parameters are ``Rights.parameters``."""
        if type_.table == "session":
            if self.all_sessions:
                return ""
            return f'coalesce({alias}."sudoer", {alias}."owner") = :_real'
        if type_.is_global or self.everything:
            return ""
        return (
            f"({alias}._group IN (SELECT value FROM json_each(:_whole)) OR {alias}._owner = :_user"
            f" AND {alias}._group IN (SELECT value FROM json_each(:_own)))"
        )


class Rights:
    """What a caller may do, given the permissions of all groups.

    Parameters
    ----------
    caller : Caller
        Who asks.
    groups : Mapping[int, str]
        Group id to permissions (``rwra--``).
    policy : BinaryAccess
        Whose files may be downloaded.
    privileged : bool
        The server's own work: everything is allowed, past the rules for clients.

    Raises
    ------
    omero.SecurityViolation
        When the caller is not a member of the context group.
    """

    def __init__(
        self,
        caller: Caller,
        groups: Mapping[int, str],
        policy: BinaryAccess,
        privileged: bool = False,
    ) -> None:
        self.caller = caller
        self.groups = groups
        self.policy = policy
        self.privileged = privileged
        self._cache: dict[tuple[Any, ...], Any] = {}
        group = caller.group
        if group != ALL_GROUPS:
            if group not in groups:
                raise forbidden(f"No such group: {group}")
            open_to_all = grants(groups[group], "world", "read")
            if not (privileged or caller.admin or group in caller.member_of or open_to_all):
                raise forbidden(
                    f"User {caller.user} is not a member of group {group} and cannot login"
                )
        self.unfiltered = privileged or (caller.admin and group == ALL_GROUPS)
        self.reads = ReadFilter(self.unfiltered, privileged or "ReadSession" in caller.privileges)
        whole, own = self._readable()
        self.parameters = {
            "_user": caller.user, "_real": caller.real_user, "_whole": json.dumps(sorted(whole)),
            "_own": json.dumps(sorted(own)),
        }  # fmt: skip
        self._whole, self._own = whole, own

    def _readable(self) -> tuple[set[int], set[int]]:
        """Return the groups readable as a whole, and those where only own objects are."""
        caller, groups = self.caller, self.groups
        if caller.group != ALL_GROUPS:
            permissions = groups[caller.group]
            shared = grants(permissions, "group", "read") or grants(permissions, "world", "read")
            over = caller.admin or caller.group in caller.leader_of
            return {USER_GROUP} | ({caller.group} if shared or over else set()), {caller.group}
        whole = {
            group
            for group, permissions in groups.items()
            if group in caller.leader_of
            or grants(permissions, "world", "read")
            or (group in caller.member_of and grants(permissions, "group", "read"))
        }
        return whole, {g for g, p in groups.items() if grants(p, "user", "read")}

    def may_read(self, type_: Type, owner: int | None, group: int | None) -> bool:
        """Return whether one row may be loaded."""
        if type_.is_global or self.unfiltered or group in (SYSTEM_GROUP, USER_GROUP):
            return True
        return group in self._whole or (owner == self.caller.user and group in self._own)

    def may_read_session(self, owner: int, sudoer: int | None) -> bool:
        """Return whether the row of a session may be loaded: BasicACLVoter.allowLoad."""
        real = owner if sudoer is None else sudoer
        return self.reads.all_sessions or real == self.caller.real_user

    def is_over(self, type_: Type) -> bool:
        """Return whether the caller may set owner and group of what is new.

        Source: OmeroInterceptor.newTransientDetails (isPrivilegedCreator).
        """
        caller = self.caller
        return self.privileged or (
            caller.admin and self.light_privilege(EDIT, type_) in caller.privileges
        )

    def may_add(self, type_: Type, group: int) -> bool:
        """Return whether the caller may create something in a group.

        Source: OmeroInterceptor.newTransientDetails: members, and others where the group lets the
        world do so; display settings may be created by all who can read the object.
        """
        if self.is_over(type_) or group in self.caller.member_of:
            return True
        permissions = self.groups[group]
        right = "annotate" if type_.is_annotation_link else "write"
        is_display = type_.fqn.startswith("ome.model.display.")
        return grants(permissions, "world", right) or (
            is_display and grants(permissions, "world", "read")
        )

    def may(self, what: str, type_: Type, owner: int | None, group: int | None) -> bool:
        """Return whether the caller may link, edit, delete or annotate an existing object."""
        if self.privileged:
            return True
        key = (what, type_.name, owner == self.caller.user, group)
        if key not in self._cache:
            self._cache[key] = self._may(what, type_, owner, group)
        answer: bool = self._cache[key]
        return answer

    def _may(self, what: str, type_: Type, owner: int | None, group: int | None) -> bool:
        caller = self.caller
        linking = what in (LINK, ANNOTATE)
        mine = owner == caller.user
        permissions = "rw----" if group == USER_GROUP else self.groups.get(group or 0, "------")
        if linking and not mine and self._is_graph_critical(type_, group):
            return False
        if caller.admin and caller.privileges >= ALL_PRIVILEGES:
            return True
        if type_.is_global:
            privilege = PRIVILEGE.get(type_.name)
            return linking or (privilege in caller.privileges if privilege else caller.admin)
        if caller.user == GUEST:
            return False
        if self.light_privilege(what, type_) in caller.privileges or group in caller.leader_of:
            return True
        right = "annotate" if what == ANNOTATE else "write"
        return (
            grants(permissions, "world", right)
            or (mine and grants(permissions, "user", right))
            or (group in caller.member_of and grants(permissions, "group", right))
            or (linking and group in (SYSTEM_GROUP, USER_GROUP))
        )

    def _is_graph_critical(self, type_: Type, group: int | None) -> bool:
        """Return whether the caller could link data of different users in a private group."""
        if type_.is_global or group is None or group in (SYSTEM_GROUP, USER_GROUP):
            return False
        over = self.caller.admin or group in self.caller.leader_of
        return over and not grants(self.groups.get(group, "------"), "group", "read")

    @staticmethod
    def light_privilege(what: str, type_: Type) -> str:
        """Return the privilege that a restricted administrator needs."""
        verb = "Delete" if what == DELETE else "Write"
        return f"{verb}File" if type_.name == "OriginalFile" else f"{verb}Owned"

    def check_creation(self, type_: Type) -> None:
        """Refuse what only privileged calls may create.

        Raises
        ------
        omero.SecurityViolation
        """
        caller = self.caller
        if self.privileged:
            return
        if type_.is_global:
            needed = PRIVILEGE.get(type_.name)
            if not caller.admin or (needed and needed not in caller.privileges):
                raise forbidden(
                    f"{type_.fqn} is a System-type, to be created only through privileged APIs."
                )
        elif caller.user == GUEST:
            raise forbidden(f"not permitted to create {type_.fqn}")

    def check_link(
        self,
        what: str,
        type_: Type,
        target: Type,
        id_: int,
        owner: int,
        group: int,
        place: tuple[int, int],
    ) -> None:
        """Refuse a reference from a new object at ``place`` (owner, group) to an existing one.

        Source: omero-server ``ome/security/basic/OmeroInterceptor`` (evaluateLinkages).

        Raises
        ------
        omero.GroupSecurityViolation
            When they are in different groups (MIXED GROUP).
        omero.SecurityViolation
            When the caller may not link to (or annotate, or read) the object.
        """
        if target.is_global or group in (SYSTEM_GROUP, USER_GROUP):
            return
        name = f"{target.fqn}:Id_{id_}"
        if group != place[1]:
            raise fail(
                omero.GroupSecurityViolation,
                f"MIXED GROUP: {type_.fqn}(group={place[1]}) and {name}(group={group})",
            )
        if self.privileged:
            return
        if what == "read":
            allowed = self.may_read(target, owner, group)
        elif self._is_graph_critical(target, group):
            if owner not in (place[0], self.caller.user):
                raise fail(
                    omero.ReadOnlyGroupSecurityViolation,
                    f"Cannot link to {name}: an administrator or an owner of a private group is "
                    "not allowed to link to users' data",
                )
            allowed = True
        else:
            allowed = self.may(what, target, owner, group)
        if not allowed:
            raise forbidden(f"Cannot link to {name}: current user is not allowed to {what} it")

    def _may_move(self, type_: Type, owner: int | None, group: int | None) -> list[bool]:
        """Return whether an object may change its group, and its owner.

        Source: BasicACLVoter.addChgrpChownRestrictionBits: only what the requests may be aimed at,
        to both of them any link.
        """
        caller = self.caller
        chgrp = "Chgrp" in caller.privileges or owner == caller.user
        chown = "Chown" in caller.privileges or group in caller.leader_of
        return [
            may and (type_.is_link or any(name in type_.names for name in targets.split()))
            for may, targets in ((chgrp, EVERY), (chown, CHOWN))
        ]

    def permissions(
        self,
        type_: Type,
        owner: int | None,
        group: int | None,
        stated: str | None = None,
        belongs: tuple[bool, bool] = (False, False),
    ) -> Any:
        """Return the PermissionsI that an object carries to this caller.

        Its restrictions say what the caller may not do (canEdit, canDelete ...). They are those
        of the group that it is in, or ``stated`` for a group itself. ``belongs`` says whether it
        is of an image, and of one in a plate: the binary access policy asks for that.
        """
        key = ("permissions", type_.name, owner == self.caller.user, group, stated, belongs)
        if key not in self._cache:
            made = PermissionsI(stated or self.groups.get(group or 0, "rw----"))
            allowed = [self.may(w, type_, owner, group) for w in (LINK, EDIT, DELETE, ANNOTATE)]
            allowed += self._may_move(type_, owner, group)
            made._restrictions = [not a for a in allowed]
            restricted = self.policy.restricts(type_, group, allowed[1], *belongs)
            made._extendedRestrictions = [RESTRICTED] if restricted else []
            self._cache[key] = made
        return self._cache[key]


def root(group: int = SYSTEM_GROUP) -> Caller:
    """Return the Caller of the server's own work."""
    return Caller(
        user=ROOT, group=group, session=0, admin=True, privileges=ALL_PRIVILEGES,
        member_of=frozenset({SYSTEM_GROUP, USER_GROUP}), leader_of=frozenset({SYSTEM_GROUP}),
        event_type="Internal",
    )  # fmt: skip
