# SPDX-License-Identifier: GPL-2.0-or-later
"""Plan what an apply will do at a destination. Planning only reads, and creates nothing."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from graphxfer import catalogue, unmovable
from graphxfer.bundle import Bundle, Document
from graphxfer.catalogue import Maker, Via
from graphxfer.errors import GraphxferError, counted, counted_each
from graphxfer.graph import Node, class_of, fileset_tree
from graphxfer.graph.fileset_tree import FILESET, Tree
from graphxfer.journal import Counterpart, Forgotten, How, Journal, LinkKey, Stage
from graphxfer.omero import in_place
from graphxfer.omero.connect import Server
from graphxfer.omero.rights import check_destination
from graphxfer.plan import drift, extras, linkable, removed, reuse
from graphxfer.plan.actions import (
    CONFLICT,
    DELETED,
    EDITED,
    HERE,
    REMOVED,
    THERE,
    Action,
    ApplyOptions,
    Create,
    Done,
    FileMetadata,
    Import,
    Keep,
    Link,
    Match,
    Plan,
    Remove,
    Restore,
    Skip,
    Update,
    Upload,
)
from graphxfer.plan.deleted import Deleted, forget_deleted
from graphxfer.plan.drift import Change, Drift
from graphxfer.plan.removed import Removed, with_fileset
from graphxfer.progress import SILENT, Progress
from graphxfer.unmovable import Why

DONE = "done by an earlier run"
MADE_BY_IMPORT = "the import creates it"
UNLESS = "unless the import creates an equal object"
AGAIN = "the destination could not import it before"
UNSENT = "its file still has to be uploaded"
NOT_HERE = "the linked object is not in the graph"
FETCH = "run `graphxfer fetch`, then `graphxfer apply` again"
BESIDE = "put the files beside the document, and run `graphxfer apply` again"
OWNED = "the owner of the link is not kept: you become its owner"

CANNOT = "apply cannot set it"
ONLY_BY_IMPORT = "only an import creates it: delete its fileset there, and run apply again"
WITH_FILESET = "it is removed only with its fileset"
FORBIDDEN = "an earlier run chose an object of another user"
SEVERAL = "several users linked the two objects: you can link them only once"


def make_plan(
    bundle: Bundle,
    server: Server,
    options: ApplyOptions = ApplyOptions(),  # noqa: B008  (frozen)
    progress: Progress = SILENT,
) -> Plan:
    """Plan what an apply would do.

    Parameters
    ----------
    bundle : Bundle
        The bundle to apply.
    server : Server
        The destination, with the group to write to.
    options : ApplyOptions
        The options of the apply.
    progress : Progress
        Shows how much is done.

    Raises
    ------
    GraphxferError
        If the apply would fail: another user began it, permission is missing, a name is ambiguous;
        with `strict`, also if a node cannot be moved.
    """
    journal = Journal.existing(bundle.journal(server.database_uuid))
    with journal or contextlib.nullcontext():
        if journal is not None:
            journal.check_user(server.user_id)
            journal.check_about(bundle.graph().header.database_uuid, server.group_id)
        plan = planned(bundle, server, journal, options, progress)
        if any(plan.of(Import)):
            chosen = extras.chosen(options, journal)
            plan.notes.append(extras.forecast(bundle.graph(), chosen))
        return plan


def planned(
    bundle: Bundle,
    server: Server,
    journal: Journal | None,
    options: ApplyOptions,
    progress: Progress = SILENT,
    *,
    content: bool = False,
) -> Plan:
    """Plan with an open journal, and check the content of files; see :func:`make_plan`."""
    options = extras.chosen(options, journal)
    graph = bundle.graph()
    tree, since = Tree(graph), _Since()
    if journal is not None:
        deleted = forget_deleted(server, graph, journal)
        found = drift.find(server, graph, journal, progress)
        since = _Since(deleted, found, removed.find(graph, journal))
        journal.unsettle(found.to_send(repair=options.repair))
    why_not = unmovable.find(bundle, journal, tree, content=content, again=True, progress=progress)
    with progress.task("plan"):
        plan = _Planner(bundle, server, journal, options, tree, why_not, since).plan()
    if deleted_there := counted_each(since.deleted.numbers):
        plan.notes.append(f"Deleted at the destination since an earlier run: {deleted_there}")
    return plan


class _Since(NamedTuple):
    """What happened since the last apply: deleted or changed there, changed or removed here."""

    deleted: Deleted = Deleted({}, Forgotten())
    drift: Drift = Drift()
    removed: Removed = Removed({}, {})


class _Planner:
    """Creates a plan, node by node and link by link."""

    def __init__(
        self,
        bundle: Bundle,
        server: Server,
        journal: Journal | None,
        options: ApplyOptions,
        tree: Tree,
        why_not: Mapping[str, Why],
        since: _Since,
    ) -> None:
        self._bundle, self._graph, self._server = bundle, bundle.graph(), server
        self._journal, self._options = journal, options
        self._members = tree.members()
        self._hanging = {
            target
            for iri in self._members
            for edge in class_of(self._graph[iri]).edges
            if edge.via is Via.LINK
            for target in self._graph[iri].edges.get(edge.name, ())
        }
        self._why_not, self._since = why_not, since
        self._plan = Plan()
        # Nodes with fields that an earlier run left as the file has them, and that change now.
        as_graph = options.file_metadata is not FileMetadata.FILE
        self._of_files = set(journal.file_fields()) if journal is not None and as_graph else set()

    def plan(self) -> Plan:
        """Return the plan."""
        self._check_header()
        nodes = unmovable.in_order(self._graph)
        self._imports()
        self._nodes(nodes)
        self._links()
        self._check_links()
        self._extras()
        self._removed()
        self._check_left_out()
        self._check_destination()
        return self._plan

    def _add(self, action: Action) -> None:
        self._plan.actions.append(action)

    def _done(self, node: Node) -> bool:
        """Add what remains to be done to a node that an earlier run created or found, if so."""
        recorded = self._journal.get(node.iri) if self._journal is not None else None
        if recorded is None:
            return False
        unsettled = not recorded.settled and recorded.how is not How.CREATED
        if unsettled or node.iri in self._of_files:
            self._add(Update(node.iri, node.type, EDITED, recorded.id))
            return True
        actions = list(self._changed(node, recorded))
        if not recorded.settled and not any(isinstance(one, Upload) for one in actions):
            actions.append(Upload(node.iri, node.type, UNSENT, recorded.id, _size(node)))
        for one in actions or [Done(node.iri, node.type, DONE, recorded.id)]:
            self._add(one)
        return True

    def _changed(self, node: Node, recorded: Counterpart) -> Iterator[Action]:
        """Iterate over what to do about the changes of a node since the last apply."""
        found = self._since.drift
        if node.iri in found.absent:
            yield Keep(node.iri, node.type, DELETED, recorded.id, detail=ONLY_BY_IMPORT)
        # What a reference should lead to may be left out; that is named there.
        changes = [
            one
            for one in found.changes.get(node.iri, ())
            if not any(target in self._why_not for target in one.needs)
        ]
        for why in (HERE, THERE, CONFLICT):
            of_kind = [one for one in changes if one.why == why]
            done = [one for one in of_kind if one.is_settable and self._brings_over(why)]
            for kind, some in (
                (Upload, [one for one in done if one.is_of_bytes]),
                (
                    Update if why == HERE else Restore,
                    [one for one in done if not one.is_of_bytes],
                ),
                (Keep, [one for one in of_kind if one not in done]),
            ):
                if some:
                    yield self._change(kind, node, recorded, why, some)

    def _brings_over(self, why: str) -> bool:
        return why == HERE or self._options.repair

    def _change(
        self, kind: type[Action], node: Node, recorded: Counterpart, why: str, some: list[Change]
    ) -> Action:
        names = tuple(one.name for one in some)
        detail = "; ".join(one.text for one in some)
        if kind is Keep and self._brings_over(why):
            detail += f" ({CANNOT})"
        size = _size(node) if kind is Upload else 0
        return kind(
            node.iri,
            node.type,
            f"{why}: {', '.join(names)}",
            recorded.id,
            size,
            detail=detail,
            fields=names,
        )

    def _removed(self) -> None:
        """Add what the graph does not have any more."""
        removed, delete = self._since.removed, self._options.delete
        for key, number in removed.named_links():
            kind = Remove if delete else Keep
            self._add(kind(key.parent, key.type, REMOVED, number, child=key.child))
        for node, found in removed.named():
            if delete and not with_fileset(found):
                self._add(Remove(node, found.type, REMOVED, found.id))
            else:
                detail = WITH_FILESET if with_fileset(found) else ""
                self._add(Keep(node, found.type, REMOVED, found.id, detail=detail))

    # -- the graph -------------------------------------------------------------------------------

    def _check_header(self) -> None:
        self._plan.notes += map(str, self._graph.header.left_out)

    # -- nodes ----------------------------------------------------------------------------------

    def _imports(self) -> None:
        for fileset in self._graph.of_type(FILESET):
            if why := self._why_not.get(fileset.iri):
                self._add(Skip(fileset.iri, fileset.type, why.reason, detail=why.detail))
            elif not self._done(fileset):
                found = fileset_tree.files(self._graph, fileset)
                size = sum(_size(file) for _, file in found)
                journal = self._journal
                refusal = journal.refusal(fileset.iri) if journal is not None else ""
                if refusal:
                    how = AGAIN
                elif self._was_deleted(fileset.iri):
                    how = DELETED
                else:
                    how = "linked in place" if self._options.in_place else ""
                self._add(Import(fileset.iri, fileset.type, how, bytes=size, detail=refusal))

    def _nodes(self, nodes: list[Node]) -> None:
        open_ = []
        for node in nodes:
            entry = class_of(node)
            if entry.maker is Maker.SERVER or node.type == FILESET:
                continue
            if why := self._why_not.get(node.iri):
                self._add(Skip(node.iri, node.type, why.reason, detail=why.detail))
            elif self._done(node):
                continue
            elif node.iri in self._members:
                self._add(Match(node.iri, node.type, MADE_BY_IMPORT))
            else:
                open_.append(node)
        for iri, why in self._why_not.items():
            if why.reason == unmovable.UNKNOWN:
                self._add(Skip(iri, self._graph[iri].type, why.reason))
        taken = set[tuple[str, int]]()
        if self._journal is not None:
            taken = {*self._journal.same().values(), *self._journal.extras()}
        found = reuse.find(self._server, self._graph, open_, self._options, taken)
        self._plan.notes += found.notes
        for node in open_:
            self._add(found.choices.get(node.iri) or self._create(node))

    def _was_deleted(self, key: str | LinkKey) -> bool:
        """Tell whether an earlier run created a node or link, and a person deleted it there."""
        entries = self._since.deleted.entries
        return key in entries.nodes or key in entries.links or key in self._since.drift.links

    def _create(self, node: Node) -> Create:
        reason = UNLESS if self._hangs_on_import(node) else ""
        if self._was_deleted(node.iri):
            reason = DELETED
        size = _size(node) if class_of(node).bytes else 0
        return Create(node.iri, node.type, reason, bytes=size)

    def _hangs_on_import(self, node: Node) -> bool:
        if class_of(node).maker is not Maker.USER:
            return False
        references = (edge.name for edge in class_of(node).edges if edge.via is Via.REFERENCE)
        return node.iri in self._hanging or any(
            target in self._members for name in references for target in node.edges.get(name, ())
        )

    # -- links ----------------------------------------------------------------------------------

    def _links(self) -> None:
        owned = Counter(
            (node.type, node.target("parent"), node.target("child"))
            for name in catalogue.link_classes()
            for node in self._graph.of_type(name)
        )
        for node in self._graph:
            entry = catalogue.CLASSES.get(node.type)
            for edge in entry.edges if entry is not None else ():
                if edge.via is Via.LINK:
                    for child in dict.fromkeys(node.edges.get(edge.name, ())):
                        key = LinkKey(edge.attribute, node.iri, child)
                        self._link(key, OWNED if key in owned else "")
                        for _ in range(owned[key] - 1):
                            self._add(Skip(node.iri, edge.attribute, SEVERAL, child=child))
                elif edge.via is Via.LIST:
                    for part in node.edges.get(edge.name, ()):
                        if part not in self._graph:
                            self._add(Skip(node.iri, edge.name, NOT_HERE, child=part))

    def _link(self, key: LinkKey, reason: str) -> None:
        kind: type[Action] = Link
        if self._journal is not None and key in self._journal:
            kind, reason = Done, DONE
        elif key.child not in self._graph:
            kind, reason = Skip, NOT_HERE
        elif key.parent in self._why_not or key.child in self._why_not:
            kind, reason = Skip, unmovable.FOLLOWS
        elif self._was_deleted(key):
            reason = DELETED
        self._add(kind(key.parent, key.type, reason, child=key.child))

    def _check_links(self) -> None:
        """Skip the links that the server would refuse."""
        if self._journal is None:
            return
        keys = {one: LinkKey(one.type, one.node, one.child) for one in self._plan.of(Link)}
        why = linkable.not_allowed(self._server, self._journal, keys.values())
        if why:
            self._plan.actions = [
                Skip(one.node, one.type, FORBIDDEN, child=one.child, detail=why[keys[one]])
                if one in keys and keys[one] in why
                else one
                for one in self._plan.actions
            ]

    # -- what imports create in addition ----------------------------------------------------------

    def _extras(self) -> None:
        """Plan the removal of what earlier imports created; later ones are known after them."""
        if self._journal is not None:
            skipped = self._plan.left_out
            for one in extras.removable(self._graph, self._journal, self._options, skipped):
                self._add(Remove("", one.type, extras.NOT_IN_GRAPH, one.id))

    def _check_left_out(self) -> None:
        """Say what a fetch may change; with `strict`, refuse to leave anything out."""
        skipped, do = self._plan.skipped, FETCH
        if isinstance(self._bundle, Document):
            do = BESIDE
        of_files = [one for one in skipped if one.reason in unmovable.OF_FILES]
        if skipped and self._options.strict:
            first = skipped[0]
            raise GraphxferError(
                f"cannot be moved: {first.why}",
                where=" ".join(filter(None, (first.node, first.child))),
                do=do
                if first.reason in unmovable.OF_FILES
                else "apply without --strict to move all the rest",
            )
        if of_files:
            number = counted(len(of_files), "file")
            self._plan.notes.append(f"Left out because of {number} missing or wrong: {do}.")

    # -- the destination ------------------------------------------------------------------------

    def _check_destination(self) -> None:
        """Check the conditions of the apply at the destination."""
        journal = self._journal
        if journal is not None and (
            journal.pending() or journal.imports(Stage.BEGUN, Stage.VERIFYING)
        ):
            self._plan.notes.append("An earlier run was interrupted; apply resumes it.")
        if self._plan.nothing_to_do:
            return
        check_destination(
            self._server,
            files=any(self._plan.uploads(self._graph)),
            imports=any(self._plan.of(Import)),
        )
        if any(self._plan.of(Import)):
            self._server.service("ManagedRepository")
            if self._options.in_place:
                in_place.root(self._server)


def _size(node: Node) -> int:
    size = node.fields.get("size")
    return size if isinstance(size, int) else 0
