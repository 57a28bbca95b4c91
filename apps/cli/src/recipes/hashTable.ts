// Texts that were seen, by their hash, in typed arrays: about 30 bytes a text in the worst case and none for the garbage collector, where a
// Map of numbers takes three times as much.
import { createHash } from "node:crypto";

/** Hashes of texts with a number each. Nothing is taken out. */
export class HashTable {
  /** 53 bits each; 0 is a free place. */
  #keys = new Float64Array(1024);
  #values = new Uint32Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#keys.byteLength + this.#values.byteLength;
  }

  /** The number of a text that was seen; undefined of one that was not. */
  get(text: string): number | undefined {
    const place = this.#placeOf(hash53(text));
    return this.#keys[place] === 0 ? undefined : this.#values[place];
  }

  /**
   * Puts a text with its number (32 bits) where it was not seen before.
   * @returns the number that it was seen with
   */
  seen(text: string, value = 0): number | undefined {
    const key = hash53(text);
    let place = this.#placeOf(key);
    if (this.#keys[place] !== 0) return this.#values[place];
    if (4 * (this.#size + 1) > 3 * this.#keys.length) {
      this.#grow();
      place = this.#placeOf(key);
    }
    this.#keys[place] = key;
    this.#values[place] = value;
    this.#size++;
    return undefined;
  }

  /** Where the key is, or else belongs: the next free place from its own on. */
  #placeOf(key: number): number {
    const mask = this.#keys.length - 1;
    let place = (key % 2 ** 32) & mask;
    while (this.#keys[place] !== 0 && this.#keys[place] !== key) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Float64Array(2 * keys.length);
    this.#values = new Uint32Array(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const place = this.#placeOf(keys[i]!);
      this.#keys[place] = keys[i]!;
      this.#values[place] = values[i]!;
    }
  }
}

/** From 1 to 2^53: among 100,000 texts two different ones agree with a chance below 10^-6. */
function hash53(text: string): number {
  const digest = createHash("sha1").update(text).digest();
  return digest.readUIntBE(0, 6) * 32 + (digest[6]! >> 3) || 1;
}

/** 32 bits, for numbers in a table. */
export function hash32(text: string): number {
  return createHash("sha1").update(text).digest().readUInt32BE(0);
}
