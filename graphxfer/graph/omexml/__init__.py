# SPDX-License-Identifier: GPL-2.0-or-later
"""TransferGraph <-> OME-XML 2016-06.

Other programs see plain OME-XML. OME-XML cannot express filesets, checksums, dates, null, owners of
links and more. So the document also contains the complete graph: its JSON-LD lines, in an XML
annotation with the namespace :data:`~graphxfer.graph.omexml.schema.GRAPH`. If a document has this
annotation, `read` uses nothing else.
"""

from graphxfer.graph.omexml.read import read
from graphxfer.graph.omexml.write import write

__all__ = ["read", "write"]
