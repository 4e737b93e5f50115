# SPDX-License-Identifier: GPL-2.0-or-later
"""A stage that all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, stage


@pytest.fixture(scope="session")
def played() -> Iterator[Stage]:
    with stage() as ready:
        yield ready
