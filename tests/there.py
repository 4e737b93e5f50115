# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is at a server, as an ordinary client sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import omero
import omero.all

from graphxfer import catalogue
from graphxfer.catalogue import Maker


def in_group(
    client: omero.client, group: str, names: Collection[str] | None = None
) -> Counter[str]:
    """Count what is in a group, of every class that a transfer makes, and of links.

    With `names`, only of some classes.
    """
    if names is None:
        classes = catalogue.CLASSES.values()
        names = {entry.name for entry in classes if entry.maker is not Maker.SERVER}
        names |= set(catalogue.link_classes())
    query = client.sf.getQueryService()
    parameters = omero.sys.ParametersI().addString("group", group)
    # Directories are the repository's own; Delete2 leaves their rows, `omero fs` cleans them.
    where = {"OriginalFile": " and (x.mimetype is null or x.mimetype <> 'Directory')"}
    return Counter(
        {
            name: query.projection(
                f"select count(x.id) from {name} x"
                f" where x.details.group.name = :group{where.get(name, '')}",
                parameters,
                {"omero.group": "-1"},
            )[0][0].val
            for name in sorted(names)
        }
    )
