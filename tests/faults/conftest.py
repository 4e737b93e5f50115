# SPDX-License-Identifier: GPL-2.0-or-later
"""A stage that all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, stage


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("faults")
    with stage(folder / "stage") as ready:
        yield ready
