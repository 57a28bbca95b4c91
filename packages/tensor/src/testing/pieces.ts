// A case on a device with a low binding limit against the same case without: calls cut into pieces must compute the same.
import type { Device } from "../device/device.js";
import { TensorError } from "../errors.js";
import { ProgramState } from "../programState.js";
import { drawInput, type Evaluation, evaluate, generator, sameBits, stateFor } from "./harness.js";
import type { Dims, OpCase } from "./opCase.js";

export interface PiecesReport {
  /** Calls more than without the limit; 0: nothing was cut. */
  extraCalls: number;
  /** Where bits differ; empty if all are the same. */
  otherBits: string[];
  /** Largest |a - b| / (1 + |b|) over output and gradients. */
  difference: number;
}

/** @returns null where a kernel cannot be cut to this limit */
export async function runInPieces(whole: Device, limited: Device, opCase: OpCase, dims: Dims): Promise<PiecesReport | null> {
  try {
    const calls = { whole: 0, limited: 0 };
    whole.onCall = () => calls.whole++;
    limited.onCall = () => calls.limited++;
    const expected = await evaluateOn(whole, opCase, dims, "eager");
    const eager = await evaluateOn(limited, opCase, dims, "eager");
    const extraCalls = calls.limited - calls.whole;
    const fused = await evaluateOn(limited, opCase, dims, "fused");
    const otherBits: string[] = [];
    sameBits("captured in pieces", eager, fused, otherBits);
    if (otherBits.length > 0) return { extraCalls, otherBits, difference: Number.POSITIVE_INFINITY }; // never right
    sameBits("in pieces", expected, eager, otherBits);
    return { extraCalls, otherBits, difference: largestDifference(expected, eager) };
  } catch (error) {
    if (error instanceof TensorError && error.message.includes("no axis along which it can be cut")) return null;
    throw error;
  } finally {
    whole.onCall = null;
    limited.onCall = null;
  }
}

async function evaluateOn(device: Device, opCase: OpCase, dims: Dims, way: "eager" | "fused"): Promise<Evaluation> {
  const random = generator(1);
  const specs = opCase.inputs(dims);
  const values = specs.map((spec) => drawInput(spec, random));
  const state = new ProgramState(device, stateFor(dims));
  const { data } = opCase.reference(values, dims, state.values); // for its size alone
  const weights = data.map(() => random() * 2 - 1);
  try {
    return await evaluate(device, opCase, dims, specs, values, weights, state, way);
  } finally {
    state.dispose();
  }
}

function largestDifference(a: Evaluation, b: Evaluation): number {
  let most = 0;
  const compare = (x: Float32Array | null | undefined, y: Float32Array | null | undefined): void => {
    x?.forEach((value, i) => {
      const difference = Math.abs(value - y![i]!) / (1 + Math.abs(value));
      if (!(difference <= most)) most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    });
  };
  compare(a.output, b.output);
  for (const [i, gradient] of a.gradients.entries()) compare(gradient, b.gradients[i]);
  return most;
}
