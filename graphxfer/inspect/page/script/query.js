// The query editor of a served page, and the tables of its answers.

const ROWS = 500; // of an answer, shown at once

let editor = null;
let latest = 0; // number of the latest query; late answers to earlier queries are not shown

function startQuery() {
  if (!page.live) return;
  const { queries, words, nonce, first } = page.live;
  const library = byId("library");
  library.append(...queries.map(({ name }) => make("option", { value: name }, name)));
  editor = libraries.editor(byId("editor"), first, words, nonce, run);
  library.addEventListener("change", () => {
    const found = queries.find(({ name }) => name === library.value);
    byId("sentence").textContent = found?.sentence ?? "";
    if (found) editor.set(found.text);
  });
  byId("run").addEventListener("click", run);
  for (const button of byId("downloads").querySelectorAll("button")) button.addEventListener("click", () => save(button.dataset.type));
}

const ask = (query, type) =>
  fetch("sparql", { method: "POST", headers: { "Content-Type": "application/sparql-query", Accept: type }, body: query });

async function run() {
  const mine = (latest += 1);
  const started = performance.now();
  showStatus("Running …");
  let answer, text;
  try {
    answer = await ask(editor.text(), "application/sparql-results+json, text/turtle;q=0.9");
    text = await answer.text();
  } catch {
    answer = { ok: false };
    text = "The server does not answer: is graphxfer serve still running?";
  }
  if (mine !== latest) return;
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  byId("downloads").hidden = !answer.ok;
  byId("answer").replaceChildren();
  if (!answer.ok) showStatus(text, true);
  else if (answer.headers.get("Content-Type").includes("json")) showResults(JSON.parse(text), answer, seconds);
  else showTriples(text, answer, seconds);
}

function showStatus(text, isFailure = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("failed", isFailure);
}

const cut = (answer) => (answer.headers.has("Graphxfer-Cut") ? "; cut at the limit of rows" : "");

function showTriples(text, answer, seconds) {
  byId("answer").replaceChildren(make("pre", {}, isolated(text)));
  showStatus(`Turtle in ${seconds} s${cut(answer)}`);
}

function showResults(found, answer, seconds) {
  if ("boolean" in found) {
    showStatus(`${found.boolean ? "Yes" : "No"}, in ${seconds} s`);
    return;
  }
  const names = found.head.vars;
  const bindings = found.results.bindings;
  showStatus(`${number(bindings.length)} ${bindings.length === 1 ? "row" : "rows"} in ${seconds} s${cut(answer)}`);
  const body = make("tbody");
  const more = make("button", { type: "button", onclick: () => add() });
  let shown = 0;
  const add = () => {
    const next = bindings.slice(shown, shown + ROWS);
    body.append(...next.map((one) => make("tr", {}, ...names.map((name) => make("td", {}, term(one[name]))))));
    shown += next.length;
    more.hidden = shown >= bindings.length;
    more.textContent = `Show more of ${number(bindings.length - shown)}`;
  };
  add();
  const head = make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  byId("answer").replaceChildren(make("table", {}, head, body), more);
}

/** Return a term of an answer; a node of the graph becomes a button that shows it. */
function term(found) {
  if (!found) return "";
  if (found.type === "uri" && found.value.startsWith(page.base)) return nodeLink(found.value.slice(page.base.length));
  return isolated(shortened(found.value, 2000), { title: found["xml:lang"] ?? found.datatype ?? found.type });
}

async function save(type) {
  const answer = await ask(editor.text(), `${type}, text/turtle;q=0.5`);
  if (!answer.ok) {
    showStatus(await answer.text(), true);
    return;
  }
  const isTurtle = answer.headers.get("Content-Type").includes("turtle");
  const url = URL.createObjectURL(await answer.blob());
  make("a", { href: url, download: `answer.${isTurtle ? "ttl" : type.endsWith("csv") ? "csv" : "json"}` }).click();
  URL.revokeObjectURL(url);
}
