// Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): memory for time. A piece of the forward pass keeps none of its
// intermediates; backward computes them again when it gets there.
import { nodesOf } from "./autograd.js";
import type { Op } from "./op.js";
import { tapeNode, tapePosition } from "./op.js";
import type { Tensor } from "./tensor.js";

/** Names the node on the tape: backward walks the tape of its recomputation and never calls this. */
const checkpointOp: Op<null> = {
  name: "checkpoint",
  forward: (_, inputs) => inputs[0]!,
  backward: () => [],
};

/**
 * y = fn(...inputs), of which only y is kept. Backward runs fn a second time and differentiates that, so fn must compute the same
 * again: dropout does (its masks follow from site and step), and so does everything that reads no changed memory. Parameters and
 * other tensors that fn uses without their being inputs get their gradients too. May be nested; works eager and captured.
 */
export function checkpoint(fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  const { device } = inputs[0] ?? {};
  const begin = tapePosition();
  const y = device ? device.scope(() => fn(...inputs), "checkpoint") : fn();
  if (!y.node || y.node.index < begin) return y; // nothing to differentiate, or nothing computed
  const outer = new Set<Tensor>();
  const fixed = new Set<Tensor>(); // data and frozen weights: kept to notice if they change before the second run
  for (const node of nodesOf(y, begin)) {
    for (const input of node.inputs) {
      if (input.node && input.node.index >= begin) continue;
      (input.requiresGrad ? outer : fixed).add(input);
    }
  }
  y.node = tapeNode({
    op: checkpointOp as Op<never>,
    inputs: [...outer],
    output: y,
    attrs: null,
    saved: [...fixed],
    recompute: () => fn(...inputs),
  });
  return y;
}
