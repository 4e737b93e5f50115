# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress of long steps, reported to whatever shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Shows progress to a person."""

    def task(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a task; its context gives a function to call with how much more is done.

        Parameters
        ----------
        title : str
            What is in progress, in a few words.
        total : int, optional
            How much there is to do; None if unknown.
        unit : str
            ``"bytes"``, or the name of what is counted.
        """

    def say(self, text: str) -> None:
        """Print one line."""


class Silent:
    """Progress that is not shown."""

    @contextmanager
    def task(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Callable[[int], None]]:
        """Show nothing."""
        yield lambda _: None

    def say(self, text: str) -> None:
        """Print nothing."""


SILENT: Progress = Silent()
