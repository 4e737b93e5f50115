# SPDX-License-Identifier: GPL-2.0-or-later
"""What README.md shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from omero_sandbox import cli
from omero_sandbox.faults import Fault, seconds

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("fault", re.findall(r"`--fault (\S+)`", README))
def test_faults_that_it_shows(fault: str) -> None:
    assert Fault.parse(fault).at > 0


def test_latency_that_it_shows() -> None:
    (latency,) = re.findall(r"`--latency (\S+)`", README)
    assert seconds(latency) == 0.02


def test_each_command_is_in_it() -> None:
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]
    assert {*commands} == {*re.findall(r"`omero-sandbox (\w+)", README)}
