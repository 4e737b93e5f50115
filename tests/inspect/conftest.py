# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of looking at a graph share."""

from __future__ import annotations

import pytest

from graphxfer.bundle import Bundle
from tests.inspect import sample


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The small good bundle."""
    return sample.write(tmp_path_factory.mktemp("inspect") / "my-transfer")
