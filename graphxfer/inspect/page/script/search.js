// Search in the data of the page. A served page searches all texts at the server.

const HITS = 100; // shown at once
let haystack = null; // created at the first search

function startSearch() {
  const input = byId("search");
  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => search(input.value), page.live ? 150 : 50);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") byId("hits").querySelector("button")?.focus();
    if (event.key === "Escape") search((input.value = ""));
  });
  byId("hits").addEventListener("keydown", moveInHits);
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, [contenteditable=true]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  });
}

function moveInHits(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...byId("hits").querySelectorAll("button")];
  (all[all.indexOf(event.target) + step] ?? byId("search")).focus();
}

async function search(text) {
  const wanted = text.trim().toLowerCase();
  const { hits, total } = wanted ? await (page.live ? searchServer : searchPage)(wanted) : { hits: [], total: 0 };
  if (byId("search").value.trim().toLowerCase() !== wanted) return; // more was typed meanwhile
  byId("hits").replaceChildren(...hits.map((hit) => make("li", {}, hitButton(hit, wanted))));
  const more = total > hits.length ? `, the first ${number(hits.length)} shown` : "";
  byId("found").textContent = wanted ? `${number(total)} found${more}` : "";
}

function hitButton({ iri, name, where }, wanted) {
  const about = where ? make("div", { className: "muted" }, marked(where, wanted)) : null;
  return make("button", { type: "button", onclick: () => goTo(iri) },
    make("span", { className: "badge" }, iri), " ", marked(shortened(name, 200), wanted), about);
}

/** Return a text with the searched text marked. */
function marked(text, wanted) {
  const at = text.toLowerCase().indexOf(wanted);
  if (at < 0) return isolated(text);
  const end = at + wanted.length;
  return make("bdi", {}, text.slice(0, at), make("mark", {}, text.slice(at, end)), text.slice(end));
}

/** Search in the data of the page. */
function searchPage(wanted) {
  haystack ??= [...branches.values()].map((branch) => ({ branch, texts: textsOf(branch) }));
  const found = [];
  for (const { branch, texts } of haystack) {
    const text = texts.find((one) => one.toLowerCase().includes(wanted));
    if (text !== undefined) found.push({ iri: branch.iri, name: branch.name, where: text === branch.name ? "" : around(text, wanted) });
  }
  return { hits: found.slice(0, HITS), total: found.length };
}

function textsOf(branch) {
  const { facts = [], annotations = [] } = page.details[branch.iri] ?? {};
  const hanging = annotations.map((iri) => page.annotations[iri]).filter(Boolean);
  const pairs = hanging.flatMap((one) => one.pairs ?? []).map(([key, value]) => `${key} = ${value}`);
  return [branch.name, branch.iri, ...facts.map(([, value]) => value), ...hanging.map((one) => one.text ?? ""), ...pairs];
}

/** Return the part of a long text around the searched text. */
function around(text, wanted) {
  const at = Math.max(0, text.toLowerCase().indexOf(wanted) - 40);
  return `${at ? "…" : ""}${text.slice(at, at + 120)}${text.length > at + 120 ? "…" : ""}`;
}

async function searchServer(wanted) {
  const answer = await fetch(`search?q=${encodeURIComponent(wanted)}`);
  if (!answer.ok) return { hits: [], total: 0 };
  const { hits, total } = await answer.json();
  return { total, hits: hits.map((hit) => ({ ...hit, where: hit.where && around(hit.where, wanted) })) };
}
