# SPDX-License-Identifier: GPL-2.0-or-later
"""A person, and two servers: one with a small project, one to move it to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import omero
import pytest

from graphxfer.apply import apply
from graphxfer.journal import Journal
from omero_sandbox import manage
from tests.cli.person import Forks, Person
from tests.places import GROUP, PASSWORD, USER, Place, create_account
from tests.transfers import small


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Where commands come from."""
    forks = Forks(tmp_path_factory.mktemp("commands"))
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def persons(source: Place, destination: Place, troubled: Troubled) -> Iterator[list[Person]]:
    """All persons that there were; in the end no session key may be found with any."""
    persons: list[Person] = []
    yield persons
    sandboxes = [place.sandbox for place in (source, destination) if place.sandbox is not None]
    keys = set[str]().union(*map(session_keys, [*sandboxes, troubled.sandbox]))
    assert len(keys) > 2
    assert [leak for person in persons for leak in person.leaks(keys)] == []


def session_keys(sandbox: manage.Sandbox) -> set[str]:
    """Return the keys of all sessions that there were at a server."""
    client = omero.client(sandbox.host, sandbox.port)
    query = client.createSession("root", "omero").getQueryService()
    found = query.projection("select s.uuid from Session s", None)
    client.closeSession()
    return {row[0].val for row in found}


@pytest.fixture
def person(forks: Forks, persons: list[Person], tmp_path: Path) -> Iterator[Person]:
    """Somebody with an empty home; what they are told and left with holds no secret."""
    home = tmp_path / "home"
    home.mkdir()
    person = Person(home, forks)
    persons.append(person)
    yield person
    assert person.leaks(person.secrets) == []


@dataclass(frozen=True)
class Filled:
    """A server with a project on it: a tag that is shared, an image, ROIs, an attachment."""

    place: Place
    project: str
    image: str

    @property
    def uri(self) -> str:
        return self.place.uri


def fill(place: Place, folder: Path) -> Filled:
    """Put a small project onto a server."""
    bundle = small(folder)
    with place.connect(own_session=True) as server:
        apply(bundle, server)
        with Journal(bundle.journal(server.database_uuid)) as journal:
            project, image = journal["Project/1"].id, journal["Image/1"].id
    return Filled(place, f"Project:{project}", f"Image:{image}")


@pytest.fixture(scope="session")
def filled(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """The source, with a project."""
    return fill(source, tmp_path_factory.mktemp("first") / "bundle")


class Troubled:
    """A server that can be had with any trouble; it has a project, and its data stays."""

    def __init__(self, sandbox: manage.Sandbox, filled: Filled) -> None:
        self.sandbox, self.filled = sandbox, filled
        self.uri, self.project = filled.uri, filled.project

    def with_(self, *options: str) -> None:
        """Start it anew: ``--fault``, ``--latency``, ``--record``, or nothing."""
        self.sandbox.restart(*options)

    def faults(self, *faults: str) -> None:
        """Start it anew, with things that go wrong once each."""
        self.with_(*(part for fault in faults for part in ("--fault", fault)))

    def counts(self, *classes: str) -> dict[str, int]:
        """Return how many there are of some classes, as root sees it; without fences."""
        client = omero.client(self.sandbox.host, self.sandbox.port)
        query, found = client.createSession("root", "omero").getQueryService(), {}
        for name in classes:
            hql = f"select count(o.id) from {name} o"
            if name.endswith("Annotation"):
                hql += " where o.ns is null or o.ns not like 'graphxfer/%'"
            ((number,),) = query.projection(hql, None, {"omero.group": "-1"})
            found[name] = int(number.val)
        client.closeSession()
        return found


@pytest.fixture(scope="session")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    """A server of one's own to make trouble at."""
    with manage.running(tmp_path_factory.mktemp("troubled")) as sandbox:
        create_account(sandbox.host, sandbox.port)
        uri = f"omero://{USER}@{sandbox.host}:{sandbox.port}/{GROUP}"
        filled = fill(Place(uri, PASSWORD, sandbox), tmp_path_factory.mktemp("first") / "bundle")
        yield Troubled(sandbox, filled)


@pytest.fixture
def slow(troubled: Troubled, tmp_path: Path) -> Callable[[str, int], None]:
    """Have a server that is slow, and wait until an operation was asked for so often."""
    record = tmp_path / "calls"
    record.touch()
    troubled.with_("--latency", "30ms", "--record", str(record))

    def wait(operation: str, times: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = [json.loads(line)["operation"] for line in record.read_text().splitlines()]
            if done.count(operation) >= times:
                return
            time.sleep(0.02)
        raise AssertionError(f"{operation} was not asked for {times} times")

    return wait
