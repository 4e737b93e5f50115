# SPDX-License-Identifier: GPL-2.0-or-later
"""Which objects belong together: to delete, move, give away, find and copy whole graphs."""
