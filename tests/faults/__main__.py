# SPDX-License-Identifier: GPL-2.0-or-later
"""Play seeds, reduce those that fail, print figures: ``python -m tests.faults 17 100-3000``.

In each range, every tenth seed is also played with a server that dies after the first run.
"""

from __future__ import annotations

import sys

from tests.faults.stage import Figures, Stage, brief, stage

TOGETHER = 200
"""Seeds that are played at one server: one without an end would become slow."""


def show(played: Stage, seed: int, *, restarted: bool = False) -> None:
    """Play a seed; where it fails, print the smallest story that still does."""
    problem = played.seed(seed, restarted=restarted)
    if not problem:
        return
    print(problem, flush=True)
    part = played.smallest(played.drawn(seed, restarted=restarted))
    print(f"  smallest: {part}: {brief(played.play(part))}", flush=True)


def main(words: list[str]) -> None:
    """Play the seeds that are named, or ranges of them."""
    seeds: list[int] = []
    for word in words:
        first, _, last = word.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    figures = Figures()
    for number in range(0, len(seeds), TOGETHER):
        with stage(figures) as played:
            for seed in seeds[number : number + TOGETHER]:
                show(played, seed)
                if len(seeds) > 1 and seed % 10 == 0:
                    show(played, seed, restarted=True)
        print(figures, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
