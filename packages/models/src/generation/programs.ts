// The captured programs of one shape: one reads the prompts, the others make a step. What differs between the steps is only what comes
// after the logits: the greedy choice on the device, or what the host wants to see of them.
import {
  capture,
  chooseGreedy,
  type Device,
  logSoftmax,
  noGrad,
  type Program,
  type ProgramState,
  persistent,
  reshape,
  type ScratchSet,
  type Tensor,
  topK,
} from "@attune/tensor";
import type { DecodeMemory, GenerativeModel, KeysAndValues } from "./decoder.js";

export interface DecodeShape {
  /** Prompts, and rows that each gives: beams or samples. */
  sources: number;
  rowsPerSource: number;
  /** Tokens of the prompts that are read at once, a multiple of 8. */
  prompt: number;
  /** New tokens that there is room for, a multiple of 8. */
  room: number;
}

/** What a step ends in: the device's choice, all logits, all log-probabilities, or the best of these. */
export type StepKind = "greedy" | "logits" | "logProbs" | { best: number };

type IntegerInput = { shape: readonly number[]; dtype: "i32" };
type PromptProgram = Program<Record<string, IntegerInput>, Record<string, Tensor>>;
type StepProgram = Program<Record<never, never>, Record<string, Tensor>>;

export class DecodePrograms {
  readonly rows: number;
  /** Positions of the prompt in the cache: an encoder-decoder has none. */
  readonly prefix: number;
  /** i32: [rows] the tokens that a step takes, [rows, room + 1] what the device has chosen, [rows] whether it has ended */
  readonly greedy: { next: Tensor; tokens: Tensor; finished: Tensor };
  readonly #memory: DecodeMemory;
  readonly #positionIds: Tensor | null;
  readonly #eos: Tensor | null;
  readonly #prompt: PromptProgram;
  readonly #steps = new Map<string, StepProgram>();
  #owned: Tensor[] = [];
  /** Of the last token of each prompt. */
  #lastPositions = new Int32Array(0);

  constructor(
    readonly device: Device,
    readonly model: GenerativeModel,
    readonly shape: DecodeShape,
    private readonly state: ProgramState,
    private readonly scratch: ScratchSet,
    private readonly ends: { eos: readonly number[]; pad: number },
  ) {
    const { traits } = model;
    const { sources, rowsPerSource, prompt, room } = shape;
    const rows = sources * rowsPerSource;
    this.rows = rows;
    this.prefix = traits.isEncoderDecoder ? 0 : prompt;
    const region = this.prefix + rowsPerSource * room;
    const caches = Array.from(
      { length: traits.cacheLayers },
      (_, i): KeysAndValues => ({
        k: this.#own([sources, region, traits.cacheWidth], "f32", `keys ${i}`),
        v: this.#own([sources, region, traits.cacheWidth], "f32", `values ${i}`),
      }),
    );
    this.greedy = {
      next: this.#own([rows], "i32", "next"),
      tokens: this.#own([rows, room + 1], "i32", "tokens"),
      finished: this.#own([rows], "i32", "finished"),
    };
    this.#positionIds = traits.positionOffset === null ? null : this.#own([rows, 1], "i32", "positions");
    this.#eos = ends.eos.length > 0 ? this.#own([ends.eos.length], "i32", "ends") : null;
    this.#eos?.write(Int32Array.from(ends.eos));
    this.#prompt = this.#capturePrompt(caches);
    const memory = Object.keys(this.#prompt.outputs).length / 2;
    const cross = Array.from({ length: memory }, (_, i) => ({
      k: this.#prompt.outputs[`k${i}`]!,
      v: this.#prompt.outputs[`v${i}`]!,
    }));
    this.#memory = {
      ...{ caches, prefix: this.prefix, room },
      places: this.#own([rows, this.prefix + room], "i32", "places"),
      cross: memory > 0 ? { memory: cross, places: this.#own([sources, prompt], "i32", "source places") } : null,
    };
  }

  /**
   * Reads prompts [sources, time] with their mask, time at most as long as the shape's; a decoder-only model's without their last token.
   * @param starts the tokens that the first step takes, by source
   */
  begin(inputIds: Int32Array, mask: Int32Array, starts: readonly number[]): void {
    const { sources, rowsPerSource, prompt, room } = this.shape;
    const time = inputIds.length / sources;
    const { isEncoderDecoder, positionOffset } = this.model.traits;
    const shift = isEncoderDecoder ? 0 : prompt - time; // decoder-only: what fills up goes to the left
    const ids = new Int32Array(sources * prompt).fill(this.ends.pad);
    const attentionMask = new Int32Array(sources * prompt);
    const positionIds = new Int32Array(sources * prompt);
    const places = new Int32Array(sources * prompt).fill(-1);
    const counts = new Int32Array(sources);
    for (let source = 0; source < sources; source++) {
      for (let t = 0; t < time; t++) {
        const [from, to] = [source * time + t, source * prompt + shift + t];
        if (mask[from] === 0) continue;
        ids[to] = inputIds[from]!;
        attentionMask[to] = 1;
        positionIds[to] = counts[source]!++ + (positionOffset ?? 0);
        places[to] = shift + t;
      }
    }
    const positions = positionOffset === null ? {} : { positionIds };
    this.#prompt.run({ inputIds: ids, attentionMask, ...positions });
    this.#memory.cross?.places.write(places);
    this.#promptPlaces = isEncoderDecoder ? null : places;
    const sourceOf = (row: number): number => Math.floor(row / rowsPerSource);
    this.#lastPositions = Int32Array.from({ length: this.rows }, (_, row) => counts[sourceOf(row)]! + (positionOffset ?? 0));
    this.setSlots(null);
    const next = Int32Array.from({ length: this.rows }, (_, row) => starts[sourceOf(row)]!);
    this.greedy.next.write(next);
    this.greedy.finished.write(new Int32Array(this.rows));
    this.greedy.tokens.write(new Int32Array(this.rows * (room + 1)).fill(this.ends.pad));
  }

  #promptPlaces: Int32Array | null = null;

  /**
   * Says whose keys a row looks back on: slots [rows, room], the row of the same source (from 0) that made each of its tokens; null: all
   * its own.
   */
  setSlots(slots: Int32Array | null): void {
    const { rowsPerSource, prompt, room } = this.shape;
    const positions = this.prefix + room;
    const places = new Int32Array(this.rows * positions);
    for (let row = 0; row < this.rows; row++) {
      const source = Math.floor(row / rowsPerSource);
      if (this.#promptPlaces) places.set(this.#promptPlaces.subarray(source * prompt, (source + 1) * prompt), row * positions);
      for (let t = 0; t < room; t++) {
        const slot = slots ? slots[row * room + t]! : row % rowsPerSource;
        places[row * positions + this.prefix + t] = this.prefix + slot * room + t;
      }
    }
    this.#memory.places.write(places);
  }

  /** One token more a row, `past` after those before it; `next` are the tokens, unless the device has chosen them. */
  step(kind: StepKind, past: number, next: Int32Array | null = null): StepProgram {
    const program = this.#stepProgram(kind);
    if (next) this.greedy.next.write(next);
    this.#positionIds?.write(this.#lastPositions.map((last) => last + past));
    this.state.set({ past });
    program.run();
    return program;
  }

  dispose(): void {
    for (const program of this.#steps.values()) program.dispose();
    this.#prompt.dispose();
    for (const held of this.#owned) held.dispose();
    this.#owned = [];
  }

  #own(shape: readonly number[], dtype: "f32" | "i32", label: string): Tensor {
    const made = persistent(this.device, shape, { dtype, label, category: "cache" });
    this.#owned.push(made);
    return made;
  }

  #capturePrompt(caches: readonly KeysAndValues[]): PromptProgram {
    const { sources, prompt } = this.shape;
    const ids: IntegerInput = { shape: [sources, prompt], dtype: "i32" };
    const hasPositions = this.model.traits.positionOffset !== null;
    const inputs: Record<string, IntegerInput> = {
      ...{ inputIds: ids, attentionMask: ids },
      ...(hasPositions ? { positionIds: ids } : {}),
    };
    return noGrad(() =>
      capture(
        this.device,
        `prompts ${sources} x ${prompt}`,
        inputs,
        ({ inputIds, attentionMask, positionIds }): Record<string, Tensor> => {
          const given = { inputIds: inputIds!, attentionMask: attentionMask!, positionIds: positionIds ?? null };
          const memory = this.model.readPrompt(given, caches);
          return Object.fromEntries(memory.flatMap(({ k, v }, i) => [[`k${i}`, k] as const, [`v${i}`, v] as const]));
        },
        this.scratch,
      ),
    );
  }

  #stepProgram(kind: StepKind): StepProgram {
    const name = typeof kind === "string" ? kind : `best ${kind.best}`;
    const known = this.#steps.get(name);
    if (known) return known;
    const { rows, device, state } = this;
    const made: StepProgram = noGrad(() =>
      capture(
        device,
        `step of ${rows} rows, ${name}`,
        {},
        (): Record<string, Tensor> => {
          const ids = reshape(this.greedy.next, [rows, 1]);
          const logits = this.model.decodeStep({ ids, positionIds: this.#positionIds }, this.#memory, state); // [rows, 1, vocab]
          if (kind === "greedy") {
            chooseGreedy(logits, this.greedy, { eos: this.#eos, pad: this.ends.pad, state });
            return {};
          }
          if (kind === "logits") return { scores: logits };
          const logProbs = logSoftmax(logits);
          if (kind === "logProbs") return { scores: logProbs };
          const { values, ids: best } = topK(logProbs, kind.best); // [rows, 1, best] each
          return { values, ids: best };
        },
        this.scratch,
      ),
    );
    this.#steps.set(name, made);
    return made;
  }
}
