import type { Kernel } from "../kernel.js";
import type { MatmulLayout, MatmulStorage } from "./sizes.js";
import { range, storeQuads, storeSingles, tileKernel, XYZW } from "./text.js";

/**
 * The subgroup matmul, generated because its inner loop must be unrolled. One subgroup of S lanes computes a tile of `rows` rows:
 * A is loaded lane-distinct (S rows, or S blocks of 4 columns, in one load) and shared by subgroupBroadcast, so every load feeds
 * many multiplications. On software adapters a load costs 30-100 times a multiplication and workgroup memory is slower still.
 *
 *   nt: c[m, n] = sum_k a[m, k] * b[n, k]    (x W^T: a linear layer)     tile rows x 4S, a lane has 4 columns S apart
 *   nn: c[m, n] = sum_k a[m, k] * b[k, n]    (dy W)                      tile rows x 4S, a lane has 4 columns side by side
 *   tn: c[m, n] = sum_k a[k, m] * b[k, n]    (dy^T x: a weight gradient) the same
 *
 * Sizes are run-time values, so all shapes share a text. Rows and columns beyond m and n are read clamped (they may hold anything)
 * and not stored; k is a multiple of 4 for nt and nn (plan.ts sees to it), and anything for tn.
 *
 * tn is the fastest: its two loads of a step fetch 4 S rows and 4 S columns at one k from contiguous bytes. So operands of large products
 * are copied into panels of W = 4 S columns first, [ceil(size / W)][k][W] (pack.wgsl; Goto, van de Geijn 2008, "Anatomy of
 * high-performance matrix multiplication"), and tn runs on those: a_step and b_step are k then, and 1 where an operand is read in place.
 * One k a turn: two or four keep more loaded vectors alive, which lavapipe's compiler spills lane by lane while they are loaded.
 */
export interface SubgroupMatmul {
  layout: MatmulLayout;
  /** Rows of the tile: 32, or 8 for few rows; 4 S on panels. */
  rows: number;
  subgroupSize: number;
  aStorage: MatmulStorage;
  bStorage: MatmulStorage;
  /** Of tn: c bound as single values, for rows of c that do not start at multiples of four. */
  isOdd?: boolean;
  /** Operands in textures (texture.ts): a and b of nt and nn; or b alone of nt. a is f32 then; b in halves, where rows are few, of nt. */
  textures?: readonly ("a" | "b")[];
}

const cache = new Map<string, Kernel>();

export function subgroupMatmul(options: SubgroupMatmul): Kernel {
  const { layout, rows, subgroupSize: lanes, aStorage, bStorage, isOdd = false, textures = [] } = options;
  const ofB = `${textures.includes("b") ? "texture of " : ""}${bStorage}`;
  const stored = !textures.includes("a") ? `${aStorage},${ofB}` : bStorage === "f32" ? "texture" : `texture,${ofB}`;
  const name = `matmul/subgroup<${layout},${rows},${lanes},${stored}${isOdd ? ",odd" : ""}>`;
  const known = cache.get(name);
  if (known) return known;
  const isPaired = textures.includes("b") && bStorage !== "f32";
  const body = { nt: innerNt, nn: innerNn, tn: innerTn }[layout](rows, lanes, layout === "nt" ? isPaired : isOdd).join("\n");
  const kernel = tileKernel({
    name,
    what: `${layout}, tile ${rows} x ${4 * lanes}, a stored as ${aStorage}, b as ${bStorage}${textures.length > 0 ? `, ${textures.join(" and ")} in textures` : ""}`,
    lanes,
    tileRows: rows,
    tileCols: 4 * lanes,
    aStorage,
    bStorage,
    textures,
    cType: layout === "nt" || isOdd ? "f32" : "vec4f",
    body,
  });
  cache.set(name, kernel);
  return kernel;
}

/** Where lane l finds row r + l (+ S, + 2S ...) of A for nt and nn, in quads; and four k of those rows, `turn` quads on. */
const placesOfA = (rows: number, lanes: number): string[] =>
  range(Math.ceil(rows / lanes)).map((g) => `  let a_at${g} = (a_base + (r + ${g * lanes}u + l) * lda) / 4u;`);
const loadsOfA = (rows: number, lanes: number, turn = "turn"): string[] =>
  range(Math.ceil(rows / lanes)).map((g) => `    let a${g} = load_a(a_at${g} + ${turn});`);

/** @param isPaired b's texels have eight halves: two turns of four k each for one fetch */
function innerNt(rows: number, lanes: number, isPaired: boolean): string[] {
  const step = isPaired ? 8 : 4;
  const lines: string[] = [];
  for (const i of range(rows)) for (const j of range(4)) lines.push(`  var s${i}_${j} = 0.0;`);
  for (const j of range(4)) lines.push(`  let b_at${j} = (b_base + (c0 + ${j * lanes}u + l) * ldb) / ${step}u;`);
  lines.push(...placesOfA(rows, lanes));
  lines.push(`  for (var turn = 0u; turn < depth / ${step}u; turn++) {`);
  if (isPaired) for (const j of range(4)) lines.push(`    let w${j} = texel_b(b_at${j} + turn);`);
  for (const half of isPaired ? [0, 1] : [0]) {
    if (isPaired) lines.push("    {");
    for (const j of range(4)) {
      lines.push(`    let b${j} = ${isPaired ? `widen_b(w${j}.${half === 0 ? "xy" : "zw"})` : `load_b(b_at${j} + turn)`};`);
    }
    lines.push(...loadsOfA(rows, lanes, isPaired ? `2u * turn + ${half}u` : "turn"));
    for (const i of range(rows)) {
      for (const u of range(4)) {
        const products = range(4).map((j) => `s${i}_${j} += t * b${j}.${XYZW[u]};`);
        lines.push(`    { let t = subgroupBroadcast(a${Math.floor(i / lanes)}.${XYZW[u]}, ${i % lanes}u);`);
        lines.push(`      ${products.join(" ")} }`);
      }
    }
    if (isPaired) lines.push("    }");
  }
  const accumulator = (i: number): string => `vec4f(${range(4).map((j) => `s${i}_${j}`)})`;
  return [...lines, "  }", ...storeSingles(rows, accumulator, (j) => `c0 + ${j * lanes}u + l`)];
}

function innerNn(rows: number, lanes: number): string[] {
  const lines = range(rows).map((i) => `  var s${i} = vec4f(0.0);`);
  lines.push("  let b_at = (b_base + c0) / 4u + l;", "  let b_row = ldb / 4u;", ...placesOfA(rows, lanes));
  lines.push("  for (var turn = 0u; turn < depth / 4u; turn++) {");
  for (const u of range(4)) lines.push(`    let b${u} = load_b(b_at + (4u * turn + ${u}u) * b_row);`);
  lines.push(...loadsOfA(rows, lanes));
  for (const i of range(rows)) {
    for (const u of range(4))
      lines.push(`    s${i} += subgroupBroadcast(a${Math.floor(i / lanes)}.${XYZW[u]}, ${i % lanes}u) * b${u};`);
  }
  return [...lines, "  }", ...storeQuads(rows, (i) => `s${i}`)];
}

/** tn: one load of A covers S lanes x 4 rows of the tile at one k. r and c0 are multiples of a panel's width where there are panels. */
function innerTn(rows: number, lanes: number, isOdd: boolean): string[] {
  const loads = range(Math.ceil(rows / (4 * lanes)));
  const value = (i: number): string => `s${i}`;
  return [
    ...range(rows).map((i) => `  var s${i} = vec4f(0.0);`),
    "  let a_at = (a_base + r * params.a_step) / 4u + l;",
    "  let b_at = (b_base + c0 * params.b_step) / 4u + l;",
    "  let a_row = lda / 4u;",
    "  let b_row = ldb / 4u;",
    "  for (var k = 0u; k < depth; k++) {",
    "    let b0 = load_b(b_at + k * b_row);",
    ...loads.map((g) => `    let a${g} = load_a(a_at + k * a_row + ${g * lanes}u);`),
    ...range(rows).map((i) => {
      const lane = Math.floor(i / 4) % lanes;
      return `    s${i} += subgroupBroadcast(a${Math.floor(i / (4 * lanes))}.${XYZW[i % 4]}, ${lane}u) * b0;`;
    }),
    "  }",
    ...(isOdd ? storeSingles(rows, value, (j) => `c0 + 4u * l + ${j}u`) : storeQuads(rows, value)),
  ];
}
