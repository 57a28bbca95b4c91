// The page of attune compare in headless Chromium, made from data that means harm: everything is shown as text, nothing runs, nothing is
// loaded, and the console stays silent.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { compareSystems } from "../../apps/cli/src/recipes/compare.js";
import { readSystem } from "../../apps/cli/src/recipes/systems.js";
import { comparisonPage } from "../../apps/cli/src/report/comparisonPage.js";
import { findBrowser } from "../../scripts/browser.mjs";
import { HOSTILE, shownOf } from "./hostile.js";

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
    const shown = await shownOf(browser, folder, pathToFileURL(file).href);
    expect(shown).toContain("<canvas"); // the curves
    expect(shown).toContain("n/a"); // NaN
    expect(shown.match(/<article/g)).toHaveLength(HOSTILE.length);
    expect(shown).toContain("\u2205 none"); // unparsed answers are a class
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
