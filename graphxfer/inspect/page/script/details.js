// The details of one node, beside the tree. A served page requests all facts from the server.

/** Show a node: the facts in the page at once, the rest after the server's answer. */
async function showDetails(iri) {
  const box = byId("details");
  const branch = branches.get(iri);
  const close = make("button", { type: "button", className: "close", onclick: () => hideDetails(box) }, "Close");
  box.replaceChildren(close, make("h3", {}, isolated(branch?.name ?? iri)), make("p", { className: "muted" }, isolated(iri)));
  box.hidden = false;
  box.dataset.iri = iri;
  if (branch) {
    const picture = thumbnail(branch);
    if (picture) box.append(picture);
  }
  if (page.live) await askDetails(box, iri);
  else box.append(...embeddedDetails(iri));
}

function hideDetails(box) {
  box.hidden = true;
  focused?.focus();
}

function* embeddedDetails(iri) {
  const known = page.details[iri];
  if (!known) {
    yield make("p", {}, "This page has no details of this node; `graphxfer serve` shows them.");
    return;
  }
  if (known.included) yield make("p", { className: "note" }, "Included: it shares a fileset with a selected image.");
  if (known.facts) yield table(known.facts);
  for (const name of known.annotations ?? []) yield* annotation(name);
}

function* annotation(iri) {
  const found = page.annotations[iri];
  if (!found) return;
  yield make("h3", {}, found.text ? isolated(found.text) : found.type, " ", make("span", { className: "badge" }, iri));
  if (found.pairs) yield table(found.pairs);
  if (found.about) yield table(found.about);
}

/** Return a table of pairs. */
function table(pairs) {
  const rows = pairs.map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, isolated(name)), make("td", {}, value instanceof Node ? value : isolated(value))));
  return make("table", {}, ...rows);
}

async function askDetails(box, iri) {
  const answer = await fetch(`node?iri=${encodeURIComponent(iri)}`);
  if (box.dataset.iri !== iri) return; // another node was selected meanwhile
  if (!answer.ok) {
    box.append(make("p", { className: "note" }, isolated(await answer.text())));
    return;
  }
  const node = await answer.json();
  if (!branches.has(iri)) box.querySelector("h3").replaceChildren(isolated(node.name));
  if (node.facts.length) box.append(table(node.facts));
  for (const [title, edges] of [["Outgoing edges", node.out], ["Incoming edges", node.in]]) {
    if (edges.length) box.append(make("h3", {}, title), table(edges.map(edgeRow)));
  }
}

function edgeRow([predicate, targets, more]) {
  const links = targets.map(([iri, name]) =>
    make("div", {}, nodeLink(iri), " ", name === iri ? "" : isolated(name)));
  return [predicate, make("div", {}, ...links, more ? `… and ${number(more)} more` : "")];
}

/** Return a button that shows a node: in the tree if it is there, otherwise its details. */
function nodeLink(iri) {
  return make("button", { type: "button", className: "link", onclick: () => goTo(iri) }, iri);
}

function goTo(iri) {
  if (branches.has(iri)) reveal(branches.get(iri));
  else showDetails(iri);
}
