# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m omero_sandbox``: the ``omero-sandbox`` command."""

from omero_sandbox.cli import main

if __name__ == "__main__":
    main()
