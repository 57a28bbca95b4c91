import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { sharedFolder } from "../../testing/shared.js";
import { countT5Parameters, readT5Config, T5_DEFAULTS, type T5Config, t5ConfigJson, writeT5Config } from "./config.js";
import { t5Weights } from "./weights.js";

const sizes = (dModel: number, dFf: number, layers: number, numHeads: number, gated: boolean): T5Config => ({
  ...T5_DEFAULTS,
  dModel,
  dFf,
  numLayers: layers,
  numDecoderLayers: layers,
  numHeads,
  feedForward: gated ? "gated-gelu" : "relu",
  tieWordEmbeddings: !gated,
  scaleDecoderOutputs: !gated,
});

describe("sizes of the published models", () => {
  it.each([
    ["t5-small", sizes(512, 2048, 6, 8, false), 60_506_624],
    ["t5-base", sizes(768, 3072, 12, 12, false), 222_903_552],
    ["t5-large", sizes(1024, 4096, 24, 16, false), 737_668_096],
    ["flan-t5-small", sizes(512, 1024, 8, 6, true), 76_961_152],
    ["flan-t5-base", sizes(768, 2048, 12, 12, true), 247_577_856],
    ["flan-t5-large", sizes(1024, 2816, 24, 16, true), 783_150_080],
    ["flan-t5-xl", sizes(2048, 5120, 24, 32, true), 2_849_757_184],
  ])("%s", (_, config, parameters) => {
    expect(countT5Parameters(config)).toBe(parameters);
    expect(t5Weights(config).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(parameters);
  });
});

describe("readT5Config", () => {
  it("fills transformers' defaults", () => {
    expect(readT5Config({ model_type: "t5" })).toEqual(T5_DEFAULTS);
  });

  it("reads both forms of an untied head; scale_decoder_outputs wins", () => {
    const head = (json: object) => {
      const { tieWordEmbeddings, scaleDecoderOutputs } = readT5Config({ model_type: "t5", ...json });
      return [tieWordEmbeddings, scaleDecoderOutputs];
    };
    expect(head({})).toEqual([true, true]);
    expect(head({ tie_word_embeddings: false })).toEqual([false, false]);
    expect(head({ tie_word_embeddings: true, scale_decoder_outputs: false })).toEqual([false, false]);
    expect(head({ tie_word_embeddings: false, scale_decoder_outputs: true })).toEqual([false, true]);
  });

  it("knows the aliases, and refuses two that disagree", () => {
    const config = readT5Config({
      model_type: "t5",
      hidden_size: 64,
      num_attention_heads: 2,
      num_hidden_layers: 3,
      head_dim: 16,
    });
    expect(config).toMatchObject({ dModel: 64, numHeads: 2, numLayers: 3, numDecoderLayers: 3, dKv: 16 });
    expect(() => readT5Config({ model_type: "t5", d_model: 32, hidden_size: 64 })).toThrow(/d_model and hidden_size disagree/);
  });

  it.each<[object, RegExp]>([
    [{ model_type: "bert" }, /model_type is "bert"; supported is "t5"/],
    [{ model_type: "mt5" }, /did you mean "t5"/],
    [{}, /neither model_type nor architectures/],
    [{ model_type: "t5", architectures: ["T5EncoderModel"] }, /T5EncoderModel is not supported/],
    [{ model_type: "t5", d_model: 0, num_heads: "8" }, /d_model is 0, expected .*; num_heads is "8"/],
    [{ model_type: "t5", num_heads: 1.5 }, /num_heads is 1.5/],
    [{ model_type: "t5", num_layers: 1e9 }, /parameters .* a size is wrong/],
    [{ model_type: "t5", vocab_size: 1, eos_token_id: 1 }, /eos_token_id 1 is not below/],
    [{ model_type: "t5", feed_forward_proj: "gated-silu" }, /feed_forward_proj is "gated-silu"/],
    [{ model_type: "t5", dense_act_fn: "gelu" }, /dense_act_fn/],
    [{ model_type: "t5", tie_word_embeddings: "no" }, /expected true or false/],
    [{ model_type: "t5", relative_attention_num_buckets: 2 }, /at least 4/],
    [{ model_type: "t5", relative_attention_max_distance: 16 }, /must exceed/],
    [{ model_type: "t5", dropout_rate: 1 }, /dropout_rate is 1/],
    [{ model_type: "t5", layer_norm_epsilon: null, d_kv: null, initializer_factor: -1 }, /initializer_factor/],
  ])("refuses %j", (json, message) => {
    expect(() => readT5Config(json as Record<string, unknown>)).toThrow(message);
    try {
      readT5Config(json as Record<string, unknown>);
    } catch (error) {
      expect(error).toMatchObject({ exitClass: "data" });
    }
  });

  it("ignores custom code, saying so", () => {
    const notes: string[] = [];
    readT5Config({ model_type: "t5", auto_map: {} }, { onNote: (note) => notes.push(note) });
    expect(notes).toHaveLength(1);
  });
});

describe("writeT5Config", () => {
  it("reads back as it was, in all four kinds of head", () => {
    for (const tieWordEmbeddings of [true, false]) {
      for (const scaleDecoderOutputs of [true, false]) {
        const config = { ...sizes(64, 128, 2, 4, true), numDecoderLayers: 1, tieWordEmbeddings, scaleDecoderOutputs };
        const back = readT5Config(writeT5Config(config));
        // tied and unscaled is written with a copy of the head: the file makes it untied
        expect(back).toEqual(
          tieWordEmbeddings && !scaleDecoderOutputs
            ? { ...config, tieWordEmbeddings: false }
            : scaleDecoderOutputs && !tieWordEmbeddings
              ? { ...config, tieWordEmbeddings: true }
              : config,
        );
      }
    }
  });

  it("writes the hub's form for v1.1: tie_word_embeddings false", () => {
    const written = writeT5Config(sizes(512, 1024, 8, 6, true), "bfloat16");
    expect(written).toMatchObject({ tie_word_embeddings: false, dense_act_fn: "gelu_new", torch_dtype: "bfloat16" });
    expect(written).not.toHaveProperty("scale_decoder_outputs");
  });

  it("writes floats as floats, since transformers 5 refuses a whole number in their place", () => {
    const text = t5ConfigJson({ ...T5_DEFAULTS, dropoutRate: 0, layerNormEpsilon: 1e-9 });
    expect(text).toMatch(/"initializer_factor": 1\.0,/);
    expect(text).toMatch(/"dropout_rate": 0\.0,/);
    expect(text).toMatch(/"layer_norm_epsilon": 1e-9,/);
    expect(text).toMatch(/"num_layers": 6,/);
    expect(readT5Config(JSON.parse(text))).toEqual({ ...T5_DEFAULTS, dropoutRate: 0, layerNormEpsilon: 1e-9 });
  });

  const shared = sharedFolder("golden/models");
  it.skipIf(!shared)("keeps every field of transformers' own files", async () => {
    for (const name of ["t5-relu-tied/config.json", "t5-gated-untied/config.hub-form.json"]) {
      const theirs = JSON.parse(await readFile(`${shared}golden/models/${name}`, "utf8"));
      const ours = writeT5Config(readT5Config(theirs));
      for (const [key, value] of Object.entries(ours))
        if (key !== "torch_dtype") expect([key, theirs[key]]).toEqual([key, value]);
      const lacking = Object.keys(theirs).filter((key) => !(key in ours));
      expect(
        lacking.filter((key) => !["dtype", "is_decoder", "transformers_version", "scale_decoder_outputs"].includes(key)),
      ).toEqual([]);
    }
  });

  it.skipIf(!shared)("reads both forms of the same model alike", async () => {
    const [a, b] = await Promise.all(
      ["config.json", "config.hub-form.json"].map(async (name) =>
        JSON.parse(await readFile(`${shared}golden/models/t5-gated-untied/${name}`, "utf8")),
      ),
    );
    expect(readT5Config(a)).toEqual(readT5Config(b));
  });
});
