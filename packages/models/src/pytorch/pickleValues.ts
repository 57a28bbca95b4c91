// What a pickle of a state dict makes: plain values, containers, and torch's storages and tensors by name.

import type { SafetensorsDtype } from "../safetensors.js";

/** The numbers of one torch storage, shared by the tensors that are views of it. */
export interface PickledStorage {
  kind: "storage";
  key: string;
  dtype: SafetensorsDtype;
  /** Number of elements. */
  count: number;
}

/** A view of a storage. Element [i, j, ...] is number offset + i * strides[0] + j * strides[1] + ... of the storage. */
export interface PickledTensor {
  kind: "tensor";
  storage: PickledStorage;
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
}

export interface PickledDict {
  kind: "dict";
  entries: Map<string | number, PickleValue>;
}
export interface PickledList {
  kind: "list";
  items: PickleValue[];
}
export interface PickledTuple {
  kind: "tuple";
  items: readonly PickleValue[];
}
/** A name that the table of globals allows. */
export interface Named {
  kind: "global";
  name: string;
}
export interface Mark {
  kind: "mark";
}
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickledStorage
  | PickledTensor
  | PickledDict
  | PickledList
  | PickledTuple
  | Named;

/** Whether a value is of a kind. */
export function isA<K extends string>(
  value: PickleValue | Mark | undefined,
  kind: K,
): value is Extract<PickleValue | Mark, { kind: K }> {
  return typeof value === "object" && value !== null && value.kind === kind;
}
