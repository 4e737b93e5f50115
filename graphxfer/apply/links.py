# SPDX-License-Identifier: GPL-2.0-or-later
"""Link objects: Datasets to Projects, Images to Datasets, annotations to objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from graphxfer.apply.step import Step, Targets
from graphxfer.journal import How, LinkKey
from graphxfer.omero import lookup, write
from graphxfer.plan import Link, Plan


class MakeLinks(Step):
    """Creates the links that do not exist yet, a batch in a call."""

    def run(self, plan: Plan) -> None:
        """Create the links, class by class."""
        by_class: defaultdict[str, list[LinkKey]] = defaultdict(list)
        for one in plan.of(Link):
            by_class[one.type].append(LinkKey(one.type, one.node, one.child))
        number = sum(map(len, by_class.values()))
        with self.context.progress.task("link", number, "links") as advance:
            for link_class, some in by_class.items():
                missing = self._missing(link_class, some)
                advance(len(some) - len(missing))
                for batch in lookup.chunks(missing, write.SMALL):
                    self._save(link_class, batch)
                    advance(len(batch))

    def _missing(self, link_class: str, links: Sequence[LinkKey]) -> list[LinkKey]:
        """Return the links that do not exist; record those that do."""
        ends = {link: (self.journal[link.parent], self.journal[link.child]) for link in links}
        # Created objects have no links of others.
        old = [link for link, pair in ends.items() if all(m.how is not How.CREATED for m in pair)]
        parents = {ends[link][0].id for link in old}
        existing = lookup.linked(self.server, link_class, parents) if old else set()
        seen, missing, present = set[tuple[int, int]](), list[LinkKey](), list[LinkKey]()
        for link, (parent, child) in ends.items():
            pair = parent.id, child.id
            (present if pair in existing or pair in seen else missing).append(link)
            seen.add(pair)
        self.journal.record_links(present)
        return missing

    def _save(self, link_class: str, links: Sequence[LinkKey]) -> None:
        there = self.journal
        objects = [
            write.link(link_class, there[link.parent][:2], there[link.child][:2]) for link in links
        ]
        self.context.writer.save(link_class, links, objects)

    def created(self) -> Iterator[Targets]:
        """Iterate over the links that were created."""
        links: defaultdict[str, list[int]] = defaultdict(list)
        for link, number in self.journal.links():
            links[link.type].append(number)
        for name, numbers in links.items():
            for ids in lookup.chunks(numbers):
                yield Targets(name, ids)
