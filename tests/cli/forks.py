# SPDX-License-Identifier: GPL-2.0-or-later
"""The `graphxfer` command in a process of its own, forked from one that has imported it.

A program: reads jobs from its standard input, one JSON line each, and answers each with a line of
its exit code, negative for a signal. Importing takes a second of the processor, which a file of
a hundred runs cannot spend; all else is as with ``python -m graphxfer``: a process of its own with
its own environment, folder, descriptors, session, limits, and an interpreter that is shut down.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
from typing import Any

import pyshacl
import typer
from pyld import jsonld

from graphxfer import apply, config, export, undo, verify
from graphxfer.cli import app
from graphxfer.graph import omexml

IMPORTED = apply, config, export, jsonld, omexml, pyshacl, undo, verify
"""What commands import when they need it."""
for _name in (*app.COMMANDS, "sandbox"):
    importlib.import_module(f"graphxfer.cli.{app.python_name(_name)}")
_first = typer.Typer()
_first.command()(lambda path: None)
_first([os.devnull], standalone_mode=False)  # typer imports much when it first reads an argument


def _become(job: dict[str, Any]) -> None:
    """Take over what the job says: this is the new process."""
    os.setsid()
    for descriptor, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, job["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    sys.argv = ["graphxfer", *job["arguments"]]
    if job["largest"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # write() fails then, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest"], job["largest"]))
    if job["user"] is not None:
        os.setgroups([])
        os.setgid(job["user"])
        os.setuid(job["user"])


def main() -> None:
    """Fork for each job; a child leaves the loop, becomes the command, and ends with it."""
    gc.freeze()  # so that a child does not touch, and copy, all that is imported
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            app.main()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
