# SPDX-License-Identifier: GPL-2.0-or-later
"""A sandbox in a process of its own, and ordinary OMERO clients of it.

Where the environment names a real server (see elsewhere.py), it takes the sandbox's place: what
these tests expect of the sandbox, they then ask of OMERO.
"""

from __future__ import annotations

import io
import itertools
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import omero
import omero.all
import pytest
from hypothesis import settings
from omero.cli import CLI
from omero.gateway import BlitzGateway
from omero.model import ExperimenterGroupI, ExperimenterI
from omero.rtypes import unwrap

from omero_sandbox import manage, preload
from omero_sandbox.seed import seed
from tests import people
from tests.elsewhere import Elsewhere
from tests.importing_client import import_files

# A server's answer takes as long as it takes; a failing example is printed in full.
settings.register_profile("omero-sandbox", deadline=None, print_blob=True)
settings.load_profile("omero-sandbox")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So starts what a script leaves in the background; what tests start has to hear of Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

preload.enable()  # many servers are started, and most of a start is loading

PASSWORD = people.PASSWORD
FAKE = "cells&sizeX=40&sizeY=30&sizeZ=2&sizeC=3.fake"
_numbers = itertools.count(1)


LONG = (
    "test_cli_accounts", "test_manage", "test_cli_data", "test_transfer", "test_cli_files",
    "test_metadata", "test_import", "test_hql_naive", "test_faults", "test_gateway_methods",
    "test_gateway", "test_gateway_rendering", "test_pytest_plugin", "test_deletion",
)  # fmt: skip
"""The files that take long, the longest first: started last, one would leave a core with nothing
to do in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have long files first, and mark what can be held against a real server: ``-m server``."""
    files = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: files.get(item.path.stem, len(files)))
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[manage.Sandbox | Elsewhere]:
    """One server for the tests that leave it usable."""
    if real := Elsewhere.named():
        yield real
        return
    with manage.running(tmp_path_factory.mktemp("server")) as sandbox:
        yield sandbox


@pytest.fixture
def connect(server: manage.Sandbox) -> Iterator[Callable[..., Any]]:
    """Log in: ``connect()`` as root, ``connect(uuid, uuid)`` to join; closed after."""
    clients: list[Any] = []

    def log_in(name: str = "root", password: str = "", *, secure: bool = True) -> Any:
        scheme, port = ("ssl", server.port) if secure else ("tcp", server.tcp)
        client = omero.client(f"{scheme}://{server.host}:{port}")
        clients.append(client)
        client.createSession(name, password or server.password)
        return client

    yield log_in
    for client in clients:
        client.closeSession()


@pytest.fixture
def root(connect: Callable[..., Any]) -> Any:
    """A client of root's."""
    return connect()


@pytest.fixture
def gateways(server: manage.Sandbox) -> Iterator[Callable[..., Any]]:
    """Log in with a BlitzGateway: ``gateways("ada")``; closed after."""
    opened: list[Any] = []

    def log_in(name: str, password: str = PASSWORD, secure: bool = True) -> Any:
        conn = BlitzGateway(name, password, host=server.host, port=server.port, secure=secure)
        opened.append(conn)
        assert conn.connect()
        return conn

    yield log_in
    for conn in opened:
        conn.close()


@pytest.fixture
def conn(lab: Callable[..., Any], gateways: Callable[..., Any]) -> Any:
    """A BlitzGateway of a member of a read-annotate group."""
    return gateways(lab("rwra--").user())


@pytest.fixture
def image(conn: Any) -> Any:
    """An imported image, wrapped: 40 x 30 pixels, 2 sections, 3 channels."""
    response = import_files(conn.c, {f"a/{FAKE}": b""})
    return conn.getObject("Image", response.pixels[0].image.id.val)


@dataclass
class Lab:
    """A group, and how to get members of it."""

    id: int
    name: str
    root: Any
    connect: Callable[..., Any]

    def user(self, *, owner: bool = False) -> str:
        """Make a member and return the name; the password is ``PASSWORD``."""
        name, admin = f"user-{people.RUN}-{next(_numbers)}", self.root.sf.getAdminService()
        id_ = people.create_user(admin, name, self.id)
        if owner:
            admin.setGroupOwner(ExperimenterGroupI(self.id, False), ExperimenterI(id_, False))
        return name

    def member(self, *, owner: bool = False) -> Any:
        """Make a member and return a client of theirs."""
        return self.connect(self.user(owner=owner), PASSWORD)


@pytest.fixture
def lab(root: Any, connect: Callable[..., Any]) -> Callable[[str], Lab]:
    """Make a group with permissions such as ``rwra--``."""

    def make(permissions: str = "rwra--") -> Lab:
        name = f"lab-{people.RUN}-{next(_numbers)}"
        id_ = people.create_group(root.sf.getAdminService(), name, permissions)
        return Lab(id_, name, root, connect)

    return make


class Command:
    """The `omero` command of omero-py, by its library entry: bin/omero refuses to run as root."""

    def __call__(self, *arguments: str) -> str:
        """Run it; return what it says on both of its outputs. Exits are SystemExit or its own."""
        cli, said = CLI(), io.StringIO()
        cli.loadplugins()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                cli.invoke(list(arguments), strict=True)
        finally:
            cli.close()
        return said.getvalue()

    def log_in(
        self, server: manage.Sandbox | Elsewhere, name: str = "root", password: str = ""
    ) -> None:
        """Log in, as the user will be until the next login."""
        self("login", f"{name}@{server.host}:{server.port}", "-w", password or server.password)


@pytest.fixture(scope="module")
def omero_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Have the command, in a home of its own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("OMERO_USERDIR", str(home / "omero"))
        yield Command()


@dataclass
class Filled:
    """A server with the seed program's data."""

    server: manage.Sandbox
    made: dict[str, list[int]]
    password: str = PASSWORD
    user: str = "researcher"

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Have an ordinary client of the user's."""
        client = omero.client(self.server.host, self.server.port)
        try:
            client.createSession(self.user, self.password)
            yield client
        finally:
            client.closeSession()

    def rows(self, hql: str) -> list[Any]:
        """Answer a projection, unwrapped."""
        with self.client() as client:
            return [unwrap(row) for row in client.sf.getQueryService().projection(hql, None)]


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    """The folder of a server with example data, which is stopped, and the ids of the data."""
    folder = tmp_path_factory.mktemp("seeded") / "server"
    with manage.running(folder) as sandbox:
        made = seed(
            sandbox.host, sandbox.port, "root", "omero", member_password=PASSWORD,
            say=lambda line: None,
        )  # fmt: skip
    return folder, made


@pytest.fixture(scope="module")
def filled(
    seeded: tuple[Path, dict[str, list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Filled]:
    """Have a server with example data, for the length of a module, which may change it."""
    folder, made = seeded
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("filled") / "server")
    with manage.running(copy) as sandbox:
        yield Filled(sandbox, made)
