# SPDX-License-Identifier: GPL-2.0-or-later
"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from omero_sandbox import preload
from tests.places import Place, place

preload.enable()  # a hundred servers are started, most of a start is loading
# A server's answer takes as long as it takes; a failing example is printed in full.
settings.register_profile("graphxfer", deadline=None, print_blob=True)
settings.load_profile("graphxfer")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So starts what a script leaves in the background; what tests start has to hear of Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

REAL = frozenset(("source", "destination"))
"""The fixtures that are real servers where the environment names them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that can be held against real servers: ``-m server``."""
    for item in items:
        if REAL.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("server")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The server that data comes from."""
    # The files of plates are read from it, too: OMERO refuses that unless it is told so.
    policy = "omero.policy.binary_access=+read,+write,+image,+plate"
    with place("SOURCE", tmp_path_factory.mktemp("source"), "--config", policy) as server:
        yield server


@pytest.fixture(scope="session")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The server that data goes to."""
    with place("DESTINATION", tmp_path_factory.mktemp("destination")) as server:
        yield server
