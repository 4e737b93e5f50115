# SPDX-License-Identifier: GPL-2.0-or-later
"""HQL as clients send it: grammar -> tree -> SQL."""
from typing import Any
Query = Any
def compile_query(text: str) -> Any:
    raise NotImplementedError
