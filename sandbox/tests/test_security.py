# SPDX-License-Identifier: GPL-2.0-or-later
"""Group permissions, over real connections.

Sources, in omero-server ``ome/security/basic``: OneGroupSecurityFilter and AllGroupsSecurityFilter
(passesFilter) for what is read; BasicACLVoter (allowLoad, allowCreation, allowUpdateOrDelete) for
what is changed; OmeroInterceptor (newTransientDetails, evaluateLinkages, checkManagedDetails) for
new objects, links and details. Each test names its own.
"""

from __future__ import annotations

import time

import omero
import pytest
from omero.model import (
    DatasetI,
    ExperimenterGroupI,
    ExperimenterI,
    ImageAnnotationLinkI,
    PermissionsI,
    ProjectDatasetLinkI,
    ProjectI,
    RoiI,
)
from omero.rtypes import rbool, rstring

from tests.elsewhere import only_the_sandbox
from tests.importing_client import import_files
from tests.people import People
from tests.stores import image, link, named, reference, tag

PRIVATE, READ_ONLY, READ_ANNOTATE, READ_WRITE = "rw----", "rwr---", "rwra--", "rwrw--"
GROUPS = [PRIVATE, READ_ONLY, READ_ANNOTATE, READ_WRITE]


@pytest.fixture
def lab(server):
    lab = People(server)
    yield lab
    lab.close()


def attempt(action):
    """Return whether an action is allowed: it raises SecurityViolation or its kin when not."""
    try:
        action()
    except (omero.SecurityViolation, omero.GroupSecurityViolation):
        return False
    return True


@pytest.mark.parametrize(
    ("permissions", "member", "owner", "root"),
    [(PRIVATE, 0, 1, 1), (READ_ONLY, 1, 1, 1), (READ_ANNOTATE, 1, 1, 1), (READ_WRITE, 1, 1, 1)],
)
@pytest.mark.parametrize("context", ["group", "all"])
def test_who_reads_what_ann_wrote(lab, permissions, member, owner, root, context):
    """Source: OneGroupSecurityFilter and AllGroupsSecurityFilter, passesFilter."""
    group = lab.group(permissions, ann=False, ben=False, cleo=True)
    lab.group(permissions, dan=False)
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    where = group if context == "group" else -1

    def seen(name, group):
        hql = "select p.id from Project p where p.id = :id"
        return len(lab.rows(hql, name=name, group=group, id=project.id.val))

    assert [seen(n, where) for n in ("ann", "ben", "cleo", "root")] == [1, member, owner, root]
    assert seen("dan", -1) == 0


def test_foreign_group_is_no_context(lab):
    """Source: BasicSecuritySystem.loadEventContext."""
    group = lab.group(READ_WRITE, ann=False)
    lab.user("dan")
    with pytest.raises(omero.SecurityViolation, match="not a member"):
        lab.rows("select p.id from Project p", name="dan", group=group)


def test_refused_transaction_leaves_the_store_usable(lab):
    group = lab.group(READ_WRITE, ann=False)
    lab.user("dan")
    for _ in range(2):
        with pytest.raises(omero.SecurityViolation):
            lab.rows("select p.id from Project p", name="dan", group=group)
    assert lab.rows("select p.id from Project p", name="ann", group=group) == []


def test_other_groups_are_not_seen_in_a_group_context(lab):
    """Source: OneGroupSecurityFilter (ticket 1434); administrators are no exception."""
    one, two = lab.group(READ_WRITE, ann=False), lab.group(READ_WRITE, ann=False)
    lab.save("ann", one, named(ProjectI, "p"))
    assert lab.rows("select p.id from Project p", name="ann", group=two) == []
    assert lab.rows("select p.id from Project p", name="root", group=two) == []
    assert len(lab.rows("select p.id from Project p", name="ann", group=-1)) == 1


def test_getting_what_may_not_be_read(lab):
    """Source: BasicACLVoter.throwLoadViolation."""
    group = lab.group(PRIVATE, ann=False, ben=False)
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    with (
        pytest.raises(omero.SecurityViolation, match="Cannot read"),
        lab.calling("ben", group) as calls,
    ):
        calls.get("Project", project.id.val)


@pytest.mark.parametrize(
    ("permissions", "member", "owner", "root"),
    [(PRIVATE, 0, 1, 1), (READ_ONLY, 0, 1, 1), (READ_ANNOTATE, 0, 1, 1), (READ_WRITE, 1, 1, 1)],
)
def test_who_changes_what_ann_wrote(lab, permissions, member, owner, root):
    """Source: BasicACLVoter.allowUpdateOrDelete."""
    group = lab.group(permissions, ann=False, ben=False, cleo=True)
    (project,) = lab.save("ann", group, named(ProjectI, "p"))

    def change(name):
        def action():
            with lab.calling(name, group) as calls:
                found = calls.get("Project", project.id.val)
                found.name = rstring(f"by {name}")
                calls.save([found])

        return attempt(action)

    assert [change(n) for n in ("ann", "ben", "cleo", "root")] == [1, member, owner, root]


@pytest.mark.parametrize(
    ("permissions", "annotate", "add_roi", "put_into"),
    [(PRIVATE, 0, 0, 0), (READ_ONLY, 0, 0, 0), (READ_ANNOTATE, 1, 1, 0), (READ_WRITE, 1, 1, 1)],
)
def test_what_a_member_may_link_to(lab, permissions, annotate, add_roi, put_into):
    """Source: OmeroInterceptor.neededRight: annotate for annotations and ROIs, else write."""
    group = lab.group(permissions, ann=False, ben=False)
    made, project = lab.save("ann", group, image("i"), named(ProjectI, "p"))

    def roi():
        new = RoiI()
        new.image = reference(made)
        lab.save("ben", group, new)

    assert attempt(lambda: lab.save("ben", group, link(ImageAnnotationLinkI, made, tag("t")))) == (
        annotate
    )
    assert attempt(roi) == add_roi
    into = link(ProjectDatasetLinkI, project, named(DatasetI, "d"))
    assert attempt(lambda: lab.save("ben", group, into)) == put_into


def test_tag_of_another_user_may_be_used_where_annotating_is_allowed(lab):
    """Source: OmeroInterceptor.neededRight: both ends of an annotation link need annotate."""
    group = lab.group(READ_ANNOTATE, ann=False, ben=False)
    (label,), (made,) = lab.save("ann", group, tag("t")), lab.save("ben", group, image("i"))
    lab.save("ben", group, link(ImageAnnotationLinkI, made, label))


def test_links_do_not_cross_groups(lab):
    """Source: OmeroInterceptor.throwIfGroupsDontMatch."""
    one, two = lab.group(READ_WRITE, ann=False), lab.group(READ_WRITE, ann=False)
    (label,), (made,) = lab.save("ann", one, tag("t")), lab.save("ann", two, image("i"))
    with pytest.raises(omero.SecurityViolation):  # OMERO: in that group, it cannot be read
        lab.save("ann", two, link(ImageAnnotationLinkI, made, label))


def test_nothing_is_written_to_all_groups(lab):
    group = lab.group(READ_WRITE, ann=False)
    (made,) = lab.save("ann", group, image("i"))
    # TestPermissions.testSaveWithNegOneNotExplicit of OMERO.py's integration tests
    with pytest.raises(omero.ApiUsageException):
        lab.save("ann", -1, tag("t"))
    # tried on a real server: nor with what its group follows from
    with pytest.raises(omero.ApiUsageException):
        lab.save("ann", -1, link(ImageAnnotationLinkI, made, tag("t")))


def test_owner_of_a_private_group_does_not_tangle_users(lab):
    """Source: OmeroInterceptor.evaluateLinkages (tickets 1769 and 8979)."""
    group = lab.group(PRIVATE, ann=False, cleo=True)
    (made,) = lab.save("ann", group, image("i"))
    for name in ("cleo", "root"):
        with pytest.raises(omero.ReadOnlyGroupSecurityViolation):
            lab.save(name, group, link(ImageAnnotationLinkI, made, tag("t")))
    both = link(ImageAnnotationLinkI, made, tag("t"))
    for obj in (both, both.child):
        obj.details.owner = ExperimenterI(lab.users["ann"], False)
    lab.save("root", group, both)


def test_permissions_of_an_object_are_not_its_own(lab):
    """Source: OmeroInterceptor.newTransientDetails (tickets 1434 and 1779)."""
    group = lab.group(READ_ONLY, ann=False)
    made = named(ProjectI, "p")
    made.details.permissions = PermissionsI(READ_WRITE)
    with pytest.raises(omero.GroupSecurityViolation, match="Manually setting permissions"):
        lab.save("ann", group, made)


def test_object_does_not_change_group_by_saving(lab):
    """Source: OmeroInterceptor, newTransientDetails and managedGroup."""
    one, two = lab.group(READ_WRITE, ann=False), lab.group(READ_WRITE, ann=False)
    made = named(ProjectI, "p")
    made.details.group = ExperimenterGroupI(two, False)
    with pytest.raises(omero.SecurityViolation, match="set the ExperimenterGroup"):
        lab.save("ann", one, made)
    (saved,) = lab.save("ann", one, named(ProjectI, "q"))
    saved.name = rstring("r")
    with pytest.raises(omero.SecurityViolation):
        lab.save("ann", two, saved)


@pytest.mark.parametrize(
    ("permissions", "edit", "annotate", "remove"),
    [(READ_ONLY, 0, 0, 0), (READ_ANNOTATE, 0, 1, 0), (READ_WRITE, 1, 1, 1)],
)
def test_restrictions_tell_what_may_be_done(lab, permissions, edit, annotate, remove):
    """Source: BasicACLVoter.postProcess."""
    group = lab.group(permissions, ann=False, ben=False)
    lab.save("ann", group, image("i"))
    (mine,) = lab.objects("select i from Image i", name="ann", group=group)
    theirs = lab.objects("select i from Image i", name="ben", group=group)[0].details.permissions
    own = mine.details.permissions
    assert (own.canEdit(), own.canAnnotate(), own.canDelete(), own.canLink()) == (1, 1, 1, 1)
    assert (theirs.canEdit(), theirs.canAnnotate(), theirs.canDelete()) == (edit, annotate, remove)
    assert str(theirs) == permissions


@pytest.mark.parametrize("cls", [ExperimenterI, ExperimenterGroupI])
def test_users_do_not_make_users(lab, cls):
    """Source: BasicACLVoter, allowCreation and throwCreationViolation."""
    group = lab.group(READ_WRITE, ann=True)
    made = cls()
    made.ldap = rbool(False)
    for field in ("omeName", "firstName", "lastName", "name"):
        if hasattr(made, field):
            setattr(made, field, rstring(f"made-{time.time_ns()}"))
    with pytest.raises(omero.SecurityViolation, match="System-type"):
        lab.save("ann", group, made)


def test_repo_is_the_servers(lab):
    """Source: BasicACLVoter, allowCreation and throwCreationViolation."""
    group = lab.group(READ_WRITE, ann=False)
    made = omero.model.OriginalFileI()
    made.name, made.path, made.repo = rstring("n"), rstring("p"), rstring("uuid")
    with pytest.raises(omero.SecurityViolation, match="repo"):
        lab.save("ann", group, made)


def test_left_join_hides_rows_of_others_but_keeps_the_image(lab, server):
    # Hibernate puts the security filter into the ON clause of a collection's join
    group = lab.group(READ_ANNOTATE, ann=False, ben=False)
    (made,) = lab.save("ann", group, image("i"))
    lab.save("ben", group, link(ImageAnnotationLinkI, made, tag("t")))
    hql = "select i.id, count(l.id) from Image i left outer join i.annotationLinks l group by i.id"
    assert lab.rows(hql, name="ann", group=group) == [[made.id.val, 1]]
    only_the_sandbox(server, "OMERO makes no group private in which people linked to others' data")
    lab.admin.changePermissions(ExperimenterGroupI(group, False), PermissionsI(PRIVATE))
    assert lab.rows(hql, name="ann", group=group) == [[made.id.val, 0]]
    assert lab.rows(hql, name="ben", group=group) == []


def test_subqueries_are_filtered_too(lab):
    group = lab.group(PRIVATE, ann=False, ben=False)
    lab.save("ann", group, image("i"))
    lab.save("ben", group, named(ProjectI, "p"))
    hql = "select p.name, (select count(i) from Image i) from Project p"
    assert lab.rows(hql, name="ben", group=group) == [["p", 0]]
    assert lab.rows("select i.id from Image i where exists (select p.id from Project p)",
                    name="ann", group=group) == []  # fmt: skip


def test_administrator_without_write_owned(lab):
    """Source: BasicACLVoter.allowUpdateOrDelete (hasLightAdminPrivilege)."""
    group = lab.group(READ_WRITE, ann=False)
    lab.join("rita", 0, False)
    rita = ExperimenterI(lab.users["rita"], False)
    every = lab.client("root").sf.getTypesService().allEnumerations("AdminPrivilege")
    others = [privilege for privilege in every if privilege.value.val != "WriteOwned"]
    lab.admin.setAdminPrivileges(rita, others)
    lab.save("ann", group, image("i"))

    def rename():
        with lab.calling("rita", group) as calls:
            (found,) = calls.query("select i from Image i")
            found.name = rstring("by rita")
            calls.save([found])

    assert not attempt(rename)
    assert privileges(lab, "root") - privileges(lab, "rita") == {"WriteOwned"}


@pytest.mark.parametrize("without", ["WriteOwned", "WriteFile", "WriteManagedRepo", ""])
def test_administrator_imports_into_a_group_of_others(lab, without):
    """Tried on OMERO 5.7: it takes the three; a member needs none of them."""
    group = lab.group(READ_WRITE, ann=False)
    lab.join("rita", 0, False)
    rita = ExperimenterI(lab.users["rita"], False)
    every = lab.client("root").sf.getTypesService().allEnumerations("AdminPrivilege")
    lab.admin.setAdminPrivileges(rita, [one for one in every if one.value.val != without])
    client = lab.client("rita")
    client.getImplicitContext().put("omero.group", str(group))
    if without:
        with pytest.raises(omero.SecurityViolation):
            import_files(client, {"a.fake": b""})
        lab.join("rita", group, False)
        # a session keeps the groups that it began with
        lab.log_out("rita")
        client = lab.client("rita")
        client.getImplicitContext().put("omero.group", str(group))
    import_files(client, {"a.fake": b""})
    assert lab.rows("select count(i) from Image i where i.details.group.id = :g", g=group) == [[1]]


def privileges(lab, name):
    """Return the administrator's privileges that somebody has."""
    return set(lab.client(name).sf.getAdminService().getEventContext().adminPrivileges)


def test_guest_makes_nothing(lab):
    """Source: BasicACLVoter.allowCreation."""
    guests = lab.admin.getSecurityRoles().guestGroupId
    with pytest.raises(omero.SecurityViolation):
        lab.save("guest", guests, named(ProjectI, "p"))


def test_event_type_gives_no_rights(lab):
    # clients choose it themselves (omero.event): BlitzGateway logs in as "Internal"
    group = lab.group(PRIVATE, ann=False, ben=False)
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    lab.client("ben", {"omero.event": "Internal"})
    with lab.calling("ben", group) as calls:
        assert calls.projection("select p.id from Project p") == []
        with pytest.raises(omero.SecurityViolation):
            calls.get("Project", project.id.val)


@pytest.mark.parametrize(("permissions", "allowed"), [("rwrwr-", 0), ("rwrwrw", 1)])
def test_guests_of_an_open_group_make_nothing_there(lab, permissions, allowed):
    """Source: OmeroInterceptor.newTransientDetails; reading is not enough, save for settings."""
    group = lab.group(permissions, ann=False)
    lab.save("ann", group, named(ProjectI, "p"))
    lab.user("dan")
    assert len(lab.rows("select p.id from Project p", name="dan", group=group)) == 1
    assert attempt(lambda: lab.save("dan", group, named(ProjectI, "q"))) == allowed
    # nobody else of this server shall see them
    lab.admin.changePermissions(ExperimenterGroupI(group, False), PermissionsI(PRIVATE))


def test_administrators_put_things_into_the_user_group(lab):
    """Source: OmeroInterceptor.newTransientDetails (ticket 1794)."""
    group = lab.group(READ_WRITE, ann=True)
    everybody = lab.admin.getSecurityRoles().userGroupId
    for name, allowed in (("ann", False), ("root", True)):
        made = tag("for all")
        made.details.group = ExperimenterGroupI(everybody, False)
        assert attempt(lambda name=name, made=made: lab.save(name, group, made)) == allowed
    (found,) = lab.objects(
        "select t from TagAnnotation t where t.details.group.id = :id",
        name="ann", group=group, id=everybody,
    )  # fmt: skip
    assert found.textValue.val == "for all"
    lab.client("root").sf.getUpdateService().deleteObject(found)  # others of this server see it


def test_nothing_is_changed_in_all_groups_at_once(lab):
    """Source: OmeroInterceptor.managedGroup: the group logged into has to be the object's."""
    group = lab.group(READ_WRITE, ann=False)
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    project.name = rstring("q")
    with pytest.raises(omero.ApiUsageException):
        lab.save("ann", -1, project)


def test_stale_objects_are_refused_unchanged_too(lab):
    """Source: Hibernate's DefaultMergeEventListener.entityIsDetached."""
    group = lab.group(READ_WRITE, ann=False, ben=False)
    (project,) = lab.save("ann", group, named(ProjectI, "p"))
    with lab.calling("ben", group) as calls:
        found = calls.get("Project", project.id.val)
        found.name = rstring("q")
        calls.save([found])
        found.name = rstring("p")
        calls.save([calls.get("Project", project.id.val)])
    with pytest.raises(omero.OptimisticLockException):
        lab.save("ann", group, project)


def test_creation_events_stay(lab):
    """Source: OmeroInterceptor.managedEvent (ticket 346)."""
    group = lab.group(READ_WRITE, ann=False)
    one, two = lab.save("ann", group, named(ProjectI, "p")), lab.save("ann", group, tag("t"))
    made = one[0].details.creationEvent.id.val
    one[0].details.creationEvent = two[0].details.creationEvent
    lab.save("ann", group, one[0])  # tried on a real server: not refused, and not done
    hql = "select p.details.creationEvent.id from Project p where p.id = :id"
    assert lab.rows(hql, name="ann", group=group, id=one[0].id.val) == [[made]]


def test_sessions_are_read_by_who_made_them(lab):
    """Source: BasicACLVoter.allowLoad: of a sudo session, that is the administrator."""
    group = lab.group(READ_WRITE, ann=False, ben=False)
    mine, theirs = (
        lab.client(name).sf.getAdminService().getEventContext().sessionId for name in ("ann", "ben")
    )
    hql = "select s.id from Session s where s.id in (:ids)"
    assert lab.rows(hql, name="ann", group=group, ids=[mine, theirs]) == [[mine]]
    with lab.calling("ann", group) as calls:
        assert calls.get("Session", mine).id.val == mine
        with pytest.raises(omero.SecurityViolation, match="Cannot read"):
            calls.get("Session", theirs)
    # ann's session made by root is root's: ann's own is hidden in it
    name = lab.client("ann").sf.getAdminService().getEventContext().userName
    principal = omero.sys.Principal(name, lab.admin.getGroup(group).name.val, "User", None)
    made = lab.client("root").sf.getSessionService().createSessionWithTimeouts(principal, 0, 60000)
    sudo = lab.client("sudo", join=made.uuid.val)
    parameters = omero.sys.ParametersI()
    parameters.addIds([mine])
    assert sudo.sf.getQueryService().projection(hql, parameters) == []


def test_nobody_gains_privileges_by_becoming_another_administrator(lab):
    """Source: LightAdminPrivileges.getPrivileges: of a sudo session, what both may."""
    lab.group(READ_WRITE, rita=False, rob=False)
    for name in ("rita", "rob"):
        lab.join(name, 0, False)
    every = lab.client("root").sf.getTypesService().allEnumerations("AdminPrivilege")
    others = [privilege for privilege in every if privilege.value.val != "WriteOwned"]
    lab.admin.setAdminPrivileges(ExperimenterI(lab.users["rita"], False), others)
    rob = lab.client("rob").sf.getAdminService().getEventContext().userName
    principal = omero.sys.Principal(rob, "system", "User", None)
    made = lab.client("rita").sf.getSessionService().createSessionWithTimeouts(principal, 0, 60000)
    lab.client("sudo", join=made.uuid.val)
    assert privileges(lab, "rob") == privileges(lab, "root")
    assert privileges(lab, "sudo") == privileges(lab, "rita")


@pytest.mark.parametrize(
    ("name", "cls", "move", "give"),
    [("ann", "Image", 1, 0), ("ann", "Pixels", 0, 0), ("cleo", "Image", 0, 1),
     ("cleo", "Pixels", 0, 0), ("root", "Image", 1, 1), ("root", "Pixels", 0, 0)],
)  # fmt: skip
def test_restrictions_tell_what_may_be_moved_and_given(lab, name, cls, move, give):
    """Source: BasicACLVoter.addChgrpChownRestrictionBits; pixels are moved with their image."""
    group = lab.group(READ_ANNOTATE, ann=False, cleo=True)
    lab.save("ann", group, image("i"))
    (found,) = lab.objects(f"select x from {cls} x", name=name, group=group)
    permissions = found.details.permissions
    assert (permissions.canChgrp(), permissions.canChown()) == (move, give)
