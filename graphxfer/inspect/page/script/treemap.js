// The treemap: two levels at a time. D3 computes the layout; buttons make it usable without a mouse.

const TILES = 60; // in one container; the rest is in one tile

function startTreemap() {
  const all = { name: "All", type: "", iri: "", children: page.tree };
  if (weigh(all, (leaf) => leaf.area ?? 0) === 0) weigh(all, () => 1); // no sizes are known: each image counts 1
  const only = page.tree.length === 1 && page.tree[0].children ? page.tree[0] : all;
  showTreemap([only]);
  new ResizeObserver(() => layOut(byId("treemap").path.at(-1))).observe(byId("treemap"));
}

/** Set the weight of every branch: the sum of its leaves. */
function weigh(branch, of) {
  branch.weight = branch.children ? branch.children.reduce((all, child) => all + weigh(child, of), 0) : of(branch);
  return branch.weight;
}

function showTreemap(path) {
  byId("treemap").path = path;
  const steps = path.map((branch, depth) =>
    make("button", { type: "button", className: "link", onclick: () => showTreemap(path.slice(0, depth + 1)) }, isolated(shortened(branch.name, 60))));
  byId("treemap-path").replaceChildren(...steps);
  layOut(path.at(-1));
}

function layOut(branch) {
  const box = byId("treemap");
  const [width, height] = [box.clientWidth, box.clientHeight];
  const root = libraries.hierarchy(nested(branch, 2)).sum((one) => (one.children ? 0 : one.weight));
  libraries.treemap().size([width, height]).paddingOuter(2).paddingInner(1).paddingTop((node) => (node.depth === 1 && node.children ? 18 : 2))(root);
  box.replaceChildren(...root.descendants().slice(1).map((node) => tile(node, width, height)));
}

/** Return a branch with its descendants to some depth; the smallest are combined. */
function nested(branch, depth) {
  if (!branch.children || depth === 0) return { branch, weight: branch.weight };
  const sorted = [...branch.children].sort((one, other) => other.weight - one.weight);
  const children = sorted.slice(0, TILES).map((child) => nested(child, depth - 1));
  const rest = sorted.slice(TILES);
  if (rest.length) {
    const weight = rest.reduce((all, child) => all + child.weight, 0);
    children.push({ branch: { name: `${number(rest.length)} smaller ones`, bytes: 0, weight }, weight });
  }
  return { branch, children };
}

function tile(node, width, height) {
  const { branch } = node.data;
  const isInto = Boolean(branch.children);
  const top = node.ancestors().at(-2); // its descendants have its colour
  const hue = top.parent.children.indexOf(top) % 6;
  const size = branch.bytes ? bytes(branch.bytes) : "";
  const about = `${shortened(branch.name, 200)}${size ? `, ${size}` : ""}${branch.images ? `, ${number(branch.images)} images` : ""}`;
  const made = make("button", { type: "button", title: about, "aria-label": about, className: `hue${hue}${isInto ? " into" : ""}` },
    isolated(shortened(branch.name, 60)), size ? ` ${size}` : "");
  made.onclick = () => (isInto ? showTreemap([...byId("treemap").path, ...below(node)]) : branch.iri && goTo(branch.iri));
  Object.assign(made.style, {
    left: `${(100 * node.x0) / width}%`, top: `${(100 * node.y0) / height}%`,
    width: `${(100 * (node.x1 - node.x0)) / width}%`, height: `${(100 * (node.y1 - node.y0)) / height}%`,
  });
  return made;
}

/** Return the branches from the shown one to that of a tile. */
const below = (node) => node.ancestors().slice(0, -1).reverse().map((one) => one.data.branch);
