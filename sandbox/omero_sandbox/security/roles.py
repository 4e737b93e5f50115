# SPDX-License-Identifier: GPL-2.0-or-later
"""Ids of the users and groups that every OMERO server has (omero.constants, roles)."""

from __future__ import annotations

SYSTEM_GROUP, USER_GROUP, GUEST_GROUP = 0, 1, 2
ROOT, GUEST = 0, 1
