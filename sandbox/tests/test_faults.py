# SPDX-License-Identifier: GPL-2.0-or-later
"""Trouble on demand, and the record of calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import Ice
import omero
import omero.all
import pytest
from omero.model import TagAnnotationI
from omero.rtypes import rstring

from omero_sandbox import manage
from omero_sandbox.faults import Fault, seconds


def tag() -> Any:
    made = TagAnnotationI()
    made.textValue = rstring("t")
    return made


@contextmanager
def troubled(directory: Path, *options: str) -> Iterator[tuple[Any, manage.Sandbox]]:
    with manage.running(directory, *options) as sandbox:
        client = omero.client(sandbox.host, sandbox.port)
        client.createSession("root", "omero")
        yield client, sandbox
        client.__del__()


def tags(sandbox: manage.Sandbox) -> int:
    client = omero.client(sandbox.host, sandbox.port)
    client.createSession("root", "omero")
    hql = "select count(t.id) from TagAnnotation t"
    ((count,),) = client.sf.getQueryService().projection(hql, None)
    client.closeSession()
    return int(count.val)


def test_an_error_comes_instead_of_the_work(tmp_path: Path) -> None:
    with troubled(tmp_path, "--fault", "error@2:IUpdate.saveAndReturnIds") as (client, sandbox):
        update = client.sf.getUpdateService()
        update.saveAndReturnIds([tag()])
        with pytest.raises(omero.InternalException, match="an error was requested"):
            update.saveAndReturnIds([tag()])
        update.saveAndReturnIds([tag()])
        assert tags(sandbox) == 2


def test_a_dropped_connection_hides_what_was_done(tmp_path: Path) -> None:
    with troubled(tmp_path, "--fault", "drop@1:IUpdate.saveAndReturnIds") as (client, sandbox):
        with pytest.raises(Ice.ConnectionLostException):
            client.sf.getUpdateService().saveAndReturnIds([tag()])
        assert tags(sandbox) == 1


def test_a_call_that_fails_is_not_answered_either(tmp_path: Path) -> None:
    with (
        troubled(tmp_path, "--fault", "drop@1:IQuery.get") as (client, _),
        pytest.raises(Ice.ConnectionLostException),
    ):
        client.sf.getQueryService().get("Project", 1)


def test_a_login_can_fail(tmp_path: Path) -> None:
    # Glacier2.Router declares no omero.ServerError: Ice.UnknownException carries the text
    with manage.running(tmp_path, "--fault", "error@1:Router.createSession") as sandbox:
        client = omero.client(sandbox.host, sandbox.port)
        with pytest.raises(Ice.UnknownException, match="an error was requested"):
            client.createSession("root", "omero")
        client.__del__()


def test_a_killed_server_has_done_it_too(tmp_path: Path) -> None:
    record = f"--record={tmp_path / 'calls'}"
    kill = ("--fault", "kill@1:IUpdate.saveAndReturnIds", record)
    with troubled(tmp_path / "a", *kill) as (client, sandbox):
        with pytest.raises(Ice.LocalException):
            client.sf.getUpdateService().saveAndReturnIds([tag()])
        sandbox.wait()
        assert "IUpdate.saveAndReturnIds" in (tmp_path / "calls").read_text().splitlines()[-1]
        sandbox.arguments.clear()
        sandbox.start()
        assert tags(sandbox) == 1


def test_a_full_repository(tmp_path: Path) -> None:
    # ome.services.RawFileBean.write: an IOException becomes a ResourceError
    with troubled(tmp_path, "--fault", "full@1000") as (client, _):
        row = omero.model.OriginalFileI()
        row.name, row.path = rstring("a"), rstring("/")
        saved = client.sf.getUpdateService().saveAndReturnObject(row)
        store = client.sf.createRawFileStore()
        store.setFileId(saved.id.val)
        store.write(b"x" * 900, 0, 900)
        with pytest.raises(omero.ResourceError, match="No space left"):
            store.write(b"x" * 900, 900, 900)
        store.close()


def test_latency(tmp_path: Path) -> None:
    with troubled(tmp_path, "--latency", "50ms") as (client, _):
        query = client.sf.getQueryService()
        start = time.perf_counter()
        for _ in range(4):
            query.find("Project", 1)
        assert time.perf_counter() - start >= 4 * 0.05


def test_a_call_that_takes_long_outlives_its_session(tmp_path: Path) -> None:
    """As in OMERO: 3,000 Projects were being saved when their session was closed; all were."""
    folder = tmp_path / "hold"
    folder.mkdir()
    asked, held = folder / "saveAndReturnIds", folder / "saveAndReturnIds.held"
    asked.touch()
    with troubled(tmp_path / "a", "--hold", str(folder)) as (client, sandbox):
        saving = client.sf.getUpdateService().begin_saveAndReturnIds([tag()])
        while not held.exists():
            time.sleep(0.01)
        other = omero.client(sandbox.host, sandbox.port)
        service = other.createSession("root", "omero").getSessionService()
        service.closeSession(service.getSession(client.getSessionId()))
        with pytest.raises(omero.RemovedSessionException):
            client.sf.getUpdateService()
        assert tags(sandbox) == 0
        held.unlink()
        saving.waitForCompleted()
        other.closeSession()
        assert tags(sandbox) == 1


def test_every_call_is_recorded(tmp_path: Path) -> None:
    record = tmp_path / "calls"
    with troubled(tmp_path / "a", "--record", str(record)) as (client, _):
        hql = "select p from Project p"
        client.sf.getQueryService().findAllByQuery(hql, None)
        with pytest.raises(omero.ValidationException):
            client.sf.getQueryService().get("Project", 1)
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    by_name = {line["operation"]: line for line in lines}
    assert by_name["IQuery.findAllByQuery"]["hql"] == hql
    assert by_name["IQuery.get"]["error"] == "ValidationException"
    assert by_name["IQuery.get"]["user"] == "root"
    assert by_name["IQuery.get"]["time"] <= time.time()
    assert by_name["Router.createSession"]["ms"] > 0
    assert "omero" not in json.dumps(by_name["Router.createSession"])  # the password


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (seconds, "20"),
        (seconds, "x ms"),
        (seconds, "1..2s"),
        (Fault.parse, "burn@1"),
        (Fault.parse, "kill@"),
        (Fault.parse, "drop@0"),
        (Fault.parse, "slow@0"),
        (Fault.parse, "full@5:IQuery.get"),
        (Fault.parse, "error@1:get"),
    ],
)
def test_nonsense_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        read(text)


def test_a_slow_disk_takes_its_time(tmp_path: Path) -> None:
    with troubled(tmp_path, "--fault", "slow@1000") as (client, _):
        file = omero.model.OriginalFileI()
        file.name, file.path = rstring("slow"), rstring("/")
        file = client.sf.getUpdateService().saveAndReturnObject(file)
        store = client.sf.createRawFileStore()
        store.setFileId(file.id.val)
        started = time.monotonic()
        store.write(b"x" * 300, 0, 300)
        assert time.monotonic() - started >= 0.3
        store.close()
