// Counting runs of 1 to `order` items (words or characters, as whole numbers below 2^26) in a few texts at a time. The
// runs are paths in a tree, so that each costs one look-up and no text is ever joined.

const BASE = 2 ** 26;

export class Ngrams {
  /** parent * BASE + item -> child; the root is 0. */
  private readonly children = new Map<number, number>();

  constructor(readonly order: number) {}

  /** How often each run occurs, by its place in the tree. */
  count(items: Int32Array): Map<number, number> {
    const counts = new Map<number, number>();
    for (let start = 0; start < items.length; start++) {
      const end = Math.min(start + this.order, items.length);
      for (let i = start, node = 0; i < end; i++) {
        const key = node * BASE + items[i]!;
        let child = this.children.get(key);
        if (child === undefined) {
          child = this.children.size + 1;
          this.children.set(key, child);
        }
        node = child;
        counts.set(node, (counts.get(node) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** [order]: how many runs of `items` are among those counted, each at most as often as it was; uses up `counts`. */
  match(items: Int32Array, counts: Map<number, number>): number[] {
    const hits = new Array<number>(this.order).fill(0);
    for (let start = 0; start < items.length; start++) {
      const end = Math.min(start + this.order, items.length);
      for (let i = start, node = 0; i < end; i++) {
        const child = this.children.get(node * BASE + items[i]!);
        if (child === undefined) break; // what continues an unknown run is unknown too
        node = child;
        const left = counts.get(node) ?? 0;
        if (left === 0) continue;
        counts.set(node, left - 1);
        hits[i - start]!++;
      }
    }
    return hits;
  }
}

/** [order]: how many runs of each length there are in a text of `length` items. */
export function ngramTotals(length: number, order: number): number[] {
  return Array.from({ length: order }, (_, n) => Math.max(length - n, 0));
}
