// Bundle the libraries of the page, with their licences: `make page`.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const OUT = "../../graphxfer/inspect/page/vendor";

const made = await build({
  entryPoints: ["charts.js", "editor.js"],
  outdir: OUT,
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "vendor",
  footer: { js: "Object.assign(globalThis.libraries ??= {}, vendor);" },
  legalComments: "none",
  target: "es2022",
  metafile: true,
});

const names = new Set(
  Object.keys(made.metafile.inputs)
    .map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
    .filter(Boolean),
);
const licences = await Promise.all([...names].sort().map(async (name) => {
  const about = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
  const text = await readFile(`node_modules/${name}/LICENSE`, "utf8");
  return `${name} ${about.version} (${about.license})\n\n${text.trim()}\n`;
}));
await writeFile(`${OUT}/LICENSES.txt`, licences.join(`\n${"-".repeat(80)}\n\n`));
