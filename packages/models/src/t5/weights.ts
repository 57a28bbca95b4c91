// T5's weights: the names in a Hugging Face checkpoint, what may stand for what, and values to begin from nothing.
// Shapes: [vocab, dModel], linear [out, in], inner = numHeads * dKv.

import { dataError } from "../errors.js";
import { matchCheckpoint, type WeightSpec } from "../pretrained.js";
import { mt19937, seedFor } from "../random.js";
import { T5_PREFIXES, underModelNames } from "../renames.js";
import { type Checkpoint, haveSameValues } from "../safetensors.js";
import type { T5Config } from "./config.js";

/** Every weight of the model, tied ones once, in the order of transformers' named_parameters(). */
export function t5Weights(config: T5Config): WeightSpec[] {
  const { vocabSize, dModel, dFf, numHeads, dKv } = config;
  const inner = numHeads * dKv;
  const weights: WeightSpec[] = [];
  const add = (name: string, kind: WeightSpec["kind"], ...shape: number[]) =>
    weights.push({ name: `${name}.weight`, shape, kind });

  const attention = (layer: string, name: string, hasBias: boolean) => {
    for (const part of ["q", "k", "v"]) add(`${layer}.${name}.${part}`, "linear", inner, dModel);
    add(`${layer}.${name}.o`, "linear", dModel, inner);
    if (hasBias) add(`${layer}.${name}.relative_attention_bias`, "bias", config.relativeAttentionNumBuckets, numHeads);
    add(`${layer}.layer_norm`, "norm", dModel);
  };
  const feedForward = (layer: string) => {
    const ins = config.feedForward === "relu" ? ["wi"] : ["wi_0", "wi_1"];
    for (const wi of ins) add(`${layer}.DenseReluDense.${wi}`, "linear", dFf, dModel);
    add(`${layer}.DenseReluDense.wo`, "linear", dModel, dFf);
    add(`${layer}.layer_norm`, "norm", dModel);
  };

  add("shared", "embedding", vocabSize, dModel);
  for (let i = 0; i < config.numLayers; i++) {
    attention(`encoder.block.${i}.layer.0`, "SelfAttention", i === 0); // block 0's bias serves the whole stack
    feedForward(`encoder.block.${i}.layer.1`);
  }
  add("encoder.final_layer_norm", "norm", dModel);
  for (let i = 0; i < config.numDecoderLayers; i++) {
    attention(`decoder.block.${i}.layer.0`, "SelfAttention", i === 0);
    attention(`decoder.block.${i}.layer.1`, "EncDecAttention", false);
    feedForward(`decoder.block.${i}.layer.2`);
  }
  add("decoder.final_layer_norm", "norm", dModel);
  if (!config.tieWordEmbeddings) add("lm_head", "linear", vocabSize, dModel);
  return weights;
}

/** A weight and where the checkpoint keeps it. */
export interface T5WeightSource extends WeightSpec {
  /** The name in the file; differs from `name` where an alias stands in. */
  source: string;
}

export interface T5Opened {
  /** The config with tieWordEmbeddings as the checkpoint has it. */
  config: T5Config;
  weights: T5WeightSource[];
  /** To read each weight's `source` from: the checkpoint given, under the model's own names. */
  checkpoint: Checkpoint;
  /** What was filled by rule or ignored, for the user to see once. */
  notes: string[];
}

const SHARED = "shared.weight";
const HEAD = "lm_head.weight";
const COPIES = ["decoder.embed_tokens.weight", "encoder.embed_tokens.weight"];
/** Written by old versions of transformers, used by none. */
const UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

/**
 * Fits a checkpoint to a config, by transformers 5's rules for tied weights:
 * - lm_head.weight missing: the head is the embedding matrix, whatever the config says (scaling follows the config alone);
 * - lm_head.weight there: tied only if the config ties and both are equal bit for bit, else the model is untied;
 * - shared.weight missing: taken from decoder.embed_tokens, then encoder.embed_tokens, never from lm_head;
 * - embed_tokens beside shared.weight must equal it.
 * Throws (data): all missing and misshapen tensors at once, and (strict) all unexpected ones, which are otherwise noted.
 */
export async function openT5Weights(config: T5Config, given: Checkpoint, isStrict = false): Promise<T5Opened> {
  const { checkpoint, notes: renames } = underModelNames(given, "encoder.final_layer_norm.weight", T5_PREFIXES);
  const { tensors, description } = checkpoint;
  const notes = [...checkpoint.warnings, ...renames];
  const copies = COPIES.filter((name) => tensors.has(name));
  const embedding = tensors.has(SHARED) ? SHARED : copies[0];
  if (embedding && embedding !== SHARED) notes.push(`${description}: ${SHARED} is missing and taken from ${embedding}`);

  // shapes first, so that a wrong file is described as a whole before any of its data is compared
  const found = new Map(tensors);
  for (const name of [...copies, UNUSED]) if (name !== embedding) found.delete(name);
  if (embedding && embedding !== SHARED) {
    found.set(SHARED, found.get(embedding)!);
    found.delete(embedding);
  }
  const withHead = { ...config, tieWordEmbeddings: !tensors.has(HEAD) };
  notes.push(...matchCheckpoint(t5Weights(withHead), found, { where: description, isStrict }));

  for (const name of copies) {
    if (name !== embedding && !(await haveSameValues(checkpoint, name, embedding!))) {
      throw dataError(
        `${description}: ${name} differs from ${embedding}; T5 has one embedding matrix, so the file is damaged or of another model`,
      );
    }
  }
  let tieWordEmbeddings = !tensors.has(HEAD);
  if (tieWordEmbeddings && !config.tieWordEmbeddings)
    notes.push(`${description}: ${HEAD} is missing and taken from ${embedding}`);
  if (!tieWordEmbeddings && config.tieWordEmbeddings) {
    tieWordEmbeddings = await haveSameValues(checkpoint, HEAD, embedding!);
    if (!tieWordEmbeddings)
      notes.push(
        `${description}: ${HEAD} differs from ${embedding}, so it stays a matrix of its own although the config ties them`,
      );
  }
  const opened = { ...config, tieWordEmbeddings };
  const weights = t5Weights(opened).map((weight) => ({ ...weight, source: weight.name === SHARED ? embedding! : weight.name }));
  return { config: opened, weights, checkpoint, notes };
}

/**
 * What to write and from which weight: the weights themselves, and for a tied head that is not scaled a copy named lm_head.weight,
 * since transformers 4 reads such a model right only as an untied one (see writeT5Config).
 */
export function t5WeightsToSave(config: T5Config): T5WeightSource[] {
  const weights = t5Weights(config).map((weight) => ({ ...weight, source: weight.name }));
  if (config.tieWordEmbeddings && !config.scaleDecoderOutputs) {
    weights.push({ name: HEAD, kind: "linear", shape: [config.vocabSize, config.dModel], source: SHARED });
  }
  return weights;
}

/** A weight with its values, f32, row-major. */
export interface InitialWeight {
  name: string;
  shape: readonly number[];
  values: Float32Array;
}

/**
 * Fresh weights, one at a time, distributed as transformers initialises T5: normal with the standard deviations below, norms 1.
 * Values come from MT19937 (53-bit uniforms, Box and Muller), seeded for each weight by (seed, its name), so they do not depend
 * on the order or on other sizes. They are not torch's values.
 */
export function* initT5(config: T5Config, seed: number): Generator<InitialWeight> {
  for (const { name, shape } of t5Weights(config)) {
    const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
    const deviation = standardDeviation(config, name);
    if (deviation === undefined) values.fill(config.initializerFactor);
    else {
      const random = mt19937(seedFor(seed, name));
      for (let i = 0; i < values.length; i++) values[i] = deviation * random.normal();
    }
    yield { name, shape, values };
  }
}

/** Of a weight's initial values; undefined for norms, which begin at initializerFactor. Mesh TensorFlow's T5, as transformers has it. */
function standardDeviation(config: T5Config, name: string): number | undefined {
  const { dModel, dKv, dFf, numHeads, initializerFactor: factor } = config;
  if (name.endsWith("layer_norm.weight")) return undefined;
  if (name === SHARED || name === HEAD) return factor;
  if (name.endsWith(".q.weight")) return factor * (dModel * dKv) ** -0.5; // here the 1/sqrt(dKv) that the scores lack
  if (name.endsWith(".o.weight")) return factor * (numHeads * dKv) ** -0.5;
  if (name.endsWith(".wo.weight")) return factor * dFf ** -0.5;
  return factor * dModel ** -0.5; // k, v, wi, wi_0, wi_1, relative_attention_bias
}
