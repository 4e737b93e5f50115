# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo`: move a project between two sandboxes, and show each command with its output.

It only runs commands, like a person: it imports nothing of graphxfer.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path("demo")
SERVERS = FOLDER / "servers.toml"
BUNDLE = FOLDER / "bundle"
NAMES = ("demo-source", "demo-destination")
PROFILE = """[servers.{name}]
host = "{host}"
port = {port}
user = "researcher"
group = "Imaging"
base = "https://{name}.example/"

"""


class Failure(Exception):
    """A step of the demo failed."""


def main() -> None:
    """Run the demo in ``demo/`` of the current folder; the bundle stays there."""
    os.environ.setdefault("OMERO_PASSWORD", "researcher")  # the user of the sandboxes
    if FOLDER.exists() and not SERVERS.exists():
        raise Failure(f"{FOLDER.absolute()} exists, and is not from an earlier demo: rename it")
    _stop()
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        _servers()
        _transfer()
    finally:
        _stop()
    print(f"\nThe bundle stays in {BUNDLE}; its graph is {BUNDLE}/graph.jsonld.")


def _servers() -> None:
    print("Start two local OMERO servers, one with data:")
    for name in NAMES:
        _run("sandbox", "start", name, "--dir", str(FOLDER / name.removeprefix("demo-")))
    _run("sandbox", "seed", NAMES[0])
    _run("sandbox", "seed", NAMES[1], "--account")
    known = json.loads(_output("sandbox", "list", "--json"))
    SERVERS.write_text("".join(PROFILE.format(**known[name]) for name in NAMES))


def _transfer() -> None:
    source, destination = NAMES
    config = ("--config", str(SERVERS))
    repository = f"{FOLDER}/source/ManagedRepository"
    print("\nExport a project as a graph, and inspect it:")
    # The imports created rendering settings, which are not covered: --partial-ok accepts that.
    _run("export", source, "Project:1", "--to", str(BUNDLE), "--partial-ok", *config)
    _run("summary", str(BUNDLE))
    print("\nFetch the files, and check each one:")
    _run("fetch", str(BUNDLE), "--from", repository)
    print("\nPlan, apply and verify:")
    _run("plan", str(BUNDLE), destination, *config)
    _run("apply", str(BUNDLE), destination, "--map", f"{FOLDER}/map.csv", *config)
    _run("verify", str(BUNDLE), destination, *config)
    print("\nApply again: everything is up to date.")
    _run("apply", str(BUNDLE), destination, *config)


def _run(*words: str) -> None:
    print(f"\n$ graphxfer {shlex.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "graphxfer", *words], check=False).returncode
    if code:
        raise Failure(f"graphxfer {words[0]} failed with exit code {code}")


def _output(*words: str) -> str:
    command = [sys.executable, "-m", "graphxfer", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _stop() -> None:
    """Stop the demo's servers, if this demo or an earlier one left them running."""
    for name in NAMES:
        command = [sys.executable, "-m", "graphxfer", "sandbox", "stop", name]
        subprocess.run(command, check=False, capture_output=True)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"demo: {failure}")
