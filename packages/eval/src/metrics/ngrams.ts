// Counting runs of 1 to `order` items in a few texts at a time. Items are words or characters, numbered from 0 for these
// texts. The runs are paths in a tree, so that each costs one look-up and no text is ever joined; small numbers keep the
// keys of that look-up small too, which makes it several times as fast.

export class Ngrams {
  /** parent * items + item -> child; the root is 0. */
  private readonly children = new Map<number, number>();

  /** For texts of at most `items` different items. */
  constructor(
    readonly order: number,
    private readonly items: number,
  ) {}

  /** How often each run occurs, by its place in the tree; undefined where it does not. */
  count(text: ArrayLike<number>): (number | undefined)[] {
    const counts: (number | undefined)[] = [];
    for (let start = 0; start < text.length; start++) {
      const end = Math.min(start + this.order, text.length);
      for (let i = start, node = 0; i < end; i++) {
        const key = node * this.items + text[i]!;
        let child = this.children.get(key);
        if (child === undefined) {
          child = this.children.size + 1;
          this.children.set(key, child);
        }
        node = child;
        counts[node] = (counts[node] ?? 0) + 1;
      }
    }
    return counts;
  }

  /** [order], how many runs of `text` are among those counted, each at most as often as it was; uses up `counts`. */
  match(text: ArrayLike<number>, counts: (number | undefined)[]): number[] {
    const hits = new Array<number>(this.order).fill(0);
    for (let start = 0; start < text.length; start++) {
      const end = Math.min(start + this.order, text.length);
      for (let i = start, node = 0; i < end; i++) {
        const child = this.children.get(node * this.items + text[i]!);
        if (child === undefined) break; // what continues an unknown run is unknown too
        node = child;
        const left = counts[node] ?? 0;
        if (left === 0) continue;
        counts[node] = left - 1;
        hits[i - start]!++;
      }
    }
    return hits;
  }
}

/** Numbers items in the order in which they first occur. */
export class Numbering<T> {
  private readonly numbers = new Map<T, number>();

  get size(): number {
    return this.numbers.size;
  }

  of(item: T): number {
    let number = this.numbers.get(item);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(item, number);
    }
    return number;
  }
}

/** [order], how many runs of each length there are in a text of `length` items. */
export function ngramTotals(length: number, order: number): number[] {
  return Array.from({ length: order }, (_, n) => Math.max(length - n, 0));
}
