# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes with what: OMERO's graph rules for Delete2."""
