# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: OMERO's permissions, privileges and policies."""
