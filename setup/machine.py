"""What the set-up asks of the machine: commands, Debian packages, a cache folder, a lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

StrPath = str | Path


class SetupError(Exception):
    """A failure told in words for the person at the terminal."""


def say(message: str) -> None:
    """Tell the user what happens, in one short line."""
    print(f"setup: {message}", file=sys.stderr, flush=True)


def run(*command: StrPath, env: Mapping[str, str] | None = None) -> None:
    """Run a command in silence; what it printed is shown only when it fails.

    Parameters
    ----------
    *command
        The program and its arguments.
    env
        Variables to set on top of the present environment.

    Raises
    ------
    SetupError
        When the program is missing or its exit code is not 0.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError as error:
        raise SetupError(f"{words[0]} was not found") from error
    if done.returncode:
        raise SetupError(f"{done.stdout.strip()}\n`{' '.join(words)}` failed: its output is above")


def cache_folder() -> Path:
    """Return the user's cache folder of graphxfer, as the XDG specification has it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "graphxfer"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file against other runs; the system frees it however this run ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is setting up: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_if_permitted(program: str, purpose: str) -> None:
    """Install a program that all goes without, where that is permitted; else only name it."""
    if shutil.which(program):
        return
    try:
        install_debian_packages([program], purpose)
    except SetupError as error:
        say(f"going on without {program}. {error}")


def install_debian_packages(packages: Sequence[str], purpose: str) -> None:
    """Install Debian packages where this user may, else name them.

    Parameters
    ----------
    packages
        Names of the packages; with none there is nothing to do.
    purpose
        What they are for, as in "to compile Ice".

    Raises
    ------
    SetupError
        When they cannot be installed from here.
    """
    if not packages:
        return
    names = " ".join(packages)
    as_root = _root_prefix()
    if as_root is None:
        raise SetupError(
            f"the Debian packages {names} (elsewhere: their like) are needed {purpose}\n"
            f"Have them installed, then run this again:  apt-get install {names}"
        )
    say(f"installing Debian packages {names} {purpose}")
    apt_get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    run(*apt_get, "update")
    run(*apt_get, "install", "--yes", "--no-install-recommends", *packages)


def _root_prefix() -> list[str] | None:
    """Return the words that let apt-get run as root; None where that is not possible."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    try:
        run("sudo", "-n", "true")
    except SetupError:
        return None
    return ["sudo", "-n"]


def exit_code(main: Callable[[], None]) -> int:
    """Run a script's `main` and turn the ways in which it can end into exit codes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except (SetupError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing half-made stays, run it again to go on")
        return 130
    return 0
