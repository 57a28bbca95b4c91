// What goes wrong on a device without a call to blame: Dawn reports it later, a lost device does nothing and says that it did, and a
// hung kernel says nothing at all. Everything becomes one of our errors, thrown where the engine next waits or asks.
import { AllocationError, DeviceError, DeviceLostError, DeviceStalledError, type Holder, PipelineError } from "../errors.js";

export class Failures {
  /** Who holds memory, for errors about it. */
  holders: () => readonly Holder[] = () => [];
  /** Reported at the next flush or read-back, once. */
  #once: DeviceError | null = null;
  /** #once names a cause: what Dawn says of its consequences does not replace it. */
  #isCause = false;
  /** Reported by everything that follows. */
  #end: DeviceError | null = null;
  #told = 0;
  /** When the device was last known to work. */
  #sign = 0;

  constructor(gpu: GPUDevice) {
    gpu.addEventListener?.("uncapturederror", (event) => {
      event.preventDefault(); // dawn.node prints it to stdout otherwise
      this.#told++;
      this.#once ??= typed(event.error, this.holders);
    });
    void gpu.lost.then(({ reason, message }) => {
      if (reason === "destroyed") return;
      this.#end ??= new DeviceLostError(
        `device lost: ${message}. Nothing can be read from it any more: open a device anew and resume from the last checkpoint`,
        { holders: this.holders() },
      );
    });
  }

  /** What failed by itself, found out by an error scope: thrown at the next flush or read-back, before what follows from it. */
  report(cause: DeviceError): void {
    this.#told++;
    if (this.#isCause) return;
    this.#once = cause;
    this.#isCause = true;
  }

  /** Failures so far. A submit that holds one refused command is dropped whole, whatever else was in it. */
  get told(): number {
    return this.#told;
  }

  /** @throws DeviceLostError, DeviceStalledError: the device is of no use any more */
  throwEnd(): void {
    if (this.#end) throw this.#end;
  }

  /** @throws DeviceError that was reported since the last call */
  throwAny(): void {
    this.throwEnd();
    const failure = this.#once;
    this.#once = null;
    this.#isCause = false;
    if (failure) throw failure;
  }

  /** The device has finished something: however much waits behind it, it does not hang. */
  alive(): void {
    this.#sign = performance.now();
  }

  /**
   * Awaits the device, but not for ever: `wait` gets the promise and a function that says that nobody waits any more.
   * @param what is waited for, for the message
   * @throws DeviceStalledError after `stallMs` without a sign of life, and from then on from every call
   */
  async settled(
    promise: Promise<unknown>,
    wait: (promise: Promise<unknown>, isOver: () => boolean) => Promise<unknown>,
    stallMs: number,
    what: string,
    bytes?: number,
  ): Promise<void> {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.alive();
    const stalled = new Promise<never>((_, reject) => {
      const look = (): void => {
        const left = stallMs - (performance.now() - this.#sign);
        if (left > 0) {
          timer = setTimeout(look, left);
          return;
        }
        this.#end ??= new DeviceStalledError(
          `device stalled: nothing was finished in ${stallMs / 1000} s, while ${what} waits. A kernel hangs, or a single submit takes so long (openDevice({ stallMs }) allows more)`,
          { label: what, ...(bytes === undefined ? {} : { bytes }), holders: this.holders() },
        );
        reject(this.#end);
      };
      timer = setTimeout(look, stallMs);
    });
    try {
      await Promise.race([wait(promise, () => isOver), stalled]);
    } finally {
      isOver = true;
      clearTimeout(timer);
    }
  }
}

/** The label that Dawn's message names says whose fault it is. */
function typed(error: GPUError, holders: () => readonly Holder[]): DeviceError {
  const { message } = error;
  const label = message.match(/\[(?:Invalid )?\w+ "([^"]*)"\]/)?.[1];
  const details = label === undefined ? {} : { label };
  if (error.constructor.name === "GPUOutOfMemoryError" || /out of (?:device )?memory/i.test(message)) {
    return new AllocationError(`device out of memory: ${message}`, { ...details, holders: holders() });
  }
  if (/\[(?:Invalid )?(?:ShaderModule|ComputePipeline)\b/.test(message) || /\bWGSL\b|while parsing/i.test(message)) {
    return new PipelineError(`device error: ${message}`, details);
  }
  return new DeviceError(`device error: ${message}`, details);
}
