// Calls whose storages are larger than the device binds at once, cut into calls that fit (kernels-wgsl, split/axes.ts).
import { cutCall } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import type { RecordedCall } from "./device.js";
import type { Storage } from "./storage.js";

export interface BindingLimits {
  readonly maxStorageBufferBindingSize: number;
  readonly minStorageBufferOffsetAlignment: number;
}

/**
 * The calls that do what one call does, in order: itself, unless a storage is larger than a binding. `empty` is bound to what a kernel
 * does not read, and is never cut.
 * @throws TensorError naming the storage if no axis of the call makes it fit
 */
export function fittingCalls(recorded: RecordedCall, limits: BindingLimits, empty: Storage | null): readonly RecordedCall[] {
  const { call, storages } = recorded;
  const limit = limits.maxStorageBufferBindingSize;
  if (storages.every(({ bytes }) => bytes <= limit)) return [recorded];
  const { bindings } = call.kernel;
  const tooLarge = bindings.filter((_, place) => storages[place]!.bytes > limit).map(({ name }) => name);
  const pieces = cutCall(call, tooLarge, { limit, alignment: limits.minStorageBufferOffsetAlignment });
  if (!pieces) {
    const largest = storages.reduce((most, storage) => (storage.bytes > most.bytes ? storage : most));
    throw new TensorError(
      `kernel ${call.kernel.name}: ${largest.label} has ${largest.bytes} bytes, more than the ${limit} that this device binds at once (maxStorageBufferBindingSize), and the kernel has no axis along which it can be cut so far. Use a smaller batch, length or row.`,
    );
  }
  return pieces.flatMap((piece) => {
    const bound = storages.map((storage, place) => {
      const range = piece.ranges[bindings[place]!.name];
      if (!range || storage === empty) return storage;
      const rest = storage.bytes - range.offset;
      const bytes = range.bytes === null ? rest : Math.min(rest, Math.ceil(range.bytes / 16) * 16);
      return storage.slice(range.offset, bytes, `${storage.label} from byte ${range.offset}`);
    });
    return fittingCalls({ call: opaque(piece.call), storages: bound }, limits, empty);
  });
}

/** Passes put calls together by what they say of themselves; the whole of what a piece belongs to would not fit. */
function opaque(call: RecordedCall["call"]): RecordedCall["call"] {
  const { pointwise: _pointwise, matmul: _matmul, norm: _norm, ...rest } = call;
  return rest;
}
