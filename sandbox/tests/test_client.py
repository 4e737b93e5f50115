# SPDX-License-Identifier: GPL-2.0-or-later
"""omero.client, unmodified: logging in, contexts, services, errors.

Sources: omero-py src/omero/clients.py, and the Slice documentation of omero-blitz.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import Glacier2
import Ice
import omero
import omero.all
import pytest
from omero.model import ProjectI, TagAnnotationI
from omero.rtypes import rlong, rstring

from omero_sandbox import manage, services  # noqa: F401
from omero_sandbox.service import SERVICES, operations, service_class
from tests.conftest import PASSWORD
from tests.elsewhere import Elsewhere, only_the_sandbox


def project(name: str = "P") -> Any:
    made = ProjectI()
    made.name = rstring(name)
    return made


def test_a_wrong_password_is_denied(connect: Callable[..., Any]) -> None:
    # Glacier2/Router.ice: createSession throws PermissionDeniedException
    with pytest.raises(Glacier2.PermissionDeniedException):
        connect("root", "wrong")


def test_an_unknown_user_is_denied(connect: Callable[..., Any]) -> None:
    with pytest.raises(Glacier2.PermissionDeniedException):
        connect("nobody", "omero")


@pytest.mark.parametrize("secure", [True, False])
def test_both_endpoints_serve(connect: Callable[..., Any], secure: bool) -> None:
    client = connect(secure=secure)
    assert client.sf.getAdminService().getEventContext().userName == "root"


def test_a_plain_client_joins_the_session(root: Any) -> None:
    # clients.py, createClient(False): by omero.router.insecure, on the same session
    plain = root.createClient(False)
    assert plain.getSessionId() == root.getSessionId()
    assert plain.sf.getConfigService().getVersion().startswith("5.")
    plain.closeSession()


def test_the_event_context_is_filled(lab: Callable[..., Any]) -> None:
    # omero/System.ice, EventContext
    group = lab("rwra--")
    client = group.member(owner=True)
    context = client.sf.getAdminService().getEventContext()
    assert context.sessionUuid == client.getSessionId()
    assert (context.groupId, context.groupName) == (group.id, group.name)
    assert str(context.groupPermissions) == "rwra--"
    assert not context.isAdmin
    assert context.adminPrivileges == []
    assert group.id in context.memberOfGroups
    assert context.leaderOfGroups == [group.id]
    assert context.sudoerName is None


def test_the_administrator_has_all_privileges(root: Any) -> None:
    context = root.sf.getAdminService().getEventContext()
    every = root.sf.getTypesService().allEnumerations("AdminPrivilege")
    assert context.isAdmin
    assert set(context.adminPrivileges) == {privilege.value.val for privilege in every}


def test_an_explicit_context_chooses_the_group(lab: Callable[..., Any]) -> None:
    # clients.py, getContext; omero.group as in Constants.ice
    client = lab().member()
    with pytest.raises(omero.SecurityViolation, match="not a member"):
        client.sf.getUpdateService().saveAndReturnObject(project(), client.getContext(0))


def test_an_unimplemented_operation_is_named_and_does_not_hang(
    root: Any, server: manage.Sandbox | Elsewhere
) -> None:
    only_the_sandbox(server, "OMERO implements it")
    with pytest.raises(omero.InternalException) as error:
        root.sf.getShareService().getOwnShares(True)
    assert "IShare.getOwnShares" in error.value.message


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"Router"}))
def test_every_method_of_a_service_is_an_operation_of_its_slice(name: str) -> None:
    service = service_class(name)
    helpers = {"run", "released", "left", "service"}
    public = {key for key in vars(service) if inspect.isfunction(vars(service)[key])}
    named = {key for key in public if not key.startswith("_")}
    assert named - helpers <= set(operations(service.interface))


def test_objects_go_there_and_back(lab: Callable[..., Any]) -> None:
    client = lab().member()
    saved = client.sf.getUpdateService().saveAndReturnObject(project("Ångström ☕"))
    found = client.sf.getQueryService().get("Project", saved.id.val)
    assert found.name.val == "Ångström ☕"
    assert found.details.owner.id.val == client.sf.getAdminService().getEventContext().userId


def test_a_failed_call_leaves_nothing(lab: Callable[..., Any]) -> None:
    # ome.logic.UpdateImpl is transactional: all of an array or nothing
    client = lab().member()
    update, query = client.sf.getUpdateService(), client.sf.getQueryService()
    tag = TagAnnotationI()
    tag.textValue = rstring("first")
    with pytest.raises(omero.ValidationException):
        update.saveAndReturnArray([tag, ProjectI()])  # a project needs a name
    assert query.findAllByQuery("select t from TagAnnotation t", None) == []


def test_query_methods(lab: Callable[..., Any]) -> None:
    # omero/api/IQuery.ice
    client = lab().member()
    query, update = client.sf.getQueryService(), client.sf.getUpdateService()
    ids = update.saveAndReturnIds([project("a"), project("b"), project("b")])
    assert query.find("Project", -1) is None
    with pytest.raises(omero.ValidationException):
        query.get("Project", -1)
    assert query.findByQuery("select p from Project p where p.name = 'a'", None).id.val == ids[0]
    with pytest.raises(omero.ApiUsageException):
        query.findByQuery("select p from Project p where p.name = 'b'", None)
    assert query.findByString("Project", "name", "a").id.val == ids[0]
    assert len(query.findAllByString("Project", "name", "b", True, None)) == 2
    page = omero.sys.ParametersI().page(1, 1)
    rows = query.projection("select p.id from Project p order by p.id", page)
    assert [row[0].val for row in rows] == [ids[1]]
    assert [x.id.val for x in query.findAll("Project", None)] == ids


def test_unknown_hql_is_refused(root: Any) -> None:
    # omero/ServerErrors.ice: QueryException is an ApiUsageException
    for hql in ("select x from Nothing x", "select p from Project p where p.colour = 1", "hello"):
        with pytest.raises(omero.ApiUsageException):
            root.sf.getQueryService().findAllByQuery(hql, None)


def test_a_service_is_gone_when_it_is_closed(root: Any) -> None:
    store = root.sf.createRawFileStore()
    store.close()
    with pytest.raises(Ice.ObjectNotExistException):
        store.size()


def test_stateful_services_are_listed_and_kept(root: Any) -> None:
    # clients.py, getStatefulServices; ServiceFactory.keepAlive in API.ice
    store = root.sf.createRawFileStore()
    (found,) = root.getStatefulServices()
    assert found.ice_getIdentity() == store.ice_getIdentity()
    assert root.sf.keepAlive(store)
    store.close()
    assert not root.sf.keepAlive(store)
    assert root.sf.keepAllAlive([store]) == 1


def test_changing_the_group_needs_closed_services(
    lab: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    # BL java/ome/services/blitz/impl/ServiceFactoryI.java, setSecurityContext
    group, other = lab(), lab()
    name, admin = group.user(), group.root.sf.getAdminService()
    admin.addGroups(
        omero.model.ExperimenterI(admin.lookupExperimenter(name).id.val, False),
        [omero.model.ExperimenterGroupI(other.id, False)],
    )
    client = connect(name, PASSWORD)  # a session keeps the groups that it began with
    store = client.sf.createRawFileStore()
    target = omero.model.ExperimenterGroupI(other.id, False)
    with pytest.raises(omero.SecurityViolation):
        client.sf.setSecurityContext(target)
    store.close()
    assert client.sf.setSecurityContext(target).id.val == group.id
    assert client.sf.getAdminService().getEventContext().groupId == other.id


def test_many_objects_in_one_message(lab: Callable[..., Any]) -> None:
    client = lab().member()
    ids = client.sf.getUpdateService().saveAndReturnIds([project(str(n)) for n in range(2000)])
    params = omero.sys.ParametersI().addIds(ids)
    hql = "select p from Project p where p.id in (:ids) order by p.id"
    found = client.sf.getQueryService().findAllByQuery(hql, params)
    assert [x.id.val for x in found] == ids
    assert found[7].details.owner.id == rlong(client.sf.getAdminService().getEventContext().userId)


def test_the_key_is_private(server: manage.Sandbox) -> None:
    assert (server.directory / "key.pem").stat().st_mode & 0o077 == 0
