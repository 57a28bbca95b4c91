import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stateDictPickle, torchZip } from "../testing/pytorchFiles.js";
import { openCheckpoint } from "./checkpoint.js";
import { type ModelFolder, openModelFolder } from "./modelFolder.js";
import { diskSink, writeFolder } from "./node.js";
import { OPT_DEFAULTS, type OptConfig, optConfigJson } from "./opt/config.js";
import { initOpt } from "./opt/weights.js";
import { bytesOf, type Checkpoint, toFloat32, writeSafetensors } from "./safetensors.js";
import { type SaveOptions, saveCheckpoint, type TensorToSave } from "./saveCheckpoint.js";
import { saveModelFolder } from "./saveModel.js";
import { memorySink } from "./sink.js";
import { memoryFiles } from "./source.js";
import { T5_DEFAULTS, type T5Config, t5ConfigJson } from "./t5/config.js";
import { type InitialWeight, initT5 } from "./t5/weights.js";

const t5: T5Config = {
  ...T5_DEFAULTS,
  vocabSize: 16,
  dModel: 8,
  dKv: 4,
  dFf: 12,
  numLayers: 1,
  numDecoderLayers: 1,
  numHeads: 2,
};
const flan: T5Config = { ...t5, feedForward: "gated-gelu", tieWordEmbeddings: false, scaleDecoderOutputs: false };
const opt: OptConfig = {
  ...OPT_DEFAULTS,
  vocabSize: 16,
  hiddenSize: 8,
  numLayers: 2,
  ffnDim: 12,
  numHeads: 2,
  maxPositionEmbeddings: 8,
  wordEmbedProjDim: 8,
};

const safetensorsOf = (weights: Iterable<InitialWeight>) =>
  writeSafetensors([...weights].map(({ name, shape, values }) => ({ name, shape, dtype: "F32", bytes: bytesOf(values) })));
const folderOf = (config: string, weights: Iterable<InitialWeight>, more: Record<string, string | Uint8Array> = {}) =>
  openModelFolder(memoryFiles({ "config.json": config, "model.safetensors": safetensorsOf(weights), ...more }));
const five = (n: number) => String(n).padStart(5, "0");
const valuesOf = async (checkpoint: Checkpoint, name: string) => [...toFloat32(name, await checkpoint.read(name))];

/** Saved and opened again. */
async function again(folder: ModelFolder, options?: SaveOptions) {
  const sink = memorySink();
  const saved = await saveModelFolder(sink, folder, options);
  expect(Object.keys(sink.files).sort()).toEqual([...saved.files].sort());
  return { sink, saved, opened: await openModelFolder(memoryFiles(sink.files)) };
}

describe("a model saved and read again", () => {
  it.each<[string, string, () => Iterable<InitialWeight>]>([
    ["T5, tied", t5ConfigJson(t5), () => initT5(t5, 1)],
    ["T5 1.1, untied", t5ConfigJson(flan), () => initT5(flan, 1)],
    ["OPT", optConfigJson(opt), () => initOpt(opt, 1)],
  ])("%s: the same config and values, whole and in shards", async (_, config, weights) => {
    const folder = await folderOf(config, weights());
    for (const maxShardBytes of [undefined, 700]) {
      const { opened, sink, saved } = await again(folder, { maxShardBytes });
      expect(opened.kind).toBe(folder.kind);
      expect(opened.config).toEqual(folder.config);
      expect(opened.notes).toEqual([]);
      for (const { name } of folder.weights)
        expect(await valuesOf(opened.checkpoint, name), name).toEqual(await valuesOf(folder.checkpoint, name));
      if (maxShardBytes === undefined) continue;
      const files = saved.files.filter((file) => file.endsWith(".safetensors"));
      expect(files.length).toBeGreaterThan(2);
      expect(files).toEqual(files.map((_, i) => `model-${five(i + 1)}-of-${five(files.length)}.safetensors`));
      const index = JSON.parse(new TextDecoder().decode(sink.files["model.safetensors.index.json"])) as {
        metadata: { total_size: number };
        weight_map: Record<string, string>;
      };
      expect(index.metadata.total_size).toBe(saved.bytes);
      expect(Object.keys(index.weight_map)).toEqual(folder.weights.map(({ name }) => name).sort());
    }
  });

  it("an unscaled head that is tied is written as its own, so that transformers 4 computes the same", async () => {
    // the form of transformers 5: tied and unscaled
    const config = { ...(JSON.parse(t5ConfigJson(flan)) as object), tie_word_embeddings: true, scale_decoder_outputs: false };
    const weights = [...initT5({ ...flan, tieWordEmbeddings: true }, 1)];
    const folder = await folderOf(JSON.stringify(config), weights);
    const { sink, opened } = await again(folder);
    const written = JSON.parse(new TextDecoder().decode(sink.files["config.json"])) as Record<string, unknown>;
    expect(written.tie_word_embeddings).toBe(false);
    expect(written.scale_decoder_outputs).toBeUndefined();
    expect(opened.config).toMatchObject({ scaleDecoderOutputs: false, tieWordEmbeddings: false });
    expect(await valuesOf(opened.checkpoint, "lm_head.weight")).toEqual(await valuesOf(opened.checkpoint, "shared.weight"));
  });

  it("config.json keeps its other fields, and floats stay floats", async () => {
    const config = t5ConfigJson(t5).replace(
      "{",
      '{\n  "task_specific_params": {"a": {"length_penalty": 2.0, "n": [1, 1e-5]}},\n  "dtype": "float32",',
    );
    const { sink } = await again(await folderOf(config, initT5(t5, 1), { "tokenizer.json": "{}", "spiece.model": "x" }), {
      dtype: "bf16",
    });
    const text = new TextDecoder().decode(sink.files["config.json"]);
    expect(text).toContain('"length_penalty": 2.0');
    expect(text).toContain("1e-5");
    expect(text).toContain('"torch_dtype": "bfloat16"');
    expect(text).not.toContain('"dtype"');
    expect(Object.keys(sink.files)).toEqual(expect.arrayContaining(["tokenizer.json", "spiece.model", "generation_config.json"]));
  });

  it("halves round to nearest even, and stay as they are where no type is asked for", async () => {
    const folder = await folderOf(optConfigJson(opt), initOpt(opt, 1));
    const f16 = await again(folder, { dtype: "f16" });
    const name = "model.decoder.embed_tokens.weight";
    for (const [i, value] of (await valuesOf(folder.checkpoint, name)).entries()) {
      const half = (await valuesOf(f16.opened.checkpoint, name))[i]!;
      expect(Math.abs(half - value)).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
    }
    const kept = await again(f16.opened);
    expect(kept.sink.files["model.safetensors"]).toEqual(f16.sink.files["model.safetensors"]);
    expect(JSON.parse(new TextDecoder().decode(kept.sink.files["config.json"]))).toMatchObject({ torch_dtype: "float16" });
  });

  it(".bin and .safetensors are saved alike, prefixes gone and copies of tied weights left out", async () => {
    const weights = [...initOpt(opt, 1)];
    const head = { ...weights[0]!, name: "lm_head.weight" };
    const names = (name: string) => name.replace(/^model\./, "");
    const storages = [...weights, head].map(({ values }, i) => ({
      key: String(i),
      type: "FloatStorage",
      count: values.length,
      bytes: bytesOf(values),
    }));
    const tensors = [...weights, head].map(({ name, shape }, i) => ({ name: names(name), shape, storage: String(i) }));
    const bin = torchZip({ storages, tensors }, stateDictPickle({ storages, tensors }));
    const folder = await openModelFolder(memoryFiles({ "config.json": optConfigJson(opt), "pytorch_model.bin": bin }));
    expect(folder.notes).toEqual([expect.stringMatching(/names begin with "decoder\."/)]);
    const plain = await again(await folderOf(optConfigJson(opt), weights));
    expect((await again(folder)).sink.files).toEqual(plain.sink.files);
  });
});

describe("values beyond f16", () => {
  const one = (name: string, ...values: number[]): TensorToSave => ({
    name,
    shape: [values.length],
    dtype: "f32",
    read: async () => ({ dtype: "F32", bytes: bytesOf(Float32Array.from(values)) }),
  });
  it("are counted by tensor and refused", async () => {
    const tensors = [one("a", 1, 7e4, -1e6), one("b", 65519), one("c", Infinity, 65520)];
    await expect(saveCheckpoint(memorySink(), tensors, { dtype: "f16" })).rejects.toThrow(
      /in 2 tensors: a \(2\), c \(1\); save as bf16/,
    );
  });
  it("are clamped where that is asked for; infinities stay", async () => {
    const sink = memorySink();
    const saved = await saveCheckpoint(sink, [one("a", 1, 7e4, -1e6, Infinity)], { dtype: "f16", clampOverflow: true });
    expect([...saved.clamped]).toEqual([["a", 2]]);
    expect(await valuesOf(await openCheckpoint(memoryFiles(sink.files)), "a")).toEqual([1, 65504, -65504, Infinity]);
  });
});

describe("a folder appears whole or not at all", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "attune-folder-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("is there when it is filled, and nothing else is left", async () => {
    const folder = join(dir, "a", "b");
    await writeFolder(folder, async (sink) => {
      await sink.write("x", "1");
      expect(existsSync(folder)).toBe(false);
      expect(sink.describe("x")).toBe(join(folder, "x"));
    });
    expect(await readFile(join(folder, "x"), "utf8")).toBe("1");
    expect(await readdir(join(dir, "a"))).toEqual(["b"]);
  });

  it("a failure leaves nothing, or what was there", async () => {
    const folder = join(dir, "b");
    const fail = async (sink: { write(path: string, content: string): Promise<void> }) => {
      await sink.write("y", "2");
      throw new Error("stopped");
    };
    await expect(writeFolder(folder, fail)).rejects.toThrow("stopped");
    expect(await readdir(dir)).toEqual([]);
    await writeFolder(folder, (sink) => sink.write("x", "1"));
    await expect(writeFolder(folder, fail)).rejects.toMatchObject({ exitClass: "usage" });
    await expect(writeFolder(folder, fail, { force: true })).rejects.toThrow("stopped");
    expect(await readdir(folder)).toEqual(["x"]);
    await writeFolder(folder, (sink) => sink.write("z", "3"), { force: true });
    expect(await readdir(folder)).toEqual(["z"]);
    expect(await readdir(dir)).toEqual(["b"]);
  });

  it("never replaces a file, or what a link points to", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(writeFolder(join(dir, "file"), async () => {}, { force: true })).rejects.toThrow(/is a file/);
    await symlink(dir, join(dir, "link"));
    await expect(writeFolder(join(dir, "link"), async () => {}, { force: true })).rejects.toMatchObject({ exitClass: "usage" });
  });

  it("a file in parts appears when it is closed", async () => {
    const writer = await diskSink(dir).create("f");
    await writer.write(new Uint8Array(3));
    expect((await readdir(dir)).filter((name) => !name.startsWith("."))).toEqual([]);
    await writer.write(new Uint8Array(2));
    await writer.close();
    expect((await readFile(join(dir, "f"))).length).toBe(5);
    const other = await diskSink(dir).create("g");
    await other.write(new Uint8Array(3));
    await other.abort();
    expect(await readdir(dir)).toEqual(["f"]);
  });
});
