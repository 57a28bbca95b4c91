import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { sharedFolder } from "../../testing/shared.js";
import { diskFiles } from "../node.js";
import { openSafetensors, writeSafetensors } from "../safetensors.js";
import { memoryFiles, readJsonObject } from "../source.js";
import { readT5Config, T5_DEFAULTS } from "../t5/config.js";
import { t5Weights } from "../t5/weights.js";
import { adapterScale, LORA_DEFAULTS, readAdapterConfig, writeAdapterConfig } from "./adapterConfig.js";
import { type Adapter, readAdapter, writeAdapter } from "./adapterFiles.js";
import { initialAdapters } from "./initialValues.js";
import { linearModules, matchTargets, selectTargets } from "./targets.js";

const tiny = { ...T5_DEFAULTS, vocabSize: 16, dModel: 8, dKv: 3, dFf: 12, numLayers: 1, numDecoderLayers: 1, numHeads: 2 };
const linears = linearModules(t5Weights({ ...tiny, tieWordEmbeddings: false }));
const paths = (targets: string | string[]) => matchTargets(targets, linears).map((m) => m.path);

describe("matchTargets", () => {
  it("matches path endings, in the order of the model: T5's cross attention too", () => {
    const expected = [
      "encoder.block.0.layer.0.SelfAttention",
      "decoder.block.0.layer.0.SelfAttention",
      "decoder.block.0.layer.1.EncDecAttention",
    ];
    expect(paths(["v", "q"])).toEqual(expected.flatMap((path) => [`${path}.q`, `${path}.v`]));
    expect(paths(["EncDecAttention.q"])).toEqual(["decoder.block.0.layer.1.EncDecAttention.q"]);
    expect(paths(["lm_head"])).toEqual(["lm_head"]);
  });

  it("takes a pattern for whole paths, and every linear layer but the head", () => {
    expect(paths("decoder.*\\.(q|o)")).toHaveLength(4);
    expect(() => paths("decoder")).toThrow(/matches no linear layer; a path is e.g. encoder.block.0/);
    expect(() => paths("(")).toThrow(/not a regular expression/);
    expect(paths("all-linear")).toEqual(linears.map((m) => m.path).filter((path) => path !== "lm_head"));
  });

  it("refuses a pattern that would never be done with a path, not those that people write", () => {
    expect(() => paths("(([a-zA-Z0-9._]+)+)+!")).toThrow(/target_modules: .* repeats a group that holds a repetition/);
    expect(() => adapterScale({ ...LORA_DEFAULTS, rankPattern: { "(.*)*!": 4 } }, linears[0]!.path)).toThrow(/rank_pattern/);
    expect(paths(".*\\.block\\.(?:0|1|2)\\..*(?:Self|EncDec)Attention.*\\.(q|v)$")).toHaveLength(6);
  });

  it("refuses a name that matches nothing, with the nearest", () => {
    expect(() => paths(["q", "wj"])).toThrow(/"wj" matches no linear layer; there are .*did you mean "w/);
    expect(() => paths(["ention.q"])).toThrow(/matches no/); // an ending begins at a dot
    expect(() => paths([])).toThrow(/is empty/);
  });

  it("counts FLAN-T5-base's 1,769,472 trainable values for rank 16 on q and v", () => {
    const base = { ...T5_DEFAULTS, dModel: 768, dFf: 2048, numLayers: 12, numDecoderLayers: 12, numHeads: 12 };
    const picked = matchTargets(
      ["q", "v"],
      linearModules(t5Weights({ ...base, feedForward: "gated-gelu", tieWordEmbeddings: false })),
    );
    expect(picked.reduce((sum, m) => sum + 16 * (m.inFeatures + m.outFeatures), 0)).toBe(1_769_472);
  });
});

describe("selectTargets", () => {
  const deep = linearModules(t5Weights({ ...tiny, numLayers: 3, numDecoderLayers: 2 }));
  const select = (config: object) => selectTargets({ ...LORA_DEFAULTS, ...config }, deep).map(({ path }) => path);

  it("leaves out what is excluded or trained whole", () => {
    expect(select({ excludeModules: ["EncDecAttention.v", "q"] }).every((path) => path.endsWith("SelfAttention.v"))).toBe(true);
    expect(select({ excludeModules: "encoder\\..*" }).every((path) => path.startsWith("decoder."))).toBe(true);
    expect(select({ modulesToSave: ["SelfAttention"] }).every((path) => path.includes("EncDecAttention"))).toBe(true);
    expect(() => select({ excludeModules: ["q", "v"] })).toThrow(/nothing is left to adapt/);
    expect(() => select({ excludeModules: "(" })).toThrow(/exclude_modules: "\(" is not a regular expression/);
  });

  it("keeps to the layers asked for; the first number of a path counts, or the one behind a pattern", () => {
    const layers = (config: object) => new Set(select(config).map((path) => path.match(/block\.(\d+)/)![1]));
    expect(layers({ layersToTransform: [0, 2] })).toEqual(new Set(["0", "2"]));
    expect(layers({ layersToTransform: 1 })).toEqual(new Set(["1"]));
    expect(layers({ layersToTransform: [1], layersPattern: "block" })).toEqual(new Set(["1"]));
    expect(select({ layersToTransform: [1], layersPattern: ["layer"] }).every((path) => path.includes(".layer.1."))).toBe(true);
    expect(() => select({ layersToTransform: [9] })).toThrow(/nothing is left/);
    // a path named in full is meant
    const full = "encoder.block.2.layer.0.SelfAttention.q";
    expect(select({ targetModules: [full, "v"], layersToTransform: [0] })).toContain(full);
  });
});

describe("adapter_config.json", () => {
  it("round-trips, with core fields only", () => {
    const config = {
      ...LORA_DEFAULTS,
      rank: 4,
      alpha: 32,
      dropout: 0.1,
      useRslora: true,
      rankPattern: { "SelfAttention.q": 2 },
      baseModel: "x",
      taskType: "SEQ_2_SEQ_LM",
      baseClass: { name: "T5ForConditionalGeneration", library: "transformers.models.t5.modeling_t5" },
    };
    expect(readAdapterConfig(writeAdapterConfig(config))).toEqual(config);
    const more = {
      ...config,
      useDora: true,
      excludeModules: ["lm_head"],
      layersToTransform: [0, 3],
      layersPattern: "block",
      modulesToSave: ["final_layer_norm"],
      bias: "lora_only" as const,
      initialization: "gaussian" as const,
    };
    expect(readAdapterConfig(writeAdapterConfig(more))).toEqual(more);
    expect(Object.keys(writeAdapterConfig(config))).toHaveLength(20);
    expect(readAdapterConfig({ ...writeAdapterConfig(LORA_DEFAULTS), auto_mapping: [1] })).toEqual(LORA_DEFAULTS);
  });

  it("scales by alpha / rank, rsLoRA by alpha / sqrt(rank), patterns first", () => {
    const config = {
      ...LORA_DEFAULTS,
      rank: 16,
      alpha: 32,
      rankPattern: { q: 4 },
      alphaPattern: { "layer.1.EncDecAttention.q": 8 },
    };
    expect(adapterScale(config, "a.v").scale).toBe(2);
    expect(adapterScale(config, "a.q").scale).toBe(8);
    expect(adapterScale(config, "a.layer.1.EncDecAttention.q")).toEqual({ rank: 4, alpha: 8, scale: 2 });
    expect(adapterScale({ ...config, useRslora: true }, "a.v").scale).toBe(8);
  });

  it.each<[object, RegExp]>([
    [{ r: 0 }, /r is 0/],
    [{ r: 1.5 }, /r is 1.5/],
    [{ lora_alpha: null, r: -1, lora_dropout: 2 }, /r is -1.*lora_dropout is 2/],
    [{ lora_alpha: "NaN" }, /lora_alpha is "NaN"/],
    [{ peft_type: "PREFIX_TUNING" }, /peft_type is "PREFIX_TUNING"/],
    [{ target_modules: [] }, /target_modules is \[\]/],
    [{ bias: "some" }, /bias is "some"/],
    [{ modules_to_save: "lm_head" }, /modules_to_save is "lm_head", expected a list of names/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out is true, which is not supported/],
    [{ layers_to_transform: [-1] }, /layers_to_transform is \[-1\]/],
    [{ layers_to_transform: 1, target_modules: "x" }, /goes with a list of target_modules/],
    [{ layers_pattern: "layers" }, /goes with layers_to_transform/],
    [{ init_lora_weights: "pissa" }, /init_lora_weights/],
    [{ rank_pattern: { q: 0 } }, /rank_pattern/],
  ])("refuses %j", (change, message) => {
    expect(() => readAdapterConfig({ ...writeAdapterConfig(LORA_DEFAULTS), ...change })).toThrow(message);
  });
});

describe("adapter files", () => {
  const make = (): Adapter => {
    const config = { ...LORA_DEFAULTS, rank: 2, rankPattern: { "EncDecAttention.q": 3 } };
    const ranked = matchTargets(config.targetModules, linears).map((m) => ({ ...m, ...adapterScale(config, m.path) }));
    const modules = [...initialAdapters(ranked, 5)].map(({ path, a }, i) => {
      const { rank, scale, outFeatures } = ranked[i]!;
      return { path, rank, scale, a, b: new Float32Array(outFeatures * rank).fill(i) };
    });
    return { config, modules, own: [] };
  };

  it("round-trip", async () => {
    const adapter = make();
    expect(await readAdapter(memoryFiles(writeAdapter(adapter)), linears)).toEqual(adapter);
  });

  it("with values that are not numbers are read with a note that names the tensor", async () => {
    const adapter = make();
    adapter.modules[1]!.b[2] = Number.NaN;
    const { notes } = await readAdapter(memoryFiles(writeAdapter(adapter)), linears);
    expect(notes).toHaveLength(1);
    expect(notes![0]).toContain(`${adapter.modules[1]!.path}.lora_B.weight (1)`);
  });

  it("with names of other kinds of models among the targets are read, as PEFT does", async () => {
    const files = writeAdapter(make());
    const config = { ...JSON.parse(files["adapter_config.json"]), target_modules: ["q", "v", "q_proj"] };
    const adapter = await readAdapter(memoryFiles({ ...files, "adapter_config.json": JSON.stringify(config) }), linears);
    expect(adapter.modules.map(({ path }) => path)).toEqual(make().modules.map(({ path }) => path));
  });

  it('write "all-linear" as names, which every PEFT knows', () => {
    const adapter = make();
    const { "adapter_config.json": config } = writeAdapter({
      ...adapter,
      config: { ...adapter.config, targetModules: "all-linear" },
    });
    expect(JSON.parse(config).target_modules).toEqual(["q", "v"]);
  });

  it("of another base are refused with everything that does not fit", async () => {
    const files = writeAdapter(make());
    const other = linearModules(t5Weights({ ...tiny, dModel: 10, numLayers: 2 }));
    const error = (await readAdapter(memoryFiles(files), other).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ exitClass: "data" });
    expect(error.message).toMatch(/4 missing: base_model.model.encoder.block.1.*6 misshapen: .*wants \[2, 10\], got \[2, 8\]/);
    await expect(readAdapter(memoryFiles(files), [{ path: "x.q_proj", inFeatures: 1, outFeatures: 1 }])).rejects.toThrow(
      /does not fit this model: target_modules: "q"/,
    );
    await expect(
      readAdapter(memoryFiles({ "adapter_config.json": files["adapter_config.json"], "adapter_model.bin": "" }), linears),
    ).rejects.toMatchObject({ exitClass: "data", message: expect.stringMatching(/adapter_model.bin/) });
    await expect(readAdapter(memoryFiles({ "adapter_config.json": files["adapter_config.json"] }), linears)).rejects.toThrow(
      /lacks adapter_model.safetensors/,
    );
    await expect(
      readAdapter(memoryFiles({ ...files, "adapter_model.safetensors": writeSafetensors([]) }), linears),
    ).rejects.toThrow(/12 missing/);
  });
});

const shared = sharedFolder("golden/models", "data/models/opt-125m-lora-adapter");
describe.skipIf(!shared)("PEFT's own files", () => {
  const cases = ["t5-relu-tied", "t5-gated-untied"].flatMap((model) =>
    ["default", "all-linear", "rslora"].map((variant) => `${model}/lora/${variant}`),
  );
  const baseOf = async (name: string) => {
    const source = diskFiles(`${shared}golden/models/${name.split("/")[0]}`);
    return linearModules(t5Weights(readT5Config(await readJsonObject(source, "config.json"))));
  };

  it.each(cases)("%s: A's first values are equal bit for bit", async (name) => {
    const folder = `${shared}golden/models/${name}`;
    const { config, modules } = await readAdapter(diskFiles(`${folder}/initial`), await baseOf(name));
    const settings = JSON.parse(await readFile(`${folder}/train.json`, "utf8"));
    const targets = settings.peft.target_modules ?? config.targetModules;
    const ranked = matchTargets(targets, await baseOf(name)).map((m) => ({ ...m, rank: config.rank }));
    const initial = [...initialAdapters(ranked, settings.torch_manual_seed_before_get_peft_model)];
    expect(initial.map(({ path }) => path)).toEqual(modules.map(({ path }) => path));
    for (const [i, { a }] of initial.entries()) expect(a).toEqual(modules[i]!.a);
    for (const { b } of modules) expect(b.every((value) => value === 0)).toBe(true);
    expect(modules.reduce((sum, { a, b }) => sum + a.length + b.length, 0)).toBe(settings.trainable);
    expect(modules[0]!.scale).toBe(name.endsWith("rslora") ? 16 / Math.sqrt(8) : 2);
  });

  it.each(cases)("%s: rewritten as PEFT lays it out", async (name) => {
    const source = diskFiles(`${shared}golden/models/${name}/final`);
    const ours = memoryFiles(writeAdapter(await readAdapter(source, await baseOf(name))));
    const [a, b] = [
      await openSafetensors(source, "adapter_model.safetensors"),
      await openSafetensors(ours, "adapter_model.safetensors"),
    ];
    expect(b.names).toEqual(a.names);
    expect(b.metadata).toEqual(a.metadata);
    for (const key of a.names) expect(await b.read(key)).toEqual(await a.read(key));
    const [theirs, written] = [
      await readJsonObject(source, "adapter_config.json"),
      await readJsonObject(ours, "adapter_config.json"),
    ];
    for (const [key, value] of Object.entries(written)) expect([key, value]).toEqual([key, theirs[key]]);
  });

  it("an OPT adapter from the wild", async () => {
    const opt = Array.from({ length: 12 }, (_, i) =>
      ["q_proj", "v_proj"].map((p) => ({ path: `model.decoder.layers.${i}.self_attn.${p}`, inFeatures: 768, outFeatures: 768 })),
    ).flat();
    const { config, modules } = await readAdapter(diskFiles(`${shared}data/models/opt-125m-lora-adapter`), opt);
    expect(config).toMatchObject({ rank: 8, alpha: 16, dropout: 0.05, taskType: "CAUSAL_LM", baseModel: "facebook/opt-125m" });
    expect(modules).toHaveLength(24);
  });
});
