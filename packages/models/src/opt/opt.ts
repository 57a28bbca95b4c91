// OPT (Zhang et al. 2022), decoder-only, as transformers computes it.
//
//   [batch, time]           inputIds, attentionMask, positionIds, segments        [batch, time, hidden]   hidden states
//
// What is unlike GPT-2: positions are counted from the attention mask and stand two rows further down the table; queries are scaled,
// not scores; no dropout on embeddings nor inside the feed-forward layer; opt-350m has its norms after the sublayers, none at the
// end, and narrower embeddings with a projection on either side.
import {
  add,
  attention,
  type CrossEntropyOptions,
  cacheAppend,
  checkpoint,
  crossEntropy,
  decodeAttention,
  dropout,
  embedding,
  layerNorm,
  linear,
  linearCrossEntropy,
  type ProgramState,
  relu,
  type Tensor,
  TensorError,
} from "@attune/tensor";
import { siteOf } from "../dropoutSite.js";
import type {
  DecodeMemory,
  GenerationTraits,
  GenerativeModel,
  KeysAndValues,
  PromptInputs,
  StepInputs,
} from "../generation/decoder.js";
import type { LoraLayers } from "../lora/layers.js";
import { hasFinalLayerNorm, OPT_POSITION_OFFSET, type OptConfig } from "./config.js";

/** torch's default, which OPT never changes */
const LAYER_NORM_EPSILON = 1e-5;
const DECODER = "model.decoder";
const HEAD = "lm_head";

export interface OptOptions {
  /** LoRA layers beside some of the linear weights. */
  lora?: LoraLayers | null;
  /** While training: drop with these probabilities (0 too), and with LoRA's own on its input, drawing from the state's seed and step. */
  dropout?: { p: number; attention?: number; state: ProgramState } | null;
  /** Keep only the outputs of layers for backward, which computes what is within again: less memory, a third more time. */
  gradientCheckpointing?: boolean;
}

export interface OptInputs {
  /** i32 [batch, time] */
  inputIds: Tensor;
  /** i32 [batch, time]: rows of the position table, see optPositions */
  positionIds: Tensor;
  /** i32 [batch, time], 1 where there is a token; null: everywhere */
  attentionMask?: Tensor | null;
  /** i32 [batch, time]: the number of the packed sequence that a token belongs to; null: one sequence a row */
  segments?: Tensor | null;
}

/** Told of the hidden states on the way: 0 is the input of the first layer, i the output of layer i, the last one after the final norm and projection. */
export type OptHiddenListener = (index: number, hidden: Tensor) => void;

/** y [batch, time, hidden] from q, k, v [batch, time, hidden] of a layer. */
type Attend = (q: Tensor, k: Tensor, v: Tensor, layer: number) => Tensor;

export class Opt implements GenerativeModel {
  /** @param weights by their names in a checkpoint (optWeights); linear ones [out, in] */
  constructor(
    readonly config: OptConfig,
    readonly weights: ReadonlyMap<string, Tensor>,
    readonly options: OptOptions = {},
  ) {}

  /** The same weights with other options. */
  with(options: OptOptions): Opt {
    return new Opt(this.config, this.weights, { ...this.options, ...options });
  }

  /** Logits [batch, time, vocab] */
  forward(inputs: OptInputs, onHidden?: OptHiddenListener): Tensor {
    return this.logits(this.decode(inputs, onHidden));
  }

  /** Output of the last layer, [batch, time, wordEmbedProjDim], which the head projects to the vocabulary */
  decode({ inputIds, positionIds, attentionMask = null, segments = null }: OptInputs, onHidden?: OptHiddenListener): Tensor {
    const { attention: p = 0, state } = this.options.dropout ?? {};
    const attend: Attend = (q, k, v, layer) =>
      attention(q, k, v, {
        heads: this.config.numHeads,
        mask: attentionMask,
        segments,
        isCausal: true,
        dropout: state && p > 0 ? { p, site: siteOf(`${DECODER}.layers.${layer}.self_attn.weights`), state } : null,
      });
    return this.#layers(inputIds, positionIds, attend, onHidden);
  }

  get traits(): GenerationTraits {
    const { config } = this;
    return {
      isEncoderDecoder: false,
      vocabSize: config.vocabSize,
      cacheLayers: config.numLayers,
      cacheWidth: config.hiddenSize,
      maxPositions: config.maxPositionEmbeddings,
      positionOffset: OPT_POSITION_OFFSET,
      padTokenId: config.padTokenId,
      eosTokenId: config.eosTokenId,
      decoderStartTokenId: null,
    };
  }

  /** Fills the caches with the prompt's keys and values. What follows them in the last layer is dead, and a captured program leaves it out. */
  readPrompt({ inputIds, attentionMask, positionIds }: PromptInputs, caches: readonly KeysAndValues[]): KeysAndValues[] {
    this.#layers(inputIds, positionIds!, (q, k, v, layer) => {
      cacheAppend(caches[layer]!.k, k, { first: 0 });
      cacheAppend(caches[layer]!.v, v, { first: 0 });
      return attention(q, k, v, { heads: this.config.numHeads, mask: attentionMask, isCausal: true });
    });
    return [];
  }

  /** Logits [rows, 1, vocab] for one more token a row, see GenerativeModel. */
  decodeStep({ ids, positionIds }: StepInputs, memory: DecodeMemory, state: ProgramState): Tensor {
    const { caches, places, prefix, room } = memory;
    const attend: Attend = (q, k, v, layer) => {
      const cache = caches[layer]!;
      cacheAppend(cache.k, k, { first: prefix, step: room, state });
      cacheAppend(cache.v, v, { first: prefix, step: room, state });
      const live = { first: prefix, state };
      return decodeAttention(q, cache.k, cache.v, { heads: this.config.numHeads, places, live });
    };
    return this.logits(this.#layers(ids, positionIds!, attend));
  }

  /** Logits [..., vocab] from the output of `decode` [..., wordEmbedProjDim] */
  logits(hidden: Tensor): Tensor {
    return this.#adapted(HEAD, hidden, this.#head, null);
  }

  /**
   * Loss of each chosen position, [rows]: hidden [rows, wordEmbedProjDim] against labels i32 [rows] that are already shifted (the id
   * that follows; negative: ignored). Never holds the logits of all rows, unless an adapter sits on the head.
   */
  losses(hidden: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
    if (this.options.lora?.adapts(HEAD)) return crossEntropy(this.logits(hidden), labels, options);
    return linearCrossEntropy(hidden, this.#head, labels, options);
  }

  /** [batch, time, wordEmbedProjDim] from ids and positions [batch, time] through all layers, whatever their attention looks at. */
  #layers(inputIds: Tensor, positionIds: Tensor, attend: Attend, onHidden?: OptHiddenListener): Tensor {
    const { config } = this;
    const isNarrow = config.wordEmbedProjDim !== config.hiddenSize;
    const words = embedding(this.#weight(`${DECODER}.embed_tokens.weight`), inputIds); // [batch, time, wordEmbedProjDim]
    const wide = isNarrow ? this.#project(`${DECODER}.project_in`, words, false) : words;
    let h = add(wide, embedding(this.#weight(`${DECODER}.embed_positions.weight`), positionIds)); // [batch, time, hidden]
    for (let i = 0; i < config.numLayers; i++) {
      onHidden?.(i, h);
      const layer = `${DECODER}.layers.${i}`;
      const both = (before: Tensor): Tensor => {
        const y = this.#sublayer(`${layer}.self_attn_layer_norm`, before, (x) =>
          this.#attend(`${layer}.self_attn`, x, i, attend),
        );
        return this.#sublayer(`${layer}.final_layer_norm`, y, (x) => this.#feedForward(layer, x));
      };
      h = this.options.gradientCheckpointing ? checkpoint(both, h) : both(h);
    }
    if (hasFinalLayerNorm(config)) h = this.#norm(`${DECODER}.final_layer_norm`, h);
    const y = isNarrow ? this.#project(`${DECODER}.project_out`, h, false) : h;
    onHidden?.(config.numLayers, y);
    return y;
  }

  get #head(): Tensor {
    // always tied, unless an adapter has trained a copy; a copy of the embedding that it reads leaves the head as it was
    return this.options.lora?.weight(`${HEAD}.weight`) ?? this.#baseWeight(`${DECODER}.embed_tokens.weight`);
  }

  /** A sublayer with its norm, before it or (opt-350m) after the sum */
  #sublayer(norm: string, h: Tensor, sublayer: (x: Tensor) => Tensor): Tensor {
    const isBefore = this.config.doLayerNormBefore;
    const y = add(h, this.#drop(`${norm}.sublayer`, sublayer(isBefore ? this.#norm(norm, h) : h)));
    return isBefore ? y : this.#norm(norm, y);
  }

  /** [batch, time, hidden] */
  #attend(name: string, x: Tensor, layer: number, attend: Attend): Tensor {
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) => this.#project(`${name}.${part}`, x)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return this.#project(`${name}.out_proj`, attend(q, k, v, layer));
  }

  #feedForward(layer: string, x: Tensor): Tensor {
    return this.#project(`${layer}.fc2`, relu(this.#project(`${layer}.fc1`, x))); // [batch, time, ffnDim] inside
  }

  #norm(name: string, x: Tensor): Tensor {
    return layerNorm(x, this.#weight(`${name}.weight`), this.#weight(`${name}.bias`), LAYER_NORM_EPSILON);
  }

  /** x W^T + b, with LoRA's part where the adapter has one for this weight */
  #project(name: string, x: Tensor, hasBias = true): Tensor {
    return this.#adapted(name, x, this.#weight(`${name}.weight`), hasBias ? this.#weight(`${name}.bias`) : null);
  }

  #adapted(name: string, x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
    const { lora, dropout } = this.options;
    const y = linear(x, weight);
    if (lora) return lora.project(name, x, { y, weight, bias }, dropout?.state ?? null);
    return bias ? add(y, bias) : y;
  }

  #drop(site: string, x: Tensor): Tensor {
    const { dropout: options } = this.options;
    return options && options.p > 0 ? dropout(x, { p: options.p, site: siteOf(site), state: options.state }) : x;
  }

  #weight(name: string): Tensor {
    return this.options.lora?.weight(name) ?? this.#baseWeight(name);
  }

  #baseWeight(name: string): Tensor {
    const weight = this.weights.get(name);
    if (!weight) throw new TensorError(`OPT: no weight named ${name}`);
    return weight;
  }
}

/**
 * positionIds [rows, time] from an attention mask [rows, time]: the count of tokens so far, so that padding on the left moves nothing;
 * padding itself reads row 1. With segments (packing) the count starts anew where the number changes.
 */
export function optPositions(attentionMask: Int32Array, time: number, segments?: Int32Array): Int32Array {
  const positions = new Int32Array(attentionMask.length);
  let count = 0;
  for (let i = 0; i < positions.length; i++) {
    if (i % time === 0 || (segments && segments[i] !== segments[i - 1])) count = 0;
    if (attentionMask[i]! > 0) count++;
    positions[i] = (attentionMask[i]! > 0 ? count : 0) - 1 + OPT_POSITION_OFFSET;
  }
  return positions;
}

/** Labels [rows, time] as the id that follows each position; the last of a row, and what packing puts before another sequence, are ignored. */
export function shiftLeft(labels: Int32Array, time: number, segments?: Int32Array): Int32Array {
  return labels.map((_, i) => {
    if (i % time === time - 1) return -100;
    return segments && segments[i + 1] !== segments[i] ? -100 : labels[i + 1]!;
  });
}
