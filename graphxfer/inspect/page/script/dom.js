// Create elements. Texts of a bundle become text nodes only: no function takes HTML.

/** Return an element with properties or attributes, and children that are nodes or texts. */
function make(tag, about = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name in made && !name.startsWith("aria")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Return an SVG element with attributes. */
function draw(tag, about = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(about)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return a text of the bundle in a <bdi> element, so that its direction affects no other text. */
const isolated = (text, about = {}) => make("bdi", about, text);

const byId = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

/** Return a number of bytes with a unit. */
function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let step = 0;
  for (; size >= 1000 && step < units.length - 1; step += 1) size /= 1000;
  return `${step ? size.toFixed(1) : Math.round(size)} ${units[step]}`;
}

/** Return a text, cut to a number of complete characters. */
function shortened(text, limit) {
  const characters = Array.from(text.slice(0, 4 * limit));
  return characters.length > limit ? `${characters.slice(0, limit).join("")}…` : text;
}

/** Read one of the page's JSON documents. */
const embedded = (id) => JSON.parse(byId(id).textContent);

const page = embedded("data");
if (page.live) page.live.thumbnails = new Set(page.live.thumbnails);
let thumbnails = null; // parsed when the first one is needed: they are most of a large page

/** Return an image's thumbnail, or null if it has none. */
function thumbnail(branch) {
  if (branch.children?.length) return null;
  thumbnails ??= embedded("thumbnails");
  const about = { alt: "", loading: "lazy", decoding: "async" };
  if (thumbnails[branch.iri]) return make("img", { ...about, src: thumbnails[branch.iri] });
  if (!page.live?.thumbnails.has(branch.iri)) return null;
  return make("img", { ...about, src: `thumbnails/${branch.iri.split("/").at(-1)}` });
}
