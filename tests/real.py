# SPDX-License-Identifier: GPL-2.0-or-later
"""Hold the tests against real OMERO servers: ``make test-real``.

Those of compose.yaml are started with Docker and given an account each, new in every run; or the
environment names others (see places.py). Arguments go to pytest. Tests that need a folder or the
process of a sandbox are skipped, or start one of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import Ice
import omero

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
    codes = []
    for folder in (ROOT, ROOT / "sandbox"):
        print(f"\ntests of {folder.name}:", flush=True)
        command = [sys.executable, "-m", "pytest", "-m", "server", "-v", *sys.argv[1:]]
        codes.append(subprocess.run(command, cwd=folder, check=False).returncode)
    return max(codes)


def start() -> None:
    """Start the servers of compose.yaml, and name them to the tests."""
    try:
        compose = ["docker", "compose", "up", "-d"]
        subprocess.run(compose, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"make test-real: {error}\n  → it needs Docker, or servers: docs/sandbox.md")
    person, group = (f"{word}-{time.time():.0f}" for word in ("tester", "tests"))
    for name, host in SERVERS.items():
        wait(host)
        create_account(host, PORT, person, group, password=ROOT_PASSWORD)
        os.environ[f"GRAPHXFER_TEST_{name}"] = f"omero://{person}@{host}:{PORT}/{group}"
    os.environ["GRAPHXFER_TEST_SOURCE_PASSWORD"] = PASSWORD
    os.environ["GRAPHXFER_TEST_SERVER"] = f"omero://root@{SERVERS['SOURCE']}:{PORT}"
    os.environ["GRAPHXFER_TEST_SERVER_PASSWORD"] = ROOT_PASSWORD


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
