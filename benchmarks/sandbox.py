# SPDX-License-Identifier: GPL-2.0-or-later
"""The speed of the sandbox: ``python -m benchmarks.sandbox [--images 100000]``.

Usual clients of one sandbox, all on this machine, over TLS. A row is a database row that a call
writes, or an object that it returns. README.md has the tables that this prints.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import omero
import omero.all
import omero.model as m
import psutil
from omero.rtypes import rdouble, rint, rlong, rstring
from omero.sys import ParametersI

from omero_sandbox import manage

BATCH = 1000
CLIENTS = 8
#: An image of :func:`image`: Image, Pixels, Channel, LogicalChannel, link to a tag, Roi, Rectangle.
ROWS = 7
#: What _WITH_PIXELS returns for one: Image, Pixels, Channel, LogicalChannel, link (the tag is one).
IMAGE_ROWS = 5
_ALL = "select i.id from Image i order by i.id"
_WITH_PIXELS = (
    "select distinct i from Image i join fetch i.pixels p join fetch p.channels c"
    " join fetch c.logicalChannel join fetch i.annotationLinks l join fetch l.child"
    " where i.id in (:ids)"
)
_ROIS = "select distinct r from Roi r join fetch r.shapes where r.image.id in (:ids)"


def image(number: int, tag: Any) -> Any:
    """Return an image with all objects linked to it, to save in one call."""
    new = m.ImageI()
    new.name = rstring(f"image {number}")
    pixels, channel, rectangle, roi = m.PixelsI(), m.ChannelI(), m.RectangleI(), m.RoiI()
    for size in ("sizeX", "sizeY", "sizeZ", "sizeC", "sizeT"):
        setattr(pixels, size, rint(1))
    pixels.sha1 = rstring("Pending...")
    pixels.dimensionOrder, pixels.pixelsType = m.DimensionOrderI(), m.PixelsTypeI()
    pixels.dimensionOrder.value, pixels.pixelsType.value = rstring("XYCZT"), rstring("uint8")
    channel.logicalChannel = m.LogicalChannelI()
    channel.logicalChannel.name = rstring("DAPI")
    pixels.addChannel(channel)
    new.addPixels(pixels)
    new.linkAnnotation(tag)
    for field in ("x", "y", "width", "height"):
        setattr(rectangle, field, rdouble(number))
    roi.addShape(rectangle)
    new.addRoi(roi)
    return new


def busy(process: psutil.Process) -> float:
    """Return the CPU seconds of a process."""
    times = process.cpu_times()
    return float(times.user + times.system)


class Measured:
    """Rows, seconds, and CPU seconds of the server and the client."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self.rows, self.seconds, self.served, self.asked = 0, 0.0, 0.0, 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure a block."""
        started, served, asked = time.perf_counter(), busy(self._server), time.process_time()
        yield
        self.seconds += time.perf_counter() - started
        self.served += busy(self._server) - served
        self.asked += time.process_time() - asked

    def line(self, what: str) -> str:
        """Return a row of the table."""
        speeds = (self.rows / time for time in (self.seconds, self.served, self.asked))
        return f"| {what} | {self.rows:,} | {' | '.join(f'{speed:,.0f}' for speed in speeds)} |"


def start_up(times: int = 5) -> str:
    """Measure the start of a server until it accepts logins, with Python's compiled files."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found, served = [], []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            with manage.running(Path(folder)) as sandbox:
                found.append(time.perf_counter() - started)
                served.append(busy(psutil.Process(sandbox.pid)))
    shown = f"{min(found):.2f} s, best of {times}; {min(served):.2f} s of CPU"
    return f"| start, with a new database | {shown} |"


def latency(what: str, call: Callable[[], Any], times: int = 500) -> str:
    """Measure a call at an idle server."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    return f"| {what} | {statistics.median(found):.1f} ms, median of {times} |"


def memory(server: psutil.Process) -> str:
    """Return the peak memory of the server."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return f"{int(line.split()[1]) // 1024} MB"


def tagged(update: Any) -> Any:
    """Save a tag and return a reference to it."""
    tag = m.TagAnnotationI()
    tag.textValue = rstring("tag")
    return m.TagAnnotationI(update.saveAndReturnObject(tag).id.val, False)


def fill(
    update: Any, save: Callable[[list[Any]], list[Any]], images: int, measured: Measured
) -> Measured:
    """Save images with all objects linked to them, a thousand a call."""
    tag = tagged(update)
    for start in range(0, images, BATCH):
        batch = [image(number, tag) for number in range(start, min(start + BATCH, images))]
        with measured.running():
            save(batch)
        measured.rows += ROWS * len(batch)
    return measured


def ids(query: Any, images: int, measured: Measured) -> list[int]:
    """Read the ids of all images in one projection."""
    with measured.running():
        rows = query.projection(_ALL, None)
    measured.rows += len(rows)
    assert len(rows) >= images
    return [row[0].val for row in rows]


def read(
    query: Any, found: list[int], hql: str, count: Callable[[Any], int], measured: Measured
) -> Measured:
    """Read objects of the images, a thousand images a call."""
    for start in range(0, len(found), BATCH):
        parameters = ParametersI().addIds(found[start : start + BATCH])
        with measured.running():
            objects = query.findAllByQuery(hql, parameters)
        measured.rows += sum(map(count, objects))
    return measured


def one_of_many(host: str, port: int, images: int, ready: Any) -> tuple[int, float]:
    """Save and read images as one of several clients; return rows and CPU seconds."""
    client = omero.client(host, port)
    try:
        session = client.createSession("root", "omero")
        update, query = session.getUpdateService(), session.getQueryService()
        tag = tagged(update)
        ready.wait()
        started, rows = time.process_time(), 0
        for _ in range(images // BATCH):
            saved = update.saveAndReturnIds([image(number, tag) for number in range(BATCH)])
            parameters = ParametersI().addIds(saved)
            rows += ROWS * BATCH + IMAGE_ROWS * len(query.findAllByQuery(_WITH_PIXELS, parameters))
        return rows, time.process_time() - started
    finally:
        client.closeSession()


def many(host: str, port: int, images: int, measured: Measured) -> Measured:
    """Save and read images with several clients at once, each in its own process."""
    with (
        multiprocessing.Manager() as manager,
        ProcessPoolExecutor(CLIENTS, multiprocessing.get_context("spawn")) as pool,
    ):
        ready = manager.Barrier(CLIENTS + 1)
        running = [pool.submit(one_of_many, host, port, images, ready) for _ in range(CLIENTS)]
        ready.wait()
        with measured.running():
            results = [future.result() for future in running]
    measured.rows = sum(rows for rows, _ in results)
    measured.asked = sum(seconds for _, seconds in results)
    return measured


def rates(session: Any, sandbox: manage.Sandbox, server: psutil.Process, images: int) -> None:
    """Print the table of rows a second."""
    update, query = session.getUpdateService(), session.getQueryService()
    some = max(BATCH, images // 10)

    def new() -> Measured:
        return Measured(server)

    print("| what | rows | by the clock | of the server's CPU | of the clients' CPU |")
    print("|---|---|---|---|---|")
    measured = fill(update, update.saveAndReturnIds, images, new())
    print(measured.line("IUpdate.saveAndReturnIds"), flush=True)
    measured = fill(update, update.saveAndReturnArray, some, new())
    print(measured.line("IUpdate.saveAndReturnArray"), flush=True)
    measured = new()
    found = ids(query, images, measured)
    print(measured.line("IQuery.projection: all ids in one call"), flush=True)
    measured = read(query, found, _WITH_PIXELS, lambda _: IMAGE_ROWS, new())
    print(measured.line("IQuery.findAllByQuery: images, pixels, channels, tags"), flush=True)
    measured = read(query, found, _ROIS, lambda roi: 1 + roi.sizeOfShapes(), new())
    print(measured.line("IQuery.findAllByQuery: ROIs with shapes"), flush=True)
    measured = many(sandbox.host, sandbox.port, some // 4 // BATCH * BATCH or BATCH, new())
    print(measured.line(f"{CLIENTS} clients at once: save, and read again"), flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    images = parser.parse_args().images
    startup = start_up()
    with tempfile.TemporaryDirectory() as folder, manage.running(Path(folder)) as sandbox:
        client = omero.client(sandbox.host, sandbox.port)
        try:
            session = client.createSession("root", "omero")
            server = psutil.Process(sandbox.pid)
            rates(session, sandbox, server, images)
            admin, query = session.getAdminService(), session.getQueryService()
            count, few = "select count(s) from Shape s where s.x < :x", ParametersI()
            few.add("x", rlong(1000))
            print("\n| what | how much |\n|---|---|")
            print(startup)
            print(latency("IAdmin.getEventContext", admin.getEventContext))
            print(latency("IQuery.get of a group", lambda: query.get("ExperimenterGroup", 0)))
            print(latency("count over all shapes", lambda: query.projection(count, few), 5))
            print(f"| most memory that the server had | {memory(server)} |")
        finally:
            client.closeSession()


if __name__ == "__main__":
    main()
