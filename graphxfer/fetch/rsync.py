# SPDX-License-Identifier: GPL-2.0-or-later
"""Copy files from a folder on this machine or another host, with rsync.

No part of the command line comes from a bundle: rsync reads file names with ``--files-from``.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import pwd
import re
import selectors
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from graphxfer.errors import FileProblem, UsageError

OPTIONS = (
    "--from0",
    "--no-implied-dirs",  # folders get this user's permissions, not the source's
    "--copy-links",  # a file imported in place is a symlink in the repository
    "--times",
    "--append-verify",  # resume, even after kill -9
    "--chmod=Fu+rw",
    "--protect-args",
    "--8-bit-output",
    "--info=progress2",
    "--no-human-readable",
)
_BYTES = re.compile(rb"(\d+)\s+\d+%")
_REASON = re.compile(r'"(?P<path>/.*)"(?: \(in [^)]*\))?(?: failed)?: (?P<why>.+) \(\d+\)')
OTHER_WAY = "fetch over the OMERO connection: --from SERVER"
RIGHT_FOLDER = "name a folder that has the files and that this user can read"
FULL = "the disk is full"
MAKE_ROOM = "make room, and run the same command again to resume"
_NO_ROOM = re.compile(r": [^:]+ \((?:28|122)\)$", re.MULTILINE)
"""The end of a line about ENOSPC or EDQUOT; file names may have the same numbers."""
_NO_FOLDER = re.compile(r"^rsync: (?:\[\w+\] )?change_dir ", re.MULTILINE)
_SOME_FILES = (23, 24)
"""rsync's exit codes for a partial transfer: some files failed."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine, or on a host that ssh reaches.

    Parameters
    ----------
    path : str
        The folder.
    host : str
        ``host`` or ``user@host``; empty for this machine.

    Examples
    --------
    >>> Folder.parse("omero@example.org:/OMERO/ManagedRepository").argument
    'omero@example.org:/OMERO/ManagedRepository/'
    """

    path: str
    host: str = ""

    @classmethod
    def parse(cls, text: str) -> Folder:
        """Parse ``PATH`` or ``user@host:PATH``.

        Raises
        ------
        UsageError
            If the host is not valid, or the path is missing.
        """
        host, colon, path = text.partition(":")
        if not colon or "/" in host:
            return cls(str(Path(text).absolute()))
        if not path:
            raise UsageError("the folder is missing", where=text, do="write user@host:/folder")
        user, _, name = host.rpartition("@")
        if not name or user.startswith("-") or name.startswith("-") or re.search(r"\s|\0", host):
            raise UsageError(f"{host!r} is not a host", where=text, do="write user@host:/folder")
        return cls(path, host)

    @property
    def argument(self) -> str:
        """The folder as an argument of rsync."""
        path = self.path.rstrip("/") + "/"
        return f"{self.host}:{path}" if self.host else path

    def beside(self, name: str) -> Folder:
        """Return a folder beside this one, by its name."""
        return Folder(os.path.normpath(f"{self.path}/../{name}"), self.host)

    def __str__(self) -> str:
        return f"{self.host}:{self.path}" if self.host else self.path


@dataclass(slots=True)
class _Process:
    """A running rsync."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    copied: int = 0
    output: bytes = field(default=b"", repr=False)

    def count(self, output: bytes) -> int:
        """Return how many more bytes were copied, from rsync's progress line."""
        self.output = (self.output + output)[-200:]
        reported = [int(number) for number in _BYTES.findall(self.output)]
        more = max([self.copied, *reported]) - self.copied
        self.copied += more
        return more

    def stderr(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")


def copy(
    folder: Folder,
    sizes: Mapping[str, int],
    target: Path,
    *,
    jobs: int = 1,
    as_user: str = "",
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, str]:
    """Copy files from a folder with their relative paths; resume partial ones.

    Parameters
    ----------
    folder : Folder
        The source.
    sizes : mapping
        The files to copy: sizes by relative path.
    target : Path
        The folder to copy to; it may have only files of earlier calls.
    jobs : int
        Number of rsync processes, which share the files by bytes.
    as_user : str
        The local user who runs them (only for root); empty for the current user.
    advance : callable
        Called with the number of bytes that were copied.

    Returns
    -------
    dict
        Why rsync could not copy a file, by its relative path, where rsync reported it.

    Raises
    ------
    FileProblem
        If rsync is missing, the host cannot be reached, the folder does not exist, or the disk is
        full. Copied and partial files are kept.
    """
    program = shutil.which("rsync")
    if program is None:
        raise FileProblem("rsync is not installed", do=f"apt-get install rsync, or {OTHER_WAY}")
    if not folder.host and not Path(folder.path).is_dir():
        raise FileProblem("the folder does not exist", where=str(folder), do=RIGHT_FOLDER)
    target.mkdir(parents=True, exist_ok=True)
    reasons: dict[str, str] = {}
    with TemporaryDirectory(prefix="graphxfer-") as lists, contextlib.ExitStack() as stack:
        Path(lists).chmod(0o755)  # `as_user` reads it, too; file names are not secret
        running = []
        for number, names in enumerate(balance(sizes, jobs)):
            listed = Path(lists, str(number))
            # "./" keeps rsync from reading a leading '#' or ';' as a comment.
            listed.write_bytes(b"".join(os.fsencode(f"./{name}") + b"\0" for name in names))
            command = [program, *OPTIONS, f"--files-from={listed}", "--rsh=ssh", "--"]
            command += [folder.argument, f"{target}/"]
            running.append(stack.enter_context(_started(command, as_user, target)))
        _watch(running, advance)
        for one in running:
            reasons.update(_ended(one, folder, target))
    return reasons


def balance(sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """Divide paths into at most `count` lists of about equal bytes.

    Examples
    --------
    >>> balance({"a": 5, "b": 3, "c": 2}, 2)
    [['a'], ['b', 'c']]
    """
    lists: list[list[str]] = [[] for _ in range(min(count, len(sizes)))]
    heap = [(0, number) for number in range(len(lists))]
    for path in sorted(sizes, key=lambda path: -sizes[path]):
        load, number = heapq.heappop(heap)
        lists[number].append(path)
        heapq.heappush(heap, (load + sizes[path] + 1, number))  # +1: spread empty files, too
    return lists


@contextlib.contextmanager
def _started(command: Sequence[str], as_user: str, target: Path) -> Iterator[_Process]:
    """Start rsync, and end it with the block at the latest."""
    user = pwd.getpwnam(as_user) if as_user else None
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if user:
        os.chown(target, user.pw_uid, user.pw_gid)
        # Users can read the environment of their processes; ours may hold a password.
        home = {"HOME": user.pw_dir, "USER": as_user, "LOGNAME": as_user}
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **home}
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=os.getgrouplist(as_user, user.pw_gid) if user else None,
        )
        try:
            yield _Process(process, errors)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _watch(running: Iterable[_Process], advance: Callable[[int], None]) -> None:
    """Report the progress of all processes until the last one ends."""
    with selectors.DefaultSelector() as selector:
        for one in running:
            if one.process.stdout:
                selector.register(one.process.stdout, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                if output := os.read(key.fd, 65536):
                    advance(key.data.count(output))
                else:
                    selector.unregister(key.fileobj)


def _ended(one: _Process, folder: Folder, target: Path) -> dict[str, str]:
    """Return why single files failed; raise if the whole copy failed."""
    code, errors = one.process.wait(), one.stderr().strip()
    if code == 0:
        return {}
    if _NO_ROOM.search(errors):
        raise FileProblem(FULL, where=str(target), do=MAKE_ROOM)
    reasons = [match for line in errors.splitlines() if (match := _REASON.search(line))]
    if _NO_FOLDER.search(errors) and reasons:
        raise FileProblem(
            f"the folder cannot be read: {reasons[0]['why']}", where=str(folder), do=RIGHT_FOLDER
        )
    if code not in _SOME_FILES:
        raise FileProblem(
            f"rsync failed with exit code {code}: {_first_lines(errors)}",
            where=str(folder),
            do=_advice(folder),
        )
    root = folder.path.rstrip("/") + "/"
    return {
        match["path"].removeprefix(root): match["why"]
        for match in reasons
        if match["path"].startswith(root)
    }


def _first_lines(errors: str) -> str:
    """Return the first lines of rsync's errors, which say most."""
    return " / ".join(errors.splitlines()[:3])


def _advice(folder: Folder) -> str:
    if not folder.host:
        return "run the same command again to resume"
    return f"check that `ssh {folder.host} rsync --version` works, and run the same command again"
