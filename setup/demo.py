# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo`: move a project between two sandboxes; print every command and its output.

It only runs commands, as a person would.
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
    """A step of the demo that failed."""


def main() -> None:
    """Run the demo in ``demo/`` of the current folder, and keep the bundle."""
    os.environ.setdefault("OMERO_PASSWORD", "researcher")  # of the sandboxes' user only
    if FOLDER.exists() and not SERVERS.exists():
        raise Failure(f"{FOLDER.absolute()} exists and is not from an earlier demo: move it away")
    _stop()
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        _servers()
        _transfer()
    finally:
        _stop()
    print(f"\nThe bundle is in {BUNDLE}; the graph is {BUNDLE}/graph.jsonld.")


def _servers() -> None:
    print("Start two OMERO servers, one of them with data:")
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
    print("\nExport a project as a graph, and look at it:")
    # Rendering settings are not covered: reported, and exit code 4 without --partial-ok.
    _run("export", source, "Project:1", "--to", str(BUNDLE), "--partial-ok", *config)
    _run("summary", str(BUNDLE))
    print("\nCopy the files; each is checked:")
    _run("fetch", str(BUNDLE), "--from", repository)
    print("\nPlan the transfer, apply it, and verify the result:")
    _run("plan", str(BUNDLE), destination, *config)
    _run("apply", str(BUNDLE), destination, "--map", f"{FOLDER}/map.csv", *config)
    _run("verify", str(BUNDLE), destination, *config)
    print("\nApply it again: there is nothing to do.")
    _run("apply", str(BUNDLE), destination, *config)


def _run(*words: str) -> None:
    print(f"\n$ graphxfer {shlex.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "graphxfer", *words], check=False).returncode
    if code:
        raise Failure(f"graphxfer {words[0]} ended with exit code {code}")


def _output(*words: str) -> str:
    command = [sys.executable, "-m", "graphxfer", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _stop() -> None:
    """Stop the servers of this demo, or of an earlier one that was interrupted."""
    for name in NAMES:
        command = [sys.executable, "-m", "graphxfer", "sandbox", "stop", name]
        subprocess.run(command, check=False, capture_output=True)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"demo: {failure}")
