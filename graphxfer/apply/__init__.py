# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply a graph to a destination; the journal ensures that each action runs exactly once."""

from graphxfer.apply.runner import apply

__all__ = ["apply"]
