# SPDX-License-Identifier: GPL-2.0-or-later
"""All that speaks to an OMERO server; nothing else in graphxfer does."""

import warnings

from graphxfer.errors import GraphxferError

try:
    import omero.clients  # noqa: F401
except ImportError as missing:
    raise GraphxferError(
        f"speaking to a server needs omero-py and ZeroC Ice 3.6: {missing}",
        do="the README says how to install them",
    ) from missing

# omero-py warns its developers whenever a server sends an object that has a deprecated field.
warnings.filterwarnings("ignore", ".* is deprecated$", DeprecationWarning, r"omero_model_\w+")
