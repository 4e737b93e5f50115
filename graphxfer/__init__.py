# SPDX-License-Identifier: GPL-2.0-or-later
"""Move parts of one OMERO server to another as a JSON-LD graph."""

from importlib.metadata import version

__version__ = version("graphxfer")
