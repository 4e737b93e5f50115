# SPDX-License-Identifier: GPL-2.0-or-later
"""What the process of a server and the programs that start it agree on. Loads nothing else."""

from __future__ import annotations

#: File in a server's folder: written when the server is ready, removed when it has stopped.
STATE = "server.json"
#: File in the folder that is locked as long as the process lives.
LOCK = "lock"
#: Variable that has root's password when a server is created: `ps` shows arguments.
PASSWORD = "OMERO_SANDBOX_PASSWORD"  # noqa: S105
DEFAULT_PASSWORD = "omero"  # noqa: S105
