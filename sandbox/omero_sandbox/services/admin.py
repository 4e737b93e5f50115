# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.api.IAdmin: users, groups, passwords, privileges, and who one is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import omero
import omero.all
from omero.rtypes import rbool, rlist, rlong, rstring

from omero_sandbox.errors import forbidden, invalid, misused
from omero_sandbox.service import Call, Service
from omero_sandbox.sessions import groups_of
from omero_sandbox.store import Transaction

#: ome.system.Roles (omero-model)
ROLES = {
    "rootId": 0, "rootName": "root", "guestId": 1, "guestName": "guest",
    "systemGroupId": 0, "systemGroupName": "system", "userGroupId": 1, "userGroupName": "user",
    "guestGroupId": 2, "guestGroupName": "guest",
}  # fmt: skip
SYSTEM_GROUP, USER_GROUP = 0, 1
_PHOTO = omero.constants.namespaces.NSEXPERIMENTERPHOTO

_EXPERIMENTERS = (
    "select distinct e from Experimenter e left outer join fetch e.groupExperimenterMap m"
    " left outer join fetch m.parent g"
)
_GROUPS = (
    "select distinct g from ExperimenterGroup g left outer join fetch g.groupExperimenterMap m"
    " left outer join fetch m.child e left outer join fetch e.groupExperimenterMap m2"
    " left outer join fetch m2.parent p"
)
#: What users may change of themselves, and what an administrator may change of any user.
_OWN_FIELDS = ("firstName", "middleName", "lastName", "email", "institution")
_ALL_FIELDS = ("omeName", *_OWN_FIELDS)


class IAdmin(Service):
    """Administration; the rules are ome.logic.AdminImpl's (omero-server)."""

    interface = omero.api.IAdmin

    # -- who one is -----------------------------------------------------------------------

    def getEventContext(self, call: Call) -> Any:
        return call.event_context()

    def getSecurityRoles(self, call: Call) -> Any:
        return omero.sys.Roles(**ROLES)

    def getCurrentAdminPrivileges(self, call: Call) -> list[Any]:
        return _privileges(call.tx, call.caller.privileges)

    def getAdminPrivileges(self, call: Call, user: Any) -> list[Any]:
        caller = call.server.store.caller(user.id.val, -1, 0)
        return _privileges(call.tx, caller.privileges)

    def getAdminsWithPrivileges(self, call: Call, privileges: list[Any]) -> list[Any]:
        wanted = {privilege.value.val for privilege in privileges}
        admins = self.containedExperimenters(call, SYSTEM_GROUP)
        held = {e.id.val: call.server.store.caller(e.id.val, -1, 0).privileges for e in admins}
        return [e for e in admins if wanted <= held[e.id.val]]

    def canUpdate(self, call: Call, obj: Any) -> bool:
        found = call.tx.find(type(obj).__name__, obj.id.val)
        return found is not None and found.details.permissions.canEdit()

    # -- looking up -----------------------------------------------------------------------

    def getExperimenter(self, call: Call, id: int) -> Any:
        return _one(call.tx, f"{_EXPERIMENTERS} where e.id = :key", rlong(id), "experimenter")

    def lookupExperimenter(self, call: Call, name: str) -> Any:
        where = f"{_EXPERIMENTERS} where e.omeName = :key"
        return _one(call.tx, where, rstring(name), "experimenter")

    def lookupExperimenters(self, call: Call) -> list[Any]:
        return call.tx.query(f"{_EXPERIMENTERS} order by e.id")

    def getGroup(self, call: Call, id: int) -> Any:
        return _one(call.tx, f"{_GROUPS} where g.id = :key", rlong(id), "group")

    def lookupGroup(self, call: Call, name: str) -> Any:
        return _one(call.tx, f"{_GROUPS} where g.name = :key", rstring(name), "group")

    def lookupGroups(self, call: Call) -> list[Any]:
        return call.tx.query(f"{_GROUPS} order by g.id")

    def containedExperimenters(self, call: Call, groupId: int) -> list[Any]:
        links = call.tx.find_all("GroupExperimenterMap", parent=groupId)
        ids = rlist([link.child.id for link in links] or [rlong(-1)])
        return call.tx.query(f"{_EXPERIMENTERS} where e.id in (:ids) order by e.id", {"ids": ids})

    def containedGroups(self, call: Call, experimenterId: int) -> list[Any]:
        ids = [id_ for id_, _ in groups_of(call.tx, experimenterId)]
        return [self.getGroup(call, id_) for id_ in ids]

    def getDefaultGroup(self, call: Call, experimenterId: int) -> Any:
        groups = [(id_, name) for id_, name in groups_of(call.tx, experimenterId) if name != "user"]
        if not groups:
            raise invalid("The user has no default group")
        return self.getGroup(call, groups[0][0])

    def getMemberOfGroupIds(self, call: Call, exp: Any) -> list[int]:
        return [id_ for id_, _ in groups_of(call.tx, exp.id.val)]

    def getLeaderOfGroupIds(self, call: Call, exp: Any) -> list[int]:
        return sorted(call.server.store.caller(exp.id.val, -1, 0).leader_of)

    def lookupLdapAuthExperimenter(self, call: Call, id: int) -> str:
        return ""

    def lookupLdapAuthExperimenters(self, call: Call) -> Any:
        return rlist([])

    # -- users ----------------------------------------------------------------------------

    def createUser(self, call: Call, experimenter: Any, group: str) -> int:
        groups = [self.lookupGroup(call, group).id.val, USER_GROUP]
        return self._create_user(call, experimenter, groups)

    def createSystemUser(self, call: Call, experimenter: Any) -> int:
        return self._create_user(call, experimenter, [SYSTEM_GROUP, USER_GROUP])

    def createRestrictedSystemUser(
        self, call: Call, experimenter: Any, privileges: list[Any]
    ) -> int:
        return self.createRestrictedSystemUserWithPassword(call, experimenter, privileges, None)

    def createRestrictedSystemUserWithPassword(
        self, call: Call, experimenter: Any, privileges: list[Any], password: Any
    ) -> int:
        id_ = self._create_user(call, experimenter, [SYSTEM_GROUP, USER_GROUP], password)
        self.setAdminPrivileges(call, omero.model.ExperimenterI(id_, False), privileges)
        return id_

    def createExperimenter(
        self, call: Call, user: Any, defaultGroup: Any, groups: list[Any] | None
    ) -> int:
        return self.createExperimenterWithPassword(call, user, None, defaultGroup, groups)

    def createExperimenterWithPassword(
        self, call: Call, user: Any, password: Any, defaultGroup: Any, groups: list[Any] | None
    ) -> int:
        ids = [group.id.val for group in (defaultGroup, *(groups or []))]
        return self._create_user(call, user, list(dict.fromkeys(ids)), password)

    def _create_user(self, call: Call, user: Any, groups: list[int], password: Any = None) -> int:
        require(call, "ModifyUser")
        new = omero.model.ExperimenterI()
        _copy(user, new, _ALL_FIELDS)
        new.ldap = user.ldap  # required, as in OMERO: a client sets it
        for group in groups:
            new.addGroupExperimenterMap(_membership(group))
        with call.as_system() as tx:
            id_ = int(tx.save([new])[0].id.val)
            if password is not None:
                tx.set_password(id_, password.val)
        return id_

    def updateSelf(self, call: Call, experimenter: Any) -> None:
        self._update_user(call, call.session.user, experimenter, _OWN_FIELDS)

    def updateExperimenter(self, call: Call, experimenter: Any) -> None:
        require(call, "ModifyUser")
        self._update_user(call, experimenter.id.val, experimenter, _ALL_FIELDS)

    def updateExperimenterWithPassword(self, call: Call, experimenter: Any, password: Any) -> None:
        self.updateExperimenter(call, experimenter)
        self._set_password(call, experimenter.id.val, password)

    def _update_user(self, call: Call, id: int, source: Any, fields: Iterable[str]) -> None:
        with call.as_system() as tx:
            user = tx.get("Experimenter", id)
            _copy(source, user, fields)
            tx.save([user])

    def deleteExperimenter(self, call: Call, user: Any) -> None:
        require(call, "ModifyUser")
        with call.as_system() as tx:
            for link in tx.find_all("GroupExperimenterMap", child=user.id.val):
                tx.delete_row(link)
            tx.delete_row(tx.get("Experimenter", user.id.val))

    def setAdminPrivileges(self, call: Call, user: Any, privileges: list[Any]) -> None:
        """Store the privileges that an administrator lacks, for LightAdminPrivileges to read."""
        require(call, "ModifyUser")
        granted = {privilege.value.val for privilege in privileges}
        with call.as_system() as tx:
            admin = tx.get("Experimenter", user.id.val)
            admin.config = [
                omero.model.NamedValue(f"AdminPrivilege:{p.value.val}", "false")
                for p in tx.find_all("AdminPrivilege")
                if p.value.val not in granted
            ]
            tx.save([admin])

    # -- photos ---------------------------------------------------------------------------

    def uploadMyUserPhoto(self, call: Call, filename: str, format: str, data: bytes) -> int:
        """Keep a picture of the caller, in place of the last one; return the OriginalFile's id.

        It goes to the group of all users: AdminImpl.uploadMyUserPhoto moves it there.
        """
        mine = self._photos(call)
        user = call.session.user
        store, caller = call.server.store, call.caller.within(USER_GROUP)
        with store.transaction(caller, privileged=True) as tx:
            file = tx.get("OriginalFile", mine[0].id.val) if mine else omero.model.OriginalFileI()
            file.name, file.path, file.mimetype = rstring(filename), rstring(""), rstring(format)
            file = tx.save([file])[0]
            path = call.server.repository.path_of(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            call.server.repository.rehash(tx, file.id.val)
            if not mine:
                tx.save([_photo(user, file.id.val)])
        return int(file.id.val)

    def getMyUserPhotos(self, call: Call) -> list[Any]:
        """Refuse, as OMERO does to everybody (tried on 5.7)."""
        raise forbidden("This method allows no remote access.")

    def _photos(self, call: Call) -> list[Any]:
        with call.within(-1) as tx:
            return tx.query(
                "select f from ExperimenterAnnotationLink l join l.child a, FileAnnotation fa"
                " join fa.file f where fa.id = a.id and l.parent.id = :id and a.ns = :ns"
                " order by f.details.updateEvent.id desc",
                {"id": rlong(call.session.user), "ns": rstring(_PHOTO)},
            )

    # -- passwords ------------------------------------------------------------------------

    def changePassword(self, call: Call, newPassword: Any) -> None:
        self._set_password(call, call.session.user, newPassword)

    def changePasswordWithOldPassword(self, call: Call, oldPassword: Any, newPassword: Any) -> None:
        if call.server.store.authenticate(call.session.name, oldPassword.val) is None:
            raise forbidden("Old password is invalid")
        self._set_password(call, call.session.user, newPassword)

    def changeUserPassword(self, call: Call, omeName: str, newPassword: Any) -> None:
        require(call, "ModifyUser")
        self._set_password(call, self.lookupExperimenter(call, omeName).id.val, newPassword)

    def _set_password(self, call: Call, user: int, password: Any) -> None:
        with call.as_system() as tx:
            tx.set_password(user, password.val if password is not None else "")

    def synchronizeLoginCache(self, call: Call) -> None:
        pass

    # -- groups ---------------------------------------------------------------------------

    def createGroup(self, call: Call, group: Any) -> int:
        require(call, "ModifyGroup")
        new = omero.model.ExperimenterGroupI()
        _copy(group, new, ("name", "description"))
        new.ldap = group.ldap  # required, as in OMERO
        details = group.details
        asked = details.permissions if details is not None else None
        with call.as_system() as tx:
            id_ = int(tx.save([new])[0].id.val)
            # AdminImpl.createGroup: private by default
            tx.chmod(id_, str(asked) if asked is not None else "rw----")
        return id_

    def updateGroup(self, call: Call, group: Any) -> None:
        require(call, "ModifyGroup", leader_of=group.id.val)
        with call.as_system() as tx:
            row = tx.get("ExperimenterGroup", group.id.val)
            _copy(group, row, ("name", "description"))
            tx.save([row])
            if group.details is not None and group.details.permissions is not None:
                tx.chmod(group.id.val, str(group.details.permissions))

    def deleteGroup(self, call: Call, group: Any) -> None:
        require(call, "ModifyGroup")
        with call.as_system() as tx:
            for link in tx.find_all("GroupExperimenterMap", parent=group.id.val):
                tx.delete_row(link)
            tx.delete_row(tx.get("ExperimenterGroup", group.id.val))

    def changePermissions(self, call: Call, obj: Any, perms: Any) -> None:
        if not isinstance(obj, omero.model.ExperimenterGroup):
            raise misused("Only groups have permissions of their own")
        require(call, "ModifyGroup", leader_of=obj.id.val)
        with call.as_system() as tx:
            tx.chmod(obj.id.val, str(perms))

    # -- memberships ----------------------------------------------------------------------

    def addGroups(self, call: Call, user: Any, groups: list[Any]) -> None:
        for group in groups:
            require(call, "ModifyGroupMembership", leader_of=group.id.val)
        with call.as_system() as tx:
            row, links = _memberships(tx, user.id.val)
            has = {link.parent.id.val for link in links}
            added = dict.fromkeys(g.id.val for g in groups if g.id.val not in has)
            _save_memberships(tx, row, [*links, *map(_membership, added)])

    def removeGroups(self, call: Call, user: Any, groups: list[Any]) -> None:
        for group in groups:
            require(call, "ModifyGroupMembership", leader_of=group.id.val)
        gone = {group.id.val for group in groups}
        with call.as_system() as tx:
            row, links = _memberships(tx, user.id.val)
            kept = [link for link in links if link.parent.id.val not in gone]
            if not kept:
                raise invalid("A user needs at least one group")
            _save_memberships(tx, row, kept)
            for link in links:
                if link.parent.id.val in gone:
                    tx.delete_row(link)

    def setDefaultGroup(self, call: Call, user: Any, group: Any) -> None:
        if user.id.val != call.session.user:
            require(call, "ModifyGroupMembership", leader_of=group.id.val)
        with call.as_system() as tx:
            row, links = _memberships(tx, user.id.val)
            first = [link for link in links if link.parent.id.val == group.id.val]
            if not first:
                raise misused("Not a member of that group")
            others = [link for link in links if link is not first[0]]
            _save_memberships(tx, row, first + others)

    def setGroupOwner(self, call: Call, group: Any, owner: Any) -> None:
        self._set_owners(call, group, [owner], True)

    def unsetGroupOwner(self, call: Call, group: Any, owner: Any) -> None:
        self._set_owners(call, group, [owner], False)

    def addGroupOwners(self, call: Call, group: Any, owners: list[Any]) -> None:
        self._set_owners(call, group, owners, True)

    def removeGroupOwners(self, call: Call, group: Any, owners: list[Any]) -> None:
        self._set_owners(call, group, owners, False)

    def _set_owners(self, call: Call, group: Any, users: list[Any], owner: bool) -> None:
        require(call, "ModifyGroupMembership", leader_of=group.id.val)
        for user in users:
            if owner and group.id.val not in self.getMemberOfGroupIds(call, user):
                self.addGroups(call, user, [group])
            with call.as_system() as tx:
                links = tx.find_all("GroupExperimenterMap", parent=group.id.val, child=user.id.val)
                for link in links:
                    link.owner = rbool(owner)
                tx.save(links)


def require(call: Call, privilege: str, leader_of: int | None = None) -> None:
    """Let administrators with a privilege pass, and owners of the group where that is enough.

    Raises
    ------
    omero.SecurityViolation
        For everybody else.
    """
    caller = call.caller
    if privilege not in caller.privileges and leader_of not in caller.leader_of:
        raise forbidden(f"No matching roles found for {call.session.name}: {privilege}")


def _photo(user: int, file: int) -> Any:
    """Return the link from a user to the user's picture."""
    link = omero.model.ExperimenterAnnotationLinkI()
    link.parent = omero.model.ExperimenterI(user, False)
    link.child = omero.model.FileAnnotationI()
    link.child.ns = rstring(_PHOTO)
    link.child.file = omero.model.OriginalFileI(file, False)
    return link


def _one(tx: Transaction, hql: str, key: Any, kind: str) -> Any:
    found = tx.query(hql, {"key": key})
    if not found:
        raise misused(f"No such {kind}: {key.val}")
    return found[0]


def _memberships(tx: Transaction, user: int) -> tuple[Any, list[Any]]:
    """Return a user, and the links to groups without gaps where one was deleted."""
    row = _one(tx, f"{_EXPERIMENTERS} where e.id = :key", rlong(user), "experimenter")
    return row, [link for link in row.copyGroupExperimenterMap() if link is not None]


def _save_memberships(tx: Transaction, user: Any, links: list[Any]) -> None:
    """Save a user whose list of groups is this one."""
    user._groupExperimenterMapSeq = []
    for link in links:
        user.addGroupExperimenterMap(link)
    tx.save([user])


def _privileges(tx: Transaction, names: Iterable[str]) -> list[Any]:
    held = set(names)
    return [p for p in tx.find_all("AdminPrivilege") if p.value.val in held]


def _membership(group: int) -> Any:
    link = omero.model.GroupExperimenterMapI()
    link.parent = omero.model.ExperimenterGroupI(group, False)
    link.owner = rbool(False)
    return link


def _copy(source: Any, target: Any, fields: Iterable[str]) -> None:
    for field in fields:
        setattr(target, field, getattr(source, field))
