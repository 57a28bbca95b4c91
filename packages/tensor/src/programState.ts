import type { Device } from "./device/device.js";
import { persistent, type Tensor } from "./tensor.js";

/** Fields of `struct ProgramState` (kernels-wgsl/src/lib/program_state.wgsl), 4 bytes each, in order. */
const FIELDS = {
  seed: "u32",
  step: "u32",
  micro: "u32",
  past: "u32",
  lr: "f32",
  correction1: "f32",
  correction2: "f32",
} as const;
export type ProgramStateValues = { [Name in keyof typeof FIELDS]: number };

/**
 * The live parameters of captured programs: kernels read them from this small buffer, so a replay follows a new learning rate and
 * draws a new dropout mask.
 */
export class ProgramState {
  /** Bound by ops that read it. */
  readonly tensor: Tensor;
  readonly values: ProgramStateValues;
  readonly #bytes = new DataView(new ArrayBuffer(32));

  constructor(device: Device, initial: Partial<ProgramStateValues> = {}) {
    this.tensor = persistent(device, [8], { dtype: "u32", label: "ProgramState", category: "inputs" });
    this.values = { seed: 0, step: 0, micro: 0, past: 0, lr: 0, correction1: 1, correction2: 1 };
    this.set(initial);
  }

  /** Changes fields; work appended before sees the old values, work after the new ones. */
  set(changes: Partial<ProgramStateValues>): void {
    Object.assign(this.values, changes);
    Object.entries(FIELDS).forEach(([name, type], place) => {
      const value = this.values[name as keyof ProgramStateValues];
      if (type === "f32") this.#bytes.setFloat32(place * 4, value, true);
      else this.#bytes.setUint32(place * 4, value, true);
    });
    this.tensor.write(new Uint8Array(this.#bytes.buffer));
  }

  dispose(): void {
    this.tensor.dispose();
  }
}
