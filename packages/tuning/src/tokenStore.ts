// Token ids of many examples, 4 bytes each: a list of numbers a row, as tokenizers give it, takes several times as much and is walked
// through by every garbage collection.

import type { TokenizedExample } from "@attune/models";
import type { Lengths } from "./buckets.js";

/** Ids of a block; a longer example has one of its own. */
const BLOCK = 1 << 18;
/** Numbers kept of a row: block, offset, ids of input and labels, flags. */
const FACTS = 5;
const [SOURCE_CUT, TARGET_CUT, SAME] = [1, 2, 4];

/** Grows; nothing is taken out. */
export class TokenStore {
  readonly #blocks: Int32Array[] = [];
  readonly #ids: string[] = [];
  #facts = new Int32Array(FACTS * 64);
  /** Ids used of the last block. */
  #used = BLOCK;

  get length(): number {
    return this.#ids.length;
  }

  /** Of the arrays that hold token ids and where they are; names of rows aside. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { byteLength }) => sum + byteLength, this.#facts.byteLength);
  }

  add({ id, inputIds, labels, isSourceCut, isTargetCut }: TokenizedExample): void {
    const isSame = labels === inputIds; // causal text: every id is a label
    const count = inputIds.length + (isSame ? 0 : labels.length);
    if (this.#used + count > (this.#blocks.at(-1)?.length ?? 0)) {
      this.#blocks.push(new Int32Array(Math.max(BLOCK, count)));
      this.#used = 0;
    }
    const block = this.#blocks.at(-1)!;
    block.set(inputIds, this.#used);
    if (!isSame) block.set(labels, this.#used + inputIds.length);
    const row = this.#ids.push(id) - 1;
    if (FACTS * (row + 1) > this.#facts.length) {
      const more = new Int32Array(2 * this.#facts.length);
      more.set(this.#facts);
      this.#facts = more;
    }
    const flags = (isSourceCut ? SOURCE_CUT : 0) | (isTargetCut ? TARGET_CUT : 0) | (isSame ? SAME : 0);
    this.#facts.set([this.#blocks.length - 1, this.#used, inputIds.length, labels.length, flags], FACTS * row);
    this.#used += count;
  }

  /** Throws a RangeError beyond the last. */
  at(row: number): TokenizedExample {
    const id = this.#ids[row];
    if (id === undefined) throw new RangeError(`TokenStore: row ${row} of ${this.length}`);
    const [block, begin, source, target, flags] = this.#facts.subarray(FACTS * row, FACTS * (row + 1)) as unknown as [
      ...[number, number, number, number, number],
    ];
    const ids = this.#blocks[block]!;
    const inputIds = Array.from(ids.subarray(begin, begin + source));
    const labels = flags & SAME ? inputIds : Array.from(ids.subarray(begin + source, begin + source + target));
    return { id, inputIds, labels, isSourceCut: (flags & SOURCE_CUT) !== 0, isTargetCut: (flags & TARGET_CUT) !== 0 };
  }

  /** Of every row. */
  lengths(): Lengths[] {
    return this.#ids.map((_, row) => ({ source: this.#facts[FACTS * row + 2]!, target: this.#facts[FACTS * row + 3]! }));
  }

  /** How many rows lost a part of their prompts, and of their completions. */
  cuts(): { sources: number; targets: number } {
    const count = (flag: number) =>
      this.#ids.reduce((sum, _, row) => sum + ((this.#facts[FACTS * row + 4]! & flag) === 0 ? 0 : 1), 0);
    return { sources: count(SOURCE_CUT), targets: count(TARGET_CUT) };
  }
}
