// The picture of shared annotations: D3 finds the places; what is focused shows what it is linked to.

function startShared() {
  const box = byId("network");
  const { annotations, places, links } = page.shared;
  if (!box || !annotations.length) return;
  const nodes = [
    ...annotations.map((one) => ({ ...one, isPlace: false, label: shortened(one.text, 24), radius: 5 + Math.min(11, 1.5 * Math.log2(one.objects)) })),
    ...places.map((one) => ({ ...one, isPlace: true, label: shortened(one.name, 24), radius: 8 })),
  ];
  const edges = links.map(([source, target, count]) => ({ source, target, count }));
  const size = { wide: Math.max(340, Math.min(960, box.clientWidth)), high: Math.min(640, 200 + 12 * nodes.length) };
  arrange(nodes, edges, size);
  box.replaceChildren(picture(nodes, edges, size));
}

function arrange(nodes, edges, { wide, high }) {
  const { forceSimulation, forceLink, forceManyBody, forceCollide, forceX, forceY } = libraries;
  forceSimulation(nodes)
    .force("link", forceLink(edges).id((node) => node.iri).distance(90))
    .force("charge", forceManyBody().strength(-260))
    .force("collide", forceCollide((node) => node.radius + 16))
    .force("x", forceX(wide / 2).strength(0.05))
    .force("y", forceY(high / 2).strength(0.12))
    .stop()
    .tick(300);
  for (const node of nodes) {
    node.x = Math.max(20, Math.min(wide - 150, node.x));
    node.y = Math.max(20, Math.min(high - 20, node.y));
  }
}

function picture(nodes, edges, { wide, high }) {
  const lines = edges.map((edge) => draw("line", {
    x1: edge.source.x, y1: edge.source.y, x2: edge.target.x, y2: edge.target.y, "stroke-width": 1 + Math.log2(edge.count) / 2,
  }));
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
  return draw("svg", { viewBox: `0 0 ${wide} ${high}`, role: "group", "aria-label": "Shared annotations and where they are" }, ...lines, ...spots);
}

function spot(node, edges) {
  const linked = edges.filter((one) => one.source === node || one.target === node);
  const about = node.isPlace
    ? `${node.type} ${node.name}: ${linked.map((one) => `${one.source.text} on ${number(one.count)}`).join(", ")}`
    : `${node.type} ${node.text}, on ${number(node.objects)} objects`;
  const shape = node.isPlace
    ? draw("rect", { class: "box", x: node.x - 7, y: node.y - 7, width: 14, height: 14, rx: 3 })
    : draw("circle", { class: "spot", cx: node.x, cy: node.y, r: node.radius });
  const label = draw("text", { x: node.x + node.radius + 4, y: node.y + 4 }, node.label);
  const made = draw("g", { tabindex: 0, role: node.isPlace ? "button" : "img", "aria-label": about }, draw("title", {}, about), shape, label);
  if (node.isPlace) {
    made.addEventListener("click", () => goTo(node.iri));
    made.addEventListener("keydown", (event) => event.key === "Enter" && goTo(node.iri));
  }
  return made;
}
