# SPDX-License-Identifier: GPL-2.0-or-later
"""COVERAGE.md is what the code says, and the code says what a server answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import omero
import pytest

from omero_sandbox import coverage, manage
from tests.elsewhere import Elsewhere, only_the_sandbox

PAGE = Path(__file__).parents[1] / "COVERAGE.md"


def test_the_page_is_up_to_date() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "omero_sandbox.coverage"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert PAGE.read_text("utf-8") == done.stdout


def test_what_differs_is_a_difference_of_something() -> None:
    known = {*coverage.services(), *(each.__name__ for each in coverage.requests()), "Clients"}
    assert {where for where, _ in coverage.DIFFERS} <= known


def test_services_and_requests_are_omero_s() -> None:
    services, requests = coverage.services(), {r.__name__ for r in coverage.requests()}
    assert {"IQuery", "IShare", "JobHandle", "RawFileStore", "Handle", "Router"} <= {*services}
    assert {"Delete2", "Chgrp2", "Duplicate", "DiskUsage", "Timing"} <= requests
    assert not {"Request", "GraphQuery", "GraphModify2"} & requests


def test_a_refused_call_is_refused_by_name(root: Any, server: manage.Sandbox | Elsewhere) -> None:
    only_the_sandbox(server, "OMERO implements it")
    refused = coverage.missing("IRoi", omero.api.IRoi)
    assert "getRoiStats" in refused
    with pytest.raises(omero.InternalException, match=r"does not implement IRoi\.getRoiStats"):
        root.sf.getRoiService().getRoiStats(1)
