# SPDX-License-Identifier: GPL-2.0-or-later
"""Files from a folder here or on another host, brought with rsync.

Nothing in a command line comes from a bundle: names go through ``--files-from``, NUL-separated.
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
    "--no-implied-dirs",  # folders get our own permissions, not the source's
    "--copy-links",  # an in-place import is a symlink in the repository: its bytes are wanted
    "--times",
    "--append-verify",  # goes on where it was cut off, even by kill -9
    "--chmod=Fu+rw",
    "--protect-args",
    "--8-bit-output",
    "--info=progress2",
    "--no-human-readable",
)
_SENT = re.compile(rb"(\d+)\s+\d+%")
_REASON = re.compile(r'"(?P<path>/.*)"(?: \(in [^)]*\))?(?: failed)?: (?P<why>.+) \(\d+\)')
OTHER_WAY = "take the files over the OMERO connection: --from SERVER"
RIGHT_FOLDER = "name the folder that holds the files, and that this user may read"
FULL = "the disk is full"
MAKE_ROOM = "make room and run the same command again: what has arrived is kept"
_SOME_FILES = (23, 24)
"""rsync's exit codes for: all is well, but for some files."""


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
        """Read ``PATH`` or ``user@host:PATH``.

        Raises
        ------
        UsageError
            If the host could be taken for an option, or there is no path.
        """
        host, colon, path = text.partition(":")
        if not colon or "/" in host:
            return cls(str(Path(text).absolute()))
        if not path:
            raise UsageError("a folder is missing after the colon", where=text, do="host:/folder")
        user, _, name = host.rpartition("@")
        if not name or user.startswith("-") or name.startswith("-") or re.search(r"\s|\0", host):
            raise UsageError(f"{host!r} is no host", where=text, do="write user@host:/folder")
        return cls(path, host)

    @property
    def argument(self) -> str:
        """How rsync is told of it."""
        path = self.path.rstrip("/") + "/"
        return f"{self.host}:{path}" if self.host else path

    def beside(self, name: str) -> Folder:
        """Return the folder of that name beside this one."""
        return Folder(os.path.normpath(f"{self.path}/../{name}"), self.host)

    def __str__(self) -> str:
        return f"{self.host}:{self.path}" if self.host else self.path


@dataclass(slots=True)
class _Process:
    """One rsync at work."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]
    sent: int = 0
    said: bytes = field(default=b"", repr=False)

    def count(self, output: bytes) -> int:
        """Return how many more bytes its progress line tells of."""
        self.said = (self.said + output)[-200:]
        told = [int(number) for number in _SENT.findall(self.said)]
        more = max([self.sent, *told]) - self.sent
        self.sent += more
        return more

    def stderr(self) -> str:
        self.complaints.seek(0)
        return self.complaints.read().decode(errors="replace")


def bring(
    folder: Folder,
    sizes: Mapping[str, int],
    target: Path,
    *,
    jobs: int = 1,
    as_user: str = "",
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, str]:
    """Copy files from a folder, keeping their relative paths; partial ones are resumed.

    Parameters
    ----------
    folder : Folder
        Where they are.
    sizes : mapping
        Size by relative path: what to copy.
    target : Path
        A folder here that holds nothing but what earlier calls brought.
    jobs : int
        How many rsync processes share the work, balanced by bytes.
    as_user : str
        The local user who runs them (as root only); empty for the one who runs this.
    advance : callable
        Called with the count of bytes that arrived.

    Returns
    -------
    dict
        Why rsync could not bring a file, by its relative path, where it said.

    Raises
    ------
    FileProblem
        If rsync is missing, the host cannot be reached, the folder is not there, or the disk is
        full. What has arrived is kept.
    """
    program = shutil.which("rsync")
    if program is None:
        raise FileProblem("rsync is not installed", do=f"apt-get install rsync, or {OTHER_WAY}")
    if not folder.host and not Path(folder.path).is_dir():
        raise FileProblem("there is no such folder", where=str(folder), do=RIGHT_FOLDER)
    target.mkdir(parents=True, exist_ok=True)
    reasons: dict[str, str] = {}
    with TemporaryDirectory(prefix="graphxfer-") as lists, contextlib.ExitStack() as stack:
        Path(lists).chmod(0o755)  # readable by `as_user` too: file names are no secret
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
    """Deal out paths to at most `count` lists of about the same bytes.

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
        heapq.heappush(heap, (load + sizes[path] + 1, number))  # +1: empty files are shared too
    return lists


@contextlib.contextmanager
def _started(command: Sequence[str], as_user: str, target: Path) -> Iterator[_Process]:
    """Start rsync; it does not outlive the block."""
    user = pwd.getpwnam(as_user) if as_user else None
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if user:
        os.chown(target, user.pw_uid, user.pw_gid)
        # Another user may read his processes' environment: ours may hold a password.
        home = {"HOME": user.pw_dir, "USER": as_user, "LOGNAME": as_user}
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **home}
    with TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=os.getgrouplist(as_user, user.pw_gid) if user else None,
        )
        try:
            yield _Process(process, complaints)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _watch(running: Iterable[_Process], advance: Callable[[int], None]) -> None:
    """Follow the progress of all until the last one ends."""
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
    """Return why single files did not come; raise where it is no matter of single files."""
    code, said = one.process.wait(), one.stderr().strip()
    if code == 0:
        return {}
    if "(28)" in said or "(122)" in said:  # ENOSPC, EDQUOT
        raise FileProblem(FULL, where=str(target), do=MAKE_ROOM)
    reasons = [match for line in said.splitlines() if (match := _REASON.search(line))]
    if "change_dir" in said and reasons:
        raise FileProblem(
            f"the folder cannot be read: {reasons[0]['why']}", where=str(folder), do=RIGHT_FOLDER
        )
    if code not in _SOME_FILES:
        raise FileProblem(
            f"rsync ended with code {code}: {_last(said)}",
            where=str(folder),
            do=_advice(folder),
        )
    root = folder.path.rstrip("/") + "/"
    return {
        match["path"].removeprefix(root): match["why"]
        for match in reasons
        if match["path"].startswith(root)
    }


def _last(said: str) -> str:
    """Return the lines that say most: the first few."""
    return " / ".join(said.splitlines()[:3])


def _advice(folder: Folder) -> str:
    if not folder.host:
        return "run the same command again: what has arrived is kept"
    return f"check that `ssh {folder.host}` works and has rsync, and run the same command again"
