# SPDX-License-Identifier: GPL-2.0-or-later
"""Hold the tests against real OMERO servers: ``make test-real``.

Those of compose.yaml are started with Docker; or the environment names others (see places.py). Each
gets an account in a group of its own, new in every run, if the password of root is known (that of
other servers from ``GRAPHXFER_TEST_ROOT_PASSWORD``): what earlier runs left is then not in the way.
Arguments go to pytest (``-m server``: the slow tests as well). Tests that need a folder or the
process of a sandbox are skipped, or start one of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import Ice
import omero

from graphxfer.omero.connect import profile
from tests.places import PASSWORD, create_account

ROOT = Path(__file__).resolve().parents[1]
ROOT_PASSWORD = "omero"
SERVERS = {"SOURCE": "127.0.0.1", "DESTINATION": "127.0.0.2"}
"""The servers of compose.yaml: both at OMERO's own ports, which a server tells its clients."""
PORT = 4064
PATIENCE = 600
"""Seconds for a server to make its database and start."""


def main() -> int:
    """Run the tests of both distributions; return the worse of pytest's exit codes."""
    if not any(name.startswith("GRAPHXFER_TEST_") for name in os.environ):
        start()
    elif password := os.environ.get("GRAPHXFER_TEST_ROOT_PASSWORD"):
        profiles = (profile(os.environ[f"GRAPHXFER_TEST_{name}"]) for name in SERVERS)
        create_accounts([(each.host, each.port) for each in profiles], password)
    codes = []
    for folder in (ROOT, ROOT / "sandbox"):
        print(f"\ntests of {folder.name}:", flush=True)
        command = [sys.executable, "-m", "pytest", "-m", "server and not slow", "-v", *sys.argv[1:]]
        codes.append(subprocess.run(command, cwd=folder, check=False).returncode)
    return max(codes)


def start() -> None:
    """Start the servers of compose.yaml, and name them to the tests."""
    try:
        compose = ["docker", "compose", "up", "-d"]
        subprocess.run(compose, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"make test-real: {error}\n  → it needs Docker, or servers: docs/sandbox.md")
    for host in SERVERS.values():
        wait(host)
    create_accounts([(host, PORT) for host in SERVERS.values()], ROOT_PASSWORD)
    os.environ["GRAPHXFER_TEST_SERVER"] = f"omero://root@{SERVERS['SOURCE']}:{PORT}"
    os.environ["GRAPHXFER_TEST_SERVER_PASSWORD"] = ROOT_PASSWORD


def create_accounts(servers: Sequence[tuple[str, int]], password: str) -> None:
    """Create an account in a new group on each server, as root, and name it to the tests."""
    person, group = (f"{word}-{time.time():.0f}" for word in ("tester", "tests"))
    for name, (host, port) in zip(SERVERS, servers, strict=True):
        create_account(host, port, person, group, password=password)
        os.environ[f"GRAPHXFER_TEST_{name}"] = f"omero://{person}@{host}:{port}/{group}"
        os.environ[f"GRAPHXFER_TEST_{name}_PASSWORD"] = PASSWORD


def wait(host: str) -> None:
    """Wait until a server takes logins."""
    end = time.monotonic() + PATIENCE
    while True:
        client = omero.client(host, PORT)
        try:
            client.createSession("root", ROOT_PASSWORD)
        except Ice.Exception as error:
            if time.monotonic() > end:
                sys.exit(f"make test-real: {host} takes no logins: {type(error).__name__}")
            time.sleep(5)
        else:
            return
        finally:
            client.closeSession()


if __name__ == "__main__":
    sys.exit(main())
