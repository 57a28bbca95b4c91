// Greedy generation with the real models' shapes, as bench/peer/torchPeer.py has it: a batch of 8, 64 new tokens each, no end token. Weights
// are random, since a token costs the same with any weights.
import {
  frozenWeights,
  type GenerativeModel,
  OPT_DEFAULTS,
  Opt,
  optWeights,
  SequenceGenerator,
  T5,
  T5_DEFAULTS,
  t5Weights,
  type WeightSpec,
} from "@attune/models";
import type { Tensor } from "@attune/tensor";
import type { NodeDevice } from "@attune/tensor/node";
import type { BenchCase, CaseMaker } from "../harness.js";
import { fillRandomly } from "./weights.js";

const ROWS = 8;
const NEW_TOKENS = 64;

/** The longer one is as much reading as writing. */
const OPT_PROMPTS = [
  ["opt-125m-generate", 128],
  ["opt-125m-generate-short", 16],
] as const;

export function generateCases(device: NodeDevice): readonly CaseMaker[] {
  return [
    {
      name: "t5-small-generate",
      make() {
        const config = { ...T5_DEFAULTS, dropoutRate: 0 };
        const weights = weightsOf(device, t5Weights(config));
        return generation(device, "t5-small-generate", new T5(config, weights), 256);
      },
    },
    ...OPT_PROMPTS.map(([name, prompt]) => ({
      name,
      make() {
        const config = { ...OPT_DEFAULTS, dropout: 0 };
        const weights = weightsOf(device, optWeights(config));
        return generation(device, name, new Opt(config, weights), prompt);
      },
    })),
  ];
}

function weightsOf(device: NodeDevice, specs: readonly WeightSpec[]): Map<string, Tensor> {
  const weights = frozenWeights(device, specs, "f32");
  fillRandomly(weights, specs);
  return weights;
}

function generation(
  device: NodeDevice,
  name: string,
  model: GenerativeModel & { weights: ReadonlyMap<string, Tensor> },
  prompt: number,
): BenchCase {
  const generator = new SequenceGenerator(device, model, { config: { eosTokenIds: [] } });
  const inputIds = Int32Array.from({ length: ROWS * prompt }, (_, i) => 3 + ((i * 7919) % (model.traits.vocabSize - 200)));
  return {
    name,
    flops: 0, // counted in tokens
    tokens: ROWS * NEW_TOKENS,
    async run(times) {
      for (let i = 0; i < times; i++) await generator.generate({ rows: ROWS, inputIds }, { maxNewTokens: NEW_TOKENS });
    },
    dispose() {
      generator.dispose();
      for (const weight of model.weights.values()) weight.dispose();
    },
  };
}
