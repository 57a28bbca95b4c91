import { FreedError, TensorError } from "../errors.js";
import type { BackendBuffer, Place } from "./backend.js";
import type { Category } from "./memory.js";

/**
 * The memory of a tensor. It has an identity from the start and a place on the device only when one is given to it: at once in
 * eager mode, by the planner for a captured program, never for one that is only planned.
 */
export class Storage {
  #buffer: BackendBuffer | null = null;
  /** Who took the memory away: a scope by its name, or dispose. */
  #freedBy: string | null = null;
  #writes = 0;
  #pins = 0;
  #held: BackendBuffer | null = null;
  #category: Category;
  #isPersistent: boolean;

  constructor(
    /** A multiple of 16. */
    readonly bytes: number,
    readonly label: string,
    category: Category,
    isPersistent: boolean,
    /** A slice of another storage lives and dies with it. */
    readonly parent: Storage | null = null,
    readonly offset = 0,
  ) {
    this.#category = category;
    this.#isPersistent = isPersistent;
  }

  get category(): Category {
    return this.root.#category;
  }

  /** Lives until disposed of, whatever scope or program it was made in. */
  get isPersistent(): boolean {
    return this.root.#isPersistent;
  }

  /** What a captured program returns lives until that is disposed of: other programs may count on its memory as on a weight's. */
  becomeOutput(): void {
    this.root.#isPersistent = true;
    this.root.#category = "outputs";
  }

  get root(): Storage {
    return this.parent?.root ?? this;
  }

  get buffer(): BackendBuffer | null {
    return this.#buffer;
  }

  /** Has memory of its own already: a program being captured binds it as it is instead of planning it. */
  get isPlaced(): boolean {
    return this.root.#buffer !== null;
  }

  get isFreed(): boolean {
    return this.parent ? this.parent.isFreed : this.#freedBy !== null;
  }

  place(): Place {
    const root = this.root;
    if (root.isFreed) {
      throw new FreedError(`${this.label}: its memory was freed ${root.#freedBy}. Return it from the scope to keep it.`);
    }
    if (!root.#buffer) {
      throw new TensorError(
        `${this.label}: it belongs to a captured program and has no memory outside it. Return it as an output.`,
      );
    }
    const place = { buffer: root.#buffer, offset: this.#absoluteOffset(), bytes: this.bytes };
    return this.isPersistent ? { ...place, version: () => this.version } : place;
  }

  put(buffer: BackendBuffer): void {
    this.#buffer = buffer;
  }

  /** Takes the memory away, for its owner to reuse or destroy; null if a program still holds it. `by`: "when its scope ended". */
  free(by: string): BackendBuffer | null {
    const buffer = this.#buffer;
    this.#buffer = null;
    this.#freedBy = by;
    if (this.#pins === 0) return buffer;
    this.#held = buffer;
    return null;
  }

  /** A captured program binds this memory: it outlives its scope until the program is gone. */
  pin(): void {
    this.root.#pins++;
  }

  /** Gives back memory that was freed in the meantime and that nobody else holds. */
  unpin(): BackendBuffer | null {
    const { root } = this;
    root.#pins--;
    if (root.#pins > 0) return null;
    const held = root.#held;
    root.#held = null;
    return held;
  }

  /**
   * Grows with every write: what autograd saw of a tensor can be told from what is there now. Slices share their root's count, since they
   * may overlap: an optimizer writes ranges of an arena whose parameters are other slices of it.
   */
  get version(): number {
    return this.root.#writes;
  }

  wasWritten(): void {
    this.root.#writes++;
  }

  slice(offset: number, bytes: number, label: string): Storage {
    return new Storage(bytes, label, this.category, this.isPersistent, this, offset);
  }

  #absoluteOffset(): number {
    return this.parent ? this.offset + this.parent.#absoluteOffset() : 0;
  }
}
