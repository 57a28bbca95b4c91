import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { attentionDecode } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { inTextures, MOST_TEXELS, TEXTURE_FEATURE } from "../texture.js";

const ofTextures = inTextures(attentionDecode, ["k", "v"]);

/** q and y [rows, heads * dKv], k and v [rows / sourceRows, region, heads * dKv], places [rows / placeRows, positions] */
export interface DecodeSizes {
  rows: number;
  heads: number;
  dKv: number;
  scale: number;
  /** Rows that have a region of the cache in common. */
  sourceRows: number;
  /** Rows that have their places in common. */
  placeRows: number;
  positions: number;
  region: number;
  /** Of the query when nothing has been decoded; it stands so far behind plus ProgramState.past. null: it sees all positions. */
  first: number | null;
  /** T5's bias by distance (planAttentionBias) is bound to `bias_of`; `offset` is the distance of key == query. */
  bias?: { offset: number; distances: number } | null;
}

/**
 * Attention of one query a row over a cache. A cache that nothing is added to while decoding (an encoder's memory) is read from textures
 * on software adapters, which keep them until it is written again.
 */
export function planAttentionDecode(sizes: DecodeSizes, facts: DeviceFacts): KernelCall {
  const { rows, heads, dKv, scale, sourceRows, placeRows, positions, region, first, bias = null } = sizes;
  const { variant, replaceUses, lanes } = rowVariant(facts);
  const isVec4 = dKv % 4 === 0;
  const cols = isVec4 ? dKv / 4 : dKv;
  const width = 4 * heads * dKv;
  // a power of two, so that few texts serve all head sizes
  const share = 2 ** Math.ceil(Math.log2(Math.ceil(cols / lanes)));
  const texels = (rows / sourceRows) * region * heads * cols;
  const isTexture =
    first === null && isVec4 && facts.isSoftware && facts.features.includes(TEXTURE_FEATURE) && texels <= MOST_TEXELS;
  return {
    kernel: isTexture ? ofTextures : attentionDecode,
    ...(isTexture ? { textures: { k: texels, v: texels }, keeps: ["k", "v"] } : {}),
    variant: { ...variant, Elem: isVec4 ? "vec4f" : "f32", SHARE: `${share}u` },
    replaceUses: { ...replaceUses, ...(isVec4 ? {} : { fold_vec4: "fold_f32" }) },
    params: {
      count: rows * heads, heads, cols, scale, source_rows: sourceRows, place_rows: placeRows, positions, region,
      is_live: first === null ? 0 : 1, first: first ?? 0, has_bias: bias ? 1 : 0, offset: bias?.offset ?? 0, distances: bias?.distances ?? 0,
    }, // biome-ignore format: by subject
    workgroups: spread(rows * heads, facts),
    reason: `one query a row: ${lanes} lanes a head${isVec4 ? "" : ", its size is no multiple of four"}${isTexture ? ", keys and values in textures" : ""}`,
    flops: 4 * rows * positions * heads * dKv,
    bytes: 2 * rows * positions * width + 2 * rows * width,
    // a source has its region alone, so the cache may be bound in pieces
    splits: [
      {
        units: rows / sourceRows,
        cut: {
          q: sourceRows * width,
          y: sourceRows * width,
          k: region * width,
          v: region * width,
          places: (4 * positions * sourceRows) / placeRows,
        },
        plan: (_, count) => planAttentionDecode({ ...sizes, rows: count * sourceRows }, facts),
      },
    ],
  };
}
