# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes with what: deleting, moving, giving away, finding and copying whole graphs."""
