// Attention of a decoding step by itself: beams with a region in common, hidden positions, a live end.
import { planAttentionDecode } from "../../attention/decode.js";
import type { Dims, KernelCase } from "../kernelCase.js";
import { attentionDecode } from "../references/attentionDecode.js";
import { BUCKETS, biasValues, bound, SCALE } from "./attentionInputs.js";

const shapeOf = (dims: Dims, isVec4: boolean) => {
  const { sources, beams, heads, positions, dKv } = dims as Record<"sources" | "beams" | "heads" | "positions" | "dKv", number>;
  const size = isVec4 ? 4 * dKv : 2 * dKv + 1;
  const rows = sources * beams;
  const isLive = dims.live === 1;
  // one more than needed before the first distance, so that an offset taken for granted is noticed
  const [offset, distances] = [positions + 3, 2 * positions + 7];
  // the harness has a past of 2, so that one position stays hidden
  const first = positions - 4;
  return { rows, beams, heads, size, sources, positions, isLive, first, offset, distances, region: 2 * positions + 1 };
};

const decodeCase = (isVec4: boolean): KernelCase => ({
  name: `attention/decode${isVec4 ? "" : ", a head size of no fours"}`,
  dims: {
    ...{ sources: [1, 3], beams: [1, 4], heads: [1, 3], positions: [6, 40], dKv: [1, isVec4 ? 8 : 7] },
    ...{ live: [0, 1], bias: [0, 1], own: [0, 1] },
  },
  edges: [
    {
      ...{ sources: 2, beams: 3, heads: 3, positions: 21, dKv: 7, live: 1, bias: 1, own: 1 },
      why: "beams with places of their own, a live end within a turn of the lanes; a bias",
    },
    { sources: 3, beams: 2, heads: 2, positions: 19, dKv: 6, live: 0, bias: 0, own: 0, why: "cross-attention: places by source" },
    { sources: 1, beams: 5, heads: 1, positions: 8, dKv: 1, live: 0, bias: 1, own: 1, why: "one turn, fewer columns than lanes" },
  ],
  plan: (dims, facts) => {
    const { rows, beams, heads, size, positions, isLive, first, offset, distances, region } = shapeOf(dims, isVec4);
    return planAttentionDecode(
      {
        ...{ rows, heads, dKv: size, scale: SCALE, sourceRows: beams, placeRows: dims.own ? 1 : beams, positions, region },
        first: isLive ? first : null,
        bias: dims.bias ? { offset, distances } : null,
      },
      facts,
    );
  },
  inputs: (dims) => {
    const { rows, heads, size, sources, positions, distances, region } = shapeOf(dims, isVec4);
    const cache = { shape: [sources, region, heads * size] };
    return {
      q: { shape: [rows, heads * size] },
      k: cache,
      v: cache,
      places: {
        shape: [dims.own ? rows : sources, positions],
        dtype: "i32",
        draw: (random, i) => (i % 5 === 2 ? -1 : Math.floor(region * random())),
      },
      ...(dims.bias
        ? {
            bias_of: {
              shape: [heads, distances, 2],
              dtype: "u32" as const,
              draw: (random: () => number, i: number) => {
                // the first head's values are so low that without a running maximum every exponential is zero
                const low = i < 2 * distances ? -120 : 0;
                return i % 2 === 1 ? i % BUCKETS : new Uint32Array(Float32Array.of(2 * random() - 1 + low).buffer)[0]!;
              },
            },
          }
        : {}),
    };
  },
  reference: ({ q, k, v, places, bias_of }, dims, { past }) => {
    const { heads, size, isLive, first, offset, distances } = shapeOf(dims, isVec4);
    const bias = bias_of ? { values: biasValues(bias_of), offset, distances } : null;
    return {
      y: attentionDecode({ heads, dKv: size, scale: SCALE, here: isLive ? first + past : null, bias }, q!, k!, v!, places!),
    };
  },
  bound,
  checksExtremes: true,
});

export const attentionDecodeCases: readonly KernelCase[] = [decodeCase(true), decodeCase(false)];
