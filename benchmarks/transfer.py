# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure export and apply between two sandboxes: round trips, time, CPU and memory.

``python -m benchmarks.transfer --images 100 1000 10000``. Everything is measured in a process of
its own. *Bare* is the time that the same queries and saves take when they are made again with
nothing done before, between or after; for apply, with the same imports made by a plain client.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import images
from benchmarks.calls import Calls, replay
from graphxfer.actions import Options
from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.export import export
from graphxfer.fetch import fetch
from graphxfer.omero.connect import Server
from graphxfer.sandbox import manage
from tests.build import import_files
from tests.places import GROUP, PASSWORD, USER, Place, create_account

T = TypeVar("T")

IMPORTING = {
    "importFileset", "getUploader", "write", "close", "verifyUpload", "addCallback",
    "getResponse", "getStatus", "getRequest",
}  # fmt: skip
"""The operations of imports themselves, which are counted apart."""


@dataclass
class Measured:
    """What a piece of work took.

    Attributes
    ----------
    calls : int
        Round trips, without those of logging in.
    operations : Counter
        The same by operation.
    wall, cpu : float
        Seconds; of CPU those of this process, in all its threads.
    peak : int
        Bytes of resident memory above what was there at the start, at most.
    nodes : int
        How many nodes the graph has.
    """

    operations: Counter[str]
    calls: int = 0
    wall: float = 0
    cpu: float = 0
    peak: int = 0
    nodes: int = 0


@contextmanager
def measured(server: Server) -> Iterator[Measured]:
    """Measure a block."""
    found = Measured(Calls(server).operations)
    calls, cpu, wall = server.calls, time.process_time(), time.perf_counter()
    start = _reset_peak()
    yield found
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu
    found.calls, found.peak = server.calls - calls, _memory("VmHWM") - start


def _reset_peak() -> int:
    """Forget the highest resident memory so far, and return that of now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


# -- each in a process of its own -----------------------------------------------------------------


def run_export(source: Place, dataset: int, folder: Path) -> Measured:
    """Measure an export."""
    with source.connect() as server, measured(server) as found:
        found.nodes = len(export(server, {"Dataset": [dataset]}, folder).graph())
    return found


def bare_export(source: Place, dataset: int, folder: Path) -> float:
    """Return the seconds that an export's queries take alone."""
    with source.connect() as server:
        calls = Calls(server, keep=True)
        export(server, {"Dataset": [dataset]}, folder)
        return replay(server, calls.kept)


def run_fetch(source: Place, folder: Path) -> None:
    """Have the files there."""
    with source.connect() as server:
        fetch(Bundle(folder), server)


def run_apply(destination: Place, folder: Path) -> Measured:
    """Measure an apply."""
    with destination.connect(own_session=True) as server, measured(server) as found:
        bundle = Bundle(folder)
        plan = apply(bundle, server)
        found.nodes = len(bundle.graph())
    assert not plan.skipped
    return found


def bare_apply(
    destination: Place, directory: Path, folder: Path, copy: Path
) -> tuple[float, float]:
    """Return the seconds of an apply's imports alone, and of its queries and saves alone.

    These are made again at a copy of the destination as it was when nothing had been saved yet.
    """
    bundle = Bundle(folder)
    with destination.connect(own_session=True) as server:
        calls = Calls(server, keep=True, before_saving=lambda: shutil.copytree(directory, copy))
        apply(bundle, server)
    imports = _bare_imports(destination, bundle)
    with manage.running(copy) as sandbox, _at(sandbox).connect() as server:
        return imports, replay(server, calls.kept)


def _bare_imports(destination: Place, bundle: Bundle) -> float:
    """Import a bundle's files with a plain client, as many at once as an apply does."""
    files = [bundle.file(entry) for entry in bundle.manifest()]
    client = destination.client()
    begun = time.perf_counter()
    with ThreadPoolExecutor(Options().streams) as pool:
        list(pool.map(lambda file: import_files(client, [file], thumbnails=True), files))
    taken = time.perf_counter() - begun
    client.closeSession()
    return taken


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """Do a piece of work in a new process, and return what it returns."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


# -- the whole ------------------------------------------------------------------------------------


@contextmanager
def fresh(directory: Path) -> Iterator[Place]:
    """Have a new sandbox with an account for the length of a block."""
    with manage.running(directory) as sandbox:
        create_account(sandbox.host, sandbox.port)
        yield _at(sandbox)


def _at(sandbox: manage.Sandbox) -> Place:
    return Place(f"omero://{USER}@{sandbox.host}:{sandbox.port}/{GROUP}", PASSWORD)


def measure(number: int, folder: Path) -> None:
    """Measure the transfer of so many images, and print it."""
    bundle = folder / "bundle"
    with fresh(folder / "source") as source:
        client = source.client()
        dataset = images.build(client, number)
        client.closeSession()
        exported = apart(run_export, source, dataset, bundle)
        bare = apart(bare_export, source, dataset, folder / "again")
        tell("export", number, exported, bare)
        apart(run_fetch, source, bundle)
    with fresh(folder / "destination") as destination:
        applied = apart(run_apply, destination, bundle)
    shutil.rmtree(bundle / "journals")
    another = folder / "another"
    with fresh(another) as destination:
        imports, saves = apart(bare_apply, destination, another, bundle, folder / "copy")
    tell("apply", number, applied, imports + saves)
    print(f"       bare: {imports:.2f} s of imports, {saves:.2f} s of queries and saves")


def tell(what: str, number: int, found: Measured, bare: float) -> None:
    """Print what was measured."""
    importing = sum(found.operations[name] for name in IMPORTING)
    print(
        f"{what:6} {number:6,} images  {found.nodes:7,} nodes  "
        f"{found.calls - importing:4} calls + {importing} of imports  "
        f"{found.wall:7.2f} s  bare {bare:7.2f} s  {found.wall / bare:4.2f}x  "
        f"CPU {1000 * found.cpu / number:5.2f} ms an image  "
        f"memory {found.peak / 1e6:6.1f} MB, {found.peak / found.nodes:5.0f} B a node"
    )
    by_operation = (f"{name} {count}" for name, count in found.operations.most_common())
    print(f"       {', '.join(by_operation)}", flush=True)


def main() -> None:
    """Measure for each number of images."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1000, 10_000])
    for number in parser.parse_args().images:
        with tempfile.TemporaryDirectory(prefix="graphxfer-bench-") as folder:
            measure(number, Path(folder))


if __name__ == "__main__":
    main()
