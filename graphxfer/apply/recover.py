# SPDX-License-Identifier: GPL-2.0-or-later
"""What the recovery of every step shares.

An intent is written to the journal before a call, its result after it. A crash in between leaves
the intent open. Each step then asks the destination what was saved in the session of the intent and
is not in the journal, and adopts it or takes the intent back.
"""

from __future__ import annotations

import time

PATIENCE = 3.0
"""Seconds after an intent in which the call of a killed process may still be running."""
LONGEST = 3600.0
"""Seconds that the server is given to complete an import whose client has stopped."""
LOOKS = 2.0
"""Seconds between looks at such an import."""


def wait_since(moment: float) -> None:
    """Wait until a call that began at some time is over.

    Parameters
    ----------
    moment : float
        Seconds since 1970, as :func:`time.time` has them.
    """
    time.sleep(max(0.0, PATIENCE - (time.time() - moment)))
