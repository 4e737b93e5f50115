# SPDX-License-Identifier: GPL-2.0-or-later
"""Files to OMERO objects, as Bio-Formats and OMERO's importer make them."""
