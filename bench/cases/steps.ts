// Whole training steps of the real models' shapes, as bench/peer/torchPeer.py does them: forward, backward, clipping, AdamW. Weights are
// random, since a step costs the same with any weights.
import {
  type FrozenStorage,
  frozenWeights,
  initialAdapters,
  LORA_DEFAULTS,
  LoraLayers,
  linearModules,
  matchTargets,
  OPT_DEFAULTS,
  Opt,
  optWeights,
  T5,
  T5_DEFAULTS,
  t5Weights,
  trainableWeights,
  type WeightSpec,
  type WeightsOnDevice,
} from "@attune/models";
import type { ParameterSet } from "@attune/tensor";
import type { NodeDevice } from "@attune/tensor/node";
import { type MicroBatch, Trainer } from "@attune/tuning";
import type { BenchCase, CaseMaker } from "../harness.js";
import { fillRandomly } from "./weights.js";

const ROWS = 8;
const SOURCE = 256;
const TARGET = 64;

interface Method {
  name: string;
  isLora: boolean;
  /** Of frozen weights. */
  storage: FrozenStorage;
  /** Share of the labels that is ignored, as prompts are in instruction data. */
  ignored: number;
}

const LORA: Method = { name: "lora", isLora: true, storage: "f32", ignored: 0 };
const METHODS: readonly Method[] = [
  LORA,
  { ...LORA, name: "lora-bf16", storage: "bf16" },
  { ...LORA, name: "lora-masked", ignored: 7 / 8 },
  { ...LORA, name: "full", isLora: false },
];

export function stepCases(device: NodeDevice): readonly CaseMaker[] {
  return METHODS.flatMap((method) => [
    { name: `t5-small-${method.name}-step`, make: () => t5Small(device, method) },
    { name: `opt-125m-${method.name}-step`, make: () => opt125m(device, method) },
  ]);
}

function t5Small(device: NodeDevice, method: Method): BenchCase {
  const config = { ...T5_DEFAULTS, dropoutRate: 0 };
  const specs = t5Weights(config);
  const { weights, trainable } = weightsOf(device, specs, method);
  const lora = method.isLora ? adapter(device, specs, ["q", "v"], "SEQ_2_SEQ_LM") : null;
  const micro = batch(config.vocabSize, { rows: ROWS, source: SOURCE, target: TARGET }, method);
  return step(device, `t5-small-${method.name}-step`, new T5(config, weights), lora, trainable, micro);
}

function opt125m(device: NodeDevice, method: Method): BenchCase {
  const config = { ...OPT_DEFAULTS, dropout: 0 };
  const specs = optWeights(config);
  const { weights, trainable } = weightsOf(device, specs, method);
  const lora = method.isLora ? adapter(device, specs, ["q_proj", "v_proj"], "CAUSAL_LM") : null;
  const micro = batch(config.vocabSize, { rows: ROWS, source: SOURCE, target: SOURCE }, method);
  return step(device, `opt-125m-${method.name}-step`, new Opt(config, weights), lora, trainable, micro);
}

function weightsOf(device: NodeDevice, specs: readonly WeightSpec[], { isLora, storage }: Method): WeightsOnDevice {
  const trainable = isLora ? null : trainableWeights(device, specs);
  const weights = trainable?.parameters ?? frozenWeights(device, specs, storage);
  fillRandomly(weights, specs);
  return { weights, trainable };
}

function adapter(device: NodeDevice, specs: readonly WeightSpec[], targets: string[], taskType: string): LoraLayers {
  const config = { ...LORA_DEFAULTS, rank: 8, alpha: 16, targetModules: targets, taskType };
  const layers = new LoraLayers(device, config, matchTargets(targets, linearModules(specs)));
  for (const { path, a } of initialAdapters(layers.targets, 1)) layers.write(path, a);
  return layers;
}

function step(
  device: NodeDevice,
  name: string,
  model: T5 | Opt,
  lora: LoraLayers | null,
  trainable: ParameterSet | null,
  micro: MicroBatch,
): BenchCase {
  const { trainer, dispose } = training(device, model, lora, trainable);
  const plans = trainer.planOf(micro);
  return {
    name,
    flops: plans.micro.flops + plans.update.flops,
    tokens: trainer.positions(micro),
    async run(times) {
      for (let i = 0; i < times; i++) trainer.update([micro]);
      const { loss } = await trainer.readLoss(times);
      if (!Number.isFinite(loss)) throw new Error(`${name}: the loss is ${loss}`);
    },
    dispose,
  };
}

interface Training {
  trainer: Trainer;
  dispose(): void;
}

/** The trainer of a model: of its adapter, or of all its weights. It owns both from here on. */
function training(device: NodeDevice, model: T5 | Opt, lora: LoraLayers | null, trainable: ParameterSet | null): Training {
  const trainer = new Trainer(device, {
    model,
    lora,
    trainable: lora?.parameters ?? trainable!,
    learningRate: () => 1e-4,
    seed: 1,
  });
  return {
    trainer,
    dispose() {
      trainer.dispose();
      trainer.scratch.dispose();
      lora?.dispose();
      if (trainable) trainable.dispose();
      else for (const weight of model.weights.values()) weight.dispose();
    },
  };
}

/** As deep as t5-small and so narrow that its calls take no time of their own: what is left is the price of a call (bench/replay.ts). */
export function narrowT5(device: NodeDevice): Training & { micro: MicroBatch } {
  const config = { ...T5_DEFAULTS, dModel: 32, dKv: 8, dFf: 64, numHeads: 4, vocabSize: 512, dropoutRate: 0 };
  const specs = t5Weights(config);
  const { weights } = weightsOf(device, specs, LORA);
  const lora = adapter(device, specs, ["q", "v"], "SEQ_2_SEQ_LM");
  const micro = batch(config.vocabSize, { rows: 2, source: 16, target: 8 }, LORA);
  return { ...training(device, new T5(config, weights), lora, null), micro };
}

interface BatchSizes {
  rows: number;
  source: number;
  target: number;
}

function batch(vocabulary: number, { rows, source, target }: BatchSizes, { ignored }: Method): MicroBatch {
  const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => 3 + ((i * 7919) % (vocabulary - 200)));
  const labels = ids(rows * target).map((id, i) => (i % target < target * ignored ? -100 : id));
  return {
    rows,
    source,
    target,
    inputIds: ids(rows * source),
    attentionMask: new Int32Array(rows * source).fill(1),
    labels,
    targetTokens: labels.filter((label) => label >= 0).length,
  };
}
