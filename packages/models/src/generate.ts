// Greedy generation with a KV cache: the encoder and one decoding step are captured once per shape and replayed. The device
// chooses the token, remembers who is finished, and the host looks only every few steps.
import {
  capture,
  chooseGreedy,
  type Device,
  noGrad,
  type Program,
  ProgramState,
  persistent,
  reshape,
  ScratchSet,
  type Tensor,
} from "@attune/tensor";
import type { KeysAndValues, T5 } from "./t5/t5.js";

export interface GreedyOptions {
  maxNewTokens: number;
  eosTokenId?: number;
  padTokenId?: number;
}

/** Steps between looks at who is finished: a read-back stalls the device, a wasted step costs little. */
const STEPS_PER_LOOK = 8;

interface Shape {
  rows: number;
  source: number;
  capacity: number;
}

interface DecodePrograms {
  encode: Program<Record<"inputIds" | "attentionMask", { shape: readonly number[]; dtype: "i32" }>, Record<string, Tensor>>;
  step: Program<Record<never, never>, Record<string, Tensor>>;
  greedy: { next: Tensor; tokens: Tensor; finished: Tensor };
  caches: KeysAndValues[];
}

/** Generates with one model; programs and caches of every batch shape met are kept until dispose. */
export class GreedyGenerator {
  readonly #programs = new Map<string, DecodePrograms>();
  readonly #state: ProgramState;
  readonly #scratch: ScratchSet;

  /** @param shared scratch of other programs too, which then disposes of it; one of its own without */
  constructor(
    readonly device: Device,
    readonly model: T5,
    private readonly shared?: ScratchSet,
  ) {
    this.#state = new ProgramState(device);
    this.#scratch = shared ?? new ScratchSet(device);
  }

  /**
   * Token ids of every row, [rows][at most maxNewTokens + 1]: the start token, then the choices; a finished row ends in pad.
   * inputIds and attentionMask [rows, source], row-major.
   */
  async generate(inputIds: Int32Array, attentionMask: Int32Array, rows: number, options: GreedyOptions): Promise<number[][]> {
    const { config } = this.model;
    const { maxNewTokens, eosTokenId = config.eosTokenId, padTokenId = config.padTokenId } = options;
    const source = inputIds.length / rows;
    const capacity = Math.ceil(maxNewTokens / 8) * 8;
    const { encode, step, greedy } = this.#programsFor({ rows, source, capacity }, eosTokenId, padTokenId);
    encode.run({ inputIds, attentionMask });
    greedy.next.write(new Int32Array(rows).fill(config.decoderStartTokenId));
    greedy.tokens.write(new Int32Array(rows * (capacity + 1)).fill(config.decoderStartTokenId));
    greedy.finished.write(new Int32Array(rows));
    let made = 0;
    while (made < maxNewTokens) {
      const until = Math.min(maxNewTokens, made + STEPS_PER_LOOK);
      for (; made < until; made++) {
        this.#state.set({ past: made });
        step.run();
      }
      const finished = await greedy.finished.toArray();
      if (finished.every((flag) => flag !== 0)) break;
    }
    const tokens = await greedy.tokens.toArray();
    const all = Array.from({ length: rows }, (_, row) => [
      ...tokens.subarray(row * (capacity + 1), row * (capacity + 1) + made + 1),
    ]);
    return cropToLongest(all, eosTokenId);
  }

  dispose(): void {
    for (const { encode, step, greedy, caches } of this.#programs.values()) {
      encode.dispose();
      step.dispose();
      for (const held of [...Object.values(greedy), ...caches.flatMap(({ k, v }) => [k, v])]) held.dispose();
    }
    this.#programs.clear();
    this.#state.dispose();
    if (!this.shared) this.#scratch.dispose();
  }

  #programsFor({ rows, source, capacity }: Shape, eos: number, pad: number): DecodePrograms {
    const key = [rows, source, capacity, eos, pad].join();
    const known = this.#programs.get(key);
    if (known) return known;
    const { device, model } = this;
    const scratch = this.#scratch;
    const inner = model.config.numHeads * model.config.dKv;
    const label = `${rows} x ${source} + ${capacity}`;
    const layers = Array.from({ length: model.config.numDecoderLayers }, (_, i) => i);
    const made = noGrad((): DecodePrograms => {
      const ids = { shape: [rows, source], dtype: "i32" } as const;
      const encode = capture(
        device,
        `encode ${label}`,
        { inputIds: ids, attentionMask: ids },
        ({ inputIds, attentionMask }) => {
          const cross = model.crossKeysAndValues(model.encode(inputIds, attentionMask));
          return Object.fromEntries(cross.flatMap(({ k, v }, i) => [[`k${i}`, k] as const, [`v${i}`, v] as const]));
        },
        scratch,
      );
      const cross = layers.map((i) => ({ k: encode.outputs[`k${i}`]!, v: encode.outputs[`v${i}`]! }));
      const cache = (name: string): Tensor => persistent(device, [rows, capacity, inner], { label: name, category: "cache" });
      const caches = layers.map((i) => ({ k: cache(`k cache ${i}`), v: cache(`v cache ${i}`) }));
      const integers = (shape: number[], name: string): Tensor =>
        persistent(device, shape, { dtype: "i32", label: name, category: "cache" });
      const greedy = {
        next: integers([rows], "next"),
        tokens: integers([rows, capacity + 1], "tokens"),
        finished: integers([rows], "finished"),
      };
      const step = capture(
        device,
        `decode ${label}`,
        {},
        () => {
          const logits = model.decodeStep(
            reshape(greedy.next, [rows, 1]),
            caches,
            cross,
            encode.inputs.attentionMask,
            this.#state,
          );
          chooseGreedy(logits, greedy, { eos, pad, state: this.#state });
          return {};
        },
        scratch,
      );
      return { encode, step, greedy, caches };
    });
    this.#programs.set(key, made);
    return made;
  }
}

/** Drops the columns after the last row's eos: what transformers returns, whose loop stops there. */
function cropToLongest(rows: number[][], eos: number): number[][] {
  const lengths = rows.map((row) => {
    const end = row.indexOf(eos, 1);
    return end < 0 ? row.length : end + 1;
  });
  const longest = Math.max(...lengths);
  return rows.map((row) => row.slice(0, longest));
}
