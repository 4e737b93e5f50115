# SPDX-License-Identifier: GPL-2.0-or-later
"""The plan: what an apply will do at a destination, node by node, and why.

The planner itself speaks to a server: :mod:`graphxfer.plan.planner`. What a plan consists of does
not, so that a report can show one without OMERO installed.
"""

from graphxfer.plan.actions import (
    EDITED,
    Action,
    ApplyOptions,
    Create,
    Done,
    FileMetadata,
    Import,
    Link,
    Match,
    Merge,
    Plan,
    Remove,
    Reuse,
    Skip,
    Tags,
    Update,
    Upload,
    read,
)

__all__ = [
    "EDITED",
    "Action",
    "ApplyOptions",
    "Create",
    "Done",
    "FileMetadata",
    "Import",
    "Link",
    "Match",
    "Merge",
    "Plan",
    "Remove",
    "Reuse",
    "Skip",
    "Tags",
    "Update",
    "Upload",
    "read",
]
