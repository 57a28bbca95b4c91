// How many kernel texts a software adapter compiles for whole training steps and generation: each costs it about a second the first time.
// Counted on paper, at the real models' sizes: every call that a device would be given, specialised.
import { type DeviceFacts, type Kernel, type KernelCall, softwareFacts, specialize } from "@attune/kernels-wgsl";
import {
  type FrozenStorage,
  freshLora,
  freshOpt,
  freshT5,
  frozenT5,
  LORA_DEFAULTS,
  linearModules,
  OPT_DEFAULTS,
  Opt,
  optWeights,
  SequenceGenerator,
  T5,
  T5_DEFAULTS,
  t5Weights,
} from "@attune/models";
import { Device, nullBackend } from "@attune/tensor";
import { Trainer, type TrainerOptions } from "@attune/tuning";
import { afterAll, describe, expect, it } from "vitest";

/** Of all of this together: two thirds of what `npm test` may compile (DESIGN section 3), which has kernels of its own to try. */
const MOST_TEXTS = 100;
/** One run's: a person waits for those before the first update. */
const MOST_OF_A_RUN = 55;

/** What one run trains, and how. */
interface Run {
  model: "t5" | "t5 v1.1" | "opt" | "opt, projected";
  /** null: all weights, in f32. */
  lora: FrozenStorage | null;
  options?: Partial<TrainerOptions>;
  isPacked?: boolean;
}

const RUNS: Readonly<Record<string, Run>> = {
  "t5, full": { model: "t5", lora: null },
  "t5, full, dropout, label smoothing": { model: "t5", lora: null, options: { dropout: 0.1, labelSmoothing: 0.1 } },
  "t5, full, adafactor": { model: "t5", lora: null, options: { optimizer: { kind: "adafactor" } } },
  "t5, lora": { model: "t5", lora: "f32" },
  "t5 v1.1, full, dropout": { model: "t5 v1.1", lora: null, options: { dropout: 0.1 } },
  "t5 v1.1, lora, bf16, dropout": { model: "t5 v1.1", lora: "bf16", options: { dropout: 0.1 } },
  "t5 v1.1, lora, f16, recomputing": {
    model: "t5 v1.1",
    lora: "f16",
    options: { lossScale: {}, gradientCheckpointing: true, dropout: 0.1 },
  },
  "opt, full": { model: "opt", lora: null },
  "opt, full, dropout, packed": { model: "opt", lora: null, options: { dropout: 0.1 }, isPacked: true },
  "opt, lora": { model: "opt", lora: "f32" },
  "opt, lora, f16, dropout, packed": { model: "opt", lora: "f16", options: { lossScale: {}, dropout: 0.1 }, isPacked: true },
  "opt with projections, lora, bf16": { model: "opt, projected", lora: "bf16" },
};

const T5_V11 = {
  ...T5_DEFAULTS, numLayers: 2, numDecoderLayers: 2, dFf: 1024, numHeads: 6, feedForward: "gated-gelu", tieWordEmbeddings: false,
  scaleDecoderOutputs: false,
} as const; // biome-ignore format: few lines
/** The real models' widths; all blocks but the first, which has the bias table, are alike. */
const CONFIGS = {
  t5: { ...T5_DEFAULTS, numLayers: 2, numDecoderLayers: 2 },
  "t5 v1.1": T5_V11,
  opt: { ...OPT_DEFAULTS, numLayers: 2 },
  "opt, projected": {
    ...OPT_DEFAULTS,
    hiddenSize: 1024,
    wordEmbedProjDim: 512,
    numHeads: 16,
    numLayers: 2,
    doLayerNormBefore: false,
  },
} as const;

/** A device of paper, and the texts of what it is given. */
function counting(facts: DeviceFacts): { device: Device; texts: Map<string, string> } {
  const texts = new Map<string, string>();
  const seen = new Map<Kernel, Set<string>>();
  const given = (call: KernelCall): void => {
    const variants = seen.get(call.kernel) ?? new Set<string>();
    seen.set(call.kernel, variants);
    const variant = JSON.stringify([call.variant, call.replaceUses]);
    if (!variants.has(variant)) texts.set(specialize(call), call.kernel.name);
    variants.add(variant);
  };
  const paper = nullBackend(facts);
  const device = new Device({
    ...paper,
    dispatch: (call) => given(call),
    prepare: (label, steps) => {
      for (const { call } of steps) given(call);
      return paper.prepare(label, steps);
    },
  });
  return { device, texts };
}

async function textsOf({ model: kind, lora: storage, options, isPacked = false }: Run): Promise<Map<string, string>> {
  const { device, texts } = counting(softwareFacts);
  const isT5 = kind === "t5" || kind === "t5 v1.1";
  const t5 = isT5 ? CONFIGS[kind] : null;
  const opt = isT5 ? null : CONFIGS[kind];
  const loraConfig = { ...LORA_DEFAULTS, targetModules: t5 ? ["q", "v"] : ["q_proj", "v_proj"], dropout: options?.dropout ?? 0 };
  const lora = storage ? freshLora(device, loraConfig, linearModules(t5 ? t5Weights(t5) : optWeights(opt!)), 1) : null;
  const fresh = t5
    ? lora
      ? null
      : freshT5(device, t5, 1)
    : freshOpt(device, opt!, 1, { trainable: !lora, storage: storage ?? "f32" });
  const weights = fresh?.weights ?? frozenT5(device, t5!, storage ?? "f32");
  const model = t5 ? new T5(t5, weights, { lora }) : new Opt(opt!, weights, { lora });
  const trainable = lora?.parameters ?? fresh!.trainable!;
  const trainer = new Trainer(device, { model, lora, trainable, learningRate: () => 1e-3, seed: 1, ...options });
  // a usual batch, a small one of odd lengths, and one whose rows do not all count
  for (const [rows, source, target] of [[8, 256, 64], [3, 17, 5], [1, 8, 8]] as const)
    trainer.planOf({ rows, source, target: t5 ? target : source, hasSegments: isPacked }); // biome-ignore format: a table
  const generator = new SequenceGenerator(device, model);
  const inputs = { rows: 2, inputIds: new Int32Array(2 * 24).fill(5) };
  for (const call of [{}, { numBeams: 4 }, { doSample: true, topK: 50, topP: 0.9 }])
    await generator.generate(inputs, { maxNewTokens: 2, ...call });
  return texts;
}

describe("kernel texts", () => {
  const all = new Map<string, string>();
  const counts: string[] = [];
  afterAll(() => {
    console.log(`kernel texts of a run with generation: ${counts.join("; ")}. All of them: ${all.size}`);
  });

  it.each(Object.entries(RUNS))("of a run, %s, are few", async (name, run) => {
    const texts = await textsOf(run);
    for (const [text, kernel] of texts) all.set(text, kernel);
    counts.push(`${name} ${texts.size}`);
    expect(texts.size).toBeGreaterThan(20); // the count is of something
    expect(texts.size).toBeLessThanOrEqual(MOST_OF_A_RUN);
  });

  it("of all these runs together stay below what a test run may compile", () => {
    const byKernel = new Map<string, number>();
    for (const kernel of all.values()) byKernel.set(kernel, (byKernel.get(kernel) ?? 0) + 1);
    expect(all.size, [...byKernel].map(([kernel, count]) => `${kernel} ${count}`).join("; ")).toBeLessThanOrEqual(MOST_TEXTS);
  });
});
