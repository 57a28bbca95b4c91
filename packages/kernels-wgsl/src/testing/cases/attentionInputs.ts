import type { AttentionSizes } from "../../attention/plan.js";
import type { Dims, KernelInput, StateValues } from "../kernelCase.js";
import type { AttentionParts } from "../references/attentionBackward.js";
import type { Values } from "../references.js";
import { flat } from "./common.js";

export const [SCALE, P, SITE, BUCKETS] = [0.5, 0.3, 77, 5];
export const sizes = { batch: [1, 2], heads: [1, 3], queries: [1, 40], keys: [1, 40], causal: [0, 1] } as const;
export const conditions = { numbers: [0, 1], bias: [0, 1], dropout: [0, 1], first: [0, 2] } as const;
export const every = { causal: 1, numbers: 1, bias: 1, dropout: 1, first: 1 } as const;
export const none = { causal: 0, numbers: 0, bias: 0, dropout: 0, first: 0 } as const;

/** One more than the least, so that an offset taken for granted is noticed. */
export const offsetOf = ({ queries, past }: { queries: number; past: number }): number => queries + past;
export const PAST = 3;
export const distancesOf = ({ queries, keys }: Dims): number => queries! + PAST + keys! + 1;

export function sizesOf(dims: Dims, dKv: number): AttentionSizes {
  const { batch, heads, queries, keys } = dims as Record<"batch" | "heads" | "queries" | "keys", number>;
  return {
    batch, heads, queries, keys, dKv, scale: SCALE, isCausal: dims.causal === 1, hasNumbers: dims.numbers === 1,
    bias: dims.bias === 1 ? { buckets: BUCKETS, offset: offsetOf({ queries, past: PAST }), distances: distancesOf(dims) } : null,
    dropout: dims.dropout === 1 ? { p: P, site: SITE } : null, first: dims.first ?? 0,
  }; // biome-ignore format: few lines
}

/**
 * bias_of [heads, distances, 2]: the bits of a value, and its bucket. Where the kernel looks for the maximum itself, the first head's values
 * are so low that without it every exponential is zero.
 */
export function biasInput({ heads, ...dims }: Dims, isLow: boolean): KernelInput {
  const values = 2 * distancesOf(dims);
  return {
    shape: [heads!, distancesOf(dims), 2],
    dtype: "u32",
    draw: (random, i) => {
      const low = isLow && i < values ? -120 : 0;
      const value = new Uint32Array(Float32Array.of(2 * random() - 1 + low).buffer)[0]!;
      return i % 2 === 0 ? value : (Math.floor(i / 2) * 7) % BUCKETS;
    },
  };
}
export const biasValues = ({ data }: Values): Float64Array =>
  Float64Array.from(new Float32Array(Uint32Array.from(data.filter((_, i) => i % 2 === 0)).buffer));

export function conditionInputs(dims: Dims, isLow = false): Record<string, KernelInput> {
  return {
    ...(dims.numbers === 1
      ? {
          numbers: {
            shape: [dims.batch! * (dims.queries! + dims.keys!)],
            dtype: "i32",
            draw: (random) => Math.floor(2 * random()),
          } as KernelInput,
        }
      : {}),
    ...(dims.bias === 1 ? { bias_of: biasInput(dims, isLow) } : {}),
  };
}

export function partsOf(dims: Dims, dKv: number, inputs: Readonly<Record<string, Values>>, state: StateValues): AttentionParts {
  const { batch, heads, queries, keys, scale, isCausal } = sizesOf(dims, dKv);
  return {
    batch, heads, queries, keys, dKv, scale, isCausal: isCausal === true,
    numbers: inputs.numbers?.data ?? null,
    bias: inputs.bias_of
      ? { values: biasValues(inputs.bias_of), distances: distancesOf(dims), offset: offsetOf({ queries, past: PAST }) }
      : null,
    dropout: dims.dropout === 1 ? { p: P, site: SITE, state, first: dims.first ?? 0 } : null,
  }; // biome-ignore format: few lines
}

export const operands = ({ batch, heads, queries, keys }: Dims, dKv: number) => {
  const width = heads! * dKv;
  return { q: { shape: [batch!, queries!, width] }, k: { shape: [batch!, keys!, width] }, v: { shape: [batch!, keys!, width] } };
};
export const rowsOf = ({ batch, heads, queries }: Dims): number => batch! * heads! * queries!;
/** [2, rows], log-sum-exp about those of the scores, and any delta. */
export const statsInput = (dims: Dims): KernelInput => ({
  shape: [2 * rowsOf(dims)],
  draw: (random, i) => (i < rowsOf(dims) ? 1 + random() : 2 * random() - 1),
});
/** The first half of stats becomes lse; the second keeps what it was. */
export const withLse = (stats: Values, lse: Values): Values =>
  flat(stats.shape, (i) => (i < lse.data.length ? lse.data[i]! : stats.data[i]!));

export const dKvOf = ({ dKv }: Dims): number => dKv!;
export const bound = { value: 5e-5, why: "scores near -120 are rounded to 4e-6 before exp" };
