// The page of attune compare in headless Chromium, made from data that means harm: everything is shown as text, nothing runs, nothing is
// loaded, and the console stays silent.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { compareSystems } from "../../apps/cli/src/recipes/compare.js";
import { readSystem } from "../../apps/cli/src/recipes/systems.js";
import { comparisonPage } from "../../apps/cli/src/report/comparisonPage.js";
import { findBrowser } from "../../scripts/browser.mjs";

const HOSTILE = [
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

async function hostilePage(folder: string): Promise<string> {
  const write = async (name: string, outputs: readonly string[]) => {
    const samples = HOSTILE.map((text, i) => ({
      id: `${text}${i}`,
      prompt: text,
      reference: i % 2 ? "up" : "down",
      output: outputs[i],
    }));
    await mkdir(path.join(folder, name), { recursive: true });
    await writeFile(
      path.join(folder, name, "samples.jsonl"),
      samples
        .map((one) => `${JSON.stringify(one)}\n`)
        .join("")
        .replaceAll("\\ud800", ""),
    );
    const losses = [1, 2, 3].map((step) => `${JSON.stringify({ step, loss: 3 / step })}\n`).join("");
    await writeFile(path.join(folder, name, "metrics.jsonl"), losses);
    await writeFile(
      path.join(folder, name, "result.json"),
      JSON.stringify({ name: HOSTILE[0], trainableParameters: 5, trainSeconds: 1e9 }),
    );
    return readSystem(path.join(folder, name));
  };
  const systems = [
    await write("one", HOSTILE),
    await write(
      "two",
      HOSTILE.map((_, i) => (i % 3 ? "up" : "down")),
    ),
  ];
  const comparison = compareSystems(systems, "classification");
  // what the reader of files refuses can still come from a model
  comparison.samples[6]!.outputs[0] = HOSTILE[6]!;
  comparison.systems[0]!.scores[0]!.values.accuracy = Number.NaN;
  return comparisonPage(comparison);
}

it("shows hostile data as text and runs none of it", { timeout: 300_000 }, async (context) => {
  const browser = await findBrowser();
  if (!browser.command) return context.skip(`no browser: ${"reason" in browser ? browser.reason : ""}`);
  const folder = await mkdtemp(path.join(tmpdir(), "attune-page-"));
  try {
    const file = path.join(folder, "page.html");
    const html = await hostilePage(folder);
    await writeFile(file, html);
    expect(html.match(/<script/g)).toHaveLength(3); // the data and the two of our own
    expect(html).not.toMatch(/\bNaN\b(?=[,}\]])/);
    const { dom, log } = await dumpOf(browser.command, browser.env, folder, pathToFileURL(file).href);
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
    expect(shown).toContain("<canvas"); // the curves
    expect(shown).toContain("n/a"); // NaN
    expect(shown.match(/<article/g)).toHaveLength(HOSTILE.length);
    expect(shown).toContain("\u2205 none"); // unparsed answers are a class
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});

/** The document after its scripts, and the lines that Chromium logged. */
function dumpOf(command: string, env: NodeJS.ProcessEnv, folder: string, url: string): Promise<{ dom: string; log: string[] }> {
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
  const more = [
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
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
