# SPDX-License-Identifier: GPL-2.0-or-later
"""TransferGraph <-> OME-XML 2016-06.

Other programs see plain OME-XML. What OME-XML cannot say (filesets, checksums, dates, null, owners
of links, ...) would be lost on the way back. So the whole graph stands in the document once more,
as its JSON-LD lines, in one XML annotation with the namespace
:data:`~graphxfer.graph.omexml.schema.GRAPH`; from a document that has it, `read` takes just that.
"""

from graphxfer.graph.omexml.read import read
from graphxfer.graph.omexml.write import write

__all__ = ["read", "write"]
