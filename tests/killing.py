# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of apply that die (SIGKILL) after a chosen call: each in a process forked for it.

A program of its own, so that what it forks has no Ice threads: it imports all, reads jobs from its
standard input, a line each (bundle, server, password, number of the last call; 0 to live), and
writes a line with the outcome: ``killed``, ``done N`` (after N calls) or ``failed: why``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from graphxfer.apply import apply
from graphxfer.bundle import Bundle
from graphxfer.omero.connect import connect, profile
from graphxfer.omero.server import Server


def _die_after(last: int) -> None:
    """Have the process killed when the call of that number has returned."""
    call = Server.call
    made = 0

    def counted(self: Server, *arguments: Any) -> Any:
        nonlocal made
        result = call(self, *arguments)
        made += 1
        if made == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Server.call = counted  # type: ignore[method-assign, assignment]


def _run(job: dict[str, Any], tell: int) -> None:
    _die_after(job["last"])
    try:
        with connect(profile(job["server"]), own_session=True, password=job["password"]) as server:
            apply(Bundle(Path(job["bundle"])), server)
            told = f"done {server.calls}"
    except Exception as error:
        told = f"failed: {type(error).__name__}: {error}"
    os.write(tell, told.encode())
    os._exit(0)


def main() -> None:
    """Run the jobs, one after the other."""
    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            _run(json.loads(line), write)
        os.close(write)
        with os.fdopen(read) as answer:
            told = answer.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else told.replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
