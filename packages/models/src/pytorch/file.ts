// What both forms of a PyTorch file come to.

import type { PickledTensor, PickleValue } from "./pickleValues.js";

/** What a file holds: the pickled value, and where its storages are. */
export interface PytorchFile {
  value: PickleValue;
  /** Throws (data) where the storage is not there, or shorter than it claims. */
  checkStorage(tensor: PickledTensor): void;
  /** The byte of the file where the numbers of the tensor's storage begin. */
  place(tensor: PickledTensor): Promise<number>;
}

/** The largest pickle that is read: 100,000 tensors take about 15 MB. */
export const MAX_PICKLE_BYTES = 32 << 20;
