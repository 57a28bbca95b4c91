// A comparison as one HTML page that needs nothing else: no network, no server. Text from data sets cannot become markup: it travels as
// JSON in which "<" is \u003c, and the page's script (assets/comparePage.js) puts it into the document as text. The policy in the page
// lets only the scripts and styles run whose hashes it names, and nothing be loaded.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Comparison } from "../recipes/compare.js";

const asset = (name: string): string => readFileSync(new URL(`../../assets/${name}`, import.meta.url), "utf8");

export function comparisonPage(comparison: Comparison): string {
  const require = createRequire(import.meta.url);
  const uplot = (name: string): string => readFileSync(require.resolve(`uplot/dist/${name}`), "utf8");
  const styles = [uplot("uPlot.min.css"), asset("comparePage.css")];
  const scripts = [uplot("uPlot.iife.min.js"), asset("comparePage.js")];
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(hashOf).join(" ")}`,
    `style-src ${styles.map(hashOf).join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const title = `attune compare: ${comparison.systems.map(({ name }) => name).join(", ")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
${styles.map((text) => `<style>${text}</style>`).join("\n")}
</head>
<body>
<main></main>
<noscript>This page is drawn by a script of its own; the same numbers come from attune compare --markdown.</noscript>
<script type="application/json" id="data">${jsonForScript(comparison)}</script>
${scripts.map((text) => `<script>${text}</script>`).join("\n")}
</body>
</html>
`;
}

/** JSON that can neither end its script element nor open a comment in it; NaN and Infinity are null. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** For text and quoted attributes; control characters and marks that turn text become U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd")
    .replace(/[&<>"']/g, (mark) => ENTITIES[mark]!);
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
