// What changes a row's scores before a token is chosen. Scores are f32, as transformers computes them: logits, or log-probabilities in
// beam search; a banned token has minus infinity.

/** The sequence that a row's scores go on from. */
export interface RowContext {
  /** The sequence so far. Decoder-only: with the prompt, padding too; encoder-decoder: from the start token on. */
  ids: readonly number[];
  /** Row of the prompt. */
  source: number;
  /** Tokens of `ids` that were there before the first was generated. */
  promptLength: number;
  /** Length at which generation ends. */
  maxLength: number;
  /** The prompt as it was given, padding too: the encoder's input; decoder-only, the beginning of `ids`. */
  encoderIds: readonly number[];
}

/** Changes the scores [vocab] of one row in place. */
export type Processor = (scores: Float32Array, context: RowContext) => void;

export const BANNED = Number.NEGATIVE_INFINITY;

/** Sets everything to minus infinity but these, which get 0. */
export function force(scores: Float32Array, ids: readonly number[]): void {
  scores.fill(BANNED);
  for (const id of ids) scores[id] = 0;
}

export function ban(scores: Float32Array, ids: Iterable<number>): void {
  for (const id of ids) if (id < scores.length) scores[id] = BANNED;
}
