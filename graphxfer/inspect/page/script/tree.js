// The tree. Rows are created in steps when a branch is expanded. Keys follow WAI-ARIA's tree pattern.

const STEP = 100; // rows added at once
const branches = new Map(); // IRI -> branch; for an image in several datasets the first one
const rows = new WeakMap(); // row -> branch
const root = { children: page.tree, shown: 0, level: 0 };
let focused = null; // the row that Tab moves to

/** Set the parent and position of each branch. */
function relate(parent, list) {
  list.forEach((branch, place) => {
    Object.assign(branch, { parent, place });
    if (!branches.has(branch.iri)) branches.set(branch.iri, branch);
    relate(branch, branch.children ?? []);
  });
}

function startTree() {
  const tree = byId("branches");
  relate(root, page.tree);
  addRows(tree, root);
  if (page.tree.length <= 3) for (const branch of page.tree) unfold(branch.row);
  tree.addEventListener("click", (event) => chosen(event.target.closest("[role=treeitem]"), event));
  tree.addEventListener("keydown", onKey);
  focus(tree.querySelector("[role=treeitem]"), false);
}

/** Add the next rows of a branch's children to its list. */
function addRows(list, branch, until = branch.shown + STEP) {
  list.querySelector(":scope > .more")?.remove();
  const next = branch.children.slice(branch.shown, until);
  branch.shown += next.length;
  list.append(...next.map((child) => row(child, branch.level + 1, branch.children.length)));
  const rest = branch.children.length - branch.shown;
  if (rest > 0) list.append(moreRow(list, branch, rest));
}

function row(branch, level, siblings) {
  const about = { role: "treeitem", tabIndex: -1, "aria-level": level, "aria-setsize": siblings, "aria-posinset": branch.place + 1 };
  if (branch.children) about["aria-expanded"] = "false";
  const made = make("li", { ...about, "aria-selected": "false" },
    make("div", { className: "row" },
      make("span", { className: "fold", "aria-hidden": "true" }, branch.children ? "▸" : ""),
      thumbnail(branch),
      make("span", { className: "badge" }, branch.type),
      isolated(branch.name, { className: "name", dir: "auto", title: shortened(branch.name, 300) }),
      make("span", { className: "about" }, ...counts(branch))));
  branch.row = made;
  branch.level = level;
  rows.set(made, branch);
  return made;
}

function counts(branch) {
  const found = branch.children
    ? [[branch.images, "images"], [branch.rois, "ROIs"], [branch.annotations, "annotations"]]
    : [[branch.rois, "ROIs"], [branch.annotations, "annotations"]];
  const words = found.filter(([count]) => count).map(([count, what]) => `${number(count)} ${count === 1 ? what.slice(0, -1) : what}`);
  return [make("span", { className: "more" }, words.length ? `${words.join(", ")} · ` : ""), bytes(branch.bytes ?? 0)];
}

function moreRow(list, branch, rest) {
  const made = make("li", { role: "treeitem", tabIndex: -1, className: "more", "aria-level": branch.level + 1 },
    make("div", { className: "row" }, `Show ${number(Math.min(STEP, rest))} more of ${number(rest)}`));
  made.onmore = () => {
    const first = branch.shown;
    addRows(list, branch);
    focus(branch.children[first].row);
  };
  return made;
}

// -- expanding

const isUnfolded = (item) => item.getAttribute("aria-expanded") === "true";

function unfold(item) {
  const branch = rows.get(item);
  if (!branch?.children || isUnfolded(item)) return;
  item.setAttribute("aria-expanded", "true");
  item.querySelector(".fold").textContent = "▾";
  const list = make("ul", { role: "group" });
  branch.shown = 0;
  addRows(list, branch);
  item.append(list);
}

function fold(item) {
  if (!isUnfolded(item)) return;
  item.setAttribute("aria-expanded", "false");
  item.querySelector(".fold").textContent = "▸";
  item.querySelector(":scope > [role=group]").remove(); // created when it is expanded the next time
}

/** Expand the ancestors of a branch, and select it. */
function reveal(branch) {
  const above = [];
  for (let one = branch.parent; one !== root; one = one.parent) above.unshift(one);
  for (const one of [...above, branch]) {
    const { parent } = one;
    if (parent !== root) unfold(parent.row);
    const list = parent === root ? byId("branches") : parent.row.querySelector(":scope > [role=group]");
    if (parent.shown <= one.place) addRows(list, parent, one.place + 1);
  }
  focus(branch.row);
  select(branch.row);
  branch.row.firstChild.scrollIntoView({ block: "center" });
}

// -- selecting

function focus(item, really = true) {
  if (!item) return;
  if (focused) focused.tabIndex = -1;
  focused = item;
  item.tabIndex = 0;
  if (really) item.focus();
}

function select(item) {
  const branch = rows.get(item);
  if (!branch) return;
  for (const one of byId("branches").querySelectorAll("[aria-selected=true]")) one.setAttribute("aria-selected", "false");
  item.setAttribute("aria-selected", "true");
  showDetails(branch.iri);
}

function chosen(item, event) {
  if (!item) return;
  focus(item);
  if (item.onmore) {
    item.onmore();
    return;
  }
  select(item);
  if (event) (isUnfolded(item) ? fold : unfold)(item);
}

// -- keys

function onKey(event) {
  const item = event.target.closest("[role=treeitem]");
  const act = item && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act(item);
}

const KEYS = {
  ArrowDown: (item) => focus(neighbour(item, 1)),
  ArrowUp: (item) => focus(neighbour(item, -1)),
  ArrowRight: (item) => (isUnfolded(item) ? focus(neighbour(item, 1)) : unfold(item)),
  ArrowLeft: (item) => (isUnfolded(item) ? fold(item) : focus(item.parentElement.closest("[role=treeitem]"))),
  Home: () => focus(byId("branches").querySelector("[role=treeitem]")),
  End: () => focus([...byId("branches").querySelectorAll("[role=treeitem]")].at(-1)),
  Enter: (item) => chosen(item),
  " ": (item) => chosen(item),
};

function neighbour(item, step) {
  const all = [...byId("branches").querySelectorAll("[role=treeitem]")];
  return all[all.indexOf(item) + step];
}
