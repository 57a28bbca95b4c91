// attune verify: passes on every record, and fails as soon as a record or a weight is not what it should be.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { bytesOf, type FileSource, memoryFiles, openSafetensors, toFloat32, writeSafetensors } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Comparison } from "../../apps/cli/src/verify/compare.js";
import { openVerification, type Section, verify } from "../../apps/cli/src/verify/verify.js";
import { attune } from "../cli/attune.js";
import { GATED, needs, OPT_RECORDS, OWN, RECORDS, RELU, type RecordFolder } from "./records.js";

// the bounds of attune verify; untied models may have 3e-5 there, and do without
const BOUNDS = { values: 1e-5, gradients: 1e-4 };

const FORWARD = ["logits", "hidden states", "loss", "gradients"];
const GENERATION = ["greedy ids", "beam ids", "beam scores", "first logits", "sampling probabilities", "sampling kept"];

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

async function partsOf(source: FileSource, sections: readonly Section[] = ["forward", "generation"]): Promise<Comparison[]> {
  return verify(device, await openVerification(source), BOUNDS, sections);
}
const failed = (parts: readonly Comparison[]) => parts.filter(({ passed }) => !passed);

/** A record in memory, to be changed. */
async function copyOf(folder: string): Promise<Record<string, Uint8Array>> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  const files = await Promise.all(names.map(async (name) => [name, await readFile(path.join(folder, name))] as const));
  return Object.fromEntries(files);
}

/** A safetensors file with some tensors changed, or left out where `change` returns null. */
async function edited(
  file: Uint8Array,
  change: (name: string, values: Float32Array) => Float32Array | null,
): Promise<Uint8Array> {
  const opened = await openSafetensors(memoryFiles({ file }), "file");
  const entries = await Promise.all(
    opened.names.map(async (name) => {
      const raw = await opened.read(name);
      if (raw.dtype !== "F32") return { ...raw, name, dtype: raw.dtype as "I32" };
      const values = change(name, toFloat32(name, raw).slice());
      return values && { name, shape: raw.shape, dtype: "F32" as const, bytes: bytesOf(values) };
    }),
  );
  return writeSafetensors(entries.filter((entry) => entry !== null));
}

async function withFlippedWeight(folder: string, weight: string, place: number): Promise<Record<string, Uint8Array>> {
  const files = await copyOf(folder);
  const change = (name: string, values: Float32Array) => {
    if (name === weight) values[place]! += 1e-3;
    return values;
  };
  return { ...files, "model.safetensors": await edited(files["model.safetensors"]!, change) };
}

describe("a model that computes what its record says passes", () => {
  it.for(RECORDS)("$name", async (record, context) => {
    needs(context, record);
    const parts = await partsOf(diskFiles(record.folder));
    expect(parts.map(({ part }) => part)).toEqual([...FORWARD, ...GENERATION]);
    expect(failed(parts)).toEqual([]);
    for (const { values } of parts) expect(values).toBeGreaterThan(0);
  });

  it.for(OPT_RECORDS)("$name", async (record, context) => {
    needs(context, record);
    const parts = await partsOf(diskFiles(record.folder));
    expect(parts.map(({ part }) => part)).toEqual([...FORWARD, ...GENERATION]);
    expect(failed(parts)).toEqual([]);
  });
});

describe("training and adapters follow the record", () => {
  const trajectory = ["losses", "gradient norms", "learning rates", "names that decay"];
  const [OPT_PRE] = OPT_RECORDS;
  const expectedParts = (record: RecordFolder) => {
    const isOwn = OWN.includes(record);
    const training = [
      ...trajectory.map((part) => `training: ${part}`),
      ...(isOwn ? [] : ["training: sums and norms of parameters"]),
      "training: final weights",
      ...(isOwn ? [] : ["training: logits afterwards"]),
    ];
    const adapters = [
      "first values",
      ...(record === RELU ? [] : ["logits of the untrained"]),
      ...trajectory,
      "final weights",
      "logits of the trained",
      ...(record === RELU ? [] : ["merged weights", "logits of the merged"]),
      "files as PEFT writes them",
    ];
    return [...(record === OPT_PRE ? [] : training), ...adapters.map((part) => `adapters: ${part}`)];
  };
  const records = [...RECORDS, ...OPT_RECORDS.filter(({ name }) => name !== "tests/golden/opt-post")];
  it.for(records)("$name", async (record, context) => {
    needs(context, record);
    const parts = await partsOf(diskFiles(record.folder), ["training", "lora"]);
    expect(failed(parts)).toEqual([]);
    expect(parts.map(({ part }) => part)).toEqual(expectedParts(record));
  });

  it("and fail where a loss, a final weight or a file is not what the training gives", async () => {
    const files = await copyOf(RELU.folder);
    const run = JSON.parse(new TextDecoder().decode(files["train/adamw.json"]));
    run.steps[3].loss *= 1.0005;
    run.parameters.no_decay.push(run.parameters.decay.pop());
    files["train/adamw.json"] = new TextEncoder().encode(JSON.stringify(run));
    const nudged = (name: string, values: Float32Array) => {
      if (name === "shared.weight") values[9]! += 1e-3;
      return values;
    };
    files["train/adamw.final.safetensors"] = await edited(files["train/adamw.final.safetensors"]!, nudged);
    expect(failed(await partsOf(memoryFiles(files), ["training"]))).toMatchObject([
      { part: "training: losses", worst: { tensor: "adamw, update 4" } },
      { part: "training: names that decay" },
      { part: "training: final weights", worst: { tensor: "adamw: shared.weight" } },
    ]);
    const config = JSON.parse(new TextDecoder().decode(files["lora/default/final/adapter_config.json"]));
    files["lora/default/final/adapter_config.json"] = new TextEncoder().encode(JSON.stringify({ ...config, lora_alpha: 5 }));
    delete files["lora/default/logits.safetensors"];
    expect(failed(await partsOf(memoryFiles(files), ["lora"]))).toMatchObject([
      { part: "adapters: logits of the trained", reason: expect.stringMatching(/not there/) },
      { part: "adapters: files as PEFT writes them", worst: { tensor: "default: adapter_config.json's lora_alpha" } },
    ]);
  });
});

describe("one weight changed by 1e-3 fails, and a tensor is named", () => {
  it.for([
    [RELU, "shared.weight", 32 + 5], // the end token's embedding: a token that every row has
    [RELU, "decoder.block.1.layer.1.EncDecAttention.v.weight", 3],
    [GATED, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", 1],
    [GATED, "decoder.final_layer_norm.weight", 31],
  ] as const)("$1 of $0.name", async ([record, weight, place]) => {
    const bad = failed(await partsOf(memoryFiles(await withFlippedWeight(record.folder, weight, place)), ["forward"]));
    expect(bad.map(({ part }) => part)).toEqual(expect.arrayContaining(["logits", "gradients"]));
    for (const { worst } of bad) {
      expect(worst!.error).toBeGreaterThan(worst!.bound);
      expect(worst!.tensor).toMatch(/^(padded|no-mask|far|decoder-mask)/);
    }
  });

  it("a number that is none fails too", async () => {
    const files = await copyOf(RELU.folder);
    const spoil = (name: string, values: Float32Array) => {
      if (name === "padded.logits") values[7] = Number.NaN;
      return values;
    };
    files["forward/cases.safetensors"] = await edited(files["forward/cases.safetensors"]!, spoil);
    expect(failed(await partsOf(memoryFiles(files), ["forward"]))).toMatchObject([
      { part: "logits", worst: { tensor: "padded.logits" } },
    ]);
  });
});

it("generation that differs fails: an id, a length, a score, a probability", async () => {
  const files = await copyOf(RELU.folder);
  const json = JSON.parse(new TextDecoder().decode(files["generation/cases.json"]));
  json.cases["greedy-ends"].sequences[1][2] += 1;
  json.cases["beam-early"].sequences[0].push(0);
  json.cases["beam-never"].sequences_scores[2] += 1e-4;
  files["generation/cases.json"] = new TextEncoder().encode(JSON.stringify(json));
  const swapped = (name: string, values: Float32Array) => {
    if (name === "top-p.probabilities") values[0]! = values[0]! > 0 ? 0 : 0.1;
    return values;
  };
  files["generation/sampling.safetensors"] = await edited(files["generation/sampling.safetensors"]!, swapped);
  expect(failed(await partsOf(memoryFiles(files), ["generation"]))).toMatchObject([
    { part: "greedy ids", worst: { tensor: "greedy-ends", error: 1 } },
    { part: "beam ids", worst: { tensor: "beam-early", error: 1 } },
    { part: "beam scores", worst: { tensor: "beam-never" } },
    { part: "sampling probabilities", worst: { tensor: "top-p" } },
    { part: "sampling kept", worst: { tensor: "top-p", error: 1 } },
  ]);
});

describe("a record that lacks a part fails", () => {
  type Files = Record<string, Uint8Array>;
  const without = (tensor: string) => async (files: Files) => {
    const keep = (name: string, values: Float32Array) => (name === tensor ? null : values);
    for (const file of ["forward/cases.safetensors", "forward/gradients.padded.safetensors"])
      files[file] = await edited(files[file]!, keep);
  };
  const changeCases = (change: (cases: Record<string, Record<string, unknown>>) => void) => async (files: Files) => {
    const json = JSON.parse(new TextDecoder().decode(files["forward/cases.json"]));
    change(json.cases);
    files["forward/cases.json"] = new TextEncoder().encode(JSON.stringify(json));
  };
  const drop = (name: string) => async (files: Files) => {
    delete files[name];
  };
  it.for<[string, (files: Files) => Promise<void>, string, RegExp]>([
    ["greedy ids", drop("generation/cases.json"), "greedy ids", /no generation\/cases.json/],
    ["the gradients' file", drop("forward/gradients.padded.safetensors"), "gradients", /gradients.padded.safetensors/],
    ["any mention of gradients", changeCases((cases) => delete cases.padded!.gradients), "gradients", /record lacks it/],
    ["one weight's gradient", without("shared.weight"), "gradients", /padded: shared.weight/],
    ["a case's logits", without("far.logits"), "logits", /far.logits/],
    ["a case's loss", changeCases((cases) => delete cases["no-mask"]!.loss), "loss", /no-mask/],
  ])("$0", async ([, change, part, reason]) => {
    const files = await copyOf(RELU.folder);
    await change(files);
    const bad = failed(await partsOf(memoryFiles(files), [part === "greedy ids" ? "generation" : "forward"]));
    expect(bad).toMatchObject([{ part, passed: false, reason: expect.stringMatching(reason) }]);
  });

  it("without any case it is no record", async () => {
    const files = await copyOf(RELU.folder);
    delete files["forward/cases.json"];
    await expect(partsOf(memoryFiles(files))).rejects.toMatchObject({ exitClass: "data", message: /no forward\/cases.json/ });
  });
});

describe("the command", () => {
  it("prints each part and ends with 0; a changed weight and a missing part end with 1, and are named", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "attune-verify-"));
    try {
      const files = await withFlippedWeight(RELU.folder, "encoder.block.0.layer.1.DenseReluDense.wo.weight", 40);
      delete files["generation/cases.json"];
      for (const [name, content] of Object.entries(files)) {
        await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
        await writeFile(path.join(folder, name), content);
      }
      const both = await attune(["verify", RELU.folder, folder, "--json", "--only", "forward,generation"]);
      expect(both.code).toBe(1);
      const [right, wrong] = JSON.parse(both.stdout) as { folder: string; parts: Comparison[] }[];
      expect(failed(right!.parts)).toEqual([]);
      expect(failed(wrong!.parts).map(({ part }) => part)).toContain("gradients");
      expect(failed(wrong!.parts)[0]!.worst!.tensor).toMatch(/logits/);
      expect(failed(wrong!.parts).at(-1)).toMatchObject({
        part: "greedy ids",
        reason: expect.stringMatching(/no generation\/cases/),
      });

      const shown = await attune(["verify", RELU.name]);
      expect(shown).toMatchObject({ code: 0, stderr: "" });
      for (const part of [...FORWARD, ...GENERATION]) expect(shown.stdout).toContain(`ok  ${part} `);
      expect(shown.stdout).toMatch(/equal within bounds/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
