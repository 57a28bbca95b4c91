// A model of OPT-1.3B's shapes, planned on paper for a GPU that is not here: the weights' file has a header and nothing behind it.
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { OPT_DEFAULTS, optConfigJson, weightsToSave } from "@attune/models";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attune } from "../cli/attune.js";

const FACTS = fileURLToPath(new URL("../golden/facts/discrete-gpu.json", import.meta.url));
const CONFIG = { ...OPT_DEFAULTS, hiddenSize: 2048, wordEmbedProjDim: 2048, ffnDim: 8192, numLayers: 24, numHeads: 32 };
const GIB = 2 ** 30;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-large-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** An f16 checkpoint whose values are a hole in the file: it takes no room on the disk. */
async function writeHollow(file: string): Promise<void> {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const { name, shape } of weightsToSave({ kind: "opt", config: CONFIG })) {
    const end = at + 2 * shape.reduce((product, n) => product * n, 1);
    header[name] = { dtype: "F16", shape, data_offsets: [at, end] };
    at = end;
  }
  const json = JSON.stringify(header);
  const bytes = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(bytes.length));
  const handle = await open(file, "w");
  await handle.write(Buffer.concat([size, bytes]));
  await handle.truncate(8 + bytes.length + at);
  await handle.close();
}

/** GPT-2's bytes as characters, and OPT's special tokens: every text is encoded, byte by byte. */
function vocabulary(): Record<string, number> {
  const shown = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let others = 0;
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(shown(byte) ? byte : 256 + others++));
  return Object.fromEntries(["<s>", "<pad>", "</s>", "<unk>", ...bytes].map((token, id) => [token, id]));
}

it("LoRA on OPT-1.3B's shapes fits 12 GB: 8 rows of 256 tokens", { timeout: 120_000 }, async () => {
  await writeHollow(path.join(folder, "model.safetensors"));
  await writeFile(path.join(folder, "config.json"), optConfigJson(CONFIG, "float16"));
  await writeFile(path.join(folder, "vocab.json"), JSON.stringify(vocabulary()));
  await writeFile(path.join(folder, "merges.txt"), "#version: 0.2\n");
  await writeFile(path.join(folder, "rows.jsonl"), `${JSON.stringify({ text: "x".repeat(245), label: "up" })}\n`.repeat(8));
  const run = {
    name: "large", model: { path: "." },
    data: { train: "rows.jsonl", template: { prompt: "{text}", completion: " {label}" }, maxSource: 240, maxTarget: 16 },
    lora: { rank: 8, alpha: 16 }, train: { steps: 2, batch: 8 },
  }; // biome-ignore format: by subject
  await writeFile(path.join(folder, "run.yaml"), JSON.stringify(run));
  const { code, stdout, stderr } = await attune(["plan", path.join(folder, "run.yaml"), "--facts", FACTS, "--json"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const plan = JSON.parse(stdout) as {
    parameters: number;
    trainableParameters: number;
    peakDeviceBytes: number;
    memory: { weights: number };
    buckets: { source: number }[];
  };
  expect(plan.buckets.map(({ source }) => source)).toEqual([256]);
  expect(plan.parameters).toBe(1_315_758_080);
  expect(plan.trainableParameters).toBe(24 * 2 * 2 * 8 * 2048);
  expect(plan.memory.weights).toBeGreaterThan(2.4 * GIB); // two bytes each, as in the file
  expect(plan.memory.weights).toBeLessThan(2.6 * GIB);
  expect(plan.peakDeviceBytes).toBeLessThan(12e9);
});
