// The names that a state dict's pickle may speak of, and what each means here: torch's storages and types, and the few functions that put
// a tensor together. None is imported or called.

import type { SafetensorsDtype } from "../safetensors.js";
import { isA, type PickledStorage, type PickledTensor, type PickleValue } from "./pickleValues.js";

/** torch's storage classes, and the type of their numbers. */
const STORAGES: Readonly<Record<string, SafetensorsDtype>> = {
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.DoubleStorage": "F64",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};
/** Names that mean nothing to a state dict but stand in some. */
const CONSTANTS = new Set(
  [
    "float32",
    "float",
    "float16",
    "half",
    "bfloat16",
    "float64",
    "double",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
  ].map((dtype) => `torch.${dtype}`),
);

/** Fails a pickle with what is wrong in it. */
export type Fail = (what: string) => never;
type Call = (args: readonly PickleValue[], fail: Fail) => PickleValue;
/** What may be "called", and what it means here. */
export const CALLS: Readonly<Record<string, Call>> = {
  "collections.OrderedDict": (args, fail) => {
    if (args.length > 0) fail("OrderedDict with arguments");
    return { kind: "dict", entries: new Map() };
  },
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides], fail) => tensorOf(storage, offset, shape, strides, fail),
  "torch._utils._rebuild_tensor": ([storage, offset, shape, strides], fail) => tensorOf(storage, offset, shape, strides, fail),
  "torch._utils._rebuild_parameter": ([data], fail) => (isA(data, "tensor") ? data : fail("a parameter that is no tensor")),
  "torch.Size": ([items], fail) => (isA(items, "tuple") || isA(items, "list") ? items : fail("a torch.Size of no tuple")),
};

/** Every name that a pickle may speak of. */
export const ALLOWED = new Set([...Object.keys(STORAGES), ...CONSTANTS, ...Object.keys(CALLS)]);
/** A persistent id: ("storage", class, key, location, number of elements). */
export function storageOf(id: PickleValue, fail: Fail): PickledStorage {
  if (!isA(id, "tuple")) return fail("a persistent id that is no tuple");
  const [word, type, key, , count, viewOf] = id.items;
  const dtype = isA(type, "global") && Object.hasOwn(STORAGES, type.name) ? STORAGES[type.name] : undefined;
  if (word !== "storage" || !dtype || typeof key !== "string" || !isCount(count))
    return fail("a persistent id that is no storage");
  if (viewOf !== undefined && viewOf !== null) return fail("a storage that is a view of another, as torch before 0.4 wrote it");
  return { kind: "storage", key, dtype, count };
}

function tensorOf(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  fail: Fail,
): PickledTensor {
  const [sizes, steps] = [countsOf(shape), countsOf(strides)];
  if (!isA(storage, "storage") || !isCount(offset) || !sizes || !steps || sizes.length !== steps.length)
    return fail("a tensor that has no storage, or an offset, sizes or strides that are no whole numbers");
  const elements = sizes.reduce((product, n) => product * BigInt(n), 1n);
  const last = sizes.reduce((sum, n, i) => sum + BigInt(n - 1) * BigInt(steps[i]!), BigInt(offset));
  // an expanded tensor (stride 0) may claim any size: no weight is one, and nothing larger than its storage is ever allocated
  if (elements > BigInt(storage.count) || (elements > 0n && last >= BigInt(storage.count)))
    return fail(
      `a tensor [${sizes.join(", ")}] with strides [${steps.join(", ")}] from element ${offset} does not lie in its storage of ${storage.count}`,
    );
  return { kind: "tensor", storage, offset, shape: sizes, strides: steps };
}

function countsOf(value: PickleValue | undefined): readonly number[] | undefined {
  if (!isA(value, "tuple") || value.items.length > 64) return undefined;
  return value.items.every(isCount) ? (value.items as readonly number[]) : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
