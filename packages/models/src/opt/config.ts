// OPT's sizes (Zhang et al. 2022), read from Hugging Face's config.json; defaults are those of transformers' OPTConfig (opt-125m).

import { ConfigFields } from "../configFields.js";
import { dataError, nearest, printable } from "../errors.js";
import { pythonJson } from "../pythonJson.js";

export interface OptConfig {
  vocabSize: number;
  hiddenSize: number;
  numLayers: number;
  /** Width inside the feed-forward layer. */
  ffnDim: number;
  numHeads: number;
  /** Longest sequence; the table of positions has two rows more. */
  maxPositionEmbeddings: number;
  /** Norm before each sublayer, and one at the end; after it in opt-350m, which has none at the end. */
  doLayerNormBefore: boolean;
  /** Whether the norm at the end is left out although norms come before. */
  removeFinalLayerNorm: boolean;
  /** Width of the embeddings; where it differs from hiddenSize, two projections stand between (opt-350m). */
  wordEmbedProjDim: number;
  dropout: number;
  attentionDropout: number;
  /** Standard deviation of fresh weights. */
  initStd: number;
  padTokenId: number;
  bosTokenId: number;
  eosTokenId: number;
}

export const OPT_DEFAULTS: Readonly<OptConfig> = {
  vocabSize: 50272,
  hiddenSize: 768,
  numLayers: 12,
  ffnDim: 3072,
  numHeads: 12,
  maxPositionEmbeddings: 2048,
  doLayerNormBefore: true,
  removeFinalLayerNorm: false,
  wordEmbedProjDim: 768,
  dropout: 0.1,
  attentionDropout: 0,
  initStd: 0.02,
  padTokenId: 1,
  bosTokenId: 2,
  eosTokenId: 2,
};

/** Position ids start at this row of the table (row 1 is what padding reads). */
export const OPT_POSITION_OFFSET = 2;

/** An OptConfig from a parsed config.json. Throws (data) naming every wrong or unsupported field at once. */
export function readOptConfig(
  json: Readonly<Record<string, unknown>>,
  { where = "config.json", onNote = () => {} }: { where?: string; onNote?: (note: string) => void } = {},
): OptConfig {
  checkModelType(json, where);
  if (json.auto_map !== undefined) onNote(`${where}: auto_map names custom code, which is ignored`);
  const fields = new ConfigFields(json);
  const { problems } = fields;
  /** Fields of which only one value is computed; every published OPT has it. */
  const only = (name: string, value: string | boolean): void => {
    const given = json[name] ?? value;
    if (given !== value)
      problems.push(`${name} is ${printable(String(JSON.stringify(given)))}, only ${JSON.stringify(value)} is supported`);
  };
  only("activation_function", "relu");
  only("enable_bias", true);
  only("layer_norm_elementwise_affine", true);
  only("tie_word_embeddings", true);
  const hiddenSize = fields.size(["hidden_size"], OPT_DEFAULTS.hiddenSize);
  const config: OptConfig = {
    vocabSize: fields.size(["vocab_size"], OPT_DEFAULTS.vocabSize),
    hiddenSize,
    numLayers: fields.size(["num_hidden_layers"], OPT_DEFAULTS.numLayers),
    ffnDim: fields.size(["ffn_dim"], OPT_DEFAULTS.ffnDim),
    numHeads: fields.size(["num_attention_heads"], OPT_DEFAULTS.numHeads),
    maxPositionEmbeddings: fields.size(["max_position_embeddings"], OPT_DEFAULTS.maxPositionEmbeddings),
    doLayerNormBefore: fields.flag("do_layer_norm_before") ?? true,
    removeFinalLayerNorm: fields.flag("_remove_final_layer_norm") ?? false,
    wordEmbedProjDim: fields.size(["word_embed_proj_dim"], hiddenSize),
    dropout: fields.probability("dropout", OPT_DEFAULTS.dropout),
    attentionDropout: fields.probability("attention_dropout", OPT_DEFAULTS.attentionDropout),
    initStd: fields.number(["init_std"], OPT_DEFAULTS.initStd, (n) => n > 0 && n < Infinity, "above 0"),
    padTokenId: fields.id(["pad_token_id"], OPT_DEFAULTS.padTokenId),
    bosTokenId: fields.id(["bos_token_id"], OPT_DEFAULTS.bosTokenId),
    eosTokenId: fields.id(["eos_token_id"], OPT_DEFAULTS.eosTokenId),
  };
  if (problems.length === 0) problems.push(...inconsistencies(config));
  if (problems.length) throw dataError(`${where}: ${problems.join("; ")}`);
  return config;
}

function checkModelType(json: Readonly<Record<string, unknown>>, where: string): void {
  const { model_type: type, architectures } = json;
  const architecture = Array.isArray(architectures) ? architectures[0] : undefined;
  if (type !== undefined && type !== "opt") {
    const near = nearest(String(type), ["opt"]);
    throw dataError(
      `${where}: model_type is ${printable(String(JSON.stringify(type)))}; expected "opt"${near ? `, did you mean "${near}"?` : ""}`,
    );
  }
  if (architecture !== undefined && architecture !== "OPTForCausalLM" && architecture !== "OPTModel") {
    throw dataError(
      `${where}: architecture ${printable(String(architecture))} is not supported; the nearest that is: OPTForCausalLM`,
    );
  }
  if (type === undefined && architecture === undefined) {
    throw dataError(`${where}: has neither model_type nor architectures; expected model_type "opt"`);
  }
}

function inconsistencies(config: OptConfig): string[] {
  const problems: string[] = [];
  for (const [name, id] of [
    ["pad_token_id", config.padTokenId],
    ["bos_token_id", config.bosTokenId],
    ["eos_token_id", config.eosTokenId],
  ] as const) {
    if (id >= config.vocabSize) problems.push(`${name} ${id} is not below vocab_size ${config.vocabSize}`);
  }
  if (config.hiddenSize % config.numHeads !== 0) {
    problems.push(`hidden_size ${config.hiddenSize} is not a multiple of num_attention_heads ${config.numHeads}`);
  }
  const parameters = countOptParameters(config);
  // the largest OPT has 175e9; far above that a field is wrong, and nothing may be allocated for it
  if (parameters > 1e12) {
    const gigabytes = (parameters * 4e-9).toExponential(1);
    problems.push(`describes ${parameters.toExponential(1)} parameters (${gigabytes} GB in f32); a size is wrong`);
  }
  return problems;
}

/** Whether a norm stands after the last layer. */
export function hasFinalLayerNorm(config: OptConfig): boolean {
  return config.doLayerNormBefore && !config.removeFinalLayerNorm;
}

/** Number of parameters, the tied head once. Closed form, so that an absurd config costs nothing. */
export function countOptParameters(config: OptConfig): number {
  const { vocabSize, hiddenSize: h, numLayers, ffnDim, maxPositionEmbeddings, wordEmbedProjDim } = config;
  const layer = 4 * (h * h + h) + 2 * h * ffnDim + ffnDim + h + 4 * h;
  const projections = wordEmbedProjDim === h ? 0 : 2 * wordEmbedProjDim * h;
  const norm = hasFinalLayerNorm(config) ? 2 * h : 0;
  return (
    vocabSize * wordEmbedProjDim + (maxPositionEmbeddings + OPT_POSITION_OFFSET) * h + projections + numLayers * layer + norm
  );
}

/** config.json for transformers 4 and 5. @param dtype the type of the weights in the file */
export function writeOptConfig(
  config: OptConfig,
  dtype: "float32" | "bfloat16" | "float16" = "float32",
): Record<string, unknown> {
  return {
    _remove_final_layer_norm: config.removeFinalLayerNorm,
    activation_function: "relu",
    architectures: ["OPTForCausalLM"],
    attention_dropout: config.attentionDropout,
    bos_token_id: config.bosTokenId,
    do_layer_norm_before: config.doLayerNormBefore,
    dropout: config.dropout,
    enable_bias: true,
    eos_token_id: config.eosTokenId,
    ffn_dim: config.ffnDim,
    hidden_size: config.hiddenSize,
    init_std: config.initStd,
    layer_norm_elementwise_affine: true,
    layerdrop: 0,
    max_position_embeddings: config.maxPositionEmbeddings,
    model_type: "opt",
    num_attention_heads: config.numHeads,
    num_hidden_layers: config.numLayers,
    pad_token_id: config.padTokenId,
    tie_word_embeddings: true,
    torch_dtype: dtype,
    use_cache: true,
    vocab_size: config.vocabSize,
    word_embed_proj_dim: config.wordEmbedProjDim,
  };
}

/** The text of config.json, see writeOptConfig. */
export function optConfigJson(config: OptConfig, dtype?: "float32" | "bfloat16" | "float16"): string {
  return pythonJson(writeOptConfig(config, dtype), ["attention_dropout", "dropout", "init_std", "layerdrop"]);
}
