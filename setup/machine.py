"""Run commands, install Debian packages, find the cache folder, lock files."""

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
    """A failure with a message for the person at the terminal."""


def say(message: str) -> None:
    """Print one short line for the user."""
    print(f"setup: {message}", file=sys.stderr, flush=True)


def run(*command: StrPath, env: Mapping[str, str] | None = None) -> None:
    """Run a command; show its output only if it fails.

    Parameters
    ----------
    *command
        The program and its arguments.
    env
        Variables to add to the current environment.

    Raises
    ------
    SetupError
        If the program is missing or its exit code is not 0.
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
    """Return the user's cache folder of graphxfer, by the XDG specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "graphxfer"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file until the block ends; the system unlocks it if this run is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_if_permitted(program: str, purpose: str) -> None:
    """Install an optional program, if this user may; else print how to."""
    if shutil.which(program):
        return
    try:
        install_debian_packages([program], purpose)
    except SetupError as error:
        say(f"continuing without {program}: {error}")


def install_debian_packages(packages: Sequence[str], purpose: str) -> None:
    """Install Debian packages, if this user may; else name them.

    Parameters
    ----------
    packages
        Names of the packages; may be empty.
    purpose
        What they are for: "to compile Ice".

    Raises
    ------
    SetupError
        If this user may not install them.
    """
    if not packages:
        return
    names = " ".join(packages)
    as_root = _root_prefix()
    if as_root is None:
        raise SetupError(
            f"the Debian packages {names} (or the like) are needed {purpose}\n"
            f"Install them, then run this again:  apt-get install {names}"
        )
    say(f"installing Debian packages {names} {purpose}")
    apt_get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    run(*apt_get, "update")
    run(*apt_get, "install", "--yes", "--no-install-recommends", *packages)


def _root_prefix() -> list[str] | None:
    """Return the command prefix to run apt-get as root; None if that is not possible."""
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
    """Run a script's `main`, and return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except (SetupError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted: run it again to resume")
        return 130
    return 0
