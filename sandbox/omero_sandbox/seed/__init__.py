# SPDX-License-Identifier: GPL-2.0-or-later
"""Example data for an OMERO server, filled in by an ordinary OMERO client program."""

from omero_sandbox.seed.data import GROUP, USER, account, seed

__all__ = ["GROUP", "USER", "account", "seed"]
