// Looking up a measured choice of variant (tuning.ts makes them).
import type { DeviceFacts } from "../facts.js";
import type { MatmulSizes, MatmulVariant } from "./sizes.js";

/** What distinguishes devices for which a measurement holds. */
export function fingerprintOf({ adapter, subgroupSize, features, matrixConfigs = [] }: DeviceFacts): string {
  const { vendor, architecture, device, description } = adapter;
  return JSON.stringify([vendor, architecture, device, description, subgroupSize, [...features].sort(), matrixConfigs]);
}

/** Shapes that share a choice: layout, storages, alignment, and the sizes rounded up to powers of two. */
export function shapeClass(sizes: MatmulSizes): string {
  const { layout, m, n, k, outer = 1, inner = 1, aStorage = "f32", bStorage = "f32" } = sizes;
  const rounded = [m, n, k, outer * inner].map((size) => 2 ** Math.ceil(Math.log2(Math.max(1, size))));
  const isOdd = [m, n, k].some((size) => size % 4 !== 0);
  return [layout, aStorage, bStorage, rounded.join("x"), isOdd ? "odd" : "fours"].join(" ");
}

/** The variant measured for these sizes, where facts carry a table of this very device; whether it can serve them is the plan's to say. */
export function tunedVariant(sizes: MatmulSizes, facts: DeviceFacts): MatmulVariant | null {
  if (!facts.tuning || facts.tuning.fingerprint !== fingerprintOf(facts)) return null;
  return facts.tuning.variants[shapeClass(sizes)] ?? null;
}
