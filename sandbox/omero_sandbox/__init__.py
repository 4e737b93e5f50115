# SPDX-License-Identifier: GPL-2.0-or-later
"""An OMERO-speaking server that starts in a second: Ice on the wire, SQLite underneath."""
