// The page of attune report in headless Chromium, from the folder of a run that goes and whose texts mean harm; served, so that it follows it.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { runPage } from "../../apps/cli/src/report/runPage.js";
import { readRunReport } from "../../apps/cli/src/report/runReport.js";
import { servePage } from "../../apps/cli/src/report/serve.js";
import { findBrowser } from "../../scripts/browser.mjs";
import { HOSTILE, shownOf } from "./hostile.js";

async function hostileRun(folder: string): Promise<void> {
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const samples = HOSTILE.map((text, i) => ({ id: `${i}`, prompt: text, reference: [text], output: text }));
  const evil = HOSTILE[0]!;
  const train = [1, 2, 3].map((step) => ({
    kind: "train",
    step,
    loss: 3 / step,
    lossEma: 3,
    lr: 1e-4,
    gradNorm: 1,
    tokensPerSecond: 9,
  }));
  const evaluation = (step: number) => ({ kind: "eval", step, evalLoss: null, metrics: { [evil]: step, ["__proto__"]: 1 } });
  const data = { examples: 4, labels: [{ name: evil, count: 3 }], notes: [evil], files: { [evil]: evil } };
  const about = { totalSteps: 9, environment: { adapter: { description: evil }, commit: evil }, data };
  await mkdir(path.join(folder, "evaluations"), { recursive: true });
  await Promise.all(
    Object.entries({
      "run.yaml": `name: ${evil}\n`,
      "metrics.jsonl": `${lines([...train, evaluation(2), evaluation(3)])}{"kind": "train", "st`,
      "samples.jsonl": lines(samples),
      "evaluations/step-000002.jsonl": lines(samples.slice(0, 1)),
      "about.json": JSON.stringify(about),
    }).map(([name, text]) => writeFile(path.join(folder, name), text)),
  );
}

it("shows a run whose texts mean harm as text, curves and all", { timeout: 300_000 }, async (context) => {
  const browser = await findBrowser();
  if (!browser.command) return context.skip(`no browser: ${"reason" in browser ? browser.reason : ""}`);
  const folder = await mkdtemp(path.join(tmpdir(), "attune-report-"));
  try {
    await hostileRun(folder);
    const report = async () => readRunReport(folder);
    expect(runPage(await report()).match(/<script/g)).toHaveLength(3);
    const served = await servePage({
      html: async () => runPage(await report(), true),
      json: async () => {
        // the run has gone on since the page was made
        const now = await report();
        return JSON.stringify({ ...now, step: 7, isServed: true });
      },
    });
    try {
      const shown = await shownOf(browser, folder, served.url);
      expect(shown.match(/<canvas/g)!.length).toBeGreaterThanOrEqual(5); // loss, lr, gradient norm, tokens/s, evaluations
      expect(shown.match(/<article/g)).toHaveLength(HOSTILE.length);
      expect(shown).toContain("at step 2</option>");
      expect(shown).toContain("7 of 9"); // it asked again
      expect(shown).toContain("name: &lt;/script&gt;"); // run.yaml
    } finally {
      await served.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
