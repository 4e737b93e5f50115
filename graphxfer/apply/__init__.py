# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply: actions into the destination, through the journal, each exactly once."""

from graphxfer.apply.runner import apply

__all__ = ["apply"]
