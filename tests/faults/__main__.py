# SPDX-License-Identifier: GPL-2.0-or-later
"""Play single seeds, and reduce those that fail: ``python -m tests.faults 17 100-200``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faults.stage import Stage, brief, stage
from tests.faults.story import story


def show(played: Stage, seed: int) -> None:
    """Play a seed; where it fails, print the smallest story that still does."""
    problem = played.seed(seed)
    if not problem:
        return
    print(problem, flush=True)
    part = played.smallest(story(seed, played.requests, played.undo_requests))
    print(f"  smallest: {part}: {brief(played.play(part))}", flush=True)


def main(words: list[str]) -> None:
    """Play the seeds that are named, or ranges of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with stage(folder / "stage") as played:
            for word in words:
                first, _, last = word.partition("-")
                for seed in range(int(first), int(last or first) + 1):
                    show(played, seed)
            print(played.figures)


if __name__ == "__main__":
    main(sys.argv[1:])
