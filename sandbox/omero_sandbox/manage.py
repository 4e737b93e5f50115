# SPDX-License-Identifier: GPL-2.0-or-later
"""Sandboxes as child processes: start, stop, list, and a context manager for tests.

A sandbox is a folder. The process that serves it locks the folder, and writes ``server.json``
(pid, ports, repository) when it is ready. Nothing here loads Ice.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import platformdirs

from omero_sandbox.folder import DEFAULT_PASSWORD, LOCK, PASSWORD, STATE

_LOG = "server.log"
_PATIENCE = 60.0
#: Exit code of argparse.
_USAGE = 2


class SandboxError(Exception):
    """A sandbox that cannot be started, stopped or found.

    Parameters
    ----------
    message : str
        What is wrong.
    is_usage : bool
        Whether an option has a wrong value.
    """

    def __init__(self, message: str, *, is_usage: bool = False) -> None:
        super().__init__(message)
        self.is_usage = is_usage


@dataclass(frozen=True)
class Address:
    """Where a running sandbox is.

    Attributes
    ----------
    name : str
        Its name; of an unnamed sandbox, the name of its folder.
    directory : Path
        Its folder.
    host : str
        The address it listens on.
    port, tcp : int
        The encrypted and the plain port.
    pid : int
        Its process.
    repository : Path
        The ManagedRepository folder.
    """

    name: str
    directory: Path
    host: str
    port: int
    tcp: int
    pid: int
    repository: Path

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {key: str(v) if isinstance(v, Path) else v for key, v in asdict(self).items()}


class Process(Protocol):
    """The process of a server, as :class:`subprocess.Popen` has it."""

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it is running."""

    def poll(self) -> int | None:
        """Return the exit code; None while it is running."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""

    def kill(self) -> None:
        """Kill it."""


def spawn(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start the process of a server; :mod:`omero_sandbox.preload` replaces this in test suites.

    Parameters
    ----------
    words : sequence of str
        Arguments of ``omero-sandbox serve``.
    environment : mapping
        Its environment.
    log : Path
        The file that its output is appended to.
    """
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "omero_sandbox.serve", *words],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
        )


class Sandbox:
    """A sandbox in a folder, as a child process that can be stopped, killed and restarted.

    Parameters
    ----------
    directory : Path
        Its folder; created if it does not exist.
    password : str
        Root's password when the folder is new.
    arguments : sequence of str
        Options of ``omero-sandbox serve``, such as ``--latency 20ms``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        password: str = DEFAULT_PASSWORD,
        arguments: Sequence[str] = (),
    ) -> None:
        self.directory, self.password = directory.absolute(), password
        self.arguments = list(arguments)
        self.process: Process | None = None
        self.address: Address | None = None

    @property
    def _running(self) -> Address:
        if self.address is None:
            raise SandboxError(f"{self.directory} is not running")
        return self.address

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._running.host

    @property
    def port(self) -> int:
        """The encrypted port."""
        return self._running.port

    @property
    def tcp(self) -> int:
        """The plain port."""
        return self._running.tcp

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running.pid

    @property
    def repository(self) -> Path:
        """The ManagedRepository folder."""
        return self._running.repository

    def start(self, *arguments: str) -> Address:
        """Start it and wait until it is ready; a restarted one keeps its ports.

        Parameters
        ----------
        *arguments : str
            Options for this start only.

        Returns
        -------
        Address
            Where it runs.

        Raises
        ------
        SandboxError
            When it is already running or does not start; with the end of its log.
        """
        if (running := address_of(self.directory)) is not None:
            raise SandboxError(
                f"{self.directory} is already being served, at {running.host}:{running.port}"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / STATE).unlink(missing_ok=True)
        ports: list[str] = []
        if self.address is not None:
            ports = ["--port", str(self.address.port), "--tcp", str(self.address.tcp)]
        log = self.directory / _LOG
        log.touch()
        before = log.stat().st_size
        words = [str(self.directory), *ports, *self.arguments, *arguments]
        self.process = spawn(words, {**os.environ, PASSWORD: self.password}, log)
        self.address = self._wait_until_ready(self.process, before)
        return self.address

    def _wait_until_ready(self, process: Process, before: int) -> Address:
        """Wait for its state file; on failure, report what was logged after byte ``before``."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            found = _read_state(self.directory)
            if found is not None:
                return found
            if process.poll() is not None:
                break
            time.sleep(0.02)
        process.kill()
        process.wait()
        log = (self.directory / _LOG).read_bytes()[before:].decode(errors="replace").strip()
        if process.returncode == _USAGE:
            raise SandboxError(log.rpartition("error: argument ")[2], is_usage=True)
        if "Traceback" not in log:
            log = log.rpartition("\n")[2]
        raise SandboxError(f"The sandbox in {self.directory} did not start: {log[-2000:]}")

    def stop(self) -> None:
        """Stop it cleanly, and wait until it has ended."""
        stop(self.directory)
        self._reap()

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def wait(self) -> None:
        """Wait until it has ended by itself, as after a fault that kills it."""
        self._reap()

    def restart(self, *arguments: str) -> Address:
        """Stop it if it is running, and start it again on the same ports."""
        if address_of(self.directory) is not None:
            self.stop()
        self._reap()
        return self.start(*arguments)

    def _reap(self) -> None:
        if self.process is not None:
            self.process.wait(_PATIENCE)


@contextmanager
def running(
    directory: Path,
    *arguments: str,
    password: str = DEFAULT_PASSWORD,
) -> Iterator[Sandbox]:
    """Run a sandbox for the length of a block. It also stops when this process is killed.

    Parameters
    ----------
    directory : Path
        Its folder.
    *arguments : str
        Options of ``omero-sandbox serve``.
    password : str
        Root's password when the folder is new.

    Yields
    ------
    Sandbox
        The running sandbox.
    """
    sandbox = Sandbox(directory, password=password, arguments=["--with-parent", *arguments])
    sandbox.start()
    try:
        yield sandbox
    finally:
        if address_of(sandbox.directory) is not None:
            sandbox.stop()


# -- by name --------------------------------------------------------------------------------


def home() -> Path:
    """Return the folder that holds the named sandboxes."""
    return Path(platformdirs.user_state_dir("omero-sandbox"))


def folder(name: str) -> Path:
    """Return the folder of a named sandbox.

    Raises
    ------
    SandboxError
        When the name is not valid.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise SandboxError(f"{name!r} is not a valid name: use letters, digits, '.', '_' and '-'")
    return home() / name


def start(
    name: str,
    directory: Path | None = None,
    arguments: Sequence[str] = (),
    password: str = DEFAULT_PASSWORD,
) -> Address:
    """Start a named sandbox in the background.

    Parameters
    ----------
    name : str
        Its name.
    directory : Path, optional
        Its folder, instead of the usual one.
    arguments : sequence of str
        Options of ``omero-sandbox serve``.
    password : str
        Root's password when it is new.

    Returns
    -------
    Address
        Where it runs.
    """
    place = folder(name)
    is_new = not os.path.lexists(place)
    try:
        if directory is not None:
            _point(place, directory.absolute())
        sandbox = Sandbox(place.resolve(), password=password, arguments=arguments)
        return _named(name, sandbox.start())
    except OSError as error:
        raise SandboxError(f"{error.filename}: {error.strerror}; name another folder") from error
    except SandboxError as error:
        if is_new and error.is_usage:
            _forget(place)
        raise


def _forget(place: Path) -> None:
    """Remove the name of a sandbox that was refused; a folder that --dir named stays."""
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)


def _point(place: Path, directory: Path) -> None:
    """Link the usual folder of a named sandbox to another folder."""
    if place.exists() and place.resolve() != directory.resolve():
        raise SandboxError(f"A sandbox of that name already exists, in {place.resolve()}")
    directory.mkdir(parents=True, exist_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    if not place.exists():
        place.symlink_to(directory, target_is_directory=True)


def find(name: str) -> Address:
    """Return where a named sandbox runs.

    Raises
    ------
    SandboxError
        When it is not running.
    """
    found = address_of(folder(name).resolve())
    if found is None:
        raise SandboxError(f"No sandbox named {name} is running")
    return _named(name, found)


def listing() -> dict[str, Address | None]:
    """Return all named sandboxes, with the addresses of the running ones."""
    names = sorted(p.name for p in home().iterdir() if p.is_dir()) if home().is_dir() else []
    found = {name: address_of(folder(name).resolve()) for name in names}
    return {name: address and _named(name, address) for name, address in found.items()}


def stop(directory: Path) -> None:
    """Stop the server of a folder: SIGTERM, then SIGKILL if it does not end.

    Raises
    ------
    SandboxError
        When none is running.
    """
    address = address_of(directory)
    if address is None:
        raise SandboxError(f"No sandbox is running in {directory}")
    os.kill(address.pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE / 4
    while _locked(directory):
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(address.pid, signal.SIGKILL)
        time.sleep(0.02)


def address_of(directory: Path) -> Address | None:
    """Return where the sandbox in a folder runs, or None."""
    return _read_state(directory) if _locked(directory) else None


def _locked(directory: Path) -> bool:
    """Return whether a live process serves a folder: only that process can hold the lock."""
    lock = directory / LOCK
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _read_state(directory: Path) -> Address | None:
    try:
        state = json.loads((directory / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Address(
        directory.name, directory, state["host"], state["port"], state["tcp"], state["pid"],
        Path(state["repository"]),
    )  # fmt: skip


def _named(name: str, address: Address) -> Address:
    return Address(**{**vars(address), "name": name})
