# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking at a graph before anything moves."""
