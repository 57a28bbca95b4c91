// T5's sizes, read from and written to Hugging Face's config.json. One type for T5 1.0 (relu, tied) and v1.1/FLAN
// (gated gelu, untied); defaults are those of transformers' T5Config (Raffel et al. 2020; Shazeer 2020 for the gate).

import { ConfigFields } from "../configFields.js";
import { dataError, nearest, printable } from "../errors.js";
import { pythonJson } from "../pythonJson.js";

export interface T5Config {
  vocabSize: number;
  dModel: number;
  /** Width of one head; numHeads * dKv may differ from dModel. */
  dKv: number;
  dFf: number;
  /** Encoder blocks. */
  numLayers: number;
  numDecoderLayers: number;
  numHeads: number;
  relativeAttentionNumBuckets: number;
  relativeAttentionMaxDistance: number;
  dropoutRate: number;
  layerNormEpsilon: number;
  initializerFactor: number;
  /** "gated-gelu" means gelu_new, the tanh approximation. */
  feedForward: "relu" | "gated-gelu";
  padTokenId: number;
  eosTokenId: number;
  decoderStartTokenId: number;
  /** Whether lm_head is the embedding matrix. What a checkpoint holds decides in the end: see openT5Weights. */
  tieWordEmbeddings: boolean;
  /** Whether the decoder's output is scaled by dModel^-0.5 before lm_head: T5 1.0 does, v1.1 and FLAN do not. */
  scaleDecoderOutputs: boolean;
}

/** The sizes of `google-t5/t5-small`, which are transformers' defaults too. */
export const T5_DEFAULTS: Readonly<T5Config> = {
  vocabSize: 32128,
  dModel: 512,
  dKv: 64,
  dFf: 2048,
  numLayers: 6,
  numDecoderLayers: 6,
  numHeads: 8,
  relativeAttentionNumBuckets: 32,
  relativeAttentionMaxDistance: 128,
  dropoutRate: 0.1,
  layerNormEpsilon: 1e-6,
  initializerFactor: 1,
  feedForward: "relu",
  padTokenId: 0,
  eosTokenId: 1,
  decoderStartTokenId: 0,
  tieWordEmbeddings: true,
  scaleDecoderOutputs: true,
};

export interface ReadConfigOptions {
  /** The file's name for messages. */
  where?: string;
  /** Told, a line at a time, what was ignored. */
  onNote?: (note: string) => void;
}

/**
 * A T5Config from a parsed config.json. Both forms of an untied model are read: `tie_word_embeddings: false` (hub, transformers 4)
 * and `tie_word_embeddings: true, scale_decoder_outputs: false` (transformers 5); scale_decoder_outputs wins where present.
 * Throws (data) naming every wrong field at once.
 */
export function readT5Config(json: Readonly<Record<string, unknown>>, options: ReadConfigOptions = {}): T5Config {
  const { where = "config.json", onNote = () => {} } = options;
  checkModelType(json, where);
  if (json.auto_map !== undefined) onNote(`${where}: auto_map names custom code, which is ignored`);
  const fields = new ConfigFields(json);
  const { problems } = fields;
  const size = (names: readonly string[], fallback: number) => fields.size(names, fallback);
  const id = (names: readonly string[], fallback: number) => fields.id(names, fallback);

  const feedForward = readFeedForward(json, problems);
  const numLayers = size(["num_layers", "num_hidden_layers"], T5_DEFAULTS.numLayers);
  const padTokenId = id(["pad_token_id"], 0);
  const tied = fields.flag("tie_word_embeddings") ?? true;
  const scaleDecoderOutputs = fields.flag("scale_decoder_outputs") ?? tied;
  const config: T5Config = {
    vocabSize: size(["vocab_size"], T5_DEFAULTS.vocabSize),
    dModel: size(["d_model", "hidden_size"], T5_DEFAULTS.dModel),
    dKv: size(["d_kv", "head_dim"], T5_DEFAULTS.dKv),
    dFf: size(["d_ff"], T5_DEFAULTS.dFf),
    numLayers,
    numDecoderLayers: size(["num_decoder_layers"], numLayers),
    numHeads: size(["num_heads", "num_attention_heads"], T5_DEFAULTS.numHeads),
    relativeAttentionNumBuckets: size(["relative_attention_num_buckets"], T5_DEFAULTS.relativeAttentionNumBuckets),
    relativeAttentionMaxDistance: size(["relative_attention_max_distance"], T5_DEFAULTS.relativeAttentionMaxDistance),
    dropoutRate: fields.probability("dropout_rate", T5_DEFAULTS.dropoutRate),
    layerNormEpsilon: fields.number(
      ["layer_norm_epsilon"],
      T5_DEFAULTS.layerNormEpsilon,
      (n) => n > 0 && n < 1,
      "above 0 and below 1",
    ),
    initializerFactor: fields.number(
      ["initializer_factor"],
      T5_DEFAULTS.initializerFactor,
      (n) => n > 0 && n < Infinity,
      "above 0",
    ),
    feedForward,
    padTokenId,
    eosTokenId: id(["eos_token_id"], 1),
    // the class has no default; T5's checkpoints all begin with pad
    decoderStartTokenId: id(["decoder_start_token_id"], padTokenId),
    tieWordEmbeddings: tied && scaleDecoderOutputs,
    scaleDecoderOutputs,
  };
  if (problems.length === 0) problems.push(...inconsistencies(config));
  if (problems.length) throw dataError(`${where}: ${problems.join("; ")}`);
  return config;
}

function checkModelType(json: Readonly<Record<string, unknown>>, where: string): void {
  const { model_type: type, architectures } = json;
  const architecture = Array.isArray(architectures) ? architectures[0] : undefined;
  const supported = ["T5ForConditionalGeneration", "T5WithLMHeadModel"];
  if (type !== undefined && type !== "t5") {
    const near = nearest(String(type), ["t5"]);
    throw dataError(
      `${where}: model_type is ${printable(String(JSON.stringify(type)))}; supported is "t5"${near ? `, did you mean "${near}"?` : ""}`,
    );
  }
  if (architecture !== undefined && !supported.includes(String(architecture))) {
    throw dataError(
      `${where}: architecture ${printable(String(architecture))} is not supported; the nearest that is: T5ForConditionalGeneration`,
    );
  }
  if (type === undefined && architecture === undefined)
    throw dataError(`${where}: has neither model_type nor architectures; expected model_type "t5"`);
}

function readFeedForward(json: Readonly<Record<string, unknown>>, problems: string[]): T5Config["feedForward"] {
  const projection = json.feed_forward_proj ?? "relu";
  if (projection !== "relu" && projection !== "gated-gelu") {
    problems.push(`feed_forward_proj is ${printable(String(JSON.stringify(projection)))}, supported are "relu" and "gated-gelu"`);
    return "relu";
  }
  // transformers lets a stored dense_act_fn override what feed_forward_proj implies
  const activation = projection === "relu" ? "relu" : "gelu_new";
  if ((json.dense_act_fn ?? activation) !== activation) {
    problems.push(
      `dense_act_fn is ${printable(String(JSON.stringify(json.dense_act_fn)))}, with ${projection} only "${activation}" is supported`,
    );
  }
  if ((json.is_gated_act ?? projection !== "relu") !== (projection !== "relu"))
    problems.push(`is_gated_act contradicts feed_forward_proj "${projection}"`);
  return projection;
}

/** What cannot be right about a config, each in words; empty when all is well. */
export function inconsistencies(config: T5Config): string[] {
  const problems: string[] = [];
  for (const [name, id] of [
    ["pad_token_id", config.padTokenId],
    ["eos_token_id", config.eosTokenId],
    ["decoder_start_token_id", config.decoderStartTokenId],
  ] as const) {
    if (id >= config.vocabSize) problems.push(`${name} ${id} is not below vocab_size ${config.vocabSize}`);
  }
  if (config.relativeAttentionNumBuckets < 4) problems.push("relative_attention_num_buckets must be at least 4");
  if (config.relativeAttentionMaxDistance <= config.relativeAttentionNumBuckets / 2) {
    problems.push(`relative_attention_max_distance must exceed half of relative_attention_num_buckets`);
  }
  const parameters = countT5Parameters(config);
  // the largest T5 has 11e9; far above that a field is wrong, and nothing may be allocated for it
  if (parameters > 1e11)
    problems.push(
      `describes ${parameters.toExponential(1)} parameters (${(parameters * 4e-9).toExponential(1)} GB in f32); a size is wrong`,
    );
  return problems;
}

/** Number of parameters, tied ones once. Closed form, so that an absurd config costs nothing. */
export function countT5Parameters(config: T5Config): number {
  const { vocabSize, dModel, dFf, numLayers, numDecoderLayers, numHeads, dKv, relativeAttentionNumBuckets } = config;
  const attention = 4 * dModel * numHeads * dKv + dModel; // q, k, v, o and the norm before them
  const feedForward = (config.feedForward === "relu" ? 2 : 3) * dModel * dFf + dModel;
  const stacks = numLayers * (attention + feedForward) + numDecoderLayers * (2 * attention + feedForward);
  const biases = 2 * relativeAttentionNumBuckets * numHeads;
  return (config.tieWordEmbeddings ? 1 : 2) * vocabSize * dModel + stacks + biases + 2 * dModel;
}

/**
 * config.json for transformers 4 and 5. An unscaled head is written as `tie_word_embeddings: false`, with its own lm_head.weight in
 * the file (t5WeightsToSave): the form of transformers 5 would be tied and scaled, wrongly, by transformers 4.
 * @param dtype the type of the weights in the file
 */
export function writeT5Config(config: T5Config, dtype: "float32" | "bfloat16" | "float16" = "float32"): Record<string, unknown> {
  const isGated = config.feedForward === "gated-gelu";
  return {
    architectures: ["T5ForConditionalGeneration"],
    classifier_dropout: 0,
    d_ff: config.dFf,
    d_kv: config.dKv,
    d_model: config.dModel,
    decoder_start_token_id: config.decoderStartTokenId,
    dense_act_fn: isGated ? "gelu_new" : "relu",
    dropout_rate: config.dropoutRate,
    eos_token_id: config.eosTokenId,
    feed_forward_proj: config.feedForward,
    initializer_factor: config.initializerFactor,
    is_encoder_decoder: true,
    is_gated_act: isGated,
    layer_norm_epsilon: config.layerNormEpsilon,
    model_type: "t5",
    num_decoder_layers: config.numDecoderLayers,
    num_heads: config.numHeads,
    num_layers: config.numLayers,
    pad_token_id: config.padTokenId,
    relative_attention_max_distance: config.relativeAttentionMaxDistance,
    relative_attention_num_buckets: config.relativeAttentionNumBuckets,
    // a head of its own that is scaled nevertheless: only transformers 5 can say that
    ...(config.scaleDecoderOutputs && !config.tieWordEmbeddings ? { scale_decoder_outputs: true } : {}),
    tie_word_embeddings: config.scaleDecoderOutputs,
    torch_dtype: dtype,
    use_cache: true,
    vocab_size: config.vocabSize,
  };
}

const FLOATS = ["classifier_dropout", "dropout_rate", "initializer_factor", "layer_norm_epsilon"];

/** The text of config.json, see writeT5Config. */
export function t5ConfigJson(config: T5Config, dtype?: "float32" | "bfloat16" | "float16"): string {
  return pythonJson(writeT5Config(config, dtype), FLOATS);
}
