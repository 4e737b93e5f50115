# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples of docs/sandbox.md: the Python one runs, the options are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from omero_sandbox.faults import Fault, seconds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox.md").read_text("utf-8")


def test_the_example_for_tests_runs() -> None:
    (example,) = re.findall(r"```python\n(import tempfile.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", example],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "mitosis\n"


@pytest.mark.parametrize("fault", re.findall(r"`--fault (\S+)`", PAGE))
def test_faults_that_it_shows(fault: str) -> None:
    assert Fault.parse(fault).at > 0


def test_latency_that_it_shows() -> None:
    (latency,) = re.findall(r"`--latency (\S+)`", PAGE)
    assert seconds(latency) == 0.02
