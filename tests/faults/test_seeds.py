# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens to the requests and answers of an apply: never twice, never lost, always ends.

Each seed is a story: runs are killed while a call is under way; calls are lost, take long, arrive
late or twice; answers never arrive; connections break in the middle of a message. `make test` plays
a hundred, `make test-slow` thousands. To play single seeds: ``python -m tests.faults SEED``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.stage import Stage, stage

FEW, MANY, TOGETHER = 100, 3000, 50
"""Seeds of a quick run; those of `make test-slow`, and how many of them are in one test."""


# Slow until issue 10 is done: a verifyUpload that is delivered twice imports twice (seed 77).
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW))
def test_seed(played: Stage, seed: int) -> None:
    assert played.seed(seed) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, MANY, TOGETHER))
def test_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str], first: int) -> None:
    with stage(tmp_path / "stage") as played:
        failed = [problem for n in range(first, first + TOGETHER) if (problem := played.seed(n))]
        restarted = [
            problem
            for n in range(first, first + TOGETHER, 10)
            if (problem := played.seed(-n, restarted=True))
        ]
    with capsys.disabled():
        print(f"\n{played.figures}")
    assert failed + restarted == []
