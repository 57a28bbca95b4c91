import type { Device } from "../device/device.js";
import type { Category } from "../device/memory.js";
import type { Storage } from "../device/storage.js";
import { TensorError } from "../errors.js";
import { type Shape, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  /** Whether weight decay applies: no for norms and biases (guide: torch's two groups). */
  readonly decays: boolean;
}

/** An arena: one optimizer dispatch. Parameters that decay come first. */
export interface ArenaRange {
  readonly data: Storage;
  readonly grad: Storage;
  /** Elements, padding included; padding is zero and stays so. */
  readonly count: number;
  /** Elements from the first on that decay, padding included. */
  readonly decayed: number;
  readonly places: readonly ArenaPlace[];
}

/** Where a parameter lies in its arena. */
export interface ArenaPlace extends ParameterSpec {
  /** Elements before it. */
  readonly offset: number;
}

const ALIGNMENT = 256; // bytes: the default offset alignment of a storage binding

/**
 * All trainable parameters, side by side in few arenas: optimizer, gradient norm and zeroing are one call a range rather than one
 * a tensor. Each parameter is a slice with a gradient of its own that `backward` adds into.
 */
export class ParameterSet {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly ranges: readonly ArenaRange[];

  constructor(
    readonly device: Device,
    specs: readonly ParameterSpec[],
  ) {
    const parameters = new Map<string, Tensor>();
    const ranges: ArenaRange[] = [];
    const inOrder = [...specs.filter(({ decays }) => decays), ...specs.filter(({ decays }) => !decays)];
    for (const group of groupsThatFit(inOrder, device.facts.limits.maxBufferSize)) {
      const bytes = group.reduce((sum, spec) => sum + paddedBytes(spec), 0);
      const decayed = group.reduce((sum, spec) => sum + (spec.decays ? paddedBytes(spec) : 0), 0);
      const make = (category: Category): Storage => device.persistent(bytes, `parameters.${category}`, category);
      const [data, grad] = [make("weights"), make("gradients")];
      const places: ArenaPlace[] = [];
      let offset = 0;
      for (const spec of group) {
        if (parameters.has(spec.name)) throw new TensorError(`ParameterSet: two parameters are named ${spec.name}`);
        const slice = (of: Storage): Tensor =>
          new Tensor(device, of.slice(offset, sizeBytes(spec), spec.name), spec.shape, "f32");
        const parameter = slice(data);
        parameter.grad = slice(grad);
        parameter.requiresGrad = true;
        parameters.set(spec.name, parameter);
        places.push({ ...spec, offset: offset / 4 });
        offset += paddedBytes(spec);
      }
      ranges.push({ data, grad, count: bytes / 4, decayed: decayed / 4, places });
    }
    this.parameters = parameters;
    this.ranges = ranges;
  }

  /** Values, not counting padding. */
  get size(): number {
    return [...this.parameters.values()].reduce((sum, parameter) => sum + parameter.size, 0);
  }

  get(name: string): Tensor {
    const found = this.parameters.get(name);
    if (!found) throw new TensorError(`ParameterSet: no parameter named ${name}`);
    return found;
  }

  /** Clears all gradients, in stream order. @throws TensorError while capturing: it is no kernel call, so no program would repeat it */
  zeroGrad(): void {
    if (this.device.isCapturing) throw new TensorError("zeroGrad: a program cannot record it. Call it before the program runs.");
    for (const { grad } of this.ranges) this.device.backend.clear(grad.place());
  }

  dispose(): void {
    for (const { data, grad } of this.ranges) {
      this.device.release(data);
      this.device.release(grad);
    }
  }
}

/** A slice is bound alone, so it ends at a vec4; the next one starts at an aligned offset. */
function sizeBytes(spec: ParameterSpec): number {
  return Math.max(16, Math.ceil(sizeOf(spec.shape) / 4) * 16);
}
function paddedBytes(spec: ParameterSpec): number {
  return Math.ceil(sizeBytes(spec) / ALIGNMENT) * ALIGNMENT;
}

function groupsThatFit(specs: readonly ParameterSpec[], limit: number): ParameterSpec[][] {
  const groups: ParameterSpec[][] = [];
  let room = 0;
  for (const spec of specs) {
    const bytes = paddedBytes(spec);
    if (bytes > limit)
      throw new TensorError(`${spec.name}: ${bytes} bytes exceed the ${limit} of the largest buffer that this device makes`);
    if (bytes > room) {
      groups.push([]);
      room = limit;
    }
    groups.at(-1)!.push(spec);
    room -= bytes;
  }
  return groups;
}
