/** A shape, dtype or ownership mistake: thrown before anything reaches the device. Form: op, given, expected, what to do. */
export class TensorError extends Error {
  override readonly name = "TensorError";
}

/** The device refused or was lost. `exitClass` lets a command line choose its exit code. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  readonly exitClass = "device";
}
