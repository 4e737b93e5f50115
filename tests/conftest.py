# SPDX-License-Identifier: GPL-2.0-or-later
"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

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

HERE = Path(__file__).parent
REAL = frozenset(("source", "destination"))
"""The fixtures that are real servers where the environment names them."""


LONG = (
    "inspect/test_page", "test_run", "apply/test_apply", "cli/test_output",
    "cli/test_interruptions", "cli/test_destinations", "apply/test_kill", "cli/test_sandbox",
    "cli/test_files", "test_export", "cli/test_receipt", "apply/test_plates", "test_left_out",
    "cli/test_apply", "cli/test_refusals", "test_round_trip", "test_verify", "test_others",
    "test_mutations", "omero/test_rights", "graph/jsonld/test_jsonld", "setup/test_ice",
    "cli/test_strangers", "fetch/test_fetch", "cli/test_usage", "test_undo",
    "apply/test_take_over", "faults/test_reads", "faults/test_proxy", "apply/test_calls",
)  # fmt: skip
"""The files that take long, the longest first: started last, one would leave a core with nothing
to do in the end. Measured in seconds of the processor (``--durations=0`` tells them, too)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have long files first, and mark what can be held against real servers: ``-m server``."""
    files = {HERE / f"{name}.py": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: files.get(item.path, len(files)))
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
