// A page that needs nothing else: no network, no server. Text from data sets cannot become markup: it travels as JSON in which "<" is
// \u003c, and the page's script puts it into the document as text (assets/pageParts.js). The policy in the page lets only the scripts and
// styles run whose hashes it names, and nothing be loaded.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const asset = (name: string): string => readFileSync(new URL(`../../assets/${name}`, import.meta.url), "utf8");

export interface PageText {
  title: string;
  /** What the page's script draws; NaN and Infinity become null. */
  data: unknown;
  /** A file of assets/. */
  script: string;
  /** Said where scripts do not run. */
  withoutScript: string;
  /** The page may ask the server that it came from: attune report --serve. */
  isServed?: boolean;
}

export function pageHtml({ title, data, script, withoutScript, isServed = false }: PageText): string {
  const require = createRequire(import.meta.url);
  const uplot = (name: string): string => readFileSync(require.resolve(`uplot/dist/${name}`), "utf8");
  const styles = [uplot("uPlot.min.css"), asset("page.css")];
  const scripts = [uplot("uPlot.iife.min.js"), `${asset("pageParts.js")}\n${asset(script)}`];
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(hashOf).join(" ")}`,
    `style-src ${styles.map(hashOf).join(" ")}`,
    ...(isServed ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
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
<noscript>${escapeHtml(withoutScript)}</noscript>
<script type="application/json" id="data">${jsonForScript(data)}</script>
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
