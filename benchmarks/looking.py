# SPDX-License-Identifier: GPL-2.0-or-later
"""Time and memory of the commands that inspect a bundle: ``python -m benchmarks.looking``.

Each step runs in its own process, with 10 thousand, 100 thousand and 1 million nodes, or with the
numbers of nodes on the command line. CPU is the sum of its processes; memory is of the largest.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from benchmarks import bundles
from graphxfer.bundle import Bundle
from graphxfer.inspect import query
from graphxfer.inspect.diff import diff
from graphxfer.inspect.report import render
from graphxfer.inspect.summary import summarise
from graphxfer.inspect.validate import validate

SIZES = (10_000, 100_000, 1_000_000)
VALIDATED = 100_000
"""The most nodes of a validated bundle: larger ones take the same time for each node."""


def _load(bundle: Bundle) -> None:
    with query.load(bundle):
        pass


def _queries(bundle: Bundle) -> None:
    with query.load(bundle) as store:
        for named in query.library().values():
            began, cpu = time.monotonic(), sum(os.times()[:4])
            query.ask(store, named.text)
            _print(f"  {named.name}", time.monotonic() - began, sum(os.times()[:4]) - cpu)


STEPS: dict[str, Callable[[Bundle], object]] = {
    "read": lambda bundle: bundle.graph(),
    "summary": lambda bundle: summarise(bundle.graph()),
    "load for queries": _load,
    "each named query": _queries,
    "validate": lambda bundle: validate(bundle),
    "diff with itself": lambda bundle: diff(bundle.graph(), Bundle(bundle.folder).graph()),
    "report": render,
}


def _run(name: str, folder: Path) -> None:
    began = time.monotonic()
    STEPS[name](Bundle(folder))
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(it.ru_utime + it.ru_stime for it in usage)
    _print(name, time.monotonic() - began, cpu, max(it.ru_maxrss for it in usage) // 1024)


def _print(name: str, seconds: float, cpu: float, memory: int | None = None) -> None:
    used = f"{memory:>8,} MiB" if memory else ""
    sys.stdout.write(f"{name:32}{seconds:>8.1f} s{cpu:>8.1f} s CPU{used}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, and print the results."""
    sizes = [int(it) for it in sys.argv[1:]] or SIZES
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            bundle = bundles.write(Path(folder, "bundle"), size)
            sys.stdout.write(f"\n{size:,} nodes\n")
            for name in STEPS:
                if name == "validate" and size > VALIDATED:
                    continue
                step = get_context("spawn").Process(target=_run, args=(name, bundle.folder))
                step.start()
                step.join()


if __name__ == "__main__":
    main()
