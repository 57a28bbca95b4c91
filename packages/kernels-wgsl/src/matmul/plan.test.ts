// Which matmul is chosen, and why: decided without a device, so tested without one.
import { expect, it } from "vitest";
import { softwareFacts } from "../facts.js";
import { planMatmul } from "./plan.js";
import type { MatmulLayout, MatmulSizes } from "./sizes.js";

/** Matrices one after the other, c [m, n]. */
const dense = (layout: MatmulLayout, m: number, n: number, k: number): MatmulSizes => ({
  layout,
  m,
  n,
  k,
  a: { rowStride: layout === "tn" ? m : k },
  b: { rowStride: layout === "nt" ? k : n },
  c: { rowStride: n },
});

it.each<[MatmulLayout, m: number, n: number, k: number, reason: RegExp, workgroups: number[]]>([
  ["nt", 64, 30, 16, /^subgroup tile 32 x 32/, [1, 2, 1]], // nt stores its columns one by one: n may be anything
  ["nt", 17, 33, 16, /^subgroup tile 32 x 32/, [2, 1, 1]],
  ["nt", 16, 30, 16, /^subgroup tile 8 x 32/, [1, 2, 1]], // few rows
  ["nt", 64, 30, 18, /^plain: a's row stride \(18\)/, [4, 8, 1]],
  ["nn", 64, 32, 16, /^subgroup tile 32 x 32/, [1, 2, 1]],
  ["nn", 64, 30, 16, /^plain: b's row stride \(30\)/, [4, 8, 1]],
  ["tn", 64, 32, 7, /^subgroup tile 32 x 32/, [1, 2, 1]], // tn has a tail: k may be anything
  ["tn", 30, 32, 8, /^plain: a's row stride \(30\)/, [4, 4, 1]],
])("%s %i x %i x %i", (layout, m, n, k, reason, workgroups) => {
  const call = planMatmul(dense(layout, m, n, k), softwareFacts);
  expect(call.reason).toMatch(reason);
  expect(call.workgroups).toEqual(workgroups);
  expect(call.flops).toBe(2 * m * n * k);
});

it("takes the plain kernel where subgroups have no fixed size", () => {
  const call = planMatmul(dense("nt", 64, 32, 16), { ...softwareFacts, subgroupSize: null });
  expect(call.reason).toBe("plain: no subgroups of one fixed size");
});
