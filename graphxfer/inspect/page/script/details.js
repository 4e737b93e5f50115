// What is told of one node, beside the tree; a served page asks for all that there is.

/** Show a node: what the page has of it at once, the rest when the server has answered. */
async function showDetails(iri) {
  const box = byId("details");
  const branch = branches.get(iri);
  const close = make("button", { type: "button", className: "close", onclick: () => hideDetails(box) }, "Close");
  box.replaceChildren(close, make("h3", {}, told(branch?.name ?? iri)), make("p", { className: "muted" }, told(iri)));
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
    yield make("p", {}, "More of it is in the bundle, not in this page: graphxfer serve shows all.");
    return;
  }
  if (known.included) yield make("p", { className: "note" }, "Included: it shares a fileset with a selected image.");
  if (known.facts) yield table(known.facts);
  for (const name of known.annotations ?? []) yield* annotation(name);
}

function* annotation(iri) {
  const found = page.annotations[iri];
  if (!found) return;
  yield make("h3", {}, found.text ? told(found.text) : found.type, " ", make("span", { className: "badge" }, iri));
  if (found.pairs) yield table(found.pairs);
  if (found.about) yield table(found.about);
}

/** Return a table of pairs. */
function table(pairs) {
  const rows = pairs.map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, told(name)), make("td", {}, value instanceof Node ? value : told(value))));
  return make("table", {}, ...rows);
}

async function askDetails(box, iri) {
  const answer = await fetch(`node?iri=${encodeURIComponent(iri)}`);
  if (box.dataset.iri !== iri) return; // another was chosen meanwhile
  if (!answer.ok) {
    box.append(make("p", { className: "note" }, told(await answer.text())));
    return;
  }
  const node = await answer.json();
  if (!branches.has(iri)) box.querySelector("h3").replaceChildren(told(node.name));
  if (node.facts.length) box.append(table(node.facts));
  for (const [title, edges] of [["Leads to", node.out], ["Comes from", node.in]]) {
    if (edges.length) box.append(make("h3", {}, title), table(edges.map(edgeRow)));
  }
}

function edgeRow([predicate, targets, more]) {
  const links = targets.map(([iri, name]) =>
    make("div", {}, nodeLink(iri), " ", name === iri ? "" : told(name)));
  return [predicate, make("div", {}, ...links, more ? `… and ${number(more)} more` : "")];
}

/** Return a button that leads to a node: in the tree where it is there, else its details. */
function nodeLink(iri) {
  return make("button", { type: "button", className: "link", onclick: () => goTo(iri) }, iri);
}

function goTo(iri) {
  if (branches.has(iri)) reveal(branches.get(iri));
  else showDetails(iri);
}
