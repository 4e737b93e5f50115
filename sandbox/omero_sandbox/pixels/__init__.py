# SPDX-License-Identifier: GPL-2.0-or-later
"""Planes of pixels: read, written, rendered, projected."""
