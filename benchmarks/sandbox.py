# SPDX-License-Identifier: GPL-2.0-or-later
"""The sandbox's own speed: ``python -m benchmarks.sandbox [--images 100000]``.

One ordinary client of one sandbox, both on this machine, over TLS. A row is a database row that a
call writes, or an object that it answers with. The table that this prints is in README.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import omero
import omero.all
import omero.model as m
import psutil
from omero.rtypes import rdouble, rint, rlong, rstring
from omero.sys import ParametersI

from graphxfer.sandbox import manage

BATCH = 1000
#: An image of :func:`image`: Image, Pixels, Channel, LogicalChannel, link to a tag, Roi, Rectangle.
ROWS = 7
_ALL = "select i.id from Image i order by i.id"
_WITH_PIXELS = (
    "select distinct i from Image i join fetch i.pixels p join fetch p.channels c"
    " join fetch c.logicalChannel join fetch i.annotationLinks l join fetch l.child"
    " where i.id in (:ids)"
)
_ROIS = "select distinct r from Roi r join fetch r.shapes where r.image.id in (:ids)"


def image(number: int, tag: Any) -> Any:
    """Return an image with all that hangs on it, to be saved in one call."""
    made = m.ImageI()
    made.name = rstring(f"image {number}")
    pixels, channel, rectangle, roi = m.PixelsI(), m.ChannelI(), m.RectangleI(), m.RoiI()
    for size in ("sizeX", "sizeY", "sizeZ", "sizeC", "sizeT"):
        setattr(pixels, size, rint(1))
    pixels.sha1 = rstring("Pending...")
    pixels.dimensionOrder, pixels.pixelsType = m.DimensionOrderI(), m.PixelsTypeI()
    pixels.dimensionOrder.value, pixels.pixelsType.value = rstring("XYCZT"), rstring("uint8")
    channel.logicalChannel = m.LogicalChannelI()
    channel.logicalChannel.name = rstring("DAPI")
    pixels.addChannel(channel)
    made.addPixels(pixels)
    made.linkAnnotation(tag)
    for field in ("x", "y", "width", "height"):
        setattr(rectangle, field, rdouble(number))
    roi.addShape(rectangle)
    made.addRoi(roi)
    return made


class Measured:
    """Rows, seconds, and the server's share of them."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self.rows, self.seconds, self.busy = 0, 0.0, 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure a block."""
        started, busy = time.perf_counter(), self._busy()
        yield
        self.seconds += time.perf_counter() - started
        self.busy += self._busy() - busy

    def _busy(self) -> float:
        times = self._server.cpu_times()
        return float(times.user + times.system)

    def line(self, what: str) -> str:
        """Return a row of the table."""
        speed, alone = self.rows / self.seconds, self.rows / self.busy
        return f"| {what} | {self.rows:,} rows | {speed:,.0f} rows/s | {alone:,.0f} rows/s |"


def start_up(times: int = 5) -> str:
    """Time from nothing to a server that takes logins."""
    found = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            with manage.running(Path(folder)):
                found.append(time.perf_counter() - started)
    return f"| start, with a new database | {min(found):.2f} s best of {times} | | |"


def latency(what: str, call: Callable[[], Any], times: int = 500) -> str:
    """Time of a call on a server that has nothing else to do."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    return f"| {what} | {statistics.median(found):.1f} ms median of {times} | | |"


def memory(server: psutil.Process) -> str:
    """Return the most memory that the server ever had."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return f"{int(line.split()[1]) // 1024} MB"


def fill(client: Any, server: psutil.Process, images: int) -> Measured:
    """Save images with all that hangs on them, a thousand a call."""
    update, measured = client.sf.getUpdateService(), Measured(server)
    tag = m.TagAnnotationI()
    tag.textValue = rstring("tag")
    tag = m.TagAnnotationI(update.saveAndReturnObject(tag).id.val, False)
    for start in range(0, images, BATCH):
        batch = [image(number, tag) for number in range(start, min(start + BATCH, images))]
        with measured.running():
            update.saveAndReturnIds(batch)
        measured.rows += ROWS * len(batch)
    return measured


def ids(client: Any, images: int, measured: Measured) -> list[int]:
    """Read the ids of all images in one projection."""
    with measured.running():
        rows = client.sf.getQueryService().projection(_ALL, None)
    measured.rows += len(rows)
    assert len(rows) == images
    return [row[0].val for row in rows]


def read(
    client: Any, found: list[int], hql: str, count: Callable[[Any], int], measured: Measured
) -> None:
    """Read what belongs to the images, a thousand a call."""
    query = client.sf.getQueryService()
    for start in range(0, len(found), BATCH):
        parameters = ParametersI().addIds(found[start : start + BATCH])
        with measured.running():
            objects = query.findAllByQuery(hql, parameters)
        measured.rows += sum(map(count, objects))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    images = parser.parse_args().images
    print("| what | how much | speed | of the server's own time |")
    print("|---|---|---|---|")
    print(start_up())
    with tempfile.TemporaryDirectory() as folder, manage.running(Path(folder)) as sandbox:
        client = omero.client(sandbox.host, sandbox.port)
        try:
            session = client.createSession("root", "omero")
            server = psutil.Process(sandbox.pid)
            admin, query = session.getAdminService(), session.getQueryService()
            print(latency("IAdmin.getEventContext", admin.getEventContext))
            print(latency("IQuery.get of one group", lambda: query.get("ExperimenterGroup", 0)))
            print(fill(client, server, images).line(f"save {images:,} images and what they have"))
            measured = Measured(server)
            found = ids(client, images, measured)
            print(measured.line("read all ids in one projection"))
            measured = Measured(server)
            # Image, Pixels, Channel, LogicalChannel, link, and the tag once a call
            read(client, found, _WITH_PIXELS, lambda _: 5, measured)
            print(measured.line("read images with pixels, channels and tags"))
            measured = Measured(server)
            read(client, found, _ROIS, lambda roi: 1 + roi.sizeOfShapes(), measured)
            print(measured.line("read ROIs with shapes"))
            count = "select count(s) from Shape s where s.x < :x"
            few = ParametersI().add("x", rlong(1000))
            print(latency("count over all shapes", lambda: query.projection(count, few), 5))
            print(f"| most memory that the server had | {memory(server)} | | |")
        finally:
            client.closeSession()


if __name__ == "__main__":
    main()
