# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries made up by Hypothesis: the sandbox answers what nested loops over plain objects do.

The loops (``tests/naive``) know nothing of the sandbox. Source of their rules: SQL's
three-valued logic; Hibernate 3.6's reference, chapter HQL (implied joins are inner joins) and
QueryTranslatorImpl.list (fetched collections); PostgreSQL's documentation of ``integer`` division,
of ``LIKE`` and of ``NULLS LAST``.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.naive import queries
from tests.naive.rows import example
from tests.stores import Lab, as_parameter

CHECKS = settings(
    max_examples=50, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much,
                           HealthCheck.data_too_large],
)  # fmt: skip


class Both(Lab):
    """The example, saved and naive."""

    def __init__(self, folder):
        super().__init__(folder)
        self.naive = example()
        self.here = self.group("rwra--", ann=False)
        self.save("ann", self.here, *self.naive.objects())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return Both(tmp_path_factory.mktemp("naive"))


def parameters(query):
    return {name: as_parameter(value) for name, value in query.parameters.items()}


def answer(lab, query):
    with lab.transaction("ann", lab.here) as tx:
        rows = tx.projection(query.hql, parameters(query), query.offset, query.limit)
    return [[None if value is None else value.val for value in row] for row in rows]


@pytest.mark.parametrize("kind", ["plain", "distinct", "grouped"])
def test_rows(world, kind):
    @CHECKS
    @given(st.data())
    def check(data):
        query = data.draw(getattr(queries, kind)(world.naive))
        assert answer(world, query) == query.rows, query.hql

    check()


def test_fetched_collections(world):
    @CHECKS
    @given(st.data())
    def check(data):
        query, name = data.draw(queries.fetching(world.naive))
        with world.transaction("ann", world.here) as tx:
            found = tx.query(query.hql, parameters(query), query.offset, query.limit)
        seen = [(o.id.val, [c.id.val for c in getattr(o, f"_{name}Seq")]) for o in found]
        expected = [(row.id, [element.id for element in elements]) for row, elements in query.rows]
        if name in ("pixels", "shapes"):
            assert seen == expected, query.hql
        else:
            assert [(i, sorted(e)) for i, e in seen] == [(i, sorted(e)) for i, e in expected]

    check()
