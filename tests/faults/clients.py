# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of graphxfer, each in a process of its own that can be killed at any moment.

A program: it imports all, and forks a process that reads jobs from a Unix socket, each with a pipe
for the outcome, and answers with its id. A pipe that ends without an outcome: it was killed. Then
the program forks the next. So only a run that follows a kill pays for a new process.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED = "killed"
DONE = "done"


@dataclass
class Run:
    """A run of graphxfer in a process.

    Parameters
    ----------
    process : int
        The process.
    answer : int
        Descriptor that its outcome is read from.
    """

    process: int
    answer: int

    def ended(self, seconds: float) -> bool:
        """Wait; return whether it has ended."""
        return bool(select.select([self.answer], [], [], seconds)[0])

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)

    def outcome(self) -> str:
        """Wait until it has ended; return ``done``, ``killed``, or why it failed."""
        with os.fdopen(self.answer) as stream:
            return stream.read() or KILLED


class Clients:
    """The program, as the process that uses it sees it."""

    def __init__(self, jobs: socket.socket) -> None:
        self._jobs = jobs

    def start(self, command: str, bundle: Path, server: str, password: str, session: str) -> Run:
        """Start a run.

        Parameters
        ----------
        command : str
            ``apply``, ``undo``, ``verify`` …: see :func:`_done`.
        bundle : Path
            Folder of the bundle.
        server : str
            The server, as on the command line.
        password : str
            To log in with, if it joins no session.
        session : str
            Key of a session to join; empty for none.
        """
        read, write = os.pipe()
        job = json.dumps([command, str(bundle), server, password, session]).encode()
        socket.send_fds(self._jobs, [job], [write])
        os.close(write)
        return Run(int(self._jobs.recv(32)), read)


@contextmanager
def clients() -> Iterator[Clients]:
    """Have the program for the length of a block."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, its:
        command = [sys.executable, "-m", "tests.faults.clients", str(its.fileno())]
        with subprocess.Popen(command, pass_fds=[its.fileno()]):
            its.close()
            try:
                yield Clients(mine)
            finally:
                mine.close()  # the program ends


# -- in the program ---------------------------------------------------------------------------


def _done(command: str, bundle: Path, server: Any) -> str:
    """Run a command; return what it came to."""
    from graphxfer.apply import apply
    from graphxfer.bundle import Bundle
    from graphxfer.export import export
    from graphxfer.fetch import fetch
    from graphxfer.undo import undo
    from graphxfer.verify import verify

    match command:
        case "apply":
            apply(Bundle(bundle), server)
        case "undo":
            undo(Bundle(bundle), server)
        case "verify":
            return "; ".join(map(str, verify(Bundle(bundle), server))) or DONE
        case "export":
            export(server, {"Project": projects(server)}, bundle)
        case "fetch":
            return "; ".join(map(str, fetch(Bundle(bundle), server).problems)) or DONE
    return DONE


def projects(server: Any) -> list[int]:
    """Return the ids of all projects in the group of a connection."""
    hql = "select p.id from Project p where p.details.group.id = :group"
    return [row[0] for row in server.rows(hql, group=server.group_id)]


def _run(command: str, bundle: str, uri: str, password: str, session: str) -> str:
    from graphxfer.omero.connect import connect, profile

    place = dataclasses.replace(profile(uri), session=session)
    try:
        with connect(place, own_session=True, password=None if session else password) as server:
            return _done(command, Path(bundle), server)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"


def main(descriptor: int) -> None:
    """Have a process that runs jobs, and another when it was killed."""
    for name in ("apply", "undo", "verify", "export", "fetch", "omero.connect"):
        __import__(f"graphxfer.{name}")
    gc.freeze()
    jobs = socket.socket(fileno=descriptor)
    killed = True
    while killed:
        child = os.fork()
        if child == 0:
            _work(jobs)
            os._exit(os.EX_OK)
        killed = os.waitpid(child, 0)[1] != os.EX_OK


def _work(jobs: socket.socket) -> None:
    """Run jobs until there are none any more."""
    while True:
        job, descriptors, _, _ = socket.recv_fds(jobs, 10_000, 1)
        if not job:
            return
        (answer,) = descriptors
        jobs.send(str(os.getpid()).encode())
        outcome = _run(*json.loads(job))
        os.write(answer, outcome.encode())
        os.close(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
