// Texts that mean harm, and what a page that holds them must still be: shown as text, nothing run, nothing loaded, a silent console.
import { execFile } from "node:child_process";
import path from "node:path";
import { expect } from "vitest";

export const HOSTILE = [
  "</script><script>document.title='owned'</script>",
  "<img src=x onerror=\"document.title='owned'\">",
  "<svg onload=document.title='owned'><a href='javascript:document.title=1'>x</a></svg>",
  "<!--<script>",
  "]]>\u0000\u0007\u001b[31mred",
  "user\u202Etxt.exe\u2066hidden\u2069 zero\u200Bwidth\ufeff",
  "\u2028line\u2029 \ud800 half",
  "{document.title='owned'} {{constructor.constructor('alert(1)')()}} & &amp; \" '",
  "__proto__",
];

/** What the page's script drew of HOSTILE, after these checks. */
export async function shownOf(
  { command, env }: { command: string; env: NodeJS.ProcessEnv },
  folder: string,
  url: string,
): Promise<string> {
  const { dom, log } = await dumpOf(command, env, folder, url);
  expect(log.filter((line) => /CONSOLE/.test(line))).toEqual([]);
  expect(dom).not.toMatch(/<title>owned/);
  const shown = dom.slice(dom.indexOf("<main>"), dom.indexOf("</main>"));
  // as the browser wrote its elements down again: our own tags alone, and the data escaped
  const tags = new Set([...shown.matchAll(/<([a-z][a-z0-9]*)/g)].map(([, tag]) => tag));
  for (const tag of ["script", "img", "svg", "a", "iframe", "object"]) expect([...tags]).not.toContain(tag);
  expect(/<[^>]*\son\w+=/.test(shown), "an element has a handler").toBe(false);
  expect(shown).toContain("&lt;/script&gt;&lt;script&gt;document.title='owned'&lt;/script&gt;");
  for (const code of ["U+0000", "U+001B", "U+202E", "U+2066", "U+200B", "U+FEFF", "U+2028", "U+D800"])
    expect(shown).toContain(code);
  expect(shown).not.toMatch(/[\u202e\u2066\u200b]/);
  return shown;
}

/** The document after its scripts, and the lines that Chromium logged. */
function dumpOf(command: string, env: NodeJS.ProcessEnv, folder: string, url: string): Promise<{ dom: string; log: string[] }> {
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
  const more = [
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    `--user-data-dir=${path.join(folder, "profile")}`,
    "--dump-dom",
    url,
  ];
  return new Promise((resolve, reject) => {
    execFile(command, [...flags, ...more], { env, maxBuffer: 1 << 26, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`Chromium: ${error.message}\n${stderr.slice(-2000)}`));
      else resolve({ dom: stdout, log: stderr.split("\n") });
    });
  });
}
