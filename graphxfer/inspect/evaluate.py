# SPDX-License-Identifier: GPL-2.0-or-later
"""Evaluate one query in a child process, which has a memory limit and can be killed.

Run it as ``python -P evaluate.py STORE``, with the request as JSON on standard input. The output is
the kind of the answer on a line of its own, then one row or triple per line. The module imports
nothing of graphxfer, so that it starts fast.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from pyoxigraph import QueryBoolean, QueryResultsFormat, QuerySolutions, RdfFormat, Store

BAD_QUERY = 3
"""Exit code for a query that is not valid SPARQL; the message is on standard error."""


def main() -> int:
    """Evaluate the query and write the answer."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    store = Store.read_only(str(Path(sys.argv[1])))
    out = sys.stdout.buffer
    try:
        found = store.query(
            request["query"], base_iri=request["base"], prefixes=request["prefixes"]
        )
    except SyntaxError as error:
        sys.stderr.write(str(error))
        return BAD_QUERY
    if isinstance(found, QueryBoolean):
        out.write(b"boolean\n")
        found.serialize(out, QueryResultsFormat.TSV)
    elif isinstance(found, QuerySolutions):
        out.write(b"rows\n")
        found.serialize(out, QueryResultsFormat.TSV)
    else:
        out.write(b"triples\n")
        found.serialize(out, RdfFormat.N_TRIPLES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
