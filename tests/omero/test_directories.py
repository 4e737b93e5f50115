# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports of a user who has no directory yet, several at once and beside those of others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import omero
import pytest

from graphxfer.errors import ServerFailure
from graphxfer.omero import directories, importer
from graphxfer.omero.importer import Part, Sending
from graphxfer.omero.server import Server
from omero_sandbox import manage
from tests.places import PASSWORD, Place, create_account
from tests.transfers import tiff

AT_ONCE = 6
NEW = count()


@pytest.fixture
def sandbox(destination: Place) -> manage.Sandbox:
    if destination.sandbox is None:
        pytest.skip("users are only made in sandboxes")
    return destination.sandbox


@pytest.fixture
def newcomer(sandbox: manage.Sandbox) -> Place:
    """Return an account that has not imported anything."""
    name = f"newcomer-{next(NEW)}"
    create_account(sandbox.host, sandbox.port, name, f"group of {name}")
    uri = f"omero://{name}@{sandbox.host}:{sandbox.port}/group of {name}"
    return Place(uri, PASSWORD, sandbox)


def sending(folder: Path, number: int = 0) -> Sending:
    tiff(folder / f"{number}.tif")
    return Sending(f"Fileset/{number}", (Part(folder / f"{number}.tif", f"data/{number}.tif"),))


def run(server: Server, one: Sending) -> int:
    return importer.import_fileset(server, one, verifying=lambda: None, stop=threading.Event())


def filesets(server: Server) -> int:
    hql = "select count(f.id) from Fileset f where f.details.owner.id = :id"
    return int(server.rows(hql, id=server.user_id)[0][0])


def day(server: Server) -> str:
    return f"{server.user_name}_{server.user_id}/{time.strftime('%Y-%m/%d')}"


def test_first_imports_at_once(newcomer: Place, tmp_path: Path) -> None:
    sendings = [sending(tmp_path, number) for number in range(AT_ONCE)]
    with newcomer.connect(own_session=True) as server, ThreadPoolExecutor(AT_ONCE) as pool:
        assert len(set(pool.map(lambda one: run(server, one), sendings))) == AT_ONCE
        assert filesets(server) == AT_ONCE


def test_first_imports_beside_another_program_s(newcomer: Place, tmp_path: Path) -> None:
    # The others are as those of a second process: each begins without regard to anyone else.
    def foreign(number: int) -> None:
        with newcomer.connect(own_session=True) as server:
            repository = server.service("ManagedRepository")
            one = sending(tmp_path, number)
            barrier.wait()
            repository.importFileset(importer._fileset(one), importer._settings(one.hasher))

    def ours() -> int:
        with newcomer.connect(own_session=True) as server:
            one = sending(tmp_path)
            barrier.wait()
            return run(server, one)

    barrier = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(foreign, number) for number in (1, 2, 3)]
        assert pool.submit(ours).result() > 0
    begun = [other for other in others if other.exception() is None]
    with newcomer.connect() as server:
        assert filesets(server) == 1 + len(begun)


@pytest.fixture
def unregistered(sandbox: manage.Sandbox) -> Iterator[Callable[[Server], Path]]:
    """Have a directory on the disk that OMERO does not know, as while another call creates it."""
    created: list[Path] = []

    def create(server: Server) -> Path:
        created.append(sandbox.repository / f"{server.user_name}_{server.user_id}")
        created[0].mkdir()
        return created[0]

    yield create
    for folder in created:
        if folder.is_dir() and not list(folder.iterdir()):
            folder.rmdir()


def test_another_call_that_takes_a_while(
    newcomer: Place, unregistered: Callable[[Server], Path], tmp_path: Path
) -> None:
    with newcomer.connect(own_session=True) as server:
        folder = unregistered(server)
        ending = threading.Timer(0.5, folder.rmdir)
        ending.start()
        run(server, sending(tmp_path))
        ending.join()
        assert filesets(server) == 1


def test_a_directory_that_stays_unknown_is_named(
    newcomer: Place,
    unregistered: Callable[[Server], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directories, "PAUSES", (0.01, 0.01))
    with newcomer.connect(own_session=True) as server:
        folder = unregistered(server)
        with pytest.raises(ServerFailure, match=f"not registered: .*{folder.name}") as caught:
            run(server, sending(tmp_path))
        assert "ask an administrator" in caught.value.do
        assert filesets(server) == 0
        folder.rmdir()
        run(server, sending(tmp_path))
        assert filesets(server) == 1


def test_the_directory_of_the_day_is_created_first(newcomer: Place) -> None:
    with newcomer.connect(own_session=True) as server:
        repository = server.service("ManagedRepository")
        assert not repository.fileExists(day(server))
        found = directories.begin(
            server, lambda: repository.fileExists(day(server)), threading.Event()
        )
        assert found
        # On the next day again.
        directories._days[server] = "2026-01-01"
        calls = server.calls
        directories.begin(server, lambda: None, threading.Event())
        assert server.calls > calls
        calls = server.calls
        directories.begin(server, lambda: None, threading.Event())
        assert server.calls == calls


@pytest.mark.parametrize(
    ("template", "administrator", "expected"),
    [
        ("%user%_%userId%//%year%/%month%-%day%/%time%", True, "root_0/%Y/%m-%d"),
        ("%group%/%user%//%year%-%month%-%day%/%time%", True, "system/root/%Y-%m-%d"),
        ("%user%//%session%/%time%", True, ""),
        ("%user%_%userId%//%year%/%month%-%day%/%time%", False, ""),
    ],
)
def test_other_templates(
    newcomer: Place, template: str, administrator: bool, expected: str, tmp_path: Path
) -> None:
    assert newcomer.sandbox is not None
    place = Place(f"omero://root@{newcomer.sandbox.host}:{newcomer.sandbox.port}", "omero")
    client = omero.client(newcomer.sandbox.host, newcomer.sandbox.port)
    config = client.createSession("root", "omero").getConfigService()
    before = config.getConfigValue("omero.fs.repo.path")
    config.setConfigValue("omero.fs.repo.path", template)
    try:
        with (place if administrator else newcomer).connect(own_session=True) as server:
            run(server, sending(tmp_path))  # there is a fileset, whose path shows the template
            found = directories.expand(directories._template(server), server, time.localtime())
            assert found == time.strftime(expected)
    finally:
        config.setConfigValue("omero.fs.repo.path", before)
        client.closeSession()


def test_names_that_omero_changes_are_left_to_it(destination: Place) -> None:
    with destination.connect() as server:
        server.user_name = "a:b"
        assert directories.expand("%user%//%day%/%time%", server, time.localtime()) == ""
