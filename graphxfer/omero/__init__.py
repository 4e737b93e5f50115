# SPDX-License-Identifier: GPL-2.0-or-later
"""The connection to OMERO servers; no other package uses omero-py or Ice."""

import warnings

from graphxfer.errors import GraphxferError

try:
    import omero.clients  # noqa: F401
except ImportError as missing:
    raise GraphxferError(
        f"omero-py or ZeroC Ice 3.6 is not installed: {missing}",
        do="install them as the README describes",
    ) from missing

# omero-py warns about each object with a deprecated field; only its developers can change that.
warnings.filterwarnings("ignore", ".* is deprecated$", DeprecationWarning, r"omero_model_\w+")
