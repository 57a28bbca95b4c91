// T5 (Raffel et al. 2020) in its 1.0 form and the v1.1 form of FLAN-T5 (Shazeer 2020 for the gate), as transformers computes it.
//
//   [batch, source]           inputIds, attentionMask        [batch, target]     decoderInputIds, labels
//   [batch, time, dModel]     hidden states                  inner = numHeads * dKv, which may differ from dModel
//
// What is unlike other transformers: no 1/sqrt(dKv) on scores (the initialisation has it); one relative position bias a stack,
// kept in block 0 and used by every block's self-attention, none in cross-attention; RMS norm before each sublayer; the padding
// mask hides keys in the encoder and in cross-attention; only v1.0 scales the decoder's output by dModel^-0.5 before the head.
import {
  type AttentionBias,
  type AttentionOptions,
  add,
  affine,
  attention,
  type CrossEntropyOptions,
  cacheAppend,
  checkpoint,
  crossEntropy,
  decodeAttention,
  dropout,
  embedding,
  geluNew,
  linear,
  linearCrossEntropy,
  mul,
  type ProgramState,
  relu,
  rmsNorm,
  type Tensor,
  TensorError,
  tensor,
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
import type { T5Config } from "./config.js";
import { positionBuckets } from "./positionBuckets.js";

export interface T5Options {
  /** LoRA layers beside some of the linear weights. */
  lora?: LoraLayers | null;
  /**
   * While training: drop with this probability (0 too) everywhere transformers does, and with LoRA's own on its input, drawing from the
   * state's seed and step. Absent: evaluation.
   */
  dropout?: { p: number; state: ProgramState } | null;
  /** Keep only the outputs of blocks for backward, which computes what is within again: less memory, a third more time. */
  gradientCheckpointing?: boolean;
}

/** Told of the hidden states on the way: 0 is the input of the first block, i the output of block i, the last one after the final norm. */
export type HiddenListener = (stack: "encoder" | "decoder", index: number, hidden: Tensor) => void;

export interface T5Inputs {
  /** i32 [batch, source] */
  inputIds: Tensor;
  /** i32 [batch, source], 1 where there is a token; null: everywhere */
  attentionMask?: Tensor | null;
  /** i32 [batch, target]: the labels shifted right, see shiftRight */
  decoderInputIds: Tensor;
  /** i32 [batch, target]; null: everywhere (the causal mask holds in any case) */
  decoderAttentionMask?: Tensor | null;
}

export class T5 implements GenerativeModel {
  /** @param weights by their names in a checkpoint (t5Weights); linear ones [out, in] */
  constructor(
    readonly config: T5Config,
    readonly weights: ReadonlyMap<string, Tensor>,
    readonly options: T5Options = {},
  ) {}

  /** The same weights with other options: a dropout-free twin for evaluation, an adapter switched off. */
  with(options: T5Options): T5 {
    return new T5(this.config, this.weights, { ...this.options, ...options });
  }

  /** Logits [batch, target, vocab] */
  forward(inputs: T5Inputs, onHidden?: HiddenListener): Tensor {
    const { inputIds, attentionMask = null, decoderInputIds, decoderAttentionMask = null } = inputs;
    const encoded = this.encode(inputIds, attentionMask, onHidden);
    return this.logits(this.decode(decoderInputIds, encoded, attentionMask, decoderAttentionMask, onHidden));
  }

  /** Encoder output [batch, source, dModel] */
  encode(inputIds: Tensor, attentionMask: Tensor | null, onHidden?: HiddenListener): Tensor {
    const [, source] = inputIds.shape as [number, number];
    const bias = this.#positionBias("encoder", source, source);
    let h = this.#drop("encoder.embed", embedding(this.#weight("shared"), inputIds)); // no scaling, no absolute positions
    onHidden?.("encoder", 0, h);
    for (let i = 0; i < this.config.numLayers; i++) {
      h = this.#block(h, (before) => {
        const block = `encoder.block.${i}`;
        const x = this.#norm(`${block}.layer.0.layer_norm`, before);
        const self = `${block}.layer.0.SelfAttention`;
        const options = { bias, mask: attentionMask };
        const y = this.#residual(before, self, this.#attend(self, x, this.#keysAndValues(self, x), options));
        return this.#feedForward(`${block}.layer.1`, y);
      });
      if (i < this.config.numLayers - 1) onHidden?.("encoder", i + 1, h);
    }
    const y = this.#drop("encoder.out", this.#norm("encoder.final_layer_norm", h));
    onHidden?.("encoder", this.config.numLayers, y);
    return y;
  }

  /** Decoder output [batch, target, dModel], before scaling and head */
  decode(
    ids: Tensor,
    encoded: Tensor,
    attentionMask: Tensor | null,
    decoderMask: Tensor | null = null,
    onHidden?: HiddenListener,
  ): Tensor {
    const [, target] = ids.shape as [number, number];
    const bias = this.#positionBias("decoder", target, target);
    let h = this.#drop("decoder.embed", embedding(this.#weight("shared"), ids));
    onHidden?.("decoder", 0, h);
    for (let i = 0; i < this.config.numDecoderLayers; i++) {
      h = this.#block(h, (before) => {
        const block = `decoder.block.${i}`;
        const x = this.#norm(`${block}.layer.0.layer_norm`, before);
        const self = `${block}.layer.0.SelfAttention`;
        const options = { bias, mask: decoderMask, isCausal: true };
        const middle = this.#residual(before, self, this.#attend(self, x, this.#keysAndValues(self, x), options));
        const cross = `${block}.layer.1.EncDecAttention`;
        const y = this.#norm(`${block}.layer.1.layer_norm`, middle);
        const seen = this.#attend(cross, y, this.#keysAndValues(cross, encoded), { mask: attentionMask });
        return this.#feedForward(`${block}.layer.2`, this.#residual(middle, cross, seen));
      });
      if (i < this.config.numDecoderLayers - 1) onHidden?.("decoder", i + 1, h);
    }
    const y = this.#drop("decoder.out", this.#norm("decoder.final_layer_norm", h));
    onHidden?.("decoder", this.config.numDecoderLayers, y);
    return y;
  }

  get traits(): GenerationTraits {
    const { config } = this;
    return {
      isEncoderDecoder: true,
      vocabSize: config.vocabSize,
      cacheLayers: config.numDecoderLayers,
      cacheWidth: config.numHeads * config.dKv,
      maxPositions: null, // positions are relative
      positionOffset: null,
      padTokenId: config.padTokenId,
      eosTokenId: config.eosTokenId,
      decoderStartTokenId: config.decoderStartTokenId,
    };
  }

  /** Keys and values of the encoder's output for every decoder block: computed once a source, used by every decodeStep. */
  readPrompt({ inputIds, attentionMask }: PromptInputs): KeysAndValues[] {
    const encoded = this.encode(inputIds, attentionMask);
    return Array.from({ length: this.config.numDecoderLayers }, (_, i) =>
      this.#keysAndValues(`decoder.block.${i}.layer.1.EncDecAttention`, encoded),
    );
  }

  /** Logits [rows, 1, vocab] for one more token a row, see GenerativeModel. */
  decodeStep({ ids }: StepInputs, memory: DecodeMemory, state: ProgramState): Tensor {
    const { caches, places, prefix, room, cross } = memory;
    const { numHeads: heads } = this.config;
    const bias = this.#positionBias("decoder", 1, places.shape[1]!, true);
    const live = { first: prefix, state };
    let h = embedding(this.#weight("shared"), ids); // [rows, 1, dModel]
    for (let i = 0; i < this.config.numDecoderLayers; i++) {
      const block = `decoder.block.${i}`;
      const self = `${block}.layer.0.SelfAttention`;
      const x = this.#norm(`${block}.layer.0.layer_norm`, h);
      const { k, v } = this.#keysAndValues(self, x); // [rows, 1, inner]
      const cache = caches[i]!;
      cacheAppend(cache.k, k, { first: prefix, step: room, state });
      cacheAppend(cache.v, v, { first: prefix, step: room, state });
      const q = this.#project(`${self}.q`, x);
      const seen = decodeAttention(q, cache.k, cache.v, { heads, scale: 1, places, live, bias });
      h = add(h, this.#project(`${self}.o`, seen));
      const name = `${block}.layer.1.EncDecAttention`;
      const { k: sourceKeys, v: sourceValues } = cross!.memory[i]!; // [sources, source, inner]
      const asked = this.#project(`${name}.q`, this.#norm(`${block}.layer.1.layer_norm`, h));
      const read = decodeAttention(asked, sourceKeys, sourceValues, { heads, scale: 1, places: cross!.places });
      h = add(h, this.#project(`${name}.o`, read));
      h = this.#feedForward(`${block}.layer.2`, h);
    }
    return this.logits(this.#norm("decoder.final_layer_norm", h));
  }

  /** Logits [..., vocab] from decoder output [..., dModel] */
  logits(hidden: Tensor): Tensor {
    const x = this.#scaled(hidden);
    return this.#hasOwnHead ? this.#project("lm_head", x) : linear(x, this.#weight("shared"));
  }

  /**
   * Loss of each row, [rows]: decoder output [rows, dModel] against labels i32 [rows] (negative: ignored). Never holds the logits of all
   * rows, unless an adapter sits on the head.
   */
  losses(hidden: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
    if (this.options.lora?.adapts("lm_head")) return crossEntropy(this.logits(hidden), labels, options);
    return linearCrossEntropy(this.#scaled(hidden), this.#weight(this.#hasOwnHead ? "lm_head" : "shared"), labels, options);
  }

  /** The checkpoint's, or a copy that an adapter has trained apart from the embedding. */
  get #hasOwnHead(): boolean {
    return !this.config.tieWordEmbeddings || (this.options.lora?.weight("lm_head.weight") ?? null) !== null;
  }

  #scaled(hidden: Tensor): Tensor {
    return this.config.scaleDecoderOutputs ? affine(hidden, this.config.dModel ** -0.5) : hidden;
  }

  /** [batch, query, dModel] from x [batch, query, dModel] over given keys and values */
  #attend(name: string, x: Tensor, { k, v }: KeysAndValues, options: Omit<AttentionOptions, "heads">): Tensor {
    const q = this.#project(`${name}.q`, x); // [batch, query, inner]
    const drop = this.options.dropout;
    const dropout = drop && { ...drop, site: siteOf(`${name}.weights`) };
    return this.#project(`${name}.o`, attention(q, k, v, { heads: this.config.numHeads, scale: 1, dropout, ...options }));
  }

  #keysAndValues(name: string, x: Tensor): KeysAndValues {
    return { k: this.#project(`${name}.k`, x), v: this.#project(`${name}.v`, x) };
  }

  #feedForward(layer: string, h: Tensor): Tensor {
    const x = this.#norm(`${layer}.layer_norm`, h);
    const dense = `${layer}.DenseReluDense`;
    const inside =
      this.config.feedForward === "relu"
        ? relu(this.#project(`${dense}.wi`, x)) // [batch, time, dFf]
        : mul(geluNew(this.#project(`${dense}.wi_0`, x)), this.#project(`${dense}.wi_1`, x));
    return this.#residual(h, dense, this.#project(`${dense}.wo`, this.#drop(`${dense}.inside`, inside)));
  }

  /** A block's output [batch, time, dModel], with or without what is within for backward */
  #block(h: Tensor, block: (h: Tensor) => Tensor): Tensor {
    return this.options.gradientCheckpointing ? checkpoint(block, h) : block(h);
  }

  #residual(h: Tensor, name: string, sublayer: Tensor): Tensor {
    return add(h, this.#drop(`${name}.out`, sublayer));
  }

  #norm(name: string, x: Tensor): Tensor {
    return rmsNorm(x, this.#weight(name), this.config.layerNormEpsilon);
  }

  /** x W^T, with LoRA's part where the adapter has one for this weight */
  #project(name: string, x: Tensor): Tensor {
    const { lora, dropout } = this.options;
    const weight = this.#weight(name);
    const y = linear(x, weight);
    return lora ? lora.project(name, x, { y, weight, bias: null }, dropout?.state ?? null) : y;
  }

  /** The bias of block 0's table. The one query of a decoding step may stand at any of the keys. */
  #positionBias(stack: "encoder" | "decoder", queries: number, keys: number, isLive = false): AttentionBias {
    const { relativeAttentionNumBuckets: count, relativeAttentionMaxDistance: reach } = this.config;
    const table = this.#weight(`${stack}.block.0.layer.0.SelfAttention.relative_attention_bias`);
    const before = isLive ? keys - 1 : queries - 1;
    const buckets = positionBuckets(before, keys - 1, stack === "encoder", count, reach);
    return { table, buckets: tensor(table.device, buckets, [buckets.length]), offset: before };
  }

  #drop(site: string, x: Tensor): Tensor {
    const { dropout: options } = this.options;
    return options && options.p > 0 ? dropout(x, { p: options.p, site: siteOf(site), state: options.state }) : x;
  }

  #weight(name: string): Tensor {
    const full = `${name}.weight`;
    const weight = this.options.lora?.weight(full) ?? this.weights.get(full);
    if (!weight) throw new TensorError(`T5: no weight named ${full}`);
    return weight;
  }
}

/** decoderInputIds [batch, target] from labels [batch, target]: the start token, then the labels but the last; -100 becomes pad. */
export function shiftRight(labels: Int32Array, target: number, config: T5Config): Int32Array {
  return labels.map((_, i) => {
    if (i % target === 0) return config.decoderStartTokenId;
    const before = labels[i - 1]!;
    return before < 0 ? config.padTokenId : before;
  });
}
