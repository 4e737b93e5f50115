// The picture of shared annotations: annotations on the left, containers on the right. The focused node shows its links.

const STEP_DOWN = 26; // from one label to the next

function startShared() {
  const box = byId("network");
  const { annotations, places, links } = page.shared;
  if (!box || !annotations.length) return;
  const wide = Math.max(340, Math.min(960, box.clientWidth));
  const letters = Math.floor((wide / 3 - 20) / 7.5); // a third of the width is for the lines
  const nodes = [
    ...annotations.map((one) => ({ ...one, isPlace: false, label: shortened(one.text, letters), radius: 4 + Math.min(8, Math.log2(one.objects)) })),
    ...places.map((one) => ({ ...one, isPlace: true, label: shortened(one.name, letters), radius: 7 })),
  ];
  const known = new Map(nodes.map((node) => [node.iri, node]));
  const edges = links.map(([source, target, count]) => ({ source: known.get(source), target: known.get(target), count }));
  const size = { wide, high: STEP_DOWN * Math.max(annotations.length, places.length) + 8 };
  arrange(nodes, edges, size);
  box.replaceChildren(picture(nodes, edges, size));
}

/** Set positions: each container is beside the middle of its annotations, so that few lines cross. */
function arrange(nodes, edges, { wide, high }) {
  const [left, right] = [nodes.filter((node) => !node.isPlace), nodes.filter((node) => node.isPlace)];
  column(left, wide / 3, high);
  const middle = (node) => {
    const near = edges.filter((edge) => edge.target === node);
    return near.reduce((sum, edge) => sum + edge.source.y, 0) / (near.length || 1);
  };
  const wanted = new Map(right.map((node) => [node, middle(node)]));
  column(right.sort((one, other) => wanted.get(one) - wanted.get(other)), (2 * wide) / 3, high);
}

/** Put nodes below one another, from top to bottom. */
function column(nodes, x, high) {
  const step = high / (nodes.length || 1);
  nodes.forEach((node, at) => Object.assign(node, { x, y: step * (at + 0.5) }));
}

function picture(nodes, edges, { wide, high }) {
  const lines = edges.map(({ source, target, count }) => {
    const half = (source.x + target.x) / 2;
    const d = `M${source.x},${source.y} C${half},${source.y} ${half},${target.y} ${target.x},${target.y}`;
    return draw("path", { d, "stroke-width": 1 + Math.log2(count) / 2 });
  });
  const spots = nodes.map((node) => spot(node, edges));
  const highlight = (chosen) => {
    const near = new Set(chosen ? [chosen, ...edges.filter((one) => one.source === chosen || one.target === chosen).flatMap((one) => [one.source, one.target])] : nodes);
    nodes.forEach((node, at) => spots[at].classList.toggle("far", !near.has(node)));
    edges.forEach((edge, at) => lines[at].classList.toggle("far", Boolean(chosen) && edge.source !== chosen && edge.target !== chosen));
  };
  spots.forEach((one, at) => {
    for (const event of ["focus", "mouseenter"]) one.addEventListener(event, () => highlight(nodes[at]));
    for (const event of ["blur", "mouseleave"]) one.addEventListener(event, () => highlight(null));
  });
  return draw("svg", { viewBox: `0 0 ${wide} ${high}`, role: "group", "aria-label": "Shared annotations and their containers" }, ...lines, ...spots);
}

function spot(node, edges) {
  const linked = edges.filter((one) => one.source === node || one.target === node);
  const about = node.isPlace
    ? `${node.type} ${node.name}: ${linked.map((one) => `${one.source.text} on ${number(one.count)}`).join(", ")}`
    : `${node.type} ${node.text}, on ${number(node.objects)} objects`;
  const shape = node.isPlace
    ? draw("rect", { class: "box", x: node.x - 7, y: node.y - 7, width: 14, height: 14, rx: 3 })
    : draw("circle", { class: "spot", cx: node.x, cy: node.y, r: node.radius });
  const away = node.radius + 6;
  const label = node.isPlace
    ? draw("text", { x: node.x + away, y: node.y + 4 }, node.label)
    : draw("text", { x: node.x - away, y: node.y + 4, "text-anchor": "end" }, node.label);
  const made = draw("g", { tabindex: 0, role: node.isPlace ? "button" : "img", "aria-label": about }, draw("title", {}, about), shape, label);
  if (node.isPlace) {
    made.addEventListener("click", () => goTo(node.iri));
    made.addEventListener("keydown", (event) => event.key === "Enter" && goTo(node.iri));
  }
  return made;
}
