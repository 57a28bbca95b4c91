import type { Device } from "./device/device.js";
import { persistent, type Tensor } from "./tensor.js";

/** Fields of `struct ProgramState` (kernels-wgsl/src/lib/program_state.wgsl), 4 bytes each, in order. */
const FIELDS = {
  seed: "u32",
  step: "u32",
  micro: "u32",
  past: "u32",
} as const;
export type ProgramStateValues = { [Name in keyof typeof FIELDS]: number };

/**
 * The live parameters of captured programs: kernels read them from this small buffer, so a replay draws a new dropout
 * mask and decodes the next position. What an optimizer step needs is in its UpdateControl, since the device alone knows which updates count.
 */
export class ProgramState {
  /** Bound by ops that read it. */
  readonly tensor: Tensor;
  readonly values: ProgramStateValues;
  readonly #words = new Uint32Array(4);

  constructor(device: Device, initial: Partial<ProgramStateValues> = {}) {
    this.tensor = persistent(device, [4], { dtype: "u32", label: "ProgramState", category: "inputs" });
    this.values = { seed: 0, step: 0, micro: 0, past: 0 };
    this.set(initial);
  }

  /** Changes fields; work appended before sees the old values, work after the new ones. */
  set(changes: Partial<ProgramStateValues>): void {
    Object.assign(this.values, changes);
    Object.keys(FIELDS).forEach((name, place) => {
      this.#words[place] = this.values[name as keyof ProgramStateValues];
    });
    this.tensor.write(this.#words);
  }

  dispose(): void {
    this.tensor.dispose();
  }
}
