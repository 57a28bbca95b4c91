// Decoder-only examples: the labels are the input itself, shifted within the model. What must not be learned has label -100.

import type { Side } from "../tokenizers/batch.js";
import { type Batch, IGNORE_INDEX } from "./collate.js";
import type { TokenizedExample } from "./example.js";

/** Plain text: every id is a label. `ids` with its own begin and end tokens. */
export function causalExample(id: string, ids: readonly number[]): TokenizedExample {
  return { id, inputIds: ids, labels: ids, isSourceCut: false, isTargetCut: false };
}

export interface SequenceOptions {
  /** Most ids of the completion, end token included; those beyond are cut. Default: all but one of the sequence. */
  maxTarget?: number;
  /** The side on which a prompt's text is cut. "left": it goes on right behind. Default "left". */
  truncation?: Side;
}

/**
 * Prompt and completion in one sequence, learning the completion and its end. A completion that is too long loses its end, and its end
 * token with it: a sentence that breaks off must not teach to stop there. Then the prompt's text is cut (its first id, the begin token,
 * stays) until both fit.
 * @param prompt ids with begin token, without end token
 * @param completion ids without special tokens
 */
export function promptCompletion(
  id: string,
  prompt: readonly number[],
  completion: readonly number[],
  eosId: number,
  maxLength: number,
  { maxTarget = Infinity, truncation = "left" }: SequenceOptions = {},
): TokenizedExample {
  if (maxLength < 2) throw new RangeError(`promptCompletion: maxLength is ${maxLength}, at least 2 is needed`);
  const most = Math.min(maxTarget, maxLength - 1);
  const isTargetCut = completion.length + 1 > most;
  const answer = isTargetCut ? completion.slice(0, most) : [...completion, eosId];
  const room = maxLength - answer.length;
  const isSourceCut = prompt.length > room;
  const cut = () =>
    truncation === "right" ? prompt.slice(0, room) : [...prompt.slice(0, 1), ...prompt.slice(prompt.length - room + 1)];
  const question = isSourceCut ? cut() : prompt;
  const inputIds = [...question, ...answer];
  const labels = [...question.map(() => IGNORE_INDEX), ...answer];
  return { id, inputIds, labels, isSourceCut, isTargetCut };
}

/**
 * Joins documents and cuts the stream into pieces of `length` ids, the last one shorter (at least `least`, or it is dropped).
 * For pre-training by span corruption (pieces of rawLength ids) as for causal language models.
 */
export function* cutStream(documents: Iterable<readonly number[]>, length: number, least = 2): Generator<number[]> {
  if (length < 1) throw new RangeError(`cutStream: length is ${length}, expected at least 1`);
  let piece: number[] = [];
  for (const ids of documents) {
    for (const id of ids) {
      piece.push(id);
      if (piece.length < length) continue;
      yield piece;
      piece = [];
    }
  }
  if (piece.length >= Math.max(least, 1)) yield piece;
}

/**
 * Right-padded batch of decoder-only examples; source and target are the same length. The label of position i is the id that the model has
 * to give at position i - 1, so the first label of a row never counts.
 */
export function collateCausal(
  examples: readonly TokenizedExample[],
  { rows, length }: { rows: number; length: number },
  padId: number,
): Batch {
  if (examples.length > rows) throw new RangeError(`collateCausal: ${examples.length} examples do not fit ${rows} rows`);
  const inputIds = new Int32Array(rows * length).fill(padId);
  const attentionMask = new Int32Array(rows * length);
  const labels = new Int32Array(rows * length).fill(IGNORE_INDEX);
  let targetTokens = 0;
  examples.forEach((example, row) => {
    if (example.inputIds.length > length)
      throw new RangeError(`collateCausal: ${example.id} has ${example.inputIds.length} ids, the bucket ${length}`);
    inputIds.set(example.inputIds, row * length);
    attentionMask.fill(1, row * length, row * length + example.inputIds.length);
    labels.set(example.labels, row * length);
    for (let i = 1; i < example.labels.length; i++) if (example.labels[i] !== IGNORE_INDEX) targetTokens++;
  });
  for (let row = 0; row < rows; row++) attentionMask[row * length] = 1;
  return { inputIds, attentionMask, labels, rows, source: length, target: length, targetTokens, realRows: examples.length };
}
