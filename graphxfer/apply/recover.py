# SPDX-License-Identifier: GPL-2.0-or-later
"""Common parts of the recovery of all steps.

An intent is written to the journal before a call, its result after it. A crash in between leaves
the intent open. Each step then searches the destination for objects that were saved in the session
of the intent and are not in the journal. It adopts them, or removes the intent.
"""

from __future__ import annotations

import time

PATIENCE = 3.0
"""Seconds after an intent during which the call of a killed process may still be running."""
LONGEST = 3600.0
"""Maximum seconds to wait for the server to complete an import without its client."""
LOOKS = 2.0
"""Seconds between two checks of such an import."""


def wait_since(moment: float) -> None:
    """Wait until a call that began at some time must have ended.

    Parameters
    ----------
    moment : float
        Seconds since 1970, as returned by :func:`time.time`.
    """
    time.sleep(max(0.0, PATIENCE - (time.time() - moment)))
