// What follows a matmul element by element moves into the store of its tile: bias, activation, a residual, adding into a gradient.
// Only where nobody else needs the product itself; c = activation(alpha * a b + bias) + residual (+ old c), in this order.
import { type KernelCall, type MatmulSizes, type Pointwise, planMatmul } from "@attune/kernels-wgsl";
import type { Storage } from "../storage.js";
import { bound, isVisible, type Pass, rangeOf, sameRange } from "./access.js";
import { fusePairs, type Pair } from "./pairs.js";

export const fuseEpilogues: Pass = (calls, context) =>
  fusePairs(calls, context.empty, {
    begins: ({ matmul }) => matmul !== undefined && !matmul.accumulate && !matmul.epilogue?.residual && isDense(matmul),
    ends: ({ pointwise }) => pointwise !== undefined,
    merge: (pair) => {
      const matmul = pair.earlier.call.matmul!;
      const pointwise = pair.later.call.pointwise!;
      if (pointwise.count !== (matmul.outer ?? 1) * matmul.m * matmul.n) return null;
      const product = bound(pair.earlier, "c");
      if (isVisible(product, context) || pair.users(product) > 2) return null;
      const asked = withEpilogue(matmul, pointwise, pair, product);
      if (!asked) return null;
      const { sizes, storages } = asked;
      const call: KernelCall = planMatmul(sizes, context.facts);
      const kept = Object.fromEntries(pair.earlier.call.kernel.bindings.map(({ name }) => [name, bound(pair.earlier, name)]));
      return { call, storages: { ...kept, c: bound(pair.later, pointwise.result), ...storages } };
    },
  });

/** Elements lie in the order that an element-wise call takes them in. */
function isDense({ m, n, c, outer = 1, inner = 1 }: MatmulSizes): boolean {
  return c.rowStride === n && inner === 1 && (outer === 1 || c.outerStride === m * n);
}

interface Asked {
  sizes: MatmulSizes;
  storages: Record<string, Storage>;
}

function withEpilogue(matmul: MatmulSizes, pointwise: Pointwise, pair: Pair, product: Storage): Asked | null {
  const { op, operands, numbers } = pointwise;
  const epilogue = matmul.epilogue ?? {};
  const which = operands.map(({ binding }) => sameRange(rangeOf(bound(pair.later, binding)), rangeOf(product)));
  const at = which.indexOf(true);
  if (at < 0 || which.lastIndexOf(true) !== at || operands[at]!.reading !== "each") return null;
  if (op === "relu" || op === "geluNew") {
    return epilogue.activation ? null : { sizes: { ...matmul, epilogue: { ...epilogue, activation: op } }, storages: {} };
  }
  if (op !== "add" && op !== "accumulate") return null;
  const other = operands[1 - at]!;
  const storage = bound(pair.later, other.binding);
  // a + alpha * b: a factor of the product is the matmul's own if nothing stands between, one of the other operand cannot be had
  const factor = numbers.alpha!;
  const isPlain = (matmul.alpha ?? 1) === 1 && !epilogue.bias && !epilogue.activation;
  if (factor !== 1 && (at === 0 || !isPlain)) return null;
  const scaled = factor === 1 ? matmul : { ...matmul, alpha: factor };
  if (other.reading === "row") {
    const fits = op === "add" && factor === 1 && other.cols === matmul.n && !epilogue.bias && !epilogue.activation;
    return fits ? { sizes: { ...matmul, epilogue: { ...epilogue, bias: true } }, storages: { bias: storage } } : null;
  }
  if (other.reading !== "each") return null;
  // y += alpha * product: the matmul adds into y, which is its c then
  if (op === "accumulate" && at === 1) return { sizes: { ...scaled, accumulate: true }, storages: {} };
  return { sizes: { ...scaled, epilogue: { ...epilogue, residual: true } }, storages: { residual: storage } };
}
