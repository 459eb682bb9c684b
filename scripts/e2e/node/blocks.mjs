// Block markup as WordPress judges it: `node blocks.mjs <its files> <its scripts: {name: [what it needs]}>` reads a
// JSON list of documents and writes, for each, {loose, names, invalid}: the HTML outside of every block and the names of
// the blocks, as the server's parser sees them, and the blocks that the editor would call invalid, with its reason.
import { readFileSync } from "node:fs";
import { parse } from "@wordpress/block-serialization-default-parser";
import { JSDOM, VirtualConsole } from "jsdom";

const [site, scripts] = process.argv.slice(2);
const dist = `${site}/wp-includes/js/dist`;
const known = JSON.parse(scripts);
const vendor = {
  react: "react", "react-dom": "react-dom", lodash: "lodash", moment: "moment",
  "regenerator-runtime": "regenerator-runtime", "wp-polyfill": "wp-polyfill",
};

function ordered(name, seen = new Set(), files = []) {
  if (seen.has(name)) return files;
  seen.add(name);
  if (vendor[name]) {
    if (name === "react-dom") ordered("react", seen, files);
    if (name === "wp-polyfill") ordered("regenerator-runtime", seen, files);
    files.push(`${dist}/vendor/${vendor[name]}.min.js`);
  } else if (name.startsWith("wp-") && known[name.slice(3)]) {
    for (const other of known[name.slice(3)]) ordered(other, seen, files);
    files.push(`${dist}/${name.slice(3)}.min.js`);
  }
  return files;
}

const page = new JSDOM("<!doctype html><body></body>", {
  url: "http://localhost/", runScripts: "outside-only", pretendToBeVisual: true,
  virtualConsole: new VirtualConsole(),
});
const { window } = page;
window.matchMedia ??= () => ({ matches: false, addListener() {}, removeListener() {}, addEventListener() {}, removeEventListener() {} });
window.console = { ...console, log() {}, info() {}, warn() {}, error() {}, groupCollapsed() {}, groupEnd() {} };
for (const file of ordered("wp-block-library")) {
  window.eval(readFileSync(file, "utf8"));
  if (file.endsWith("/lodash.min.js")) window.lodash = window._;
}
window.wp.blockLibrary.registerCoreBlocks();

function invalid(blocks) {
  return blocks.flatMap((block) => [
    ...(block.isValid ? [] : [{ name: block.name, html: block.originalContent, why: (block.validationIssues || []).map((issue) => issue.args.map(String).join(" ")).join("; ").slice(0, 500) }]),
    ...invalid(block.innerBlocks),
  ]);
}

function names(blocks) {
  return blocks.flatMap((block) => [...(block.blockName ? [block.blockName] : []), ...names(block.innerBlocks)]);
}

const documents = JSON.parse(readFileSync(0, "utf8"));
const judged = documents.map((text) => {
  const blocks = parse(text);
  return {
    loose: blocks.filter((block) => !block.blockName).map((block) => block.innerHTML.trim()).filter(Boolean),
    names: names(blocks),
    invalid: invalid(window.wp.blocks.parse(text)),
  };
});
process.stdout.write(JSON.stringify(judged));
