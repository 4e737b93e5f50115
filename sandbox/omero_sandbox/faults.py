# SPDX-License-Identifier: GPL-2.0-or-later
"""Latency and faults on request, and a record of every call, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import omero
import omero.all

from omero_sandbox.errors import fail

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds(text: str) -> float:
    """Return a duration such as ``20ms`` in seconds.

    >>> seconds("20ms")
    0.02
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s)", text)
    if not match:
        raise ValueError(f"not a duration: {text!r} (write 20ms, 1.5s ...)")
    return float(match[1]) * _UNITS[match[2]]


@dataclass
class Fault:
    """One fault: ``drop``, ``error`` or ``kill`` at the n-th call, ``full`` after n bytes.

    Or a disk that is ``slow``, of n bytes a second.
    """

    kind: str
    at: int
    operation: str = ""
    seen: int = 0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read ``kill@7``, ``drop@2:IUpdate.saveAndReturnArray``, ``full@1000000`` ..."""
        match = re.fullmatch(r"(drop|error|kill)@([1-9]\d*)(?::(\w+\.\w+))?", text)
        match = match or re.fullmatch(r"(full|slow)@([1-9]\d*)()", text)
        if not match:
            raise ValueError(
                f"not a fault: {text!r} (drop|error|kill@N[:Service.operation], full@BYTES,"
                " slow@BYTES; N and BYTES from 1)"
            )
        return cls(match[1], int(match[2]), match[3] or "")

    def strikes(self, operation: str) -> bool:
        """Count a call and tell whether it is the one."""
        if self.operation not in ("", operation):
            return False
        self.seen += 1
        return self.seen == self.at


@dataclass
class Faults:
    """All faults of a server.

    Attributes
    ----------
    latency : float
        Seconds that every call waits before it is carried out.
    faults : list[Fault]
        The faults.
    hold : Path, optional
        A folder whose files name operations to hold: see :meth:`held`.
    """

    latency: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    hold: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, operation: str) -> set[str]:
        """Wait for the latency, count a call, and return the kinds of faults that are due."""
        if self.latency:
            time.sleep(self.latency)
        with self._lock:
            return {f.kind for f in self.faults if f.strikes(operation)}

    def held(self, operation: str) -> None:
        """Wait with a call that was admitted, as one that takes long: if a file asks for that.

        It is named as the operation, and holds one call. It is then renamed to ``….held``, and the
        call is carried out when it is gone, also if its session or its client has ended before.
        """
        if self.hold is None:
            return
        asked = self.hold / operation.rpartition(".")[2]
        held = asked.with_suffix(".held")
        try:
            asked.rename(held)
        except FileNotFoundError:
            return
        while held.exists():
            time.sleep(0.005)

    def instead(self, operation: str, due: set[str]) -> None:
        """Fail when an ``error`` is due, before anything is done."""
        if "error" in due:
            raise fail(omero.InternalException, f"{operation}: an error was requested (--fault)")

    def after(self, due: set[str], connection: Any) -> None:
        """Kill the server or drop the connection when that is due: the call gets no answer."""
        if "kill" in due:
            os.kill(os.getpid(), signal.SIGKILL)
        if "drop" in due:
            connection.close(True)

    def room(self, used: int, more: int) -> None:
        """Fail as a full disk does when ``used + more`` bytes exceed the ``full`` limit.

        Raises
        ------
        omero.ResourceError
            As ome.services.RawFileBean.write turns an IOException into.
        """
        for fault in self.faults:
            if fault.kind == "full" and used + more > fault.at:
                raise fail(omero.ResourceError, "No space left on device")
        self.disk(more)

    def disk(self, amount: int) -> None:
        """Take the time that a slow disk takes to read or write some bytes."""
        for fault in self.faults:
            if fault.kind == "slow":
                time.sleep(amount / fault.at)


@dataclass
class Entry:
    """The result of a call, for its record."""

    result: Any = None


class Recorder:
    """Writes a JSON line for every call: when, who, what, milliseconds, bytes, query, error.

    Parameters
    ----------
    path : Path, optional
        The file to append to, or None to record nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8") if path else None
        self._lock = threading.Lock()

    @contextmanager
    def record(self, operation: str, arguments: Sequence[Any], user: str | None) -> Iterator[Entry]:
        """Note one call: its duration, how it ended, and the bytes and query it carried."""
        entry, error, start = Entry(), "", time.perf_counter()
        try:
            yield entry
        except BaseException as problem:
            error = type(problem).__name__
            raise
        finally:
            if self._file is not None:
                took = time.perf_counter() - start
                line = {
                    "time": round(time.time() - took, 3),
                    "user": user,
                    "operation": operation,
                    "ms": round(took * 1000, 3),
                }
                self._write(line, arguments, entry.result, error)

    def _write(
        self, line: dict[str, Any], arguments: Sequence[Any], result: Any, error: str
    ) -> None:
        operation = line["operation"]
        line["bytes"] = sum(len(x) for x in (*arguments, result) if isinstance(x, bytes))
        if operation in ("IQuery.findAllByQuery", "IQuery.findByQuery", "IQuery.projection"):
            line["hql"] = arguments[0]
        if error:
            line["error"] = error
        with self._lock:
            assert self._file is not None  # noqa: S101
            self._file.write(json.dumps(line) + "\n")
