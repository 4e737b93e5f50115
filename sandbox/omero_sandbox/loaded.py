# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a server loads and computes at its start, or at a call that is the first of its kind.

Importing this takes a second of the processor; servers that are forks of a process that has done so
(:mod:`omero_sandbox.preload`) do none of it.
"""

from __future__ import annotations

import gc

import ome_types  # noqa: F401
import omero.all
import omero.columns  # noqa: F401

import omero_sandbox.importing.objects
import omero_sandbox.pixels.buffer
import omero_sandbox.pixels.projection
import omero_sandbox.pixels.rendering
import omero_sandbox.readers
import omero_sandbox.search.builder
import omero_sandbox.search.lucene
import omero_sandbox.serve
import omero_sandbox.server.certificate  # noqa: F401
from omero_sandbox.hql import compiler

compiler.parser()  # as long as all other work of a start
gc.collect()
gc.freeze()  # else the first collection in a fork copies all of it
