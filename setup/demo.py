# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo`: a project moves between two sandboxes; every command is shown, and what came of it.

It only types commands, as a person would: nothing here knows graphxfer from within.
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
    """A step of the demo that did not end as it should."""


def main() -> None:
    """Run the demo in ``demo/`` of the current folder, which keeps its bundle."""
    os.environ.setdefault("OMERO_PASSWORD", "researcher")  # the sandboxes' user; none else's
    if FOLDER.exists() and not SERVERS.exists():
        raise Failure(f"{FOLDER.absolute()} is there, and not of an earlier demo: move it away")
    _stop()
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        _servers()
        _transfer()
    finally:
        _stop()
    print(f"\nThe bundle is yours to look at: {BUNDLE}/graph.jsonld is the graph.")


def _servers() -> None:
    print("Two OMERO servers of our own, one with data:")
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
    print("\nWhat is to move becomes a graph, and can be looked at:")
    # The import makes rendering settings, which are not moved: left out, told, and meant.
    _run("export", source, "Project:1", "--to", str(BUNDLE), "--partial-ok", *config)
    _run("summary", str(BUNDLE))
    print("\nThe files come over, and each is checked:")
    _run("fetch", str(BUNDLE), "--from", repository)
    print("\nWhat would happen, what happens, and the proof:")
    _run("plan", str(BUNDLE), destination, *config)
    _run("apply", str(BUNDLE), destination, "--map", f"{FOLDER}/map.csv", *config)
    _run("verify", str(BUNDLE), destination, *config)
    print("\nDone once is done: again, it does nothing.")
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
    """Stop the demo's servers, where an earlier demo or this one left them running."""
    for name in NAMES:
        command = [sys.executable, "-m", "graphxfer", "sandbox", "stop", name]
        subprocess.run(command, check=False, capture_output=True)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"demo: {failure}")
