# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure export and apply between two sandboxes: round trips, time, CPU and memory.

``python -m benchmarks.transfer --images 100 1000 10000``. Each measurement has its own process;
times are the minimum of some runs. *Bare* is the time of the same queries and saves alone; for
apply, with the same imports by a plain client. *Python* is memory by tracemalloc, measured in a
separate, slow run; *resident* is the memory of the process.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import images
from benchmarks.calls import Calls, replay
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.omero.connect import Server
from graphxfer.plan import ApplyOptions
from omero_sandbox import manage
from tests.build import import_files
from tests.places import GROUP, PASSWORD, USER, Place, create_account

T = TypeVar("T")

WRITERS = ("graphxfer.graph.omexml", "rocrate.rocrate")
"""Modules that an export imports when it begins to write."""

IMPORTING = {
    "importFileset", "getUploader", "write", "close", "verifyUpload", "addCallback",
    "getResponse", "getStatus", "getRequest",
}  # fmt: skip
"""The operations of imports, which are counted separately."""


@dataclass
class Measured:
    """The cost of a piece of work.

    Attributes
    ----------
    operations : Counter
        Remote calls, by operation.
    calls : int
        Round trips, without the login.
    wall, cpu : float
        Seconds; CPU of all threads of this process.
    peak : int
        Peak of memory since the start, in bytes: resident, or Python's.
    """

    operations: Counter[str]
    calls: int = 0
    wall: float = 0
    cpu: float = 0
    peak: int = 0


@contextmanager
def measured(server: Server, *, traced: bool, libraries: Sequence[str] = ()) -> Iterator[Measured]:
    """Measure a block.

    Parameters
    ----------
    server : Server
        The server; its calls are counted.
    traced : bool
        Measure Python's memory, by tracemalloc, not the resident memory.
    libraries : sequence of str
        Modules that the work imports. They are imported first: that is part of the time, but not
        of the memory, which is divided by nodes.
    """
    found = Measured(Calls(server).operations)
    calls, cpu, wall = server.calls, time.process_time(), time.perf_counter()
    for library in libraries:
        importlib.import_module(library)
    start = _reset_peak()
    if traced:
        tracemalloc.start()
    yield found
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu
    found.calls = server.calls - calls
    found.peak = tracemalloc.get_traced_memory()[1] if traced else _memory("VmHWM") - start


def _reset_peak() -> int:
    """Reset the peak of resident memory, and return the current value."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


# -- each in its own process ----------------------------------------------------------------------


def run_export(source: Place, dataset: int, folder: Path, traced: bool) -> Measured:
    """Measure an export."""
    with source.connect() as server, measured(server, traced=traced, libraries=WRITERS) as found:
        export(server, {"Dataset": [dataset]}, folder)
    return found


def bare_export(source: Place, dataset: int, folder: Path) -> float:
    """Return the seconds of an export's queries alone."""
    with source.connect() as server:
        calls = Calls(server, keep=True)
        export(server, {"Dataset": [dataset]}, folder)
        return replay(server, calls.recorded)


def run_fetch(source: Place, folder: Path) -> int:
    """Fetch the files; return the number of nodes of the graph."""
    bundle = Bundle(folder)
    with source.connect() as server:
        fetch(bundle, server)
    return len(bundle.graph())


def run_apply(destination: Place, folder: Path, traced: bool) -> Measured:
    """Measure an apply."""
    with destination.connect(own_session=True) as server, measured(server, traced=traced) as found:
        plan = apply(Bundle(folder), server)
    assert not plan.skipped
    return found


def bare_apply(
    destination: Place, directory: Path, folder: Path, copy: Path
) -> tuple[float, float]:
    """Return the seconds of an apply's imports alone, and of its queries and saves alone.

    They are repeated at a copy of the destination from before the first save.
    """
    bundle = Bundle(folder)
    with destination.connect(own_session=True) as server:
        calls = Calls(server, keep=True, before_saving=lambda: shutil.copytree(directory, copy))
        apply(bundle, server)
    imports = _bare_imports(destination, bundle)
    with manage.running(copy) as sandbox, at(sandbox).connect() as server:
        return imports, replay(server, calls.recorded)


def _bare_imports(destination: Place, bundle: Bundle) -> float:
    """Import a bundle's files with a plain client, as many at once as apply."""
    files = [bundle.file(entry) for entry in bundle.manifest()]
    client = destination.client()
    begun = time.perf_counter()
    with ThreadPoolExecutor(ApplyOptions().streams) as pool:
        list(pool.map(lambda file: import_files(client, [file], thumbnails=True), files))
    taken = time.perf_counter() - begun
    client.closeSession()
    return taken


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a new process, and return its result."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


# -- the whole ------------------------------------------------------------------------------------


@contextmanager
def fresh(directory: Path) -> Iterator[Place]:
    """Run a new sandbox with an account until the block ends."""
    with manage.running(directory) as sandbox:
        create_account(sandbox.host, sandbox.port)
        yield at(sandbox)
    shutil.rmtree(directory)


def at(sandbox: manage.Sandbox) -> Place:
    """Return the account at a sandbox."""
    return Place(f"omero://{USER}@{sandbox.host}:{sandbox.port}/{GROUP}", PASSWORD)


def measure(number: int, repeat: int, folder: Path) -> None:
    """Measure and print the transfer of `number` images."""
    bundle = folder / "bundle"
    with fresh(folder / "source") as source:
        client = source.client()
        dataset = images.build(client, number)
        client.closeSession()
        runs, bare = [], []
        for _ in range(repeat):
            shutil.rmtree(bundle, ignore_errors=True)
            runs.append(apart(run_export, source, dataset, bundle, False))
            shutil.rmtree(bundle)
            bare.append(apart(bare_export, source, dataset, bundle))
        traced = apart(run_export, source, dataset, bundle, True)
        nodes = apart(run_fetch, source, bundle)
    print_results("export", number, nodes, runs, traced, min(bare))
    measure_apply(number, nodes, repeat, bundle)


def measure_apply(number: int, nodes: int, repeat: int, bundle: Path) -> None:
    """Measure and print the apply; each run has a new destination."""
    runs, imports, saves = [], [], []
    for _ in range(repeat):
        runs.append(_applied(bundle, False))
        directory, copy = bundle.with_name("destination"), bundle.with_name("copy")
        with fresh(directory) as destination, without_journals(bundle):
            importing, saving = apart(bare_apply, destination, directory, bundle, copy)
        shutil.rmtree(copy)
        imports.append(importing)
        saves.append(saving)
    print_results("apply", number, nodes, runs, _applied(bundle, True), min(imports) + min(saves))
    print(f"       bare: {min(imports):.2f} s of imports, {min(saves):.2f} s of queries and saves")


def _applied(bundle: Path, traced: bool) -> Measured:
    with fresh(bundle.with_name("destination")) as destination, without_journals(bundle):
        return apart(run_apply, destination, bundle, traced)


@contextmanager
def without_journals(bundle: Path) -> Iterator[None]:
    """Delete the journals at the end of the block."""
    yield
    shutil.rmtree(bundle / "journals")


def print_results(
    what: str, number: int, nodes: int, runs: Sequence[Measured], traced: Measured, bare: float
) -> None:
    """Print the results."""
    found = runs[0]
    wall, cpu = min(run.wall for run in runs), min(run.cpu for run in runs)
    importing = sum(found.operations[name] for name in IMPORTING)
    print(
        f"{what:6} {number:6,} images {nodes:7,} nodes  "
        f"{found.calls - importing:4} calls + {importing} of imports  "
        f"{wall:6.2f} s, bare {bare:6.2f} s: {wall / bare:4.2f} x  "
        f"CPU {1000 * cpu / number:4.2f} ms an image  memory a node: "
        f"{traced.peak / nodes:4.0f} B Python, {found.peak / nodes:4.0f} B resident"
    )
    by_operation = (f"{name} {count}" for name, count in found.operations.most_common())
    print(f"       {', '.join(by_operation)}", flush=True)


def main() -> None:
    """Measure for each number of images."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument(
        "--repeat", type=int, default=1, help="number of runs to take the minimum time of"
    )
    args = parser.parse_args()
    for number in args.images:
        with tempfile.TemporaryDirectory(prefix="graphxfer-bench-") as folder:
            measure(number, args.repeat, Path(folder))


if __name__ == "__main__":
    main()
