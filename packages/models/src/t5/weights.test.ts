import { describe, expect, it } from "vitest";
import { sharedFolder } from "../../testing/shared.js";
import { openCheckpoint } from "../checkpoint.js";
import { diskFiles } from "../node.js";
import { bytesOf, openSafetensors, type TensorToWrite, writeSafetensors } from "../safetensors.js";
import { memoryFiles, readJsonObject } from "../source.js";
import { readT5Config, T5_DEFAULTS, type T5Config } from "./config.js";
import { initT5, openT5Weights, t5Weights, t5WeightsToSave } from "./weights.js";

const tiny: T5Config = {
  ...T5_DEFAULTS,
  vocabSize: 16,
  dModel: 8,
  dKv: 4,
  dFf: 12,
  numLayers: 1,
  numDecoderLayers: 2,
  numHeads: 2,
};
const flan: T5Config = { ...tiny, feedForward: "gated-gelu", tieWordEmbeddings: false, scaleDecoderOutputs: false };

type Change = (tensors: Map<string, TensorToWrite>) => void;
async function checkpointOf(config: T5Config, change: Change = () => {}) {
  const tensors = new Map(
    [...initT5(config, 1)].map(({ name, shape, values }) => [
      name,
      { name, shape, dtype: "F32" as const, bytes: bytesOf(values) } as TensorToWrite,
    ]),
  );
  change(tensors);
  const files = memoryFiles({ m: writeSafetensors([...tensors].map(([name, tensor]) => ({ ...tensor, name }))) });
  return openSafetensors(files, "m");
}

const shared = sharedFolder("golden/models", "data/models/tiny-random-t5");
describe.skipIf(!shared)("transformers' files", () => {
  it.each(["golden/models/t5-relu-tied", "golden/models/t5-gated-untied", "data/models/tiny-random-t5"])(
    "%s: the table is a bijection",
    async (folder) => {
      const source = diskFiles(shared + folder);
      const checkpoint = await openCheckpoint(source);
      const { config, weights, notes } = await openT5Weights(
        readT5Config(await readJsonObject(source, "config.json")),
        checkpoint,
      );
      expect(config.tieWordEmbeddings).toBe(true); // no file here has a head of its own, t5-gated-untied (unscaled) neither
      expect(config.scaleDecoderOutputs).toBe(!folder.includes("gated"));
      const copies = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];
      expect(weights.map((w) => w.source).sort()).toEqual(checkpoint.names.filter((n) => !copies.includes(n)).sort());
      expect(new Set(weights.map((w) => w.name)).size).toBe(weights.length);
      expect(notes.length).toBe(folder.includes("gated") ? 1 : 0);
    },
  );

  it("both config forms of t5-gated-untied open alike", async () => {
    const source = diskFiles(`${shared}golden/models/t5-gated-untied`);
    const checkpoint = await openCheckpoint(source);
    const open = async (name: string) => openT5Weights(readT5Config(await readJsonObject(source, name)), checkpoint);
    expect(await open("config.hub-form.json")).toEqual(await open("config.json"));
  });
});

describe("openT5Weights", () => {
  it("keeps a head that differs, even against the config", async () => {
    expect((await openT5Weights(flan, await checkpointOf(flan))).config.tieWordEmbeddings).toBe(false);
    const opened = await openT5Weights({ ...flan, tieWordEmbeddings: true, scaleDecoderOutputs: true }, await checkpointOf(flan));
    expect(opened.config.tieWordEmbeddings).toBe(false);
    expect(opened.config.scaleDecoderOutputs).toBe(true); // scaling follows the config, not the weights
    expect(opened.notes[0]).toMatch(/lm_head.weight differs/);
  });

  it("ties an equal head when the config ties", async () => {
    const copied = await checkpointOf(tiny, (tensors) => tensors.set("lm_head.weight", tensors.get("shared.weight")!));
    expect((await openT5Weights(tiny, copied)).config.tieWordEmbeddings).toBe(true);
  });

  it("takes a missing shared.weight from decoder.embed_tokens, never from lm_head", async () => {
    const moved = await checkpointOf(flan, (tensors) => {
      tensors.set("decoder.embed_tokens.weight", tensors.get("shared.weight")!);
      tensors.delete("shared.weight");
    });
    const opened = await openT5Weights(flan, moved);
    expect(opened.weights[0]).toMatchObject({ name: "shared.weight", source: "decoder.embed_tokens.weight" });
    const lost = await checkpointOf(flan, (tensors) => tensors.delete("shared.weight"));
    await expect(openT5Weights(flan, lost)).rejects.toThrow(/1 missing: shared.weight/);
  });

  it("accepts equal copies and the unused bias, refuses a copy that differs", async () => {
    const unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";
    const copy: Change = (tensors) => {
      tensors.set("encoder.embed_tokens.weight", tensors.get("shared.weight")!);
      tensors.set(unused, { name: unused, dtype: "F32", shape: [1], bytes: new Uint8Array(4) });
    };
    expect((await openT5Weights(tiny, await checkpointOf(tiny, copy))).notes).toEqual([]);
    const other = await checkpointOf(tiny, (tensors) => {
      copy(tensors);
      const bytes = tensors.get("shared.weight")!.bytes.slice();
      bytes[0]! ^= 1;
      tensors.set("encoder.embed_tokens.weight", { ...tensors.get("shared.weight")!, bytes });
    });
    await expect(openT5Weights(tiny, other)).rejects.toThrow(/encoder.embed_tokens.weight differs/);
  });

  it("lists all that is missing, unexpected and misshapen in one error", async () => {
    const broken = await checkpointOf(tiny, (tensors) => {
      tensors.delete("encoder.final_layer_norm.weight");
      tensors.set("encoder.final_layernorm.weight", { name: "", dtype: "F32", shape: [8], bytes: new Uint8Array(32) });
      tensors.set("pooler\x1b.weight", { name: "", dtype: "F32", shape: [1], bytes: new Uint8Array(4) });
      tensors.set("shared.weight", { ...tensors.get("shared.weight")!, shape: [8, 16] });
      tensors.delete("decoder.block.1.layer.2.DenseReluDense.wo.weight");
    });
    const error = (await openT5Weights(tiny, broken).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ exitClass: "data" });
    expect(error.message).toMatch(
      /2 missing: encoder.final_layer_norm.weight \(is it encoder.final_layernorm.weight\?\), decoder.block.1/,
    );
    expect(error.message).toMatch(/2 unexpected: encoder.final_layernorm.weight, pooler\\x1b.weight/);
    expect(error.message).toMatch(/1 misshapen: shared.weight wants \[16, 8\], got \[8, 16\]/);
  });
});

describe("t5WeightsToSave", () => {
  it("copies the head of a tied, unscaled model, so that every reader computes the same", () => {
    const config = { ...flan, tieWordEmbeddings: true };
    expect(t5WeightsToSave(config).at(-1)).toMatchObject({ name: "lm_head.weight", source: "shared.weight", shape: [16, 8] });
    expect(t5WeightsToSave(flan).filter((w) => w.name === "lm_head.weight")).toHaveLength(1);
    expect(t5WeightsToSave(tiny).map((w) => w.name)).toEqual(t5Weights(tiny).map((w) => w.name));
  });
});

describe("initT5", () => {
  it("gives each kind of weight its standard deviation", () => {
    const config = { ...flan, vocabSize: 512, dModel: 64, dKv: 16, dFf: 96, numHeads: 4 };
    const expected: [RegExp, number][] = [
      [/shared|lm_head/, 1],
      [/\.q\./, (64 * 16) ** -0.5],
      [/\.(k|v|wi_\d|relative_attention_bias)\./, 64 ** -0.5],
      [/\.o\./, 64 ** -0.5],
      [/\.wo\./, 96 ** -0.5],
    ];
    for (const { name, values } of initT5(config, 3)) {
      if (name.includes("layer_norm")) expect(values.every((v) => v === 1)).toBe(true);
      else {
        const want = expected.find(([pattern]) => pattern.test(name))![1];
        const got = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
        expect(Math.abs(got / want - 1), name).toBeLessThan(values.length > 1000 ? 0.06 : 0.2);
      }
    }
  });

  it("depends on the seed and the name only", () => {
    const of = (config: T5Config, seed: number) => new Map([...initT5(config, seed)].map((w) => [w.name, w.values]));
    const [a, b, c] = [of(tiny, 1), of({ ...tiny, numLayers: 2 }, 1), of(tiny, 2)];
    for (const [name, values] of a) {
      expect(b.get(name)).toEqual(values);
      if (!name.includes("layer_norm")) expect(c.get(name)).not.toEqual(values);
    }
  });
});
