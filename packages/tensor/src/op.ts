import type { DeviceFacts, KernelCall } from "@attune/kernels-wgsl";
import type { Device } from "./device/device.js";
import type { Storage } from "./device/storage.js";
import { byteSize, type DType } from "./dtype.js";
import { TensorError } from "./errors.js";
import { type Shape, show, sizeOf } from "./shape.js";
import { Tensor } from "./tensor.js";

/** Gives a gradient by adding it into a tensor: what matmul epilogues and embeddings do without a pass of their own. */
export type GradientSink = (into: Tensor | null) => Tensor;
/** The gradient of one input: a tensor, a sink, or null where none flows (integers, or not asked for). */
export type Gradient = Tensor | GradientSink | null;

/** A differentiable operation: what it computes and how gradients pass through it, side by side. */
export interface Op<Attrs> {
  readonly name: string;
  /** Computes the output; `ctx.save` keeps what backward needs beyond inputs and output. @throws TensorError on bad shapes */
  forward(ctx: ForwardContext, inputs: readonly Tensor[], attrs: Attrs): Tensor;
  /** One gradient per input, given the output's. `ctx.needs[i]` says whether input i wants one. */
  backward(ctx: BackwardContext, dy: Tensor, attrs: Attrs): readonly Gradient[];
}

/** How a tensor was computed: one entry of the tape. */
export interface TapeNode {
  readonly op: Op<never>;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly attrs: unknown;
  readonly saved: readonly Tensor[];
  readonly index: number;
  /** Versions of the memory of inputs and saved when they were read: backward refuses what has changed since. */
  readonly versions: readonly number[];
  /** Computes the output anew with a tape of its own, which backward walks instead (checkpoint.ts). */
  readonly recompute?: () => Tensor;
  /** Where the op was called, while an inspector wants to know. */
  readonly stack?: string | undefined;
}

export class OpContext {
  constructor(
    readonly device: Device,
    readonly name: string,
    /** Where the op was called, while an inspector wants to know. */
    readonly stack: string | undefined = undefined,
  ) {}

  get facts(): DeviceFacts {
    return this.device.facts;
  }

  /** Memory for a result; every element must be written by a call that follows. */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    const storage = this.device.allocate(byteSize(dtype, sizeOf(shape)), `${this.name} ${show(shape)}`);
    return new Tensor(this.device, storage, shape, dtype);
  }

  /** Appends a kernel call, its storages bound by the kernel's names. */
  run(call: KernelCall, bound: Readonly<Record<string, Tensor | Storage | null>>): void {
    const storages: Record<string, Storage> = {};
    for (const [name, value] of Object.entries(bound)) {
      storages[name] = value === null ? this.device.empty : value instanceof Tensor ? value.storage : value;
    }
    this.device.run(call, storages, this);
  }

  /** The same memory under another shape. */
  view(of: Tensor, shape: Shape): Tensor {
    return new Tensor(this.device, of.storage, shape, of.dtype);
  }
}

export class ForwardContext extends OpContext {
  readonly saved: Tensor[] = [];

  save(...tensors: Tensor[]): void {
    this.saved.push(...tensors);
  }
}

export class BackwardContext extends OpContext {
  /** Storages made by this backward: autograd may add into them, unlike those passed through from elsewhere. */
  readonly made = new Set<Storage>();

  constructor(
    device: Device,
    readonly node: TapeNode,
    readonly needs: readonly boolean[],
  ) {
    super(device, `${node.op.name}.backward`, node.stack);
  }

  get inputs(): readonly Tensor[] {
    return this.node.inputs;
  }

  get output(): Tensor {
    return this.node.output;
  }

  get saved(): readonly Tensor[] {
    return this.node.saved;
  }

  override empty(shape: Shape, dtype: DType = "f32"): Tensor {
    const made = super.empty(shape, dtype);
    this.made.add(made.storage);
    return made;
  }
}

let isRecordingTape = true;
let nextIndex = 0;

/** The index of the next node: nodes made from here on have this one or a higher one. */
export function tapePosition(): number {
  return nextIndex;
}

/** The node of `output`, with the next index. */
export function tapeNode(node: Omit<TapeNode, "index" | "versions">): TapeNode {
  return { ...node, index: nextIndex++, versions: versionsOf(node) };
}

export function versionsOf({ inputs, saved }: Pick<TapeNode, "inputs" | "saved">): number[] {
  return [...inputs, ...saved].map(({ storage }) => storage.version);
}

/** Runs `body` with the tape on, whatever is around it: recomputation within backward. */
export function withGrad<T>(body: () => T): T {
  const before = isRecordingTape;
  isRecordingTape = true;
  try {
    return body();
  } finally {
    isRecordingTape = before;
  }
}

/** Runs `body` without recording how its tensors are computed: evaluation and generation. */
export function noGrad<T>(body: () => T): T {
  const before = isRecordingTape;
  isRecordingTape = false;
  try {
    return body();
  } finally {
    isRecordingTape = before;
  }
}

/** Whether an op of these inputs will be differentiated: what only backward needs is then worth computing. */
export function recordsTape(inputs: readonly Tensor[]): boolean {
  return isRecordingTape && inputs.some((input) => input.requiresGrad);
}

/** Runs an op and, if any input needs a gradient, puts it on the tape. */
export function apply<Attrs>(op: Op<Attrs>, inputs: readonly Tensor[], attrs: Attrs): Tensor {
  const device = inputs[0]!.device;
  for (const input of inputs) {
    if (input.device !== device) throw new TensorError(`${op.name}: its inputs live on two devices. Move one of them.`);
    if (input.requiresGrad && input.dtype !== "f32") {
      throw new TensorError(
        `${op.name}: an input ${show(input.shape)} of ${input.dtype} requires a gradient. Only f32 can have one.`,
      );
    }
  }
  const ctx = new ForwardContext(device, op.name, device.inspector ? new Error().stack : undefined);
  const output = op.forward(ctx, inputs, attrs);
  if (recordsTape(inputs)) {
    output.requiresGrad = true;
    output.node = tapeNode({ op: op as Op<never>, inputs, output, attrs, saved: ctx.saved, stack: ctx.stack });
  }
  return output;
}

/** @throws TensorError naming the op unless the tensor is f32 */
export function wantF32(op: string, name: string, given: Tensor): void {
  if (given.dtype !== "f32") throw new TensorError(`${op}: ${name} must be f32, got ${given.dtype}`);
}

/** @throws TensorError naming the op unless the tensor is i32 */
export function wantI32(op: string, name: string, given: Tensor): void {
  if (given.dtype !== "i32") throw new TensorError(`${op}: ${name} must be i32, got ${given.dtype}`);
}
