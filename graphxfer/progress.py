# SPDX-License-Identifier: GPL-2.0-or-later
"""How long steps tell how far they are, without knowing whether anyone watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Something that shows progress."""

    def task(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a task; the context gives a function to call with how much more is done.

        Parameters
        ----------
        title : str
            What is going on, in a few words.
        total : int, optional
            How much there is to do; None where it is not known.
        unit : str
            ``"bytes"``, or what is counted.
        """

    def say(self, text: str) -> None:
        """Tell the person a line."""


class Silent:
    """Progress that nobody watches."""

    @contextmanager
    def task(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Callable[[int], None]]:
        """Do nothing, as long as the task takes."""
        yield lambda _: None

    def say(self, text: str) -> None:
        """Say nothing."""


SILENT: Progress = Silent()
