# SPDX-License-Identifier: GPL-2.0-or-later
"""One entry of the catalogue is all that a new class needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.places import Place


def test_one_entry_moves_a_new_class(source: Place, destination: Place, tmp_path: Path) -> None:
    places = [source.uri, destination.uri, str(tmp_path), source.password]
    command = [sys.executable, "-m", "tests.catalogue.one_entry", *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
