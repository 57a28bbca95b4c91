// The one harness that every op goes through: the device against the f64 reference, the device's gradient against central
// differences of that reference, the same bits twice, eager == captured == fused bit for bit, and nothing
// left allocated.
import { generator, narrowed, type Values } from "@attune/kernels-wgsl/testing";
import { backward } from "../autograd.js";
import { capture } from "../device/capture.js";
import type { Device } from "../device/device.js";
import { ScratchSet } from "../device/scratch.js";
import type { TypedArray } from "../dtype.js";
import { noGrad } from "../op.js";
import { mul } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { ProgramState } from "../programState.js";
import { parameter, persistent, type Tensor, tensor } from "../tensor.js";
import type { CaseInput, Dims, OpCase } from "./opCase.js";

export { generator };

/** What one run of a case found; `failures` is empty when all is well. */
export interface CaseReport {
  outputError: number;
  gradientError: number;
  failures: string[];
}

export interface RunOptions {
  dims: Dims;
  seed: number;
  /** Stop at the first failure: mutants. */
  quick?: boolean;
}

/** f32 rounds to 6e-8; sums of some dozens of terms of size 1 and the device's exp stay a hundredfold of that. */
const OUTPUT_BOUND = 1e-5;
/** A projection adds up to thousands of gradient entries, each with the output's error; the f64 differences themselves are good to 1e-9. */
const GRADIENT_BOUND = 1e-3;
/** Where a case names no others. */
export const DEFAULT_BOUNDS = { output: OUTPUT_BOUND, gradient: GRADIENT_BOUND } as const;

/** Runs one case at one size. Failures name the check, the worst index and both values. */
export async function runCase(device: Device, opCase: OpCase, { dims, seed, quick = false }: RunOptions): Promise<CaseReport> {
  const random = generator(seed);
  const specs = opCase.inputs(dims);
  const values = specs.map((spec) => drawInput(spec, random));
  const stateValues = stateFor(dims);
  const failures: string[] = [];
  const outputBound = opCase.bounds?.output ?? DEFAULT_BOUNDS.output;
  const gradientBound = opCase.bounds?.gradient ?? DEFAULT_BOUNDS.gradient;
  device.trim();
  void device.empty; // made on first use and kept: no leak

  const state = new ProgramState(device, stateValues);
  const liveBefore = device.memory.liveBytes;
  const expected = opCase.reference(values, dims, state.values);
  const weights = expected.data.map(() => random() * 2 - 1); // of the random projection whose gradient is taken
  const first = await evaluate(device, opCase, dims, specs, values, weights, state, "eager");
  const outputError = worst("output", first.output, expected.data, outputBound, failures);
  let gradientError = 0;
  if (!opCase.isForwardOnly && !(quick && failures.length > 0)) {
    specs.forEach((spec, i) => {
      const ours = first.gradients[i];
      if (!ours) return;
      const differences = centralDifferences(opCase, dims, values, i, weights, state.values, random);
      for (const { label, direction, slope } of differences) {
        const projected = direction.reduce((total, d, j) => total + d * ours[j]!, 0);
        const error = Math.abs(projected - slope) / (1 + Math.abs(slope));
        gradientError = Math.max(gradientError, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
        if (!(error <= gradientBound))
          failures.push(`gradient of input ${i} [${spec.shape}] ${label}: device ${projected}, reference ${slope}`);
      }
    });
  }
  if (!(quick && failures.length > 0)) {
    const second = await evaluate(device, opCase, dims, specs, values, weights, state, "eager");
    sameBits("second run", first, second, failures);
    const captured = await evaluate(device, opCase, dims, specs, values, weights, state, "captured");
    sameBits("captured run", first, captured, failures);
    const fused = await evaluate(device, opCase, dims, specs, values, weights, state, "fused");
    sameBits("fused run", first, fused, failures);
  }
  device.trim();
  let allowed = liveBefore;
  if (device.memory.liveBytes > allowed) {
    // what a device makes on first use and keeps is no leak: another run must not add to it
    allowed = device.memory.liveBytes;
    await evaluate(device, opCase, dims, specs, values, weights, state, "eager");
    await evaluate(device, opCase, dims, specs, values, weights, state, "fused");
    device.trim();
  }
  const leaked = device.memory.liveBytes - allowed;
  state.dispose();
  if (leaked > 0) failures.push(`${leaked} bytes are still allocated after the run`);
  return { outputError, gradientError, failures };
}

/** The live values that a case runs with. */
export function stateFor(dims: Dims): ProgramState["values"] {
  return {
    seed: 12345,
    step: 3,
    micro: 1,
    past: Math.min(2, (dims.keys ?? dims.capacity ?? 3) - 1),
  };
}

/** Huge finite inputs: whatever the op gives, it must not be NaN. */
export async function runExtremes(device: Device, opCase: OpCase, dims: Dims): Promise<string[]> {
  const specs = opCase.inputs(dims);
  const state = new ProgramState(device, { seed: 1 });
  const failures: string[] = [];
  for (const size of [1e4, 1e8, 1e18]) {
    const values = specs.map((spec): Values => {
      const drawn = drawInput(spec, generator(1));
      return spec.dtype === "i32"
        ? drawn
        : { shape: spec.shape, data: drawn.data.map((_, i) => (i % 3 === 0 ? size : i % 3 === 1 ? -size : 0)) };
    });
    const { output } = await evaluate(device, { ...opCase, isForwardOnly: true }, dims, specs, values, [], state, "eager");
    const at = output.findIndex((value) => Number.isNaN(value));
    if (at >= 0) failures.push(`output ${at} is NaN for inputs of size ${size}`);
  }
  state.dispose();
  return failures;
}

/** Output and gradients of one run. */
export interface Evaluation {
  output: Float32Array;
  gradients: (Float32Array | null)[];
}

export async function evaluate(
  device: Device,
  opCase: OpCase,
  dims: Dims,
  specs: readonly CaseInput[],
  values: readonly Values[],
  weights: ArrayLike<number>,
  state: ProgramState,
  way: "eager" | "captured" | "fused",
): Promise<Evaluation> {
  const inputs = specs.map((spec, i) => inputTensor(device, spec, values[i]!, opCase.isForwardOnly === true));
  const wantsGradient = !opCase.isForwardOnly && inputs.some((input) => input.grad);
  const body = (): { y: Tensor } => {
    if (!wantsGradient) return { y: noGrad(() => opCase.run(inputs, dims, state)) };
    const y = opCase.run(inputs, dims, state);
    backward(sum(mul(y, tensor(device, Float32Array.from(weights), y.shape))));
    return { y };
  };
  let output: TypedArray;
  if (way !== "eager") {
    const scratch = new ScratchSet(device);
    const program = capture(device, `case ${opCase.name}`, {}, body, scratch, { fuse: way === "fused" });
    program.run();
    output = await program.read("y");
    program.dispose();
    scratch.dispose();
  } else {
    const { y } = device.scope(body);
    output = await y.toArray();
    y.dispose();
  }
  const gradients = await Promise.all(
    inputs.map(async (input) =>
      input.grad ? ((await input.grad.toArray()) as Float32Array).map((value, i) => value - earlierGradient(i)) : null,
    ),
  );
  for (const input of inputs) input.dispose();
  return { output: Float32Array.from(output), gradients };
}

function inputTensor(device: Device, spec: CaseInput, values: Values, isForwardOnly: boolean): Tensor {
  const { dtype = "f32", shape } = spec;
  if (dtype === "i32") return persistent(device, shape, { dtype, values: Int32Array.from(values.data) });
  if (dtype !== "f32") return persistent(device, shape, { dtype, values: narrowed(dtype, values.data).words });
  const data = Float32Array.from(values.data);
  if (spec.isConstant || isForwardOnly) return persistent(device, shape, { values: data });
  const made = parameter(device, data, shape);
  made.grad!.write(data.map((_, i) => earlierGradient(i)));
  return made;
}

/** Gradients must be added to what is there: each starts at a small number of its own (exact in f32) that is taken off again. */
function earlierGradient(i: number): number {
  return ((i % 7) - 3) / 8;
}

/** Values as the device will hold them: rounded to f32, or to the half that they are stored in. */
export function drawInput({ shape, dtype = "f32", draw }: CaseInput, random: () => number): Values {
  const size = shape.reduce((product, length) => product * length, 1);
  const data = Float64Array.from({ length: size }, (_, i) => (draw ? draw(random, i) : random() * 2 - 1));
  if (dtype === "i32") return { shape, data };
  if (dtype === "f32") return { shape, data: data.map(Math.fround) };
  return { shape, data: narrowed(dtype, data).values };
}

interface Slope {
  label: string;
  direction: Float64Array;
  slope: number;
}

/** d sum(weights * y) along each axis of a small input, along random directions of a large one: (f(x + h d) - f(x - h d)) / 2h in f64. */
function centralDifferences(
  opCase: OpCase,
  dims: Dims,
  values: readonly Values[],
  which: number,
  weights: Float64Array,
  state: ProgramState["values"],
  random: () => number,
): Slope[] {
  const step = 1e-5;
  const { shape, data } = values[which]!;
  const project = (shifted: Float64Array): number => {
    const inputs = values.map((value, i) => (i === which ? { shape, data: shifted } : value));
    return opCase.reference(inputs, dims, state).data.reduce((total, y, i) => total + y * weights[i]!, 0);
  };
  const isSmall = data.length <= 12;
  return Array.from({ length: isSmall ? data.length : 4 }, (_, k) => {
    const direction = data.map((_, i) => (isSmall ? (i === k ? 1 : 0) : random() < 0.5 ? -1 : 1));
    const ahead = project(data.map((value, i) => value + step * direction[i]!));
    const behind = project(data.map((value, i) => value - step * direction[i]!));
    return { label: isSmall ? `at ${k}` : `along direction ${k}`, direction, slope: (ahead - behind) / (2 * step) };
  });
}

export function worst(check: string, ours: ArrayLike<number>, expected: Float64Array, bound: number, failures: string[]): number {
  if (ours.length !== expected.length) {
    failures.push(`${check}: ${ours.length} values, expected ${expected.length}`);
    return Number.POSITIVE_INFINITY;
  }
  let error = 0;
  let where = -1;
  for (let i = 0; i < expected.length; i++) {
    const e = Math.abs(ours[i]! - expected[i]!) / (1 + Math.abs(expected[i]!));
    if (!(e <= error)) {
      error = Number.isNaN(e) ? Number.POSITIVE_INFINITY : e;
      where = i;
    }
  }
  if (!(error <= bound))
    failures.push(
      `${check} ${where}: device ${ours[where]}, reference ${expected[where]}, error ${error.toExponential(1)} > ${bound}`,
    );
  return error;
}

export function sameBits(check: string, a: Evaluation, b: Evaluation, failures: string[]): void {
  const compare = (what: string, x: Float32Array, y: Float32Array): void => {
    const [u, v] = [new Uint32Array(x.buffer, x.byteOffset, x.length), new Uint32Array(y.buffer, y.byteOffset, y.length)];
    const at = u.findIndex((bits, i) => bits !== v[i]);
    if (at >= 0 || u.length !== v.length) failures.push(`${check}: ${what} ${at} has other bits: ${x[at]} and ${y[at]}`);
  };
  compare("output", a.output, b.output);
  a.gradients.forEach((gradient, i) => {
    const other = b.gradients[i];
    if (gradient && other) compare(`gradient of input ${i}`, gradient, other);
  });
}
