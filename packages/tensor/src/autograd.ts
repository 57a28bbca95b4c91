import { planAccumulate, planBinary } from "@attune/kernels-wgsl";
import type { Storage } from "./device/storage.js";
import { TensorError } from "./errors.js";
import { BackwardContext, type Gradient, noGrad, type TapeNode } from "./op.js";
import { show } from "./shape.js";
import { type Tensor, tensor } from "./tensor.js";

/** A gradient on its way: `isOwned` means that nobody else reads its memory, so more may be added into it. */
interface Pending {
  tensor: Tensor;
  isOwned: boolean;
}

/**
 * Reverse-mode differentiation: walks the tape back from a scalar and adds d root / d parameter into each parameter's grad.
 * Nothing is added to frozen tensors, and no gradient of them is computed.
 *
 * @throws TensorError if root is not one value or nothing on its tape needs a gradient
 */
export function backward(root: Tensor): void {
  if (root.size !== 1) throw new TensorError(`backward: root must be one value, got shape ${show(root.shape)}. Sum it first.`);
  if (!root.node) throw new TensorError("backward: root does not depend on any parameter. Was it computed under noGrad?");
  noGrad(() => {
    const device = root.device;
    const pending = new Map<Tensor, Pending>();
    pending.set(root, { tensor: tensor(device, Float32Array.of(1), root.shape), isOwned: false });
    for (const node of nodesOf(root)) {
      const dy = pending.get(node.output);
      if (!dy) continue;
      pending.delete(node.output);
      const needs = node.inputs.map((input) => input.requiresGrad);
      const ctx = new BackwardContext(device, node, needs);
      const gradients = node.op.backward(ctx, dy.tensor, node.attrs as never);
      disownShared(ctx, gradients);
      node.inputs.forEach((input, i) => {
        const gradient = gradients[i] ?? null;
        if (!needs[i] || gradient === null) return;
        const earlier: Pending | undefined = input.grad ? { tensor: input.grad, isOwned: true } : pending.get(input);
        const made = typeof gradient === "function" ? gradient(earlier?.isOwned ? earlier.tensor : null) : gradient;
        const isFresh = ctx.made.delete(made.storage);
        // only a sink has added it already: any other op may hand on the very memory that waits here, as add(y, y) does
        if (typeof gradient === "function" && earlier?.isOwned && made.storage === earlier.tensor.storage) return;
        if (!earlier) pending.set(input, { tensor: made, isOwned: isFresh });
        else if (earlier.isOwned) accumulate(ctx, made, earlier.tensor);
        else if (isFresh) {
          accumulate(ctx, earlier.tensor, made);
          pending.set(input, { tensor: made, isOwned: true });
        } else {
          const sum = ctx.empty(input.shape);
          ctx.made.delete(sum.storage);
          copyAndAdd(ctx, earlier.tensor, made, sum);
          pending.set(input, { tensor: sum, isOwned: true });
        }
      });
    }
  });
}

/** The tape behind root, latest first: an op comes before those whose outputs it read. */
function nodesOf(root: Tensor): TapeNode[] {
  const found = new Set<TapeNode>();
  const open = [root.node as TapeNode];
  while (open.length > 0) {
    const node = open.pop() as TapeNode;
    if (found.has(node)) continue;
    found.add(node);
    for (const input of node.inputs) if (input.node) open.push(input.node);
  }
  return [...found].sort((a, b) => b.index - a.index);
}

/** Memory given to several inputs belongs to none of them: what is added for one would change the others'. */
function disownShared(ctx: BackwardContext, gradients: readonly Gradient[]): void {
  const seen = new Set<Storage>();
  for (const gradient of gradients) {
    if (gradient === null || typeof gradient === "function") continue;
    if (seen.has(gradient.storage)) ctx.made.delete(gradient.storage);
    seen.add(gradient.storage);
  }
}

function accumulate(ctx: BackwardContext, from: Tensor, into: Tensor): void {
  ctx.run(planAccumulate({ count: into.size }, ctx.facts), { x: from, y: into });
}

function copyAndAdd(ctx: BackwardContext, a: Tensor, b: Tensor, into: Tensor): void {
  ctx.run(planBinary({ op: "add", count: into.size }, ctx.facts), { a, b, y: into });
}
