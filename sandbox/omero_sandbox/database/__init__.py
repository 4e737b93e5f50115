# SPDX-License-Identifier: GPL-2.0-or-later
"""The database: tables of OMERO's model in SQLite, and objects to rows and back."""
