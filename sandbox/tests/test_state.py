# SPDX-License-Identifier: GPL-2.0-or-later
"""Random saves, links, deletes and changes of permissions by several users, against a small model.

The model below states the rules a second time, over plain sets: who may read, write and annotate
(BasicACLVoter), and what goes with what (blitz-graph-rules.xml).
"""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import omero
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from omero.model import (
    DatasetAnnotationLinkI,
    DatasetI,
    ProjectAnnotationLinkI,
    ProjectDatasetLinkI,
    ProjectI,
    TagAnnotationI,
)
from omero.rtypes import rstring, unwrap

from omero_sandbox.errors import GraphFailure
from tests.stores import Lab, named, tag

USERS = st.sampled_from(["ann", "ben", "cleo", "root"])  # cleo owns the group, root administers
PERMISSIONS = ["rw----", "rwr---", "rwra--", "rwrw--"]
CLASSES = {"Project": ProjectI, "Dataset": DatasetI, "TagAnnotation": TagAnnotationI}
LINKS = {
    ("Project", "Dataset"): ProjectDatasetLinkI,
    ("Project", "TagAnnotation"): ProjectAnnotationLinkI,
    ("Dataset", "TagAnnotation"): DatasetAnnotationLinkI,
}

Key = tuple[str, int]


@dataclass
class Model:
    """What should be in the group."""

    permissions: str = "rwra--"
    objects: dict[Key, tuple[str, str]] = field(default_factory=dict)  # -> owner, name
    links: set[tuple[Key, Key, str]] = field(default_factory=set)  # parent, child, owner

    def is_over(self, user: str) -> bool:
        return user in ("cleo", "root")

    def may_read(self, user: str, owner: str) -> bool:
        return user == owner or self.is_over(user) or self.permissions != "rw----"

    def may_write(self, user: str, owner: str) -> bool:
        return user == owner or self.is_over(user) or self.permissions == "rwrw--"

    def may_link(self, user: str, kind: str, key: Key) -> bool:
        owner = self.objects[key][0]
        if self.permissions == "rw----":
            return user == owner
        enough = PERMISSIONS[2:] if kind == "TagAnnotation" else PERMISSIONS[3:]
        return user == owner or self.is_over(user) or self.permissions in enough

    def deleted_with(self, user: str, target: Key) -> set[Key]:
        gone = {target}
        while True:
            orphans = {
                child
                for parent, child, _ in self.links
                if parent in gone
                and child not in gone
                and all(p in gone for p, c, _ in self.links if c == child)
                and self.may_write(user, self.objects[child][0])
            }
            if not orphans:
                return gone
            gone |= orphans

    def may_delete(self, user: str, target: Key) -> bool:
        if not self.may_write(user, self.objects[target][0]):
            return False
        gone = self.deleted_with(user, target)
        return all(
            parent in gone or self.may_write(user, self.objects[parent][0])
            for parent, child, _ in self.links
            if child in gone and child[0] == "TagAnnotation"
        )


def succeeds(action) -> bool:
    """Return whether an action is done; False when it is refused as OMERO refuses."""
    try:
        action()
    except (omero.SecurityViolation, omero.GroupSecurityViolation, omero.ValidationException,
            GraphFailure):  # fmt: skip
        return False
    return True


class Sandbox(RuleBasedStateMachine):
    """The store and the model side by side."""

    projects, datasets, tags = Bundle("projects"), Bundle("datasets"), Bundle("tags")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.lab = Lab(Path(self.folder.name))
        self.model = Model()
        self.group = self.lab.group("rwra--", ann=False, ben=False, cleo=True)
        self.numbers = itertools.count()

    def teardown(self) -> None:
        self.lab.store.close()
        self.folder.cleanup()

    @initialize(target=projects, users=st.tuples(USERS, USERS))
    def make_projects(self, users):
        return multiple(*[self.make(user, "Project") for user in users])

    @initialize(target=datasets, users=st.tuples(USERS, USERS, USERS))
    def make_datasets(self, users):
        return multiple(*[self.make(user, "Dataset") for user in users])

    @initialize(target=tags, users=st.tuples(USERS, USERS))
    def make_tags(self, users):
        return multiple(*[self.make(user, "TagAnnotation") for user in users])

    @rule(target=datasets, user=USERS)
    def make_dataset(self, user):
        return self.make(user, "Dataset")

    def make(self, user, cls):
        name = f"{cls} {next(self.numbers)}"
        obj = tag(name) if cls == "TagAnnotation" else named(CLASSES[cls], name)
        (saved,) = self.lab.save(user, self.group, obj)
        key = (cls, saved.id.val)
        self.model.objects[key] = (user, name)
        return key

    @rule(user=USERS, key=st.one_of(projects, datasets, tags))
    def rename(self, user, key):
        if key not in self.model.objects:
            return
        owner, _ = self.model.objects[key]
        name = f"renamed {next(self.numbers)}"

        def action():
            with self.lab.transaction(user, self.group) as tx:
                obj = tx.get(*key)
                setattr(obj, "textValue" if key[0] == "TagAnnotation" else "name", rstring(name))
                tx.save([obj])

        allowed = self.model.may_read(user, owner) and self.model.may_write(user, owner)
        assert succeeds(action) == allowed
        if allowed:
            self.model.objects[key] = (owner, name)

    @rule(user=USERS, parent=projects, child=datasets)
    def put_into_project(self, user, parent, child):
        self.connect(user, parent, child)

    @rule(user=USERS, parent=st.one_of(projects, datasets), child=tags)
    def annotate(self, user, parent, child):
        self.connect(user, parent, child)

    def connect(self, user, parent, child):
        made = LINKS[(parent[0], child[0])]()
        made.parent = CLASSES[parent[0]](parent[1], False)
        made.child = CLASSES[child[0]](child[1], False)
        model = self.model
        allowed = (
            {parent, child} <= model.objects.keys()
            and (parent, child, user) not in model.links
            and all(model.may_link(user, child[0], key) for key in (parent, child))
        )
        assert succeeds(lambda: self.lab.save(user, self.group, made)) == allowed
        if allowed:
            model.links.add((parent, child, user))

    @rule(user=USERS, key=st.one_of(projects, datasets, tags), dry_run=st.booleans())
    def delete(self, user, key, dry_run):
        model = self.model
        allowed = key in model.objects and model.may_delete(user, key)
        found = {}

        def action():
            with self.lab.transaction(user, self.group) as tx:
                found.update(tx.delete({key[0]: [key[1]]}, (), dry_run))

        assert succeeds(action) == allowed
        if not allowed:
            return
        gone = model.deleted_with(user, key)
        told = {(fqn.rpartition(".")[2], id_) for fqn, ids in found.items() for id_ in ids}
        assert {k for k in told if k[0] in CLASSES} == gone
        if not dry_run:
            model.objects = {k: v for k, v in model.objects.items() if k not in gone}
            model.links = {li for li in model.links if not gone & {li[0], li[1]}}

    @rule(permissions=st.sampled_from(PERMISSIONS))
    def change_permissions(self, permissions):
        with self.lab.transaction("root", self.group) as tx:
            tx.chmod(self.group, permissions)
        self.model.permissions = permissions

    @rule(often=st.integers(0, 3))
    def restart(self, often):
        """Close and open the database again: nothing is lost."""
        if often:
            return
        folder, users = Path(self.folder.name), self.lab.users
        self.lab.store.close()
        self.lab = Lab(folder)
        self.lab.users = users

    @invariant()
    def everyone_sees_what_they_may(self):
        for user in ("ann", "ben", "cleo", "root"):
            with self.lab.transaction(user, self.group) as tx:
                self.check_what_is_seen(user, tx)

    def check_what_is_seen(self, user, tx):
        model = self.model
        for cls in CLASSES:
            value = "x.textValue" if cls == "TagAnnotation" else "x.name"
            rows = tx.projection(f"select x.id, {value}, x.details.owner.omeName from {cls} x")
            assert sorted(map(tuple, unwrap(rows))) == sorted(
                (key[1], name, owner)
                for key, (owner, name) in model.objects.items()
                if key[0] == cls and model.may_read(user, owner)
            )
        for (parent, child), cls in LINKS.items():
            rows = tx.projection(
                "select l.parent.id, l.child.id, l.details.owner.omeName "
                f"from {cls.__name__[:-1]} l"
            )
            assert sorted(map(tuple, unwrap(rows))) == sorted(
                (p[1], c[1], owner)
                for p, c, owner in model.links
                if (p[0], c[0]) == (parent, child) and model.may_read(user, owner)
            )


TestSandbox = Sandbox.TestCase
TestSandbox.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)


@pytest.mark.slow
class TestSandboxLong(Sandbox.TestCase):  # type: ignore[misc, valid-type]
    """The same, for longer."""

    settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
