# SPDX-License-Identifier: GPL-2.0-or-later
"""All that speaks to an OMERO server; nothing else in graphxfer does."""
