// Norms that add: a residual connection in front of a norm, and the gradient that waits for the norm's input behind its backward.
import { planAddNorm, planLayerNormBackward, planRmsNormBackward } from "@attune/kernels-wgsl";
import type { Storage } from "../storage.js";
import { bound, type Pass, rangeOf, sameRange } from "./access.js";
import { fusePairs } from "./pairs.js";

/** sum = a + alpha * b; y = norm(sum): one call that writes both. */
export const fuseAddNorm: Pass = (calls, { facts, empty }) =>
  fusePairs(calls, empty, {
    begins: (call) => call.pointwise?.op === "add",
    ends: (call) => call.norm?.direction === "forward",
    merge: ({ earlier, later }) => {
      const pointwise = earlier.call.pointwise!;
      const norm = later.call.norm!;
      if (pointwise.count !== norm.rows * norm.cols || pointwise.operands.some(({ reading }) => reading !== "each")) return null;
      const sum = bound(earlier, pointwise.result);
      if (!sameRange(rangeOf(sum), rangeOf(bound(later, "x")))) return null;
      const rest: Record<string, Storage> =
        norm.kind === "rms" ? { rstd: bound(later, "rstd") } : { shift: bound(later, "b"), stats: bound(later, "stats") };
      const [a, b] = [bound(earlier, "a"), bound(earlier, "b")];
      return {
        call: planAddNorm({ ...norm, alpha: pointwise.numbers.alpha! }, facts),
        storages: { a, b, sum, w: bound(later, "w"), y: bound(later, "y"), ...rest },
      };
    },
  });

/** dx = norm's backward; dx += waiting: one call that adds what waits as it stores. */
export const fuseNormResidual: Pass = (calls, { facts, empty }) =>
  fusePairs(calls, empty, {
    begins: (call) => call.norm?.direction === "backward",
    ends: (call) => call.pointwise?.op === "accumulate" && call.pointwise.numbers.alpha === 1,
    merge: ({ earlier, later }) => {
      const norm = earlier.call.norm!;
      const pointwise = later.call.pointwise!;
      const dx = bound(earlier, "dx");
      if (pointwise.count !== norm.rows * norm.cols || !sameRange(rangeOf(dx), rangeOf(bound(later, "y")))) return null;
      const plan = norm.kind === "rms" ? planRmsNormBackward : planLayerNormBackward;
      const names = ["x", "w", norm.kind === "rms" ? "rstd" : "stats", "dy", "dx"];
      const storages = Object.fromEntries(names.map((name) => [name, bound(earlier, name)]));
      return {
        call: plan({ rows: norm.rows, cols: norm.cols, hasResidual: true }, facts),
        storages: { ...storages, residual: bound(later, "x") },
      };
    },
  });
