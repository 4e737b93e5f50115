# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at a terminal, who runs `graphxfer` and looks at what it says and leaves behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.places import PASSWORD

COMMAND = [sys.executable, "-m", "graphxfer"]
CHECKOUT = str(Path(__file__).parents[2])

_STEERING = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
"""What moves a cursor, colours, rings, or turns text around; also C1 controls."""


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which has to be JSON and nothing else."""
        return json.loads(self.out)

    def failed(self, code: int, *told: str) -> Ran:
        """Check that it ended with a code, and that its message holds these texts.

        The message is on standard error; for what a person got wrong it says what to do.
        """
        assert self.code == code, self
        for text in told:
            assert text in self.err, (text, self.err)
        return self

    def done(self) -> Ran:
        """Check that it did what it was asked."""
        assert self.code == 0, self
        return self


class Forks:
    """Commands in processes that are forked, which is quick; see `tests.cli.forks`."""

    def __init__(self, folder: Path) -> None:
        self.out, self.err = folder / "out", folder / "err"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env={**os.environ, **_ISOLATED},
        )

    def run(self, **job: Any) -> Ran:
        """Run one and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job |= {"out": str(self.out), "err": str(self.err)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Ran(code, self.out.read_bytes().decode(), self.err.read_bytes().decode())

    def close(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


_ISOLATED = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "COLUMNS": "100"}


@dataclass
class Person:
    """Somebody with a home, a password in the environment, and things never to be told.

    Parameters
    ----------
    home : Path
        Home, and where commands run.
    forks : Forks
        Where commands come from.
    secrets : set of str
        What may appear nowhere, beside the password.
    """

    home: Path
    forks: Forks
    secrets: set[str] = field(default_factory=lambda: {PASSWORD})
    told: list[str] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a command finds in its environment; the rest of ours stays out of it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        home = str(self.home)
        return {
            **kept,
            **_ISOLATED,
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_STATE_HOME": f"{home}/.state",
            "XDG_CACHE_HOME": f"{home}/.cache",
            "OMERO_SESSIONDIR": f"{home}/sessions",
            "PYTHONPATH": CHECKOUT,
            "OMERO_PASSWORD": PASSWORD,
            **more,
        }

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        largest: int | None = None,
        user: int | None = None,
    ) -> Ran:
        """Run a command.

        Parameters
        ----------
        *arguments
            Of `graphxfer`.
        env : mapping, optional
            Beside the usual environment.
        largest : int, optional
            The most bytes that a file may have: a disk that is full.
        user : int, optional
            Who it is, where that is another.
        """
        ran = self.forks.run(
            arguments=[str(argument) for argument in arguments],
            env=self.environment(**(env or {})),
            cwd=str(self.home),
            largest=largest,
            user=user,
        )
        return self.hear(ran)

    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start ``python -m graphxfer`` and do not wait for it; it leads a group of its own."""
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**(env or {})),
            cwd=self.home,
            start_new_session=True,
        )

    def wait(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for a command that was started."""
        out, err = process.communicate(timeout=120)
        return self.hear(Ran(process.returncode, out, err))

    def hear(self, ran: Ran) -> Ran:
        """Check what holds for all that is ever said."""
        said = ran.out + ran.err
        self.told.append(said)
        assert "Traceback" not in said, said
        assert "graphxfer: unexpected" not in ran.err, said
        assert "Warning" not in ran.err, said
        assert not _STEERING.search(said), repr(said)
        assert not [secret for secret in self.secrets if secret in said], said
        return ran

    def leaks(self, texts: set[str]) -> list[str]:
        """Return where one of these texts is written in the home, or was said."""
        secrets = [text.encode() for text in texts]
        found = [text for text in self.told if any(each in text.encode() for each in secrets)]
        for path in self.home.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found += [str(path) for each in secrets if each in content]
        return found


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder and what is in them: to see that nothing changed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }
