# SPDX-License-Identifier: GPL-2.0-or-later
"""Inspect a graph before anything is moved."""
