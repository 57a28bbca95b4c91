// Everything that is printed in tables and notes, at the widths of terminals that people have: no line is wider, no fact is lost.
import { softwareFacts } from "@attune/kernels-wgsl";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { benchText } from "./commands/bench.js";
import { previewText } from "./commands/data.js";
import { printPlan } from "./commands/plan.js";
import { recipesText } from "./commands/recipes.js";
import { findingsToText } from "./doctor/report.js";
import { compareSystems } from "./recipes/compare.js";
import { printResult } from "./recipes/progress.js";
import { listRecipes } from "./recipesList/recipesList.js";
import { comparisonText } from "./report/comparisonText.js";
import { printScores } from "./report/scoreText.js";
import type { Run } from "./run/schema.js";
import type { RunRecord } from "./runFolders/readRuns.js";
import { runsText, runText, sizesText } from "./runFolders/text.js";
import { displayWidth, fit, table } from "./terminal.js";
import { printVerification } from "./verify/print.js";

const SIGNATURE =
  "rouge|types:rouge1,rouge2,rougeL,rougeLsum|stemmer:no|tokenizer:default|aggregate:mean|nrefs:1|version:attune-0.1.0";
const score = {
  metric: "rouge",
  headline: "rouge1",
  values: { rouge1: 0.34567, rougeLsum: 0.25 },
  signature: SIGNATURE,
  rows: 100,
  details: {},
};
const result = {
  ...{ parameters: 1.23e6, trainableParameters: 3e4, steps: 500, firstLoss: 6.3, lastLoss: 2.1, trainSeconds: 130 },
  ...{ tokensPerSecond: 1400, evalSeconds: 12, peakDeviceBytes: 4e7, keptStep: 400, answers: [] },
  evaluations: [{ kind: "eval", step: 500, epoch: 2, evalLoss: 2.3101, perplexity: 10.07 }],
  best: { name: "loss", step: 400, value: 2.3 },
  scores: [{ task: null, distinct: 0.9, ...score }],
  savedTo: "/home/somebody/projects/dialogues/runs/tiny-dialogsum-lora/adapter",
  savedBytes: 123_456,
} as unknown as Parameters<typeof printResult>[1];
const plan = {
  ...{ name: "tiny-dialogsum-lora", adapter: "llvmpipe (LLVM 15.0.6, 256 bits)", isEncoderDecoder: true, parameters: 1e6 },
  ...{ trainableParameters: 3e4, examples: 1000, tokens: 1e5, packing: null, evaluations: 5, updates: 500, paddingShare: 0.1 },
  buckets: [{ source: 128, target: 64, dispatches: 321, flops: 1e9, scratchBytes: 3e7, lowerBoundBytes: 2e7 }],
  perUpdate: { tokens: 1400, dispatches: 500, flops: 2e9, largestDispatches: 600, largestFlops: 3e9 },
  ...{ positions: 700_000, totalFlops: 1e12, peakDeviceBytes: 5e7, processBytes: 3e8 },
  disk: { checkpointBytes: 3e6, checkpoints: 3, resultBytes: 1e5, peakBytes: 1e7, freeBytes: 1e11 },
  memory: { weights: 4e6, gradients: 1e5, scratch: 3e7 },
} as unknown as Parameters<typeof printPlan>[0];
const record = (folder: string): RunRecord => ({
  ...{ folder, state: "stopped", fault: null, step: 1200, loss: 2.1234, checkpoints: [1000, 1200], best: null },
  run: { lora: { rank: 8 }, model: { path: "google/flan-t5-small" }, data: { train: "/data/rows.jsonl" }, train: {} } as Run,
  result: { scores: result.scores },
  changed: "2026-11-22T20:00:00.000Z",
  bytes: { total: 1e8, checkpoints: 9e7, byCheckpoint: [4e7, 5e7], result: 1e6 },
});
const runs = [record("runs/tiny-dialogsum-lora"), record("runs/b")];
const samples = (output: string) => [
  { id: "dev:1", prompt: "summarize: Ada: hello there. Ben: hello to you as well.", reference: "Ada greets Ben.", output },
  { id: "dev:2", prompt: "summarize: nothing", reference: "Nothing.", output: "Nothing." },
];
const facts = {
  ...{ parameters: 1e6, trainableParameters: null, savedBytes: null, trainSeconds: null },
  ...{ tokensPerSecond: null, evalSeconds: 1, peakDeviceBytes: 1e7 },
};
const comparison = compareSystems(
  ["Ben is greeted by Ada.", "Ada greets."].map((output, i) => ({
    ...{ name: ["google/flan-t5-small", "runs/tiny-dialogsum-lora"][i]!, task: "summarization", samples: samples(output) },
    ...{ facts, losses: [] },
  })),
  "summarization",
);
const machine = {
  ...{ node: "20.19.0", platform: "Linux 6.1, Debian GNU/Linux 12 (bookworm)", processors: "2 x Some Processor @ 2.80GHz" },
  ...{ memoryBytes: 2 ** 33, drivers: ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"], environment: {} },
  ...{ hasNvidiaDevice: false, hasRenderDevice: false },
};
const speed = {
  ...{ matmulGflops: 12, copyGBs: 4, copyBytes: 2 ** 26 },
  matmul: { sizes: [512, 512, 512], kernel: "matmul/subgroup", reason: "m = 512: tiles of 32" },
} as never;
const recipes = await listRecipes();

/** What is printed, and words of it that must be there at any width. */
const SCREENS: Record<string, [text: () => string, ...words: string[]]> = {
  "train: the result": [() => printResult({ name: "tiny-dialogsum-lora" } as Run, result, 4e7), "6.300", "nrefs:1", "adapter"],
  plan: [
    () => printPlan(plan, { trainSeconds: 90, updateSeconds: 0.2, compileSeconds: 9, positionsPerSecond: 1e4, measured: [] }),
    "process",
    "bucket",
    "321",
  ],
  "data preview": [
    () =>
      previewText({
        id: "/home/somebody/projects/reviews.csv:23",
        tokens: [..."classify: it works as it should".split(/(?= )/), "</s>", " positive", "</s>"].map((token, i) => ({
          token,
          isLearnt: i > 6,
        })),
        isEndLearnt: true,
      }),
    "of 9 tokens",
    "[positive]".slice(1, -1),
  ],
  "runs list": [() => runsText(runs), "resumes", "LoRA", "1200", "2.123"],
  "runs show": [() => runText(runs[0]!), "flan-t5-small", "checkpoints", "resume"],
  "runs sizes": [() => sizesText(runs), "95.4 MiB"],
  compare: [() => comparisonText(comparison, 2), "rouge1", "Ada", "reference"],
  score: [() => printScores([{ system: "out.txt", ...score }]), "rougeLsum", "0.2500", "nrefs:1"],
  doctor: [
    () =>
      findingsToText({
        ...{ attune: "0.1.0", machine, device: softwareFacts, subgroupMatrices: [], speed },
        ...{
          toggles: { enabled: ["vulkan_enable_f16_on_nvidia"], disabled: ["timestamp_quantization"] },
          advice: ["No shader-f16: weights are f32."],
        },
      }),
    "bookworm",
    "GFLOP/s",
    "- No",
  ],
  bench: [
    () =>
      benchText({
        ...{ adapter: "llvmpipe", isSoftware: true, speed, training: null },
        ...{ dispatchMicroseconds: 9, roundTripMicroseconds: 900 },
      }),
    "dispatch",
  ],
  "recipes list": [() => recipesText(recipes), "bundled-lora", "rank"],
  verify: [
    () =>
      printVerification([
        {
          folder: "/a/long/folder/of/records",
          parts: [
            {
              part: "gradients",
              values: 100,
              worst: { error: 1e-6, bound: 1e-5, tensor: "encoder.block.0.layer.0.SelfAttention.q.weight" },
              passed: true,
            } as never,
          ],
        },
      ]),
    "gradients",
  ],
};

const terminal = { isTTY: process.stdout.isTTY, columns: process.stdout.columns };
afterEach(() => void Object.assign(process.stdout, terminal));

describe.each([120, 80, 40, 20])("at %i columns", (columns) => {
  beforeEach(() => void Object.assign(process.stdout, { isTTY: true, columns }));
  test.each(Object.entries(SCREENS))("%s", (_, [text, ...words]) => {
    const shown = text();
    // a command that is to be copied stays in one piece
    for (const line of shown.split("\n").filter((one) => !one.startsWith("  attune ")))
      expect(displayWidth(line), line).toBeLessThanOrEqual(columns);
    const letters = (some: string) => some.replace(/\s+/g, "");
    for (const word of words) expect(letters(shown)).toContain(letters(word));
  });
});

test("in a pipe lines are as long as they are: a row is a line", () => {
  Object.assign(process.stdout, { isTTY: false, columns: undefined });
  const lines = printResult({ name: "r" } as Run, result, 4e7).split("\n");
  expect(lines.filter((line) => line.startsWith("judged"))).toEqual([expect.stringContaining(SIGNATURE)]);
});

describe("a table that is too wide", () => {
  const columns = [{ title: "run" }, { title: "loss", align: "right" as const }, { title: "what" }];
  const rows = [["mine", "2.1", "a run of one's own rows"]];
  test("wraps words, not numbers", () => {
    expect(table(columns, rows, 24).split("\n")).toEqual([
      "run   loss  what",
      "----  ----  ------------",
      "mine   2.1  a run of",
      "            one's own",
      "            rows",
    ]);
  });
  test("and where that is not enough, stands cell below cell", () => {
    expect(table(columns, rows, 14).split("\n")).toEqual([
      "run mine",
      "  loss  2.1",
      "  what  a run",
      "        of",
      "        one's",
      "        own",
      "        rows",
    ]);
    expect(table([{ title: "a-run" }, { title: "" }], [["checkpoints", "12 MiB"]], 14).split("\n")).toEqual([
      "a-run",
      "--------------",
      "checkpoints",
      "  12 MiB",
    ]);
  });
  test("keeps the colour of what it breaks", () => {
    const green = "\u001b[32mgreen words\u001b[39m";
    expect(fit(green, 6).split("\n")).toEqual(["\u001b[32mgreen\u001b[39m", "\u001b[32mwords\u001b[39m"]);
  });
});
