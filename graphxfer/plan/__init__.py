# SPDX-License-Identifier: GPL-2.0-or-later
"""The plan: what an apply will do at a destination, node by node, and why.

The planner itself speaks to a server: :mod:`graphxfer.plan.planner`. What a plan consists of does
not, so that a report can show one without OMERO installed.
"""

from graphxfer.plan.actions import (
    CONFLICT,
    DELETED,
    EDITED,
    HERE,
    REMOVED,
    THERE,
    Action,
    ApplyOptions,
    Create,
    Done,
    FileMetadata,
    Import,
    Keep,
    Link,
    Match,
    Merge,
    Plan,
    Remove,
    Restore,
    Reuse,
    Skip,
    Tags,
    Update,
    Upload,
    read,
)

__all__ = [
    "CONFLICT",
    "DELETED",
    "EDITED",
    "HERE",
    "REMOVED",
    "THERE",
    "Action",
    "ApplyOptions",
    "Create",
    "Done",
    "FileMetadata",
    "Import",
    "Keep",
    "Link",
    "Match",
    "Merge",
    "Plan",
    "Remove",
    "Restore",
    "Reuse",
    "Skip",
    "Tags",
    "Update",
    "Upload",
    "read",
]
