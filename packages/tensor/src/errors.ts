/** A shape, dtype or ownership mistake: thrown before anything reaches the device. Form: op, given, expected, what to do. */
export class TensorError extends Error {
  override readonly name: string = "TensorError";
}

/** Memory was used after its owner gave it away. */
export class FreedError extends TensorError {
  override readonly name = "FreedError";
}

/** Who holds device memory, largest first: part of the errors about it. */
export interface Holder {
  readonly label: string;
  readonly category: string;
  readonly bytes: number;
  /** Buffers of this label. */
  readonly count: number;
}

/** What is known of an allocation or a wait that failed. */
export interface DeviceErrorDetails {
  /** Of the buffer, kernel or program. */
  readonly label?: string;
  /** Bytes asked for. */
  readonly bytes?: number;
  readonly holders?: readonly Holder[];
}

/** The device refused or was lost. `exitClass` lets a command line choose its exit code. */
export class DeviceError extends Error {
  override readonly name: string = "DeviceError";
  readonly exitClass = "device";

  constructor(
    message: string,
    readonly details: DeviceErrorDetails = {},
  ) {
    super(details.holders?.length ? `${message}. Largest holders: ${showHolders(details.holders)}` : message);
  }
}

/** The device is gone: driver reset, unplugged, watchdog. Nothing that it held can be read; open another and resume from a checkpoint. */
export class DeviceLostError extends DeviceError {
  override readonly name = "DeviceLostError";
}

/** The device had no memory for a buffer. */
export class AllocationError extends DeviceError {
  override readonly name = "AllocationError";
}

/** A kernel's text or pipeline was refused. */
export class PipelineError extends DeviceError {
  override readonly name = "PipelineError";
}

/** The device did not finish in time. */
export class DeviceStalledError extends DeviceError {
  override readonly name = "DeviceStalledError";
}

/** An allocation or a captured program would exceed the budget that the device was opened with: nothing was allocated. */
export class MemoryBudgetError extends DeviceError {
  override readonly name = "MemoryBudgetError";

  constructor(
    message: string,
    override readonly details: DeviceErrorDetails & {
      readonly label: string;
      readonly bytes: number;
      readonly budgetBytes: number;
      readonly liveBytes: number;
      /** Bytes by which it does not fit. */
      readonly overBytes: number;
      readonly live: Readonly<Record<string, number>>;
      readonly holders: readonly Holder[];
    },
  ) {
    super(message, details);
  }
}

function showHolders(holders: readonly Holder[]): string {
  return holders
    .map(({ label, category, bytes, count }) => `${label}${count > 1 ? ` x ${count}` : ""} (${category}) ${showBytes(bytes)}`)
    .join(", ");
}

export function showBytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
