# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions: joined, counted, closed, timed out, made for others.

Sources: ome.services.sessions.{SessionManagerImpl,SessionBean} (omero-server), omero-py clients.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import Glacier2
import Ice
import omero
import omero.all
import pytest

from omero_sandbox import manage
from tests.conftest import PASSWORD


def principal(name: str, group: str = "") -> Any:
    return omero.sys.Principal(name, group, "User")


def test_joining_counts_references(root: Any, connect: Callable[..., Any]) -> None:
    uuid = root.getSessionId()
    service = root.sf.getSessionService()
    assert service.getReferenceCount(uuid) == 1
    other = connect(uuid, uuid)
    assert service.getReferenceCount(uuid) == 2
    other.closeSession()
    assert service.getReferenceCount(uuid) == 1


def test_the_last_client_ends_the_session(root: Any, connect: Callable[..., Any]) -> None:
    client = connect()
    uuid = client.getSessionId()
    client.closeSession()
    with pytest.raises(Glacier2.PermissionDeniedException):
        connect(uuid, uuid)


def test_a_detached_session_stays(root: Any, connect: Callable[..., Any]) -> None:
    # omero/API.ice: detachOnDestroy
    client = connect()
    uuid = client.getSessionId()
    client.sf.detachOnDestroy()
    client.closeSession()
    again = connect(uuid, uuid)
    assert again.getSessionId() == uuid
    again.killSession()


def test_killing_a_session_ends_it_for_all(connect: Callable[..., Any]) -> None:
    # clients.py, killSession: closeSession until the count is 0 or less
    client = connect()
    other = connect(client.getSessionId(), client.getSessionId())
    query = other.sf.getQueryService()
    assert client.killSession() == 2
    # OMERO 5.7: the services of a session that has ended are gone with it
    with pytest.raises((omero.RemovedSessionException, Ice.ObjectNotExistException)):
        query.find("Project", 1)


def test_its_row_says_when_it_was_closed(root: Any, connect: Callable[..., Any]) -> None:
    client = connect()
    uuid = client.getSessionId()
    hql = "select s from Session s where s.uuid = :uuid"
    params = omero.sys.ParametersI().addString("uuid", uuid)
    assert root.sf.getQueryService().findByQuery(hql, params).closed is None
    client.killSession()
    assert root.sf.getQueryService().findByQuery(hql, params).closed.val > 0


def test_an_administrator_becomes_somebody_else(
    lab: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    # SessionBean.createSessionWithTimeouts; System.ice, EventContext.sudoerName
    group = lab()
    name = group.user()
    made = group.root.sf.getSessionService().createSessionWithTimeouts(principal(name), 0, 60000)
    client = connect(made.uuid.val, made.uuid.val)
    context = client.sf.getAdminService().getEventContext()
    assert (context.userName, context.groupId) == (name, group.id)
    assert context.sudoerName.val == "root"


def test_others_may_not(lab: Callable[..., Any]) -> None:
    group = lab()
    client = group.member()
    with pytest.raises(omero.SecurityViolation):
        client.sf.getSessionService().createSessionWithTimeouts(principal("root"), 0, 60000)


def test_a_session_for_oneself_in_another_group(
    lab: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    group = lab()
    client = group.member()
    made = client.sf.getSessionService().createUserSession(0, 60000, group.name)
    other = connect(made.uuid.val, made.uuid.val)
    assert other.sf.getAdminService().getEventContext().groupName == group.name
    assert made.timeToIdle.val == 60000


def test_logging_in_to_a_foreign_group_is_refused(
    lab: Callable[..., Any], server: manage.Sandbox
) -> None:
    # SessionManagerImpl.create -> Glacier2.CannotCreateSessionException for the client, or of a
    # new user's (tried on OMERO 5.7) a SecurityViolation
    mine, other = lab(), lab()
    client = omero.client(server.host, server.port)
    client.getImplicitContext().put("omero.group", other.name)

    def log_in() -> None:
        client.createSession(mine.user(), PASSWORD)
        client.sf.getAdminService().getEventContext()

    with pytest.raises((Glacier2.CannotCreateSessionException, omero.SecurityViolation)):
        log_in()


def test_an_idle_session_times_out(tmp_path: Path) -> None:
    # omero.sessions.timeout; SessionCache throws SessionTimeoutException
    with manage.running(tmp_path, "--idle", "300") as short:
        client = omero.client(short.host, short.port)
        client.createSession("root", "omero")
        query = client.sf.getQueryService()
        for _ in range(5):
            time.sleep(0.1)
            assert query.find("Project", 1) is None
        time.sleep(0.5)
        with pytest.raises(omero.SessionTimeoutException):
            query.find("Project", 1)
        client.closeSession()


def test_sessions_end_with_the_server(tmp_path: Path) -> None:
    with manage.running(tmp_path) as sandbox:
        client = omero.client(sandbox.host, sandbox.port)
        client.createSession("root", "omero")
        uuid = client.getSessionId()
        sandbox.kill()
        sandbox.restart()
        again = omero.client(sandbox.host, sandbox.port)
        with pytest.raises(Glacier2.PermissionDeniedException):
            again.joinSession(uuid)
        again.createSession("root", "omero")
        hql = "select s.closed from Session s where s.uuid = :uuid"
        params = omero.sys.ParametersI().addString("uuid", uuid)
        ((closed,),) = again.sf.getQueryService().projection(hql, params)
        assert closed is not None
        again.closeSession()


def test_session_values(root: Any) -> None:
    # omero/api/ISession.ice: setInput, getInput
    service, uuid = root.sf.getSessionService(), root.getSessionId()
    service.setInput(uuid, "key", omero.rtypes.rlong(7))
    assert service.getInput(uuid, "key").val == 7
    assert service.getInputKeys(uuid) == ["key"]
    assert service.getOutput(uuid, "key") is None


def test_the_password_is_the_one_of_creation(tmp_path: Path) -> None:
    with manage.running(tmp_path, password="other") as sandbox:
        client = omero.client(sandbox.host, sandbox.port)
        with pytest.raises(Glacier2.PermissionDeniedException):
            client.createSession("root", "omero")
        client.createSession("root", "other")
        client.closeSession()
        for path in sandbox.directory.iterdir():
            if path.is_file():
                assert b"other" not in path.read_bytes()


def test_the_event_type_that_a_client_names_gives_no_rights(
    lab: Callable[..., Any], server: manage.Sandbox
) -> None:
    # BlitzGateway logs in with omero.event = "Internal"
    owner = lab("rw----").member()
    project = omero.model.ProjectI()
    project.name = omero.rtypes.rstring("mine")
    project = owner.sf.getUpdateService().saveAndReturnObject(project)
    client = omero.client(server.host, server.port)
    client.getImplicitContext().put("omero.event", "Internal")
    client.createSession(lab().user(), "secret")
    assert client.sf.getAdminService().getEventContext().eventType == "Internal"
    everywhere = client.getContext(-1)
    with pytest.raises(omero.SecurityViolation):
        client.sf.getQueryService().find("Project", project.id.val, everywhere)
    client.closeSession()
