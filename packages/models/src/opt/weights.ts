// OPT's weights: the names in a Hugging Face checkpoint and values to begin from nothing. Linear [out, in].

import { dataError } from "../errors.js";
import { matchCheckpoint, type WeightSpec } from "../pretrained.js";
import { mt19937, seedFor } from "../random.js";
import { OPT_PREFIXES, underModelNames } from "../renames.js";
import { type Checkpoint, haveSameValues } from "../safetensors.js";
import type { InitialWeight } from "../t5/weights.js";
import { hasFinalLayerNorm, OPT_POSITION_OFFSET, type OptConfig } from "./config.js";

const DECODER = "model.decoder";

/** Every weight of the model, the tied head once, in the order of transformers' named_parameters(). */
export function optWeights(config: OptConfig): WeightSpec[] {
  const { vocabSize, hiddenSize, ffnDim, wordEmbedProjDim, maxPositionEmbeddings } = config;
  const weights: WeightSpec[] = [];
  const add = (name: string, kind: WeightSpec["kind"], ...shape: number[]) =>
    weights.push({ name: `${DECODER}.${name}`, shape, kind });
  const linear = (name: string, outputs: number, inputs: number) => {
    add(`${name}.weight`, "linear", outputs, inputs);
    add(`${name}.bias`, "bias", outputs);
  };
  const norm = (name: string) => {
    add(`${name}.weight`, "norm", hiddenSize);
    add(`${name}.bias`, "bias", hiddenSize);
  };
  add("embed_tokens.weight", "embedding", vocabSize, wordEmbedProjDim);
  add("embed_positions.weight", "embedding", maxPositionEmbeddings + OPT_POSITION_OFFSET, hiddenSize);
  if (wordEmbedProjDim !== hiddenSize) {
    add("project_out.weight", "linear", wordEmbedProjDim, hiddenSize);
    add("project_in.weight", "linear", hiddenSize, wordEmbedProjDim);
  }
  if (hasFinalLayerNorm(config)) norm("final_layer_norm");
  for (let i = 0; i < config.numLayers; i++) {
    for (const part of ["k", "v", "q", "out"]) linear(`layers.${i}.self_attn.${part}_proj`, hiddenSize, hiddenSize);
    norm(`layers.${i}.self_attn_layer_norm`);
    linear(`layers.${i}.fc1`, ffnDim, hiddenSize);
    linear(`layers.${i}.fc2`, hiddenSize, ffnDim);
    norm(`layers.${i}.final_layer_norm`);
  }
  return weights;
}

export interface OptWeightSource extends WeightSpec {
  /** The name in the opened checkpoint. */
  source: string;
}

export interface OptOpened {
  config: OptConfig;
  weights: OptWeightSource[];
  /** To read each weight's `source` from: the checkpoint given, under the model's own names. */
  checkpoint: Checkpoint;
  /** What was renamed or ignored, for the user to see once. */
  notes: string[];
}

const EMBEDDING = `${DECODER}.embed_tokens.weight`;
const HEAD = "lm_head.weight";
/** Buffers of early files, which nothing computes with. */
const UNUSED = [`${DECODER}.version`, `${DECODER}.embed_positions._float_tensor`];

/**
 * Fits a checkpoint to a config. Files on the hub often lack the prefix "model.", and some hold a copy of the tied head.
 * Throws (data): all missing and misshapen tensors at once, and (strict) all unexpected ones, which are otherwise noted; a head that is not the embedding matrix, which no OPT has.
 */
export async function openOptWeights(config: OptConfig, given: Checkpoint, isStrict = false): Promise<OptOpened> {
  const { checkpoint, notes } = underModelNames(given, EMBEDDING, OPT_PREFIXES);
  const { tensors, description } = checkpoint;
  const weights = optWeights(config).map((weight) => ({ ...weight, source: weight.name }));
  const ignored = (name: string) => name === HEAD || UNUSED.includes(name);
  notes.push(...matchCheckpoint(weights, tensors, { where: description, ignored, isStrict }));
  if (tensors.has(HEAD) && !(await haveSameValues(checkpoint, HEAD, EMBEDDING))) {
    throw dataError(
      `${description}: ${HEAD} differs from ${EMBEDDING}; OPT's head is its embedding matrix, so the file is damaged or of another model`,
    );
  }
  return { config, weights, checkpoint, notes: [...given.warnings, ...notes] };
}

/**
 * Fresh weights, one at a time, distributed as transformers initialises OPT: normal with initStd, norms 1, biases 0, the embedding of
 * padding 0. Values come from MT19937, seeded for each weight by (seed, its name). They are not torch's values.
 */
export function* initOpt(config: OptConfig, seed: number): Generator<InitialWeight> {
  for (const { name, shape, kind } of optWeights(config)) {
    const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
    if (kind === "norm") values.fill(1);
    else if (kind !== "bias") {
      const random = mt19937(seedFor(seed, name));
      for (let i = 0; i < values.length; i++) values[i] = config.initStd * random.normal();
      if (name.endsWith("embed_tokens.weight")) {
        const width = shape[1]!;
        values.fill(0, config.padTokenId * width, (config.padTokenId + 1) * width); // torch's padding_idx
      }
    }
    yield { name, shape, values };
  }
}
