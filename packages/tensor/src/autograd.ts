import { planAccumulate, planBinary } from "@attune/kernels-wgsl";
import type { Storage } from "./device/storage.js";
import { FreedError, TensorError } from "./errors.js";
import {
  BackwardContext,
  type Gradient,
  type GradientSink,
  noGrad,
  type TapeNode,
  tapePosition,
  versionsOf,
  withGrad,
} from "./op.js";
import { sameShape, show } from "./shape.js";
import { type Tensor, tensor } from "./tensor.js";

/** A gradient on its way: `isOwned` means that nobody else reads its memory, so more may be added into it. */
interface Pending {
  tensor: Tensor;
  isOwned: boolean;
}
type PendingGradients = Map<Tensor, Pending>;

/**
 * Reverse-mode differentiation: walks the tape back from a scalar and adds d root / d parameter into each parameter's grad.
 * Nothing is added to frozen tensors, and no gradient of them is computed.
 *
 * @throws TensorError if root is not one f32 value or depends on no parameter, and if values that the tape needs were freed or changed
 */
export function backward(root: Tensor): void {
  if (root.dtype !== "f32") throw new TensorError(`backward: root must be f32, got ${root.dtype}: integers have no gradient`);
  if (root.size !== 1) throw new TensorError(`backward: root must be one value, got shape ${show(root.shape)}. Sum it first.`);
  if (!root.node) throw new TensorError("backward: root does not depend on any parameter. Was it computed under noGrad?");
  noGrad(() => {
    const pending: PendingGradients = new Map();
    pending.set(root, { tensor: tensor(root.device, Float32Array.of(1), root.shape), isOwned: false });
    for (const node of nodesOf(root)) step(node, pending);
  });
}

/** Passes the gradient that waits for a node's output on to its inputs. */
function step(node: TapeNode, pending: PendingGradients): void {
  const dy = pending.get(node.output);
  if (!dy) return;
  pending.delete(node.output);
  checkUnchanged(node);
  if (node.recompute) {
    replay(node, dy, pending);
    return;
  }
  const needs = node.inputs.map((input) => input.requiresGrad);
  const ctx = new BackwardContext(node.output.device, node, needs);
  try {
    const gradients = node.op.backward(ctx, dy.tensor, node.attrs as never);
    disownShared(ctx, gradients);
    node.inputs.forEach((input, i) => {
      const gradient = gradients[i] ?? null;
      if (needs[i] && gradient !== null) receive(ctx, input, gradient, pending);
    });
  } catch (error) {
    if (!(error instanceof FreedError)) throw error;
    throw new TensorError(
      `backward of ${node.op.name}: ${error.message} Call backward within the scope that computed its root, once for each forward.`,
    );
  }
}

/** Adds a gradient to what waits for an input, or to the gradient that it owns. */
function receive(ctx: BackwardContext, input: Tensor, gradient: Tensor | GradientSink, pending: PendingGradients): void {
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
}

/**
 * Runs a checkpointed piece again and walks its new tape with the gradients that wait already: they meet in the order in which they
 * would have met without the checkpoint, so the bits are the same. What only the piece needs is freed at its end.
 */
function replay(node: TapeNode, dy: Pending, pending: PendingGradients): void {
  node.output.device.scope(() => {
    const begin = tapePosition();
    const again = node.output.device.apart(() => withGrad(node.recompute!));
    if (!sameShape(again.shape, node.output.shape)) {
      throw new TensorError(
        `checkpoint: fn gave ${show(node.output.shape)} at first and ${show(again.shape)} when run again. It must always compute the same.`,
      );
    }
    pending.set(again, dy);
    for (const made of nodesOf(again, begin)) step(made, pending);
    return [...pending.values()].map((waiting) => waiting.tensor);
  }, "checkpoint");
}

/** @throws TensorError if memory that the op read has been written since: its gradient would be of other values */
function checkUnchanged(node: TapeNode): void {
  const now = versionsOf(node);
  const at = node.versions.findIndex((version, i) => version !== now[i]);
  if (at < 0) return;
  const changed = [...node.inputs, ...node.saved][at]!;
  throw new TensorError(
    `backward of ${node.op.name}: ${changed.storage.label} ${show(changed.shape)} was changed in place after ${node.op.name} read it. Change it after backward, or change a copy.`,
  );
}

/** The tape behind root, latest first: an op comes before those whose outputs it read. Nodes before index `begin` are left out. */
export function nodesOf(root: Tensor, begin = 0): TapeNode[] {
  const found = new Set<TapeNode>();
  const open = [root.node as TapeNode];
  while (open.length > 0) {
    const node = open.pop() as TapeNode;
    if (found.has(node) || node.index < begin) continue;
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
