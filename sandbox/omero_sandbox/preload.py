# SPDX-License-Identifier: GPL-2.0-or-later
"""Start servers from a process that has loaded all modules: for test suites that start many.

Loading Ice and OMERO's model, and making the parser of HQL, takes two seconds of the processor,
most of a start. Python's fork server does it once; each server is then a fork of it, and otherwise
the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path

from omero_sandbox import manage


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["omero_sandbox.loaded"])
    return context


class Forked:
    """A server's process, with what :class:`subprocess.Popen` has and `manage` needs.

    Parameters
    ----------
    process : ForkServerProcess
        The process, started.
    """

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it is running."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code; None while it is running."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return the exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            If it is still running after `timeout` seconds.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("omero-sandbox serve", timeout or 0)
        return self.returncode

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self._process.kill()


def spawn(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
    """Start a server as a fork; it ends with the process that called this.

    Parameters
    ----------
    words : sequence of str
        Arguments of ``omero-sandbox serve``.
    environment : mapping
        Its environment.
    log : Path
        The file that its output is appended to.
    """
    arguments = (list(words), dict(environment), log)
    process = _context().Process(target=_run, args=arguments, daemon=True)
    process.start()
    return Forked(process)


def _run(words: list[str], environment: dict[str, str], log: Path) -> None:
    """Become the server: all that a new process would have of its own."""
    # Not where tests run; and not in the fork server, which would hide an error of it.
    from omero_sandbox import loaded, serve  # noqa: F401

    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.setsid()
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    serve.main(words)


def _end_with(parent: BaseProcess) -> None:
    """End when the process that asked for the fork has: it is not the parent that getppid tells.

    The fork server waits for its forks, so that all of them would outlive a run that is killed.
    """
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def enable() -> None:
    """Have all sandboxes of this process started as forks."""
    manage.spawn = spawn
