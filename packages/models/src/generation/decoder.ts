// What generating asks of a model. An encoder-decoder keeps its encoder's keys and values for the decoder to look at; a decoder-only
// model puts those of the prompt, but for its last token, into the cache. From there on both are the same: a token a row goes in,
// logits come out, and its keys and values stay in the cache.
//
//   sources: prompts                         rows: sequences that grow, sources * beams (or samples of one prompt)
//   region = prefix + rowsPerSource * room   places of a source in the cache: its prompt, then room for each of its rows
import type { ProgramState, Tensor } from "@attune/tensor";

/** Key and value rows, [sources, time, width] each. */
export interface KeysAndValues {
  k: Tensor;
  v: Tensor;
}

/** What a generator must know of a model. */
export interface GenerationTraits {
  /** The prompt goes through an encoder and the decoder begins with a token of its own; else the sequence goes on from the prompt. */
  isEncoderDecoder: boolean;
  vocabSize: number;
  /** Layers that keep keys and values of what is generated, and the width of their rows. */
  cacheLayers: number;
  cacheWidth: number;
  /** Longest sequence; null where there is no end. */
  maxPositions: number | null;
  /** What the first token's position counts as in positionIds; null for models that have none. */
  positionOffset: number | null;
  padTokenId: number;
  eosTokenId: number;
  decoderStartTokenId: number | null;
}

export interface PromptInputs {
  /** i32 [sources, time], padded on the left for a decoder-only model */
  inputIds: Tensor;
  /** i32 [sources, time], 1 where there is a token */
  attentionMask: Tensor;
  /** i32 [sources, time]; null for models without */
  positionIds: Tensor | null;
}

/** What a decoding step looks back on. */
export interface DecodeMemory {
  /** By layer, [sources, region, cacheWidth]. */
  caches: readonly KeysAndValues[];
  /** i32 [rows, prefix + room]: the place of each position in its source's region; negative: padding. */
  places: Tensor;
  /** Positions of the prompt in the cache, and places that each row has for what is generated. */
  prefix: number;
  room: number;
  /** Encoder-decoder: of the encoder's output by layer, [sources, time, width]; i32 places [sources, time] as above. */
  cross: { memory: readonly KeysAndValues[]; places: Tensor } | null;
}

export interface StepInputs {
  /** i32 [rows, 1], at position prefix + state.past */
  ids: Tensor;
  /** i32 [rows, 1]; null for models without */
  positionIds: Tensor | null;
}

export interface GenerativeModel {
  readonly traits: GenerationTraits;
  /**
   * Reads the prompts. Encoder-decoder: gives the keys and values for cross-attention. Decoder-only: fills the caches from place 0 on, and
   * gives none.
   */
  readPrompt(prompt: PromptInputs, caches: readonly KeysAndValues[]): KeysAndValues[];
  /** Logits [rows, 1, vocab] of one more token a row; its keys and values go into the caches. */
  decodeStep(inputs: StepInputs, memory: DecodeMemory, state: ProgramState): Tensor;
}
