import { TensorError } from "../errors.js";
import type { BackendBuffer, Place } from "./backend.js";
import type { Category } from "./memory.js";

/**
 * The memory of a tensor. It has an identity from the start and a place on the device only when one is given to it: at once in
 * eager mode, by the planner for a captured program, never for one that is only planned.
 */
export class Storage {
  #buffer: BackendBuffer | null = null;
  #isFreed = false;

  constructor(
    /** A multiple of 16. */
    readonly bytes: number,
    readonly label: string,
    readonly category: Category,
    /** Lives until disposed of, whatever scope or program it was made in. */
    readonly isPersistent: boolean,
    /** A slice of another storage lives and dies with it. */
    readonly parent: Storage | null = null,
    readonly offset = 0,
  ) {}

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
    return this.parent ? this.parent.isFreed : this.#isFreed;
  }

  place(): Place {
    const root = this.root;
    if (root.isFreed) {
      throw new TensorError(
        `${this.label}: its memory was freed when its scope ended (or by dispose). Return it from the scope to keep it.`,
      );
    }
    if (!root.#buffer) {
      throw new TensorError(
        `${this.label}: it belongs to a captured program and has no memory outside it. Return it as an output.`,
      );
    }
    return { buffer: root.#buffer, offset: this.#absoluteOffset(), bytes: this.bytes };
  }

  put(buffer: BackendBuffer): void {
    this.#buffer = buffer;
  }

  /** Takes the memory away, for its owner to reuse or destroy. */
  free(): BackendBuffer | null {
    const buffer = this.#buffer;
    this.#buffer = null;
    this.#isFreed = true;
    return buffer;
  }

  slice(offset: number, bytes: number, label: string): Storage {
    return new Storage(bytes, label, this.category, this.isPersistent, this, offset);
  }

  #absoluteOffset(): number {
    return this.parent ? this.offset + this.parent.#absoluteOffset() : 0;
  }
}
