# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens to the requests and answers of an apply: never twice, never lost, always ends.

Each seed is a story: runs are killed while a call is under way; calls are lost, take long, arrive
late or twice; answers never arrive; connections break in the middle of a message. `make test` plays
a hundred, `make test-slow` thousands. To play single seeds: ``python -m tests.faults SEED``.
"""

from __future__ import annotations

import pytest

from tests.faults.stage import Stage, stage

FEW, MANY, TOGETHER = 100, 3000, 50
"""Seeds of a quick run; those of `make test-slow`, and how many of them are in one test."""


@pytest.mark.parametrize("seed", range(FEW))
def test_seed(played: Stage, seed: int) -> None:
    assert played.seed(seed) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, MANY, TOGETHER))
def test_seeds(capsys: pytest.CaptureFixture[str], first: int) -> None:
    seeds = range(first, first + TOGETHER)
    with stage() as played:
        failed = [problem for seed in seeds if (problem := played.seed(seed))]
        restarted = [
            problem for seed in seeds[::10] if (problem := played.seed(seed, restarted=True))
        ]
    with capsys.disabled():
        print(f"\n{played.figures}")
    assert failed + restarted == []
